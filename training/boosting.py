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

THREADS = min(os.cpu_count() or 1, 8)
"""Boosters are the same for any number of threads (LightGBM's `deterministic`)."""
PATIENCE = 25
"""Rounds without a better out-of-fold loss after which boosting stops."""
_TUNING_ROWS = 20_000


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
    fold_models: tuple[lightgbm.Booster, ...]
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
        for number, booster in enumerate(self.fold_models):
            mine = fold == number
            if mine.any():
                result[mine] = booster.predict(
                    matrix[mine], num_iteration=self.rounds, num_threads=THREADS
                )
        return result

    def predict(self, matrix: Matrix) -> Float64:
        """Predictions of the model itself, shape (rows,) or (rows, classes)."""
        if self.model is None:
            return self.out_of_fold(matrix, np.zeros(len(matrix), np.int64))
        result: npt.NDArray[np.float64] = self.model.booster.predict(matrix, num_threads=THREADS)
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
) -> CrossFitted:
    """Choose recipe and rounds by out-of-fold loss, then fit on all rows.

    Parameters
    ----------
    fold : shape (rows,), by customer; at least two folds must hold rows
    categorical : places of the columns that hold codes
    """
    constant = _constant(label, objective, weight)
    null_loss = _loss(np.tile(constant, (len(label), 1)), label, objective, weight)
    chosen = recipes[0]
    if len(recipes) > 1:
        # Recipes are compared on a part of a large table: their order does not depend on the rest.
        some = _sample(len(label), seed)
        losses = [
            _cross_validated(
                matrix[some], label[some], fold[some], objective, recipe, rounds, categorical, seed,
                None if weight is None else weight[some],
            )[1]
            for recipe in recipes
        ]  # fmt: skip
        chosen = recipes[int(np.argmin(losses))]
    boosters, loss, best = _cross_validated(
        matrix, label, fold, objective, chosen, rounds, categorical, seed, weight
    )
    if loss >= null_loss:
        return CrossFitted(None, (), 0, "constant", null_loss, null_loss, constant)
    full = lightgbm.train(
        _parameters(objective, chosen, len(label), seed),
        _dataset(matrix, label, categorical, weight),
        num_boost_round=best,
    )
    return CrossFitted(
        TreeModel(full.model_to_string()), boosters, best, chosen.name, loss, null_loss, constant
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


def _cross_validated(
    matrix: Matrix,
    label: npt.NDArray[Any],
    fold: Int64,
    objective: Objective,
    recipe: Recipe,
    rounds: int,
    categorical: Sequence[int],
    seed: int,
    weight: Float64 | None,
) -> tuple[tuple[lightgbm.Booster, ...], float, int]:
    """Boosters of the folds in order of their numbers, the least mean loss, and its round."""
    whole = _dataset(matrix, label, categorical, weight).construct()
    parts = [(np.flatnonzero(fold != number), np.flatnonzero(fold == number)) for number in range(fold.max() + 1)]

    def fit_part(part: tuple[Int64, Int64]) -> tuple[lightgbm.Booster, list[float]]:
        inside, outside = part
        losses: dict[str, dict[str, list[float]]] = {}
        booster = lightgbm.train(
            _parameters(objective, recipe, len(inside), seed, threads=1),
            whole.subset(inside),
            num_boost_round=rounds,
            valid_sets=[whole.subset(outside)],
            valid_names=["outside"],
            callbacks=[
                lightgbm.early_stopping(PATIENCE, verbose=False),
                lightgbm.record_evaluation(losses),
            ],
        )
        return booster, losses["outside"][objective.metric]

    # One thread a fold: threads inside a tree wait for each other at every leaf, and on a shared
    # machine they wait for the slowest of its cores.
    with ThreadPoolExecutor(max_workers=min(THREADS, len(parts))) as pool:
        found = list(pool.map(fit_part, parts))
    common = min(len(losses) for _, losses in found)
    mass = np.asarray([len(outside) for _, outside in parts], np.float64)
    curve = mass @ np.asarray([losses[:common] for _, losses in found]) / mass.sum()
    best = int(np.argmin(curve))
    return tuple(booster for booster, _ in found), float(curve[best]), best + 1


def _parameters(
    objective: Objective, recipe: Recipe, rows: int, seed: int, threads: int = THREADS
) -> dict[str, Any]:
    classes = {"num_class": objective.classes} if objective.classes > 1 else {}
    return {
        "objective": objective.name,
        "metric": objective.metric,
        **classes,
        "num_leaves": recipe.leaves,
        "learning_rate": recipe.learning_rate,
        "min_data_in_leaf": max(recipe.least_rows, round(recipe.share_of_rows * rows)),
        "min_sum_hessian_in_leaf": 1e-3,
        "feature_fraction": recipe.columns,
        "lambda_l2": recipe.ridge,
        "max_bin": 63,
        "cat_smooth": 20.0,
        "cat_l2": 20.0,
        "max_cat_threshold": 16,
        "bagging_fraction": 1.0,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": threads,
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
        params={"max_bin": 63, "verbosity": -1, "feature_pre_filter": False, "num_threads": THREADS},
        free_raw_data=False,
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


def _loss(
    prediction: Float64, label: npt.NDArray[Any], objective: Objective, weight: Float64 | None
) -> float:
    if objective.classes > 1:
        chance = prediction[np.arange(len(label)), label.astype(np.int64)]
        losses = -np.log(np.maximum(chance, 1e-15))
    elif objective.name == "binary":
        p = np.clip(prediction[:, 0], 1e-15, 1.0 - 1e-15)
        losses = -(label * np.log(p) + (1 - label) * np.log1p(-p))
    else:
        losses = np.square(label - prediction[:, 0])
    return float(np.average(losses, weights=weight))
