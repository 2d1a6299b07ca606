"""The contact models: helped and interrupted, under send and under hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from data_contracts.configuration import Training
from features.builder import Matrix
from features.columns import Float64, Int64
from models.bundle import ProbabilityModel
from models.calibration import Calibrator
from training.boosting import BINARY, CrossFitted, cross_fitted
from training.calibrating import fit_calibrator
from training.labels import Bools
from training.recipes import contact_recipes


@dataclass(frozen=True)
class FittedChance:
    """A chance under one arm: the served model, its folds' models, and why it is as it is.

    `rows` and `positives` count the training rows. `note` is empty, or says why the base rate serves.
    """

    served: ProbabilityModel
    fit: CrossFitted | None
    rows: int
    positives: int
    note: str = ""

    def out_of_fold(self, matrix: Matrix, fold: Int64) -> Float64:
        """Calibrated chances by the model that has not seen a row's customer, shape (rows,)."""
        if self.fit is None or self.served.booster is None:
            return np.full(len(matrix), self.served.base_rate)
        return self.served.calibrator.apply(self.fit.out_of_fold(matrix, fold))


@dataclass(frozen=True)
class Slice:
    """Rows with their matrix, arms and folds; all arrays share their first dimension."""

    matrix: Matrix
    customer: Int64
    moment: Int64
    fold: Int64
    sent: Bools
    propensity: Float64
    transactional: Bools
    labels: dict[str, Bools] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.matrix)

    def take(self, rows: Int64 | Bools) -> Slice:
        return Slice(
            self.matrix[rows],
            self.customer[rows],
            self.moment[rows],
            self.fold[rows],
            self.sent[rows],
            self.propensity[rows],
            self.transactional[rows],
            {name: label[rows] for name, label in self.labels.items()},
        )


def hidden_from(rows: Slice, places: Sequence[int]) -> Slice:
    """The rows with some columns missing everywhere."""
    matrix = rows.matrix.copy()
    matrix[:, list(places)] = np.nan
    return replace(rows, matrix=matrix)


def fit_chance(
    train: Slice,
    calibration: Slice,
    label: str,
    categorical: list[int],
    training: Training,
    seed: int,
    seen: bool = False,
) -> FittedChance:
    """Fit one outcome on the rows of one arm, and calibrate it on the later rows of the same arm.

    `seen`: the later rows are among the training rows. Then each is predicted by the model that has not
    seen its customer, so that the calibration still looks at what a model did not learn from.
    """
    y = train.labels[label]
    rows, positives = len(y), int(y.sum())
    later = calibration.labels[label]
    # Later rows count as well: where nothing is fitted the newest rate is the best guess.
    more = np.zeros(0, np.bool_) if seen else later
    base_rate = (positives + int(more.sum()) + 0.5) / (rows + len(more) + 1.0)
    fewer = min(positives, rows - positives)
    if fewer < training.minimum_positives:
        note = (
            f"{positives:,} of {rows:,} training rows are positive, at least "
            f"{training.minimum_positives:,} of each kind are needed: the base rate serves"
        )
        return FittedChance(ProbabilityModel(base_rate), None, rows, positives, note)
    fit = cross_fitted(
        train.matrix,
        y.astype(np.float64),
        train.fold,
        BINARY,
        contact_recipes(training, fewer, rows),
        training.rounds,
        categorical,
        seed,
    )
    if fit.model is None:
        note = "no model beat the base rate in cross-validation: the base rate serves"
        return FittedChance(ProbabilityModel(base_rate), None, rows, positives, note)
    calibrator = Calibrator()
    if len(calibration):
        matrix, fold = calibration.matrix, calibration.fold
        raw = fit.out_of_fold(matrix, fold) if seen else fit.predict(matrix)
        calibrator = fit_calibrator(raw, later, fold)
    return FittedChance(ProbabilityModel(base_rate, fit.model, calibrator), fit, rows, positives)
