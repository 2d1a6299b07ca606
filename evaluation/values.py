"""What policies are worth on a study's rows, with intervals by customer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from data_contracts.configuration import Policy
from evaluation.contenders import NEVER, Contender
from evaluation.estimators import CHIEF, ESTIMATORS, Estimator, LoggedRewards, Terms
from evaluation.study import Study
from evaluation.support import Support, support_of
from features.columns import Float64
from training.labels import Bools
from training.metrics import Estimate, Resampler

LEAST_ROWS_OF_A_DEPARTMENT = 50


@dataclass(frozen=True)
class Value:
    """A policy's mean reward a row: as it is, over never sending, and over what was done."""

    value: Estimate
    over_never: Estimate
    over_done: Estimate

    def as_dict(self) -> dict[str, Any]:
        return {name: list(getattr(self, name)) for name in ("value", "over_never", "over_done")}


@dataclass(frozen=True)
class PolicyValue:
    """One policy on the evaluated rows; no value where its support is refused.

    `values` by estimator; `helps` and `interrupts` are changes of the two chances over never, and
    `departments` the changes of the net reward over never on each department's rows (by CHIEF).
    """

    contender: Contender
    support: Support
    values: Mapping[str, Value]
    helps: Estimate | None
    interrupts: Estimate | None
    departments: Mapping[str, Estimate]

    @property
    def name(self) -> str:
        return self.contender.name


def policy_value(study: Study, contender: Contender, policy: Policy) -> PolicyValue:
    """Value a policy; `policy` has the weights of help and interruption that it is valued by."""
    rows, measures = study.logged.rows, study.randomised
    sends = contender.sends[measures]
    support = support_of(
        sends, rows.sent[measures], rows.propensity[measures], contender.sends, rows.probability
    )
    if support.refusal is not None:
        return PolicyValue(contender, support, {}, None, None, {})
    acts, net, resampler = sends.astype(np.float64), study.net(policy), study.resampler
    chief = ESTIMATORS[CHIEF]
    return PolicyValue(
        contender=contender,
        support=support,
        values={name: value_of(net, acts, one, resampler) for name, one in ESTIMATORS.items()},
        helps=over_never(study.questions["helps"], acts, chief, resampler),
        interrupts=over_never(study.questions["interrupts"], acts, chief, resampler),
        departments={
            name: over_never(net.take(mine), acts[mine], chief, _of(study, mine))
            for name, mine in departments_of(study).items()
            if contender.name != NEVER
        },
    )


def value_of(log: LoggedRewards, sends: Float64, estimator: Estimator, resampler: Resampler) -> Value:
    """A policy's value by one estimator."""
    mine = _totals(estimator(log, sends), resampler)
    done = _totals(Terms(log.reward, np.ones(len(log))), resampler)
    return Value(
        value=resampler.ratio(*mine),
        over_never=over_never(log, sends, estimator, resampler),
        over_done=resampler.difference(mine, done),
    )


def over_never(log: LoggedRewards, sends: Float64, estimator: Estimator, resampler: Resampler) -> Estimate:
    """What a policy adds to never sending, by one estimator."""
    mine = _totals(estimator(log, sends), resampler)
    return resampler.difference(mine, _totals(estimator(log, np.zeros(len(log))), resampler))


def departments_of(study: Study) -> dict[str, Bools]:
    """Which randomised rows are whose, of the departments that have enough of them."""
    names = study.logged.department[study.randomised]
    found = {str(name): np.asarray(names == name) for name in np.unique(names.astype(str))}
    return {name: mine for name, mine in found.items() if mine.sum() >= LEAST_ROWS_OF_A_DEPARTMENT}


def done_value(study: Study, policy: Policy) -> Estimate:
    """The mean reward of what was done on the randomised rows."""
    return study.resampler.mean(study.net(policy).reward)


def _totals(terms: Terms, resampler: Resampler) -> tuple[Float64, Float64]:
    return resampler.totals(terms.numerator), resampler.totals(terms.denominator)


def _of(study: Study, mine: Bools) -> Resampler:
    return study.resampler.among(study.logged.rows.customer[study.randomised][mine])
