"""The rows that the models are fitted on, as the table that the data contract's suite checks."""

from __future__ import annotations

import numpy as np
import pandas as pd

from data_contracts.configuration import Configuration
from features.columns import Float64, Int64
from training.inputs import Inputs
from training.labels import OutcomeLabels, goal_labels, longest_horizon
from training.rows import MessageRows


def training_table(
    inputs: Inputs,
    rows: MessageRows,
    labels: OutcomeLabels,
    propensity: Float64,
    until: Int64,
    window: int,
    configuration: Configuration,
) -> pd.DataFrame:
    """One line a row, columns as `data_contracts.suites.TRAINING_COLUMNS`.

    `send_probability` is the chance of the row's arm being *sent*; where the row measures no lift it is
    what was done. `goal` is missing where its horizon is not over.
    """
    known = until[rows.customer]
    names = np.asarray(configuration.goals.names, dtype=object)
    goal = names[goal_labels(inputs.columns, configuration.goals, rows.customer, rows.moment)]
    decided = rows.moment + longest_horizon(configuration.goals) <= known
    return pd.DataFrame(
        {
            "customer_id": np.asarray(inputs.customers, dtype=object)[rows.customer],
            "decided_at": _times(rows.moment),
            "window_end": _times(rows.moment + window),
            "observed_until": _times(known),
            "sent": rows.sent.astype(np.int64),
            "send_probability": np.where(np.isnan(propensity), rows.sent, propensity),
            "helped": labels.helped.astype(np.int64),
            "interrupted": labels.interrupted.astype(np.int64),
            "goal": pd.Series(goal).where(decided, None),
        }
    )


def _times(microseconds: Int64) -> pd.Series:
    return pd.Series(microseconds.astype("datetime64[us]")).dt.tz_localize("UTC")
