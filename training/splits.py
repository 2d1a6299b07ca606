"""Train, calibration and test by time, with an embargo as long as the outcome window between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_contracts.configuration import Training
from features.columns import Int64
from training.labels import Bools


@dataclass(frozen=True)
class Cuts:
    """Moments (microseconds) at which calibration and test begin.

    A training row's window is over by `calibration`, so nothing that is learnt from it happened after
    the models were fitted; in the same way calibration rows are over by `test`.
    """

    calibration: int
    test: int

    def train(self, moment: Int64, window: int) -> Bools:
        return moment + window <= self.calibration

    def calibrate(self, moment: Int64, window: int) -> Bools:
        return (moment >= self.calibration) & (moment + window <= self.test)

    def tested(self, moment: Int64) -> Bools:
        return moment >= self.test


def cuts_of(moment: Int64, training: Training) -> Cuts:
    """Cut so that calibration and test hold their configured shares of the rows, by time."""
    shares = [1.0 - training.calibration_share - training.test_share, 1.0 - training.test_share]
    first, second = np.quantile(moment.astype(np.float64), shares, method="higher")
    return Cuts(int(first), int(second))


def customer_folds(n_customers: int, folds: int, seed: int) -> Int64:
    """A fold for each customer, shape (n_customers,); folds have equal numbers of customers.

    A study of forty people gets up to ten folds: with three, a third of the people is missing from
    every model, and the models' size is chosen by noise.
    """
    folds = max(folds, min(10, n_customers // 4, 600 // max(n_customers, 1)))
    order = np.random.default_rng([seed, 1]).permutation(n_customers)
    fold = np.empty(n_customers, np.int64)
    fold[order] = np.arange(n_customers) % folds
    return fold
