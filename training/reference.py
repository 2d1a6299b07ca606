"""What the newest rows of training looked like: kept in the bundle, so that later days can be held against it.

The profile is made from the test slice: the newest part of the training period, which the models were
not fitted on, so that its calibration is an honest one. It holds shares and quantiles, no rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from data_contracts.times import DAY, format_time
from features.builder import Matrix
from features.columns import Float64, Int64, TouchpointColumns
from features.specification import FeatureSpecification
from models.bundle import OUTCOMES, Bundle
from training.inputs import Inputs
from training.labels import Bools
from training.segments import clustered_mean

FORMAT_VERSION = 1
_BINS = 10
_QUANTILES = 201
_DAYS_OF_SOURCES = 28


class Rows(NamedTuple):
    """Rows with everything that a profile or a comparison needs; n rows that are not transactional.

    `goal` and `goal_customer` belong to moments whose horizon is over, and `goal_chances` to the same.
    """

    matrix: Matrix
    customer: Int64
    sent: Bools
    labels: dict[str, Bools]
    goal: Int64
    goal_chances: Float64
    goal_customer: Int64


def profile(bundle: Bundle, rows: Rows, inputs: Inputs, since: int) -> dict[str, Any]:
    """The profile as it is kept: plain numbers, for JSON. `since` is where the rows begin, microseconds."""
    specification = bundle.specification
    names = profiled(specification)
    return {
        "format": FORMAT_VERSION,
        "from": format_time(since),
        "until": format_time(inputs.until),
        "rows": len(rows.matrix),
        "customers": len(np.unique(rows.customer)),
        "features": {
            name: feature_profile(rows.matrix[:, place], name in specification.categorical_names)
            for place, name in names
        },
        "scores": {
            name: np.quantile(values, np.linspace(0, 1, _QUANTILES)).round(6).tolist()
            for name, values in scores(bundle, rows.matrix).items()
        }
        if len(rows.matrix)
        else {},
        "goals": goal_figures(rows, specification.goals.names),
        "rates": rate_figures(bundle, rows),
        "sources": source_figures(inputs.columns, inputs.until - _DAYS_OF_SOURCES * DAY, inputs.until),
    }


def profiled(specification: FeatureSpecification) -> list[tuple[int, str]]:
    """Places and names of the features that are profiled: all but the goal probabilities, which are scores."""
    left_out = set(specification.goal_probability_names)
    return [(place, name) for place, name in enumerate(specification.contact_names) if name not in left_out]


def feature_profile(values: npt.NDArray[np.float32], categorical: bool) -> dict[str, Any]:
    """Shares of a feature by bin, the last one of missing values; bins are `(edge, edge]`, or codes."""
    known = values[~np.isnan(values)]
    if categorical:
        edges = np.unique(known).astype(float)[:-1] if len(known) else np.zeros(0)
    else:
        edges = np.unique(np.quantile(known, np.arange(1, _BINS) / _BINS)) if len(known) else np.zeros(0)
    return {"edges": edges.tolist(), "shares": binned_shares(values, edges).round(6).tolist()}


def binned_shares(values: npt.NDArray[np.float32], edges: npt.NDArray[Any]) -> Float64:
    """Shape (edges + 2,): shares below and between the edges, above them, and of missing values."""
    missing = np.isnan(values)
    place = np.searchsorted(edges, values[~missing].astype(np.float64), side="left")
    counts = np.append(np.bincount(place, minlength=len(edges) + 1), missing.sum()).astype(np.float64)
    return counts / max(len(values), 1)


def scores(bundle: Bundle, matrix: Matrix) -> dict[str, Float64]:
    """What the contact models say of rows, by name."""
    found = {}
    for outcome in OUTCOMES:
        found[f"p_{outcome}"], found[f"lift_{outcome}"] = bundle.contact[outcome].predict(matrix)
    return found


def goal_figures(rows: Rows, names: Sequence[str]) -> dict[str, Any]:
    """Shares of the goals that came, and the mean chances that were given to them."""
    if not len(rows.goal):
        return {"rows": 0, "customers": 0, "came": {}, "said": {}}
    came = np.bincount(rows.goal, minlength=len(names)) / len(rows.goal)
    said = rows.goal_chances.mean(axis=0)
    return {
        "rows": len(rows.goal),
        "customers": len(np.unique(rows.goal_customer)),
        "came": dict(zip(names, came.round(6).tolist(), strict=True)),
        "said": dict(zip(names, said.round(6).tolist(), strict=True)),
    }


def rate_figures(bundle: Bundle, rows: Rows) -> dict[str, dict[str, float]]:
    """By outcome among the sent rows: its share, and predicted less happened, each with its standard error."""
    sent = np.flatnonzero(rows.sent)
    if not len(sent):
        return {}
    found = {}
    for outcome in OUTCOMES:
        label = rows.labels[outcome][sent].astype(np.float64)
        predicted = bundle.contact[outcome].predict(rows.matrix[sent])[0]
        share, error, customers = clustered_mean(label, rows.customer[sent])
        bias, bias_error, _ = clustered_mean(predicted - label, rows.customer[sent])
        found[outcome] = {
            "rows": len(sent),
            "customers": customers,
            "rate": share,
            "rate_error": min(error, 1.0),
            "bias": bias,
            "bias_error": min(bias_error, 1.0),
        }
    return found


def source_figures(columns: TouchpointColumns, since: int, until: int) -> dict[str, dict[str, float]]:
    """By source: rows a day, their standard deviation by day, and the share of the active customers it reports on.

    A row counts on the day on which it became known, in [since, until), whole days from the end.
    """
    days = max(int((until - since) // DAY), 1)
    inside = (columns.ingested_time > until - days * DAY) & (columns.ingested_time <= until)
    day = (until - columns.ingested_time[inside]) // DAY
    customer = np.repeat(np.arange(columns.n_customers), np.diff(columns.start))[inside]
    source = columns.source[inside]
    active = max(len(np.unique(customer)), 1)
    # Days before the first row are no days without rows.
    seen = min(days, int(day.max(initial=0)) + 1)
    found = {}
    for place in np.unique(source[source >= 0]).tolist():
        mine = source == place
        daily = np.bincount(day[mine], minlength=days)[:seen]
        found[columns.strings[place]] = {
            "rows_a_day": float(daily.mean()),
            "daily_deviation": float(daily.std(ddof=1)) if seen > 1 else 0.0,
            "days": float(seen),
            "customers_share": len(np.unique(customer[mine])) / active,
        }
    return found
