"""Gradient boosting with its size chosen by cross-validation over customers.

Several recipes, from stumps to deeper trees, compete on out-of-fold loss: a study with forty people
wants another model than a company with a million touchpoints. The folds' own boosters stay at hand,
since the later steps need predictions for customers that a model has not seen.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import lightgbm
import numpy as np
import numpy.typing as npt

from features.builder import Matrix
from features.columns import Float64, Int64
from models.booster import TreeModel

WORKERS = min(os.cpu_count() or 1, 8)
"""How many boosters are fitted side by side. Each has one thread: threads inside a tree wait for each
other at every leaf, and on a shared machine for its slowest core."""
PATIENCE = 20
"""Rounds without a better out-of-fold loss after which boosting stops."""
_TUNING_ROWS = 10_000
ROWS_FOR_THE_LARGEST = 60_000
"""From so many rows on the last recipe is taken without a comparison: a sample would favour small trees."""


class Recipe(NamedTuple):
    """How large trees may be and how fast they learn.

    `share_of_rows`: the least rows of a leaf, as a share of all rows, never below `least_rows`.
    """

    name: str
    leaves: int
    learning_rate: float
    least_rows: int
    share_of_rows: float
    columns: float
    ridge: float


class Objective(NamedTuple):
    """What is fitted: LightGBM's names of objective and metric, and the number of classes."""

    name: str
    metric: str
    classes: int = 1


BINARY = Objective("binary", "binary_logloss")
REGRESSION = Objective("regression", "l2")


@dataclass(frozen=True)
class CrossFitted:
    """A model, and the models of the folds that it was chosen with.

    `model` is None where no recipe beat the constant: then nothing was learnt. `loss` and
    `null_loss` are out-of-fold means of the metric, for the model and for the constant.
    """

    model: TreeModel | None
    fold_models: dict[int, lightgbm.Booster]
    rounds: int
    recipe: str
    loss: float
    null_loss: float
    constant: Float64
    importance: dict[str, float] = field(default_factory=dict)

    def out_of_fold(self, matrix: Matrix, fold: Int64) -> Float64:
        """Predictions by the model that has not seen a row's fold, shape (rows,) or (rows, classes)."""
        shape = (len(matrix),) if len(self.constant) == 1 else (len(matrix), len(self.constant))
        result = np.empty(shape)
        if self.model is None:
            result[:] = self.constant if len(self.constant) > 1 else self.constant[0]
            return result
        for number in np.unique(fold):
            mine = fold == number
            # Of a fold without a training row the model itself has seen nothing.
            booster = self.fold_models.get(int(number), self.model.booster)
            rounds = self.rounds if int(number) in self.fold_models else None
            result[mine] = booster.predict(matrix[mine], num_iteration=rounds, num_threads=1)
        return result

    def predict(self, matrix: Matrix) -> Float64:
        """Predictions of the model itself, shape (rows,) or (rows, classes)."""
        if self.model is None:
            return self.out_of_fold(matrix, np.zeros(len(matrix), np.int64))
        result: npt.NDArray[np.float64] = self.model.booster.predict(matrix, num_threads=1)
        return result


def cross_fitted(
    matrix: Matrix,
    label: npt.NDArray[Any],
    fold: Int64,
    objective: Objective,
    recipes: Sequence[Recipe],
    rounds: int,
    categorical: Sequence[int],
    seed: int,
    weight: Float64 | None = None,
    workers: int = 1,
) -> CrossFitted:
    """Choose recipe and rounds by out-of-fold loss, then fit on all rows.

    Parameters
    ----------
    fold : shape (rows,), by customer; at least two folds must hold rows
    categorical : places of the columns that hold codes
    workers : folds that are fitted side by side
    """
    constant = _constant(label, objective, weight)
    null_loss = _loss(np.tile(constant, (len(label), 1)), label, objective, weight)
    whole = _dataset(matrix, label, categorical, weight).construct()
    if len(recipes) == 1 or len(label) >= ROWS_FOR_THE_LARGEST:
        chosen, sampled = recipes[-1], None
    else:
        some = _sample(len(label), seed)
        part = whole if len(some) == len(label) else whole.subset(some).construct()
        tried = [
            _cross_validated(part, fold[some], objective, recipe, rounds, seed, workers) for recipe in recipes
        ]
        best_recipe = int(np.argmin([one.loss for one in tried]))
        chosen, sampled = recipes[best_recipe], tried[best_recipe] if part is whole else None
    found = sampled or _cross_validated(whole, fold, objective, chosen, rounds, seed, workers)
    if found.loss >= null_loss:
        return CrossFitted(None, {}, 0, "constant", null_loss, null_loss, constant)
    full = lightgbm.train(_parameters(objective, chosen, len(label), seed), whole, num_boost_round=found.rounds)
    return CrossFitted(
        model=TreeModel(full.model_to_string()),
        fold_models=found.boosters,
        rounds=found.rounds,
        recipe=chosen.name,
        loss=found.loss,
        null_loss=null_loss,
        constant=constant,
    )


def fitted(
    matrix: Matrix,
    label: npt.NDArray[Any],
    objective: Objective,
    recipe: Recipe,
    rounds: int,
    categorical: Sequence[int],
    seed: int,
    weight: Float64 | None = None,
) -> TreeModel:
    """Fit one booster with a given size."""
    full = lightgbm.train(
        _parameters(objective, recipe, len(label), seed),
        _dataset(matrix, label, categorical, weight),
        num_boost_round=rounds,
    )
    return TreeModel(full.model_to_string())


class _CrossValidation(NamedTuple):
    """Boosters of the folds by number, the least mean loss, and its number of rounds."""

    boosters: dict[int, lightgbm.Booster]
    loss: float
    rounds: int


def _cross_validated(
    whole: lightgbm.Dataset,
    fold: Int64,
    objective: Objective,
    recipe: Recipe,
    rounds: int,
    seed: int,
    workers: int,
) -> _CrossValidation:
    numbers = [int(number) for number in np.unique(fold)]
    parts = [(np.flatnonzero(fold != number), np.flatnonzero(fold == number)) for number in numbers]

    def fit_part(part: tuple[Int64, Int64]) -> tuple[lightgbm.Booster, list[float]]:
        inside, outside = part
        losses: dict[str, dict[str, list[float]]] = {}
        booster = lightgbm.train(
            _parameters(objective, recipe, len(inside), seed),
            whole.subset(inside),
            num_boost_round=rounds,
            valid_sets=[whole.subset(outside)],
            valid_names=["outside"],
            callbacks=[
                # A round of a multiclass model is a tree for each class.
                lightgbm.early_stopping(PATIENCE if objective.classes == 1 else PATIENCE // 2, verbose=False),
                lightgbm.record_evaluation(losses),
            ],
        )
        return booster, losses["outside"][objective.metric]

    with ThreadPoolExecutor(max_workers=min(workers, len(parts))) as pool:
        found = list(pool.map(fit_part, parts))
    common = min(len(losses) for _, losses in found)
    mass = np.asarray([len(outside) for _, outside in parts], np.float64)
    curve = mass @ np.asarray([losses[:common] for _, losses in found]) / mass.sum()
    best = int(np.argmin(curve))
    return _CrossValidation(
        dict(zip(numbers, (booster for booster, _ in found), strict=True)), float(curve[best]), best + 1
    )


def _parameters(objective: Objective, recipe: Recipe, rows: int, seed: int) -> dict[str, Any]:
    classes = {"num_class": objective.classes} if objective.classes > 1 else {}
    return {
        "objective": objective.name,
        "metric": objective.metric,
        **classes,
        "num_leaves": recipe.leaves,
        "learning_rate": recipe.learning_rate,
        "min_data_in_leaf": max(recipe.least_rows, round(recipe.share_of_rows * rows)),
        "min_sum_hessian_in_leaf": 1e-3,
        # By node: then histograms are shared by a tree's nodes, which is twice as fast as by tree.
        "feature_fraction_bynode": recipe.columns,
        "lambda_l2": recipe.ridge,
        "max_bin": 63,
        "cat_smooth": 20.0,
        "cat_l2": 20.0,
        "max_cat_threshold": 16,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }


def _dataset(
    matrix: Matrix, label: npt.NDArray[Any], categorical: Sequence[int], weight: Float64 | None
) -> lightgbm.Dataset:
    return lightgbm.Dataset(
        matrix,
        label=label,
        weight=weight,
        categorical_feature=list(categorical),
        params={"max_bin": 63, "verbosity": -1, "feature_pre_filter": False, "num_threads": 1},
        free_raw_data=True,
    )


def _sample(rows: int, seed: int) -> Int64:
    if rows <= _TUNING_ROWS:
        return np.arange(rows, dtype=np.int64)
    chosen = np.random.default_rng([seed, 2]).choice(rows, _TUNING_ROWS, replace=False)
    return np.sort(chosen).astype(np.int64)


def _constant(label: npt.NDArray[Any], objective: Objective, weight: Float64 | None) -> Float64:
    if objective.classes > 1:
        counts = np.bincount(label.astype(np.int64), weights=weight, minlength=objective.classes)
        return np.asarray(counts / counts.sum(), np.float64)
    return np.asarray([np.average(label, weights=weight)], np.float64)


def _loss(prediction: Float64, label: npt.NDArray[Any], objective: Objective, weight: Float64 | None) -> float:
    if objective.classes > 1:
        chance = prediction[np.arange(len(label)), label.astype(np.int64)]
        losses = -np.log(np.maximum(chance, 1e-15))
    elif objective.name == "binary":
        p = np.clip(prediction[:, 0], 1e-15, 1.0 - 1e-15)
        losses = -(label * np.log(p) + (1 - label) * np.log1p(-p))
    else:
        losses = np.square(label - prediction[:, 0])
    return float(np.average(losses, weights=weight))
