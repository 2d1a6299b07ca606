"""Chances of an outcome under each arm, at every logged row, by models that have not seen its customer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data_contracts.configuration import Training
from features.builder import Matrix
from features.columns import Float64, Int64
from training.boosting import BINARY, WORKERS, Recipe, cross_fitted
from training.labels import Bools

_RECIPE = Recipe("pairs", 4, 0.1, 20, 0.005, 0.3, 10.0)
_ROUNDS = 150
LEAST_POSITIVES = 50
"""With fewer rows of either kind in an arm its rate serves: the estimators need no better model."""


def out_of_fold_chances(
    matrix: Matrix,
    label: Bools,
    arm: Bools,
    fold: Int64,
    categorical: Sequence[int],
    training: Training,
) -> Float64:
    """Chances of `label` had each row been of the arm, shape (rows,); a fold is some customers' rows.

    The arm's rows teach; a row's chance comes from the other folds alone.
    """
    taught = np.flatnonzero(arm)
    positives = int(label[taught].sum())
    chance = _rates(label, arm, fold)
    if min(positives, len(taught) - positives) < LEAST_POSITIVES or len(np.unique(fold[taught])) < 2:
        return chance
    fit = cross_fitted(
        matrix[taught],
        label[taught].astype(np.float64),
        fold[taught],
        BINARY,
        (_RECIPE,),
        min(_ROUNDS, training.rounds),
        list(categorical),
        training.seed,
        workers=WORKERS,
    )
    if fit.model is None:
        return chance
    known = np.isin(fold, list(fit.fold_models))
    chance[known] = fit.out_of_fold(matrix[known], fold[known])
    return chance


def _rates(label: Bools, arm: Bools, fold: Int64) -> Float64:
    """The arm's rate in the other folds, shrunk by one row."""
    n = int(fold.max(initial=0)) + 1
    rows = np.bincount(fold[arm], minlength=n).astype(np.float64)
    positive = np.bincount(fold[arm], weights=label[arm], minlength=n)
    rates: Float64 = (positive.sum() - positive + 0.5) / (rows.sum() - rows + 1.0)
    return rates[fold]
