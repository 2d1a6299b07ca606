"""A LightGBM booster as a function of an array: one thread, no frames, no copies."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt

from features.builder import Matrix
from features.columns import Float64


class TreeModel:
    """A fitted booster; `predict` is safe to call from several threads.

    Parameters
    ----------
    text : LightGBM's own model text, the persisted form
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.booster = lightgbm.Booster(model_str=text)
        self.n_classes = int(self.booster.num_model_per_iteration())

    def predict(self, matrix: Matrix) -> Float64:
        """Raw objective outputs (probabilities for classifiers): shape (rows,) or (rows, classes)."""
        result: npt.NDArray[np.float64] = self.booster.predict(
            matrix, num_threads=1, validate_features=False
        )
        return result

    def contributions(self, matrix: Matrix) -> Float64:
        """TreeSHAP contributions in raw score units, shape (rows, features + 1); the last is the base.

        Lundberg, Erion & Lee (2018), algorithm 2, as LightGBM computes it.
        """
        result: Any = self.booster.predict(matrix, num_threads=1, pred_contrib=True)
        return np.asarray(result, dtype=np.float64)
