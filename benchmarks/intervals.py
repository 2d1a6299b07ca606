"""Intervals by customer: the same customers lived under every policy, so differences are paired."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from simulation.clock import Floats

RESAMPLES = 1_000


class Interval(NamedTuple):
    """An estimate with its 95 % interval."""

    estimate: float
    low: float
    high: float


def mean_interval(values: Sequence[Floats], scale: float = 1.0) -> Interval:
    """The mean over all customers of all seeds, with the normal interval of a mean within seeds.

    `values`: one array of shape (customers,) a seed, differences already taken.
    """
    together = np.concatenate(values)
    within = sum(float(np.var(one)) * len(one) for one in values) / len(together)
    error = 1.96 * float(np.sqrt(within / len(together)))
    mean = float(together.mean())
    return Interval(scale * mean, scale * (mean - error), scale * (mean + error))


def bootstrap_interval(
    columns: Sequence[Floats], statistic: Callable[[Floats], float], seed: int = 0
) -> Interval:
    """The percentile bootstrap (Efron 1979) of a statistic of means, customers drawn within their seed.

    `columns`: one array of shape (customers, figures) a seed; `statistic` gets the figures' means over all
    customers, shape (figures,).
    """
    weight = np.asarray([len(one) for one in columns], dtype=np.float64)
    weight /= weight.sum()
    estimate = statistic(np.asarray(sum(w * one.mean(axis=0) for w, one in zip(weight, columns, strict=True))))
    random = np.random.default_rng(seed)
    drawn = []
    for _ in range(RESAMPLES):
        means = np.zeros(columns[0].shape[1])
        for w, one in zip(weight, columns, strict=True):
            counts = np.bincount(random.integers(0, len(one), len(one)), minlength=len(one))
            means += w * (counts @ one) / len(one)
        drawn.append(statistic(means))
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return Interval(estimate, float(low), float(high))


def share_of_way(start: float, here: float, end: float) -> float:
    """How much of the way from `start` to `end` has been gone; NaN where there is no way to go."""
    return (here - start) / (end - start) if end > start else float("nan")
