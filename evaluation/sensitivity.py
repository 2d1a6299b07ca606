"""How the customers' outcome and each department's own figures move with the policy's settings.

Every setting is one more policy of the same model, valued from the same log (`estimators`, doubly robust). What
customers get and what departments get are kept apart: the choice between them is the reader's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from data_contracts.configuration import Policy
from evaluation.contenders import model_sends
from evaluation.estimators import CHIEF, ESTIMATORS, LoggedRewards
from evaluation.study import Study
from evaluation.support import support_of
from evaluation.values import departments_of, over_never
from features.columns import Float64
from training.labels import Bools
from training.metrics import Estimate

CUSTOMERS_INTERRUPTS_WEIGHT = 2.0
"""The customers' outcome is helps − 2 · interrupts at every setting, so that settings can be compared."""
BALANCES = (0.0, 0.05, 0.1, 0.25, 0.5, 1.0)
WEIGHTS = (0.5, 1.0, 2.0, 4.0)
CAPS = ("half", "as they are", "double", "none")


@dataclass(frozen=True)
class Setting:
    """What is turned; `caps` is one of CAPS."""

    balance: float
    interrupts_weight: float
    caps: str

    def of(self, policy: Policy) -> Policy:
        """The policy with these settings."""
        return policy.model_copy(
            update={
                "balance": self.balance,
                "interrupts_weight": self.interrupts_weight,
                "caps": _caps(policy, self.caps).caps,
            }
        )

    def changes(self) -> dict[str, float | str]:
        return {"balance": self.balance, "interrupts_weight": self.interrupts_weight, "caps": self.caps}


@dataclass(frozen=True)
class DepartmentFigures:
    """A department's own KPI, on its rows: messages sent and value of their answers per row, answered share."""

    sent: float
    answered: Estimate
    value: Estimate


@dataclass(frozen=True)
class Point:
    """What comes of one setting, per row and over never sending.

    `outcome` is helps − 2 · interrupts; `value` what senders said their answered messages are worth. None
    where the support is refused.
    """

    setting: Setting
    sends: float
    refusal: str | None
    helps: Estimate | None = None
    interrupts: Estimate | None = None
    outcome: Estimate | None = None
    value: Estimate | None = None
    departments: Mapping[str, DepartmentFigures] | None = None

    def as_dict(self) -> dict[str, Any]:
        """As JSON takes it; intervals are [value, low, high]."""

        def told(estimate: Estimate | None) -> list[float] | None:
            return None if estimate is None else list(estimate)

        return {
            **self.setting.changes(),
            "sends": self.sends,
            "refused": self.refusal,
            "helps": told(self.helps),
            "interrupts": told(self.interrupts),
            "outcome": told(self.outcome),
            "value": told(self.value),
            "departments": {
                name: {"sent": one.sent, "answered_share": list(one.answered), "value": list(one.value)}
                for name, one in (self.departments or {}).items()
            },
        }


def settings_around(
    policy: Policy, balances: Iterable[float], weights: Iterable[float], caps: Iterable[str]
) -> tuple[Setting, list[Setting]]:
    """The policy's own setting, and the grid with it among them, without repeats."""
    own = Setting(policy.balance, policy.interrupts_weight, "as they are")
    grid = product(
        sorted({*balances, own.balance}),
        sorted({*weights, own.interrupts_weight}),
        dict.fromkeys([*caps, own.caps]),
    )
    return own, [Setting(*one) for one in grid]


def points_of(study: Study, model: str, policy: Policy, settings: Sequence[Setting]) -> Iterator[Point]:
    """Value every setting of the model's policy, in order."""
    allowed = {
        name: study.conditions.allowed(_caps(policy, name))
        for name in dict.fromkeys(one.caps for one in settings)
    }
    known: dict[bytes, Point] = {}
    for setting in settings:
        sends = model_sends(study, model, setting.of(policy), allowed[setting.caps])
        # Many settings come to the same sends.
        key = np.packbits(sends).tobytes()
        if key not in known:
            known[key] = _point(study, setting, sends)
        yield replace(known[key], setting=setting)


def frontier(points: Sequence[Point]) -> list[Point]:
    """The settings that no other beats in both the customers' outcome and the senders' value, by value."""
    best: list[Point] = []
    valued = [one for one in points if one.outcome is not None and one.value is not None]
    for one in sorted(valued, key=_by_value, reverse=True):
        if not best or _outcome(one) > _outcome(best[-1]):
            best.append(one)
    return best[::-1]


def _by_value(one: Point) -> tuple[float, float]:
    return (one.value.value if one.value else 0.0), _outcome(one)


def _outcome(one: Point) -> float:
    return one.outcome.value if one.outcome else 0.0


def _point(study: Study, setting: Setting, sends: Bools) -> Point:
    rows, measures = study.logged.rows, study.randomised
    mine = sends[measures]
    support = support_of(mine, rows.sent[measures], rows.propensity[measures], sends, rows.probability)
    if support.refusal is not None:
        return Point(setting, float(mine.mean()), support.refusal)
    acts, chief, resampler = mine.astype(np.float64), ESTIMATORS[CHIEF], study.resampler
    customers = Policy(helps_weight=1.0, interrupts_weight=CUSTOMERS_INTERRUPTS_WEIGHT)
    answers = study.questions["answers"]
    worth = scaled(answers, np.nan_to_num(rows.candidates.value[measures]))
    return Point(
        setting=setting,
        sends=float(mine.mean()),
        refusal=None,
        helps=over_never(study.questions["helps"], acts, chief, resampler),
        interrupts=over_never(study.questions["interrupts"], acts, chief, resampler),
        outcome=over_never(study.net(customers), acts, chief, resampler),
        value=over_never(worth, acts, chief, resampler),
        departments={
            name: _department(study, answers.take(place), worth.take(place), acts[place], place)
            for name, place in departments_of(study).items()
        },
    )


def _department(
    study: Study, answers: LoggedRewards, worth: LoggedRewards, acts: Float64, place: Bools
) -> DepartmentFigures:
    """By the sends alone: without one there is no answer, and a share stays between 0 and 1."""
    resampler = study.resampler.among(study.logged.rows.customer[study.randomised][place])
    weight = answers.importance(acts) * answers.sent
    share = Estimate(float("nan"), float("nan"), float("nan"))
    if weight.any():
        share = resampler.ratio(resampler.totals(weight * answers.reward), resampler.totals(weight))
    return DepartmentFigures(float(acts.mean()), share, resampler.mean(weight * worth.reward))


def scaled(log: LoggedRewards, factor: Float64) -> LoggedRewards:
    """Rewards that are worth `factor`, shape (rows,), each."""
    return replace(log, reward=factor * log.reward, if_sent=factor * log.if_sent, if_held=factor * log.if_held)


def _caps(policy: Policy, name: str) -> Policy:
    """The policy with its caps changed; a cap of 0 stays 0, and no other becomes 0."""
    factors = {"half": 0.5, "as they are": 1.0, "double": 2.0}
    if name == "none":
        return policy.model_copy(update={"caps": ()})
    caps = tuple(
        cap.model_copy(update={"sends": max(min(cap.sends, 1), int(cap.sends * factors[name]))})
        for cap in policy.caps
    )
    return policy.model_copy(update={"caps": caps})
