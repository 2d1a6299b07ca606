"""The policies that are valued, each as what it does on every logged row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from data_contracts.configuration import Policy
from evaluation.study import Study
from features.columns import Float64
from training.labels import Bools

NEVER = "never"


@dataclass(frozen=True)
class Contender:
    """A policy: its name, what it does in words, and which logged rows it sends, shape (rows,).

    `asked`: it is what the question is about, not a yardstick.
    """

    name: str
    told: str
    sends: Bools
    asked: bool = False


def contenders_of(
    study: Study, policy: Policy, models: Mapping[str, Policy], other: tuple[str, Policy] | None
) -> list[Contender]:
    """Yardsticks, each model under its own policy, and under the `other` one where that is given.

    `policy` holds the contact rules of the yardsticks; `other` is a name and a policy.
    """
    nothing = np.zeros(len(study.logged), np.bool_)
    allowed = study.conditions.allowed(policy)
    found = [
        Contender(NEVER, "nothing but transactional messages", nothing),
        Contender("send all", "everything, whenever it is asked about", ~nothing),
        Contender("caps", "everything that opt-outs, caps and quiet hours let through", allowed),
        Contender(
            "caps, no case", "the same, but nothing while a case is open", allowed & ~study.conditions.open_case
        ),
    ]
    for name, own in models.items():
        told = "where the net value is worth it and contact rules allow"
        found.append(Contender(name, told, model_sends(study, name, own), asked=True))
    if other is not None:
        title, rules = other
        elsewhere = study.conditions.allowed(rules)
        found.append(Contender(f"caps, {title}", f"the caps of {title}", elsewhere, asked=not models))
        for name in models:
            told = f"the same model under {title}"
            found.append(Contender(f"{name}, {title}", told, model_sends(study, name, rules), asked=True))
    return found


def model_sends(study: Study, model: str, policy: Policy, allowed: Bools | None = None) -> Bools:
    """What a model sends under a policy: the best of each customer's moment that are allowed and worth it.

    Now or not at all: a better moment later is not looked for, and `exploration` draws nothing.
    `allowed` spares asking the contact rules again.
    """
    rows = study.logged.rows
    worth = study.scores[model].worth(policy, rows.candidates.value)
    allowed = study.conditions.allowed(policy) if allowed is None else allowed
    fit = allowed & (worth >= policy.minimum_net_value)
    return fit & (_rank_in_moment(study, np.where(fit, worth, -np.inf)) < policy.max_sends_per_decision)


def _rank_in_moment(study: Study, worth: Float64) -> np.ndarray:
    """Rank of each row among those of the same customer and moment, the best is 0."""
    rows = study.logged.rows
    order = np.lexsort((-worth, rows.moment, rows.customer))
    customer, moment = rows.customer[order], rows.moment[order]
    first = np.r_[True, (customer[1:] != customer[:-1]) | (moment[1:] != moment[:-1])]
    begin = np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order)) - begin
    return rank
