"""The value of a policy from a randomised log of another: four estimators of one mean reward.

At each logged row a message was sent with the known chance `p`, or nothing was. A policy sends at that row
with the chance `sends`. Its value is the mean reward that its own choices would have had, one step deep:
what it would do to later rows is not in it. Every estimator is a ratio of two sums over rows, so that a
bootstrap needs customers' sums alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from features.columns import Float64
from training.labels import Bools

_THRESHOLDS = 10
"""How many thresholds of switch-DR compete."""


@dataclass(frozen=True)
class LoggedRewards:
    """Rows of a randomised log, each of shape (rows,).

    Attributes
    ----------
    reward : what came of the row under what was done
    sent : the arm
    propensity : the chance of *sent* against *nothing sent*, strictly inside (0, 1)
    if_sent, if_held : mean rewards under each arm by models that have not seen the row's customer
    """

    reward: Float64
    sent: Bools
    propensity: Float64
    if_sent: Float64
    if_held: Float64

    def __len__(self) -> int:
        return len(self.reward)

    def take(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> LoggedRewards:
        """Some of the rows (a mask or places)."""
        return replace(self, **{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})

    def importance(self, sends: Float64) -> Float64:
        """The policy's chance of what was done over the log's, shape (rows,)."""
        return np.where(self.sent, sends / self.propensity, (1.0 - sends) / (1.0 - self.propensity))


class Terms(NamedTuple):
    """The value is the sum of `numerator` over that of `denominator`, both of shape (rows,)."""

    numerator: Float64
    denominator: Float64


def inverse_propensity_value(log: LoggedRewards, sends: Float64) -> Terms:
    """IPS (Horvitz & Thompson 1952): unbiased, and noisy where the log seldom did what the policy does."""
    return Terms(log.importance(sends) * log.reward, np.ones(len(log)))


def self_normalised_value(log: LoggedRewards, sends: Float64) -> Terms:
    """Self-normalised IPS (Swaminathan & Joachims 2015, eq. 11): biased by 1/n, bounded by the rewards."""
    weight = log.importance(sends)
    return Terms(weight * log.reward, weight)


def doubly_robust_value(log: LoggedRewards, sends: Float64) -> Terms:
    """DR (Dudík, Langford & Li 2011, eq. 4): the models take noise away, the propensities the bias."""
    return Terms(_modelled(log, sends) + log.importance(sends) * _residual(log), np.ones(len(log)))


def switch_value(log: LoggedRewards, sends: Float64) -> Terms:
    """Switch-DR (Wang, Agarwal & Dudík 2017, eq. 8): DR where weights are small, the models alone elsewhere.

    The threshold minimises their estimate of the mean squared error (section 5): the variance of the mean,
    plus the square of the largest bias that rewards in the log's range allow where the models stand alone.
    """
    weight, modelled, residual = log.importance(sends), _modelled(log, sends), _residual(log)
    ratios = np.column_stack([sends / log.propensity, (1.0 - sends) / (1.0 - log.propensity)])
    chances = np.column_stack([sends, 1.0 - sends])
    spread = float(np.ptp(log.reward)) if len(log) else 0.0
    thresholds = np.unique(np.quantile(ratios[chances > 0], np.linspace(0.0, 1.0, _THRESHOLDS)))
    best, least = modelled, np.inf
    for threshold in thresholds:
        terms = modelled + np.where(weight <= threshold, weight, 0.0) * residual
        alone = float((chances * (ratios > threshold)).sum(axis=1).mean())
        error = float(terms.var()) / len(terms) + np.square(spread * alone)
        if error < least:
            best, least = terms, error
    return Terms(best, np.ones(len(log)))


def _modelled(log: LoggedRewards, sends: Float64) -> Float64:
    return sends * log.if_sent + (1.0 - sends) * log.if_held


def _residual(log: LoggedRewards) -> Float64:
    return log.reward - np.where(log.sent, log.if_sent, log.if_held)


Estimator = Callable[[LoggedRewards, Float64], Terms]

ESTIMATORS: Mapping[str, Estimator] = {
    "ips": inverse_propensity_value,
    "snips": self_normalised_value,
    "dr": doubly_robust_value,
    "switch_dr": switch_value,
}
CHIEF = "dr"
"""The estimator that tables, refusals and comparisons go by."""
