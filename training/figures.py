"""Pictures of a run, drawn without a display."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from data_contracts.times import DAY, from_microseconds
from features.columns import Float64, Int64
from training.evaluation import Evaluation
from training.fitting import Fitted
from training.metrics import calibration_bins

_BLUE, _GREY, _RED = "#1f5fa8", "#8a8a8a", "#b3322c"
_SHAP_ROWS = 500
_STRONGEST = 20


def all_figures(fitted: Fitted, evaluation: Evaluation) -> dict[str, Figure]:
    """Every figure that the run can show, by name."""
    figures: dict[str, Figure] = {}
    if evaluation.chances:
        figures["reliability"] = reliability(evaluation)
        figures["score_drift"] = score_drift(evaluation)
    if len(fitted.goal_test.label):
        figures["goal_confusion"] = goal_confusion(fitted)
    if evaluation.curves:
        figures["uplift"] = uplift(evaluation)
        figures["lift_deciles"] = lift_deciles(evaluation)
    for name in ("helps", "interrupts"):
        found = importance(fitted, name)
        if found is not None:
            figures[f"importance_{name}"] = found
    return figures


def reliability(evaluation: Evaluation) -> Figure:
    """Predicted chance against the share that came, in bins of equal mass."""
    figure, axes = _panels(len(evaluation.chances))
    for axis, (name, (p, label)) in zip(axes, evaluation.chances.items(), strict=False):
        predicted, happened, _ = calibration_bins(p, label)
        top = float(max(predicted.max(), happened.max(), 0.01)) * 1.1
        axis.plot([0, top], [0, top], color=_GREY, linewidth=0.8)
        axis.plot(predicted, happened, "o-", color=_BLUE, markersize=4, linewidth=1)
        error = evaluation.metrics[f"{name}_ece"]
        axis.set(title=f"{name.replace('_', ', ')}: error {error:.3f}", xlabel="predicted", ylabel="came")
    return figure


def goal_confusion(fitted: Fitted) -> Figure:
    """Share of each true goal's moments by the most probable goal."""
    test, names = fitted.goal_test, fitted.bundle.specification.goals.names
    counts = np.zeros((len(names), len(names)))
    np.add.at(counts, (test.label, test.probabilities.argmax(axis=1)), 1.0)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    axis = figure.subplots()
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axis.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axis.set_yticks(
        range(len(names)), [f"{n} ({int(c)})" for n, c in zip(names, counts.sum(axis=1), strict=True)]
    )
    for row, line in enumerate(shares):
        for column, share in enumerate(line):
            if share >= 0.005:
                axis.text(column, row, f"{share:.2f}", ha="center", va="center", fontsize=7,
                          color="white" if share > 0.6 else "black")  # fmt: skip
    axis.set(xlabel="most probable goal", ylabel="goal that came (moments)", title="Goal on the test slice")
    return figure


def uplift(evaluation: Evaluation) -> Figure:
    """Effect per row when the share with the highest scores is sent to."""
    figure, axes = _panels(len(evaluation.curves))
    names = {
        "lift": (_BLUE, "lift"),
        "difference": (_GREY, "difference of the arms"),
        "click": (_RED, "click propensity"),
    }
    for axis, (outcome, curves) in zip(axes, evaluation.curves.items(), strict=False):
        for name, curve in curves.items():
            colour, told = names[name]
            axis.plot(
                curve.share, curve.gain, color=colour, label=f"{told}: Qini {curve.qini:.5f}", linewidth=1.3
            )
        end = curves["lift"].gain[-1]
        axis.plot([0, 1], [0, end], "--", color="black", linewidth=0.8, label="random: Qini exactly 0")
        area = evaluation.metrics.get(f"{outcome}_auuc")
        told = (
            "no clear average effect" if area is None else f"normalised AUUC {area:.3f}; random is exactly 0.5"
        )
        axis.set(title=f"{outcome} ({told})", xlabel="share sent to", ylabel="effect per row")
        axis.legend(fontsize=7, frameon=False)
    return figure


def lift_deciles(evaluation: Evaluation) -> Figure:
    """Measured against predicted lift in ten groups."""
    figure, axes = _panels(len(evaluation.deciles))
    for axis, (outcome, groups) in zip(axes, evaluation.deciles.items(), strict=False):
        predicted = np.asarray([one.predicted for one in groups])
        measured = np.asarray([one.measured.value for one in groups])
        bars = np.asarray(
            [[one.measured.value - one.measured.low, one.measured.high - one.measured.value] for one in groups]
        )
        ends = [float(min(predicted.min(), 0.0)), float(max(predicted.max(), 0.0))]
        axis.plot(ends, ends, color=_GREY, linewidth=0.8)
        axis.errorbar(
            predicted, measured, yerr=np.maximum(bars.T, 0.0), fmt="o", color=_BLUE, markersize=4, linewidth=1
        )
        axis.axhline(0.0, color="black", linewidth=0.5)
        axis.set(title=f"{outcome}: lift by decile", xlabel="predicted", ylabel="measured (doubly robust)")
    return figure


def importance(fitted: Fitted, outcome: str) -> Figure | None:
    """Mean absolute TreeSHAP contribution of the strongest features, under send and as lift."""
    contact = fitted.bundle.contact[outcome]
    models = {"if sent": contact.send.booster, "lift": contact.lift.booster if contact.lift else None}
    found = {name: model for name, model in models.items() if model is not None}
    if not found or not len(fitted.test):
        return None
    some = fitted.test.matrix[
        np.linspace(0, len(fitted.test) - 1, min(_SHAP_ROWS, len(fitted.test))).astype(int)
    ]
    figure, axes = _panels(len(found), width=6.0, height=4.6)
    names = fitted.bundle.specification.contact_names
    for axis, (told, model) in zip(axes, found.items(), strict=False):
        strength = np.abs(model.contributions(some)[:, :-1]).mean(axis=0)
        strongest = [place for place in np.argsort(-strength)[:_STRONGEST] if strength[place] > 0][::-1]
        axis.barh([names[place] for place in strongest], strength[strongest], color=_BLUE)
        axis.tick_params(axis="y", labelsize=7)
        axis.set(title=f"{outcome}, {told}", xlabel="mean |TreeSHAP|")
    return figure


def score_drift(evaluation: Evaluation) -> Figure:
    """Mean prediction and share that came, by week of the test slice."""
    figure, axes = _panels(len(evaluation.chances))
    for axis, (name, (p, label)) in zip(axes, evaluation.chances.items(), strict=False):
        moment = evaluation.moments[name]
        edges, predicted, happened = by_period(moment, p, label)
        times = [from_microseconds(int(edge)).replace(tzinfo=None) for edge in edges]
        axis.plot(times, predicted, "o-", color=_BLUE, markersize=3, label="predicted")
        axis.plot(times, happened, "o-", color=_RED, markersize=3, label="came")
        axis.set(title=name.replace("_", ", "), ylim=(0, None))
        axis.tick_params(axis="x", labelrotation=30, labelsize=7)
        axis.legend(fontsize=7, frameon=False)
    return figure


def by_period(moment: Int64, p: Float64, label: Any, periods: int = 12) -> tuple[Int64, Float64, Float64]:
    """Means of predictions and labels in periods of whole days, at most `periods` of them."""
    days = max(1, int(np.ceil((int(moment.max()) - int(moment.min()) + 1) / DAY / periods)))
    place = (moment - moment.min()) // (days * DAY)
    used, inverse = np.unique(place, return_inverse=True)
    counts = np.bincount(inverse)
    return (
        moment.min() + used * days * DAY,
        np.bincount(inverse, weights=p) / counts,
        np.bincount(inverse, weights=label.astype(np.float64)) / counts,
    )


def _panels(count: int, width: float = 4.2, height: float = 3.4) -> tuple[Figure, list[Any]]:
    figure = Figure(figsize=(width * count, height), layout="constrained")
    axes = figure.subplots(1, count, squeeze=False)
    return figure, list(axes[0])
