"""Pictures of values, drawn without a display."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from evaluation.contenders import NEVER
from evaluation.estimators import CHIEF
from evaluation.evaluate import Evaluated
from training.metrics import Estimate

_COLOURS = {"ips": "#b8b8b8", "snips": "#8a8a8a", "dr": "#1f5fa8", "switch_dr": "#7fa8d4"}


def values_figure(evaluated: Evaluated) -> Figure:
    """What each policy adds to never sending, per 100 rows, by every estimator with its interval."""
    valued = [one for one in evaluated.policies if one.values and one.name != NEVER][::-1]
    figure = Figure(figsize=(7.6, 1.4 + 0.75 * max(len(valued), 1)), layout="constrained")
    axis = figure.subplots()
    axis.axvline(0.0, color="black", linewidth=0.8)
    for place, one in enumerate(valued):
        for shift, (name, value) in enumerate(one.values.items()):
            at = place + 0.3 - 0.2 * shift
            estimate = Estimate(*(100 * number for number in value.over_never))
            axis.plot(
                [estimate.low, estimate.high],
                [at, at],
                color=_COLOURS[name],
                linewidth=2.5 if name == CHIEF else 1.2,
            )
            axis.plot(
                estimate.value, at, "o", color=_COLOURS[name], markersize=5 if name == CHIEF else 3,
                label=name if place == 0 else None,
            )  # fmt: skip
    axis.set_yticks(range(len(valued)), [f"{one.name} ({one.support.sends:.0%} sent)" for one in valued])
    axis.set_ylim(-0.6, max(len(valued), 1) - 0.4)
    weights = evaluated.weights
    axis.set_xlabel(
        f"{weights.helps_weight:g} · helped − {weights.interrupts_weight:g} · interrupted, "
        "per 100 rows, over never sending"
    )
    refused = evaluated.refusals
    axis.set_title(
        "Value of policies from the log, 95 % intervals by customer"
        + (f"\nrefused, support too thin: {', '.join(refused)}" if refused else ""),
        fontsize=9,
    )
    if valued:
        axis.legend(fontsize=7, frameon=False, loc="best")
    if not np.isfinite(axis.get_xlim()).all():
        axis.set_xlim(-1.0, 1.0)
    return figure
