"""The picture of a balance: what customers get against what senders get, at every setting."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from evaluation.sensitivity import Point, Setting, frontier

_LINES = ("#c6dbef", "#9ecae1", "#6baed6", "#3182bd", "#08519c", "#08306b")


def frontier_figure(points: Sequence[Point], own: Setting) -> Figure:
    """Customers' outcome over senders' value, per 100 rows; a line turns the balance at one weight."""
    figure = Figure(figsize=(8.0, 5.4), layout="constrained")
    axis = figure.subplots()
    axis.axhline(0.0, color="black", linewidth=0.6)
    axis.axvline(0.0, color="black", linewidth=0.6)
    valued = [one for one in points if one.outcome is not None and one.value is not None]
    for one in valued:
        if one.setting.caps != own.caps:
            axis.plot(*_place(one), ".", color="#bdbdbd", markersize=4)
    axis.plot([], [], ".", color="#bdbdbd", label="other caps")
    weights = sorted({one.setting.interrupts_weight for one in valued})
    for shade, weight in enumerate(weights):
        line = [
            one for one in valued if one.setting.interrupts_weight == weight and one.setting.caps == own.caps
        ]
        colour = _LINES[min(shade + 1, len(_LINES) - 1)]
        axis.plot(
            *zip(*map(_place, line), strict=True), "o-", color=colour, markersize=4, linewidth=1.2,
            label=f"interrupts_weight {weight:g}, balance {_span(line)}",
        )  # fmt: skip
    best = frontier(valued)
    axis.plot(
        *zip(*map(_place, best), strict=True),
        "--",
        color="#d95f02",
        linewidth=1.4,
        label="no setting beats these in both",
    )
    for one in valued:
        if one.setting == own and one.outcome is not None and one.value is not None:
            x, y = _place(one)
            axis.errorbar(
                x, y, color="#b3322c", marker="*", markersize=13, capsize=3, linewidth=1,
                xerr=[[100 * (one.value.value - one.value.low)], [100 * (one.value.high - one.value.value)]],
                yerr=[[100 * (one.outcome.value - one.outcome.low)], [100 * (one.outcome.high - one.outcome.value)]],
                label="as it is set now, with its intervals",
            )  # fmt: skip
    axis.set(
        xlabel="senders: value of answered messages, per 100 rows",
        ylabel="customers: helps − 2 · interrupts, per 100 rows over never",
        title="What the balance costs: every setting of the same model, valued from the log",
    )
    axis.legend(fontsize=7, frameon=False)
    return figure


def _place(one: Point) -> tuple[float, float]:
    if one.outcome is None or one.value is None:
        raise ValueError("a refused setting has no place")
    return 100 * one.value.value, 100 * one.outcome.value


def _span(line: Sequence[Point]) -> str:
    balances = [one.setting.balance for one in line]
    return f"{min(balances):g} to {max(balances):g}"
