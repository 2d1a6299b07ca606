"""The new model against the champion, on the same newest test slice."""

from __future__ import annotations

import numpy as np

from data_contracts.configuration import Configuration
from features.encoding import encode
from models.bundle import OUTCOMES, Bundle
from training.design import Designer, distinct_moments
from training.evaluation import Evaluation
from training.fitting import Fitted
from training.inputs import Inputs
from training.metrics import Resampler, class_log_losses, log_losses


def against_champion(
    champion: Bundle,
    inputs: Inputs,
    fitted: Fitted,
    evaluation: Evaluation,
    configuration: Configuration,
    seed: int,
) -> tuple[dict[str, float], list[str]]:
    """Differences in log loss and net value (`metric_names`), and what could not be compared."""
    found: dict[str, float] = {}
    notes: list[str] = []
    specification = champion.specification
    encoded = encode(inputs.columns, specification)
    designer = Designer(encoded, specification, configuration.service.history_limit)
    test = fitted.goal_test
    if specification.goals != configuration.goals:
        notes.append("the champion has other goals, so the goal models are not compared")
    elif "goal" in evaluation.losses:
        state = designer.states(test.customer, test.moment)
        losses = class_log_losses(champion.goal_probabilities(state.matrix), test.label)
        found |= _change("goal", evaluation.losses["goal"] - losses, Resampler(test.customer, seed))
    if specification.outcomes != configuration.outcomes:
        notes.append("the champion has other outcomes, so the contact models are not compared")
        return found, notes
    rows = fitted.test_rows
    customer, moment, state_row = distinct_moments(rows.customer, rows.moment)
    state = designer.states(customer, moment)
    goals = champion.goal_probabilities(state.matrix)
    matrix = designer.contact(rows, state, state_row, goals)
    lifts = {}
    for outcome in OUTCOMES:
        p, lift = champion.contact[outcome].predict(matrix)
        lifts[outcome] = lift
        name = f"{outcome}_send"
        if name in evaluation.losses:
            chosen = np.flatnonzero(rows.sent & ~rows.transactional)
            losses = log_losses(p[chosen], fitted.test.labels[outcome][chosen])
            resampler = Resampler(rows.customer[chosen], seed)
            found |= _change(name, evaluation.losses[name] - losses, resampler)
    if evaluation.gains is not None and evaluation.sends is not None:
        policy = configuration.policy
        measuring = np.flatnonzero(~np.isnan(fitted.test.propensity))
        net = policy.helps_weight * lifts["helps"] - policy.interrupts_weight * lifts["interrupts"]
        price = 0.0 if champion.price is None else champion.price.predict(matrix)[measuring]
        sends = net[measuring] - price >= policy.minimum_net_value
        resampler = Resampler(rows.customer[measuring], seed)
        difference = (evaluation.sends - sends) * evaluation.gains
        found |= _change("policy", difference, resampler)
    return found, notes


def _change(name: str, difference: np.ndarray, resampler: Resampler) -> dict[str, float]:
    estimate = resampler.mean(difference)
    return {
        f"{name}_change": estimate.value,
        f"{name}_change_low": estimate.low,
        f"{name}_change_high": estimate.high,
    }
