"""Inputs of some of the customers: cheaper first looks at a setting, without cutting a history in two."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from features.columns import CATEGORY_COLUMNS, TouchpointColumns
from training.inputs import Inputs

_ROWS = ("event_time", "ingested_time", "message", "campaign", "value", "sentiment", *CATEGORY_COLUMNS)


def some_customers(inputs: Inputs, share: float, seed: int) -> Inputs:
    """The same inputs with a random share of the customers; a larger share holds a smaller one."""
    if share >= 1.0:
        return inputs
    luck = np.random.default_rng([seed, 31]).random(len(inputs.customers))
    chosen = np.flatnonzero(luck < share)
    columns = inputs.columns
    names = [inputs.customers[place] for place in chosen.tolist()]
    lengths = np.diff(columns.start)
    keep = np.repeat(luck < share, lengths)
    place = np.cumsum(keep) - 1
    decisions = inputs.decisions
    if decisions is not None:
        decisions = decisions[decisions["customer_id"].isin(names)].reset_index(drop=True)
    return replace(
        inputs,
        columns=TouchpointColumns(
            strings=columns.strings,
            start=np.concatenate([[0], np.cumsum(lengths[chosen])]).astype(np.int64),
            properties=tuple((int(place[row]), given) for row, given in columns.properties if keep[row]),
            **{name: getattr(columns, name)[keep] for name in _ROWS},
        ),
        customers=names,
        decisions=decisions,
    )
