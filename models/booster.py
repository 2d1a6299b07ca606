"""A LightGBM booster as a function of an array: one thread, no frames, no copies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from features.builder import Matrix
from features.columns import Float64, Int64
from models.forest import Forest
from models.native import CONTRIBUTIONS, NativeBooster
from models.tree_text import NotReadable, read_model_text

_NOTHING_SHARED = np.zeros((1, 0), np.float32)


@dataclass(frozen=True, slots=True)
class Design:
    """A design matrix whose rows share their first columns, in parts.

    Attributes
    ----------
    shared : shape (moments, first columns), float32
    own : shape (rows, remaining columns), float32
    shared_row : shape (rows,), the row of `shared` that belongs to each row of `own`
    """

    shared: Matrix
    own: Matrix
    shared_row: Int64

    def __len__(self) -> int:
        return len(self.own)

    @property
    def matrix(self) -> Matrix:
        """All columns side by side, shape (rows, columns)."""
        return np.concatenate([self.shared[self.shared_row], self.own], axis=1)


Rows = Matrix | Design


class TreeModel:
    """A fitted booster; `predict` is safe to call from several threads.

    Trees are evaluated by `models.forest`; a model that it does not read (linear trees, more than
    64 leaves, rarer objectives) goes to LightGBM's library, whose answers are the same.

    Parameters
    ----------
    text : LightGBM's own model text, the persisted form

    Raises
    ------
    ValueError : the text is damaged
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._forest: Forest | None = None
        try:
            read = read_model_text(text)
            self._objective = _objective(read.objective)
        except NotReadable:
            self.n_classes, self.n_features = self._native.n_classes, self._native.n_features
        else:
            self._forest = Forest(read)
            self.n_classes, self.n_features = read.n_classes, read.n_features

    @cached_property
    def _native(self) -> NativeBooster:
        return NativeBooster(self.text)

    @cached_property
    def booster(self) -> Any:
        """The same model as the Python package's `lightgbm.Booster`, for the training side."""
        import lightgbm

        return lightgbm.Booster(model_str=self.text)

    def predict(self, rows: Rows) -> Float64:
        """Raw objective outputs (probabilities for classifiers): shape (rows,) or (rows, classes)."""
        if not isinstance(rows, Design):
            own = np.asarray(rows, np.float32)
            rows = Design(_NOTHING_SHARED, own, np.zeros(len(own), np.int64))
        width = rows.shared.shape[1] + rows.own.shape[1]
        if width != self.n_features:
            raise ValueError(f"the model reads {self.n_features} columns, found {width}")
        if self._forest is None:
            values = self._native.predict(rows.matrix)
        else:
            values = self._objective(self._forest.raw(rows.shared, rows.own, rows.shared_row))
        return values if self.n_classes > 1 else values[:, 0]

    def contributions(self, matrix: Matrix) -> Float64:
        """TreeSHAP contributions in raw score units, shape (rows, features + 1); the last is the base.

        Lundberg, Erion & Lee (2018), algorithm 2, as LightGBM computes it. For several classes
        they stand side by side, class by class.
        """
        return self._native.predict(matrix, CONTRIBUTIONS)


class _Sigmoid:
    def __init__(self, slope: float) -> None:
        self.slope = slope

    def __call__(self, raw: Float64) -> Float64:
        result: Float64 = 1.0 / (1.0 + np.exp(-self.slope * raw))
        return result


def _softmax(raw: Float64) -> Float64:
    weights = np.exp(raw - raw.max(axis=1, keepdims=True))
    result: Float64 = weights / weights.sum(axis=1, keepdims=True)
    return result


def _identity(raw: Float64) -> Float64:
    return raw


def _objective(text: str) -> Any:
    """The map from sums of leaf values to outputs that LightGBM's objective has."""
    name, *options = text.split()
    given = dict(option.split(":", 1) for option in options if ":" in option)
    if name == "binary":
        return _Sigmoid(float(given["sigmoid"]))
    if name in ("cross_entropy", "xentropy"):
        return _Sigmoid(1.0)
    if name == "multiclass":
        return _softmax
    if name in ("regression", "huber", "fair", "quantile", "regression_l1") and "sqrt" not in options:
        return _identity
    raise NotReadable(f"objective {text!r}")
