"""The bundle as an MLflow model: contact features in, chances and lifts out. Nothing is pickled.

MLflow runs this file when it loads a registered version ("models from code").
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc import PythonModel

from models.bundle import OUTCOMES, Bundle, load_bundle

OUTPUTS = ("p_helps", "p_interrupts", "lift_helps", "lift_interrupts")


class BundleModel(PythonModel):  # type: ignore[misc]
    """Loads the folder `bundle`; a row of the input is one message at one moment."""

    bundle: Bundle

    def load_context(self, context: Any) -> None:
        self.bundle = load_bundle(Path(context.artifacts["bundle"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """Columns named as `specification.contact_names`; missing values are NaN."""
        names = list(self.bundle.specification.contact_names)
        matrix = np.ascontiguousarray(model_input[names].to_numpy(np.float32))
        columns: dict[str, Any] = {}
        for outcome in OUTCOMES:
            columns[f"p_{outcome}"], columns[f"lift_{outcome}"] = self.bundle.contact[outcome].predict(matrix)
        return pd.DataFrame({name: columns[name] for name in OUTPUTS})


mlflow.models.set_model(BundleModel())
