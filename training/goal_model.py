"""The goal model: which of the goals comes next, from the state alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_contracts.configuration import Training
from features.builder import Matrix
from features.columns import Float64, Int64
from models.bundle import GOAL_FLOOR
from training.boosting import WORKERS, CrossFitted, Objective, cross_fitted
from training.calibrating import temperature
from training.recipes import goal_recipes

LEAST_CALIBRATION_ROWS = 100


@dataclass(frozen=True)
class FittedGoal:
    """The goal model with its out-of-fold side; `prior` has shape (goals + 1,)."""

    fit: CrossFitted
    temperature: float
    prior: tuple[float, ...]

    def out_of_fold(self, state: Matrix, fold: Int64) -> Float64:
        """Goal probabilities by the model that has not seen a row's customer, shape (rows, goals + 1)."""
        if self.fit.model is None:
            return np.tile(np.asarray(self.prior), (len(state), 1))
        return tempered(self.fit.out_of_fold(state, fold), self.temperature)

    def predict(self, state: Matrix) -> Float64:
        """Goal probabilities as the bundle gives them, shape (rows, goals + 1)."""
        if self.fit.model is None:
            return np.tile(np.asarray(self.prior), (len(state), 1))
        return tempered(self.fit.predict(state), self.temperature)


def fit_goal(
    state: Matrix,
    label: Int64,
    fold: Int64,
    later_state: Matrix,
    later_label: Int64,
    n_classes: int,
    categorical: list[int],
    training: Training,
    seed: int,
    later_fold: Int64 | None = None,
) -> FittedGoal:
    """Fit on training rows; the temperature comes from the later calibration rows.

    `later_fold` is given where the later rows are among the training rows: then each is predicted by the
    model that has not seen its customer. Every configured goal is a class: one that never came keeps a
    chance near nought.
    """
    counts = np.bincount(label, minlength=n_classes) + 0.5
    prior = tuple(map(float, counts / counts.sum()))
    fit = cross_fitted(
        state,
        label,
        fold,
        Objective("multiclass", "multi_logloss", n_classes),
        goal_recipes(training),
        training.rounds,
        categorical,
        seed,
        workers=WORKERS,
    )
    heat = 1.0
    if fit.model is not None and len(later_label) >= LEAST_CALIBRATION_ROWS:
        later = fit.predict(later_state) if later_fold is None else fit.out_of_fold(later_state, later_fold)
        heat = temperature(later, later_label)
    return FittedGoal(fit, heat, prior)


def tempered(raw: Float64, heat: float) -> Float64:
    """As `Bundle.goal_probabilities` does it."""
    scaled = np.power(np.maximum(raw, GOAL_FLOOR), 1.0 / heat)
    result: Float64 = scaled / scaled.sum(axis=1, keepdims=True)
    return result
