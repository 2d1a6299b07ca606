"""The new model against the champion, on the same newest test slice."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from data_contracts.configuration import Configuration
from features.columns import Float64, Int64
from features.encoding import encode
from models.bundle import OUTCOMES, Bundle
from training.design import Designer, distinct_moments
from training.evaluation import Evaluation
from training.fitting import Fitted
from training.inputs import Inputs
from training.metrics import Resampler, class_log_losses, ece, log_losses
from training.segments import SegmentChange, segment_changes, segments_of


@dataclass
class Comparison:
    """What came of it.

    `metrics` are differences in log loss and net value (`metric_names`); `notes` say what could not be
    compared; `figures` hold (champion, challenger) by name for people; `segments` guard the parts.
    """

    metrics: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    figures: dict[str, tuple[float, float]] = field(default_factory=dict)
    segments: list[SegmentChange] = field(default_factory=list)


def against_champion(
    champion: Bundle,
    inputs: Inputs,
    fitted: Fitted,
    evaluation: Evaluation,
    configuration: Configuration,
    seed: int,
) -> Comparison:
    """Compare on the rows that neither model was fitted on, as far as both know the same words."""
    found = Comparison()
    specification = champion.specification
    encoded = encode(inputs.columns, specification)
    designer = Designer(encoded, specification, configuration.service.history_limit)
    test = fitted.goal_test
    if specification.goals != configuration.goals:
        found.notes.append("the champion has other goals, so the goal models are not compared")
    elif "goal" in evaluation.losses:
        state = designer.states(test.customer, test.moment)
        losses = class_log_losses(champion.goal_probabilities(state.matrix), test.label)
        _change(found, "goal", evaluation.losses["goal"], losses, Resampler(test.customer, seed))
    if specification.outcomes != configuration.outcomes:
        found.notes.append("the champion has other outcomes, so the contact models are not compared")
        return found
    rows = fitted.test_rows
    customer, moment, state_row = distinct_moments(rows.customer, rows.moment)
    state = designer.states(customer, moment)
    goals = champion.goal_probabilities(state.matrix)
    matrix = designer.contact(rows, state, state_row, goals)
    lifts = {}
    differences: dict[str, tuple[Int64, Float64]] = {}
    for outcome in OUTCOMES:
        p, lift = champion.contact[outcome].predict(matrix)
        lifts[outcome] = lift
        name = f"{outcome}_send"
        if name in evaluation.losses:
            chosen = np.flatnonzero(rows.sent & ~rows.transactional)
            label = fitted.test.labels[outcome][chosen]
            losses, mine = log_losses(p[chosen], label), evaluation.losses[name]
            _change(found, name, mine, losses, Resampler(rows.customer[chosen], seed))
            found.figures[f"{name}: calibration error"] = (
                ece(p[chosen], label),
                evaluation.metrics[f"{name}_ece"],
            )
            differences[name] = (chosen, mine - losses)
    if evaluation.gains is not None and evaluation.sends is not None:
        policy = configuration.policy
        measuring = np.flatnonzero(~np.isnan(fitted.test.propensity))
        net = policy.helps_weight * lifts["helps"] - policy.interrupts_weight * lifts["interrupts"]
        price = 0.0 if champion.price is None else champion.price.predict(matrix)[measuring]
        sends = (net[measuring] - price >= policy.minimum_net_value).astype(np.float64)
        mine, theirs = evaluation.sends * evaluation.gains, sends * evaluation.gains
        _change(found, "policy", mine, theirs, Resampler(rows.customer[measuring], seed))
        differences["policy"] = (measuring, mine - theirs)
    likeliest = goals.argmax(axis=1)[state_row]
    segments = segments_of(rows, inputs.columns, likeliest, specification.goals.names)
    found.segments = segment_changes(segments, differences, rows.customer)
    found.metrics |= {
        "segments_guarded": float(sum(one.guards for one in found.segments)),
        "segments_worse": float(sum(one.worse for one in found.segments)),
    }
    return found


_FIGURES = {"policy": "rule: net value a row"}


def _change(found: Comparison, name: str, mine: Float64, champion: Float64, resampler: Resampler) -> None:
    """Add the difference of two figures of the same rows, with its interval by customer."""
    estimate = resampler.mean(mine - champion)
    found.metrics |= {
        f"{name}_change": estimate.value,
        f"{name}_change_low": estimate.low,
        f"{name}_change_high": estimate.high,
    }
    found.figures[_FIGURES.get(name, f"{name}: log loss")] = (float(champion.mean()), float(mine.mean()))
