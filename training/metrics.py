"""Figures of probabilities against what happened, with intervals by customer."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from features.columns import Float64, Int64

REPLICATES = 200
ECE_BINS = 15
_EDGE = 1e-12

Labels = npt.NDArray[np.bool_]


class Estimate(NamedTuple):
    """A figure with its 95 % interval (percentile bootstrap over customers)."""

    value: float
    low: float
    high: float

    def told(self, digits: int = 3) -> str:
        if np.isnan(self.value):
            return "unknown"
        # Adding nought turns a rounded -0.000 into 0.000.
        value, low, high = (round(one, digits) + 0.0 for one in self)
        return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def log_losses(p: Float64, label: Labels) -> Float64:
    """Log loss of each row, shape (rows,)."""
    held = np.clip(p, _EDGE, 1.0 - _EDGE)
    result: Float64 = -np.where(label, np.log(held), np.log1p(-held))
    return result


def class_log_losses(probabilities: Float64, label: Int64) -> Float64:
    """Log loss of each row of a multiclass model, shape (rows,)."""
    chance = probabilities[np.arange(len(label)), label]
    result: Float64 = -np.log(np.maximum(chance, _EDGE))
    return result


def auc(p: Float64, label: Labels, weight: Float64 | None = None) -> float:
    """Area under the ROC curve; ties count half. NaN where one class is missing."""
    w = np.ones(len(p)) if weight is None else weight
    order = np.argsort(p, kind="stable")
    return _auc_of_order(p[order], label[order], w[order])


def _auc_of_order(p: Float64, label: Labels, weight: Float64) -> float:
    positive, negative = weight * label, weight * ~label
    total = positive.sum() * negative.sum()
    if total <= 0:
        return float("nan")
    first = np.flatnonzero(np.r_[True, p[1:] != p[:-1]]) if len(p) else np.zeros(0, np.int64)
    blocks_positive = np.add.reduceat(positive, first)
    blocks_negative = np.add.reduceat(negative, first)
    below = np.cumsum(blocks_negative) - blocks_negative
    return float(blocks_positive @ (below + 0.5 * blocks_negative) / total)


def calibration_bins(p: Float64, label: Labels, bins: int = ECE_BINS) -> tuple[Float64, Float64, Float64]:
    """Mean prediction, share of positives and weight of bins of equal mass, in order of prediction."""
    order = np.argsort(p, kind="stable")
    parts = [part for part in np.array_split(order, min(bins, max(len(p), 1))) if len(part)]
    return (
        np.asarray([p[part].mean() for part in parts]),
        np.asarray([label[part].mean() for part in parts]),
        np.asarray([len(part) / len(p) for part in parts]),
    )


def ece(p: Float64, label: Labels, bins: int = ECE_BINS) -> float:
    """Expected calibration error over bins of equal mass (Naeini et al. 2015, eq. 1, with quantile bins)."""
    predicted, happened, mass = calibration_bins(p, label, bins)
    return float(np.abs(predicted - happened) @ mass)


class Resampler:
    """Bootstrap over customers: each replicate weighs a customer's rows by how often it was drawn."""

    def __init__(self, customer: Int64, seed: int, replicates: int = REPLICATES) -> None:
        _, self._place = np.unique(customer, return_inverse=True)
        self._customers = int(self._place.max(initial=-1)) + 1
        self._seed = seed
        self._replicates = replicates
        self._drawn: npt.NDArray[np.int16] | None = None

    @property
    def customers(self) -> int:
        return self._customers

    def weights(self) -> list[Float64]:
        """Row weights of each replicate; the same in every call."""
        generator = np.random.default_rng([self._seed, 3])
        even = np.full(self._customers, 1.0 / self._customers)
        return [
            generator.multinomial(self._customers, even)[self._place].astype(np.float64)
            for _ in range(self._replicates)
        ]

    def among(self, customer: Int64) -> Resampler:
        """The same kind of bootstrap over the customers of other rows."""
        return Resampler(customer, self._seed, self._replicates)

    def totals(self, values: Float64) -> Float64:
        """Sums of rows by customer, shape (customers,)."""
        return np.bincount(self._place, weights=values, minlength=self._customers).astype(np.float64)

    def mean(self, values: Float64) -> Estimate:
        """A mean over rows."""
        return self.ratio(self.totals(values), self.totals(np.ones(len(values))))

    def ratio(self, numerator: Float64, denominator: Float64) -> Estimate:
        """A ratio of sums of customers' totals, both of shape (customers,)."""
        found = self._ratios(numerator, denominator)
        return _estimate(float(numerator.sum() / denominator.sum()), found[~np.isnan(found)])

    def difference(self, first: tuple[Float64, Float64], second: tuple[Float64, Float64]) -> Estimate:
        """One ratio less another, each of customers' totals; both are drawn together."""
        value = float(first[0].sum() / first[1].sum() - second[0].sum() / second[1].sum())
        found = self._ratios(*first) - self._ratios(*second)
        return _estimate(value, found[~np.isnan(found)])

    def _ratios(self, numerator: Float64, denominator: Float64) -> Float64:
        """The ratio in each replicate, the same customers in every call; NaN where nothing was drawn."""
        if self._drawn is None:
            generator = np.random.default_rng([self._seed, 3])
            even = np.full(self._customers, 1.0 / self._customers)
            drawn = generator.multinomial(self._customers, even, size=self._replicates)
            self._drawn = drawn.astype(np.int16)
        above, below = self._drawn @ numerator, self._drawn @ denominator
        ratios: Float64 = np.full(self._replicates, np.nan)
        np.divide(above, below, out=ratios, where=below > 0)
        return ratios

    def statistic(self, value: float, of_weight: Callable[[Float64], float]) -> Estimate:
        """Any figure that can be computed with row weights; `value` is the one with equal weights."""
        found = np.asarray([of_weight(weight) for weight in self.weights()])
        return _estimate(value, found[~np.isnan(found)])

    def auc(self, p: Float64, label: Labels) -> Estimate:
        """AUC with its interval; the rows are ordered once."""
        order = np.argsort(p, kind="stable")
        ordered, labels = p[order], label[order]
        return self.statistic(
            _auc_of_order(ordered, labels, np.ones(len(p))),
            lambda weight: _auc_of_order(ordered, labels, weight[order]),
        )


def _estimate(value: float, found: Float64) -> Estimate:
    if not len(found) or np.isnan(value):
        return Estimate(value, float("nan"), float("nan"))
    low, high = np.quantile(found, [0.025, 0.975])
    return Estimate(value, float(low), float(high))
