"""A small basis in which effects may differ: what the message is, the goal, the baseline chances.

Pseudo-outcomes of effects are mostly noise, so differences are looked for only where contacts are
known to work differently, and each is shrunk toward none (see `shrunken_effect`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features.builder import Matrix
from features.columns import Float64
from features.specification import FeatureSpecification

_STATE = (
    "contact_pressure_24h",
    "contact_pressure_168h",
    "contact_count_168h",
    "others_contact_count_48h",
    "own_department_pressure_48h",
    "same_campaign_count",
    "case_open_count",
    "case_customer_waits",
    "topic_matches_open_case",
    "topic_matches_last_goal_event",
    "all_count_24h",
    "inbound_count_168h",
    "answered_positive_rate",
    "answered_negative_rate",
    "own_department_positive_rate",
    "own_department_negative_rate",
    "csat_last",
    "nps_last",
    "sentiment_last",
    "tenure_hours",
    "hours_to_expiry",
)
"""Features that any company has and along which effects are known to differ."""
_CATEGORIES = ("candidate_topic", "candidate_department", "candidate_channel", "candidate_purpose")
_LEAST_ROWS = 30
"""A category with fewer rows has no column of its own."""
_LEAST_DEVIATION = 0.02
"""Columns that hardly vary are not blown up by standardising: rare things stay shrunk."""


@dataclass(frozen=True)
class EffectBasis:
    """Standardised basis functions of rows; fitted once, so that other rows can be put into it.

    `levels` holds per category column its place and the codes that have a column.
    """

    state: tuple[int, ...]
    goals: tuple[int, ...]
    levels: tuple[tuple[int, tuple[float, ...]], ...]
    numbers: tuple[int, ...]
    centre: Float64
    scale: Float64

    def __call__(self, matrix: Matrix, chances: Float64) -> Float64:
        """Shape (rows, functions); `chances` has shape (rows, k): baseline chances and their products."""
        return (_raw(self, matrix, chances) - self.centre) / self.scale


def fit_basis(
    specification: FeatureSpecification, matrix: Matrix, chances: Float64, hidden: Sequence[int]
) -> EffectBasis:
    """Choose the columns that vary, and standardise. Hidden places (see treatment_fields) are left out."""
    places = {name: place for place, name in enumerate(specification.contact_names) if place not in set(hidden)}
    levels = []
    for name in _CATEGORIES:
        if name in places:
            codes, counts = np.unique(matrix[:, places[name]], return_counts=True)
            kept = tuple(
                float(code)
                for code, count in zip(codes, counts, strict=True)
                if count >= _LEAST_ROWS and not np.isnan(code)
            )
            levels.append((places[name], kept))
    numbers = [
        places[f"candidate_{name}"]
        for name, kind in specification.candidate_attributes.items()
        if kind == "number" and f"candidate_{name}" in places
    ]
    draft = EffectBasis(
        state=tuple(places[name] for name in _STATE if name in places),
        goals=tuple(places[name] for name in specification.goal_probability_names),
        levels=tuple(levels),
        numbers=tuple(numbers),
        centre=np.zeros(1),
        scale=np.ones(1),
    )
    raw = _raw(draft, matrix, chances)
    deviation = raw.std(axis=0)
    return EffectBasis(
        draft.state,
        draft.goals,
        draft.levels,
        draft.numbers,
        raw.mean(axis=0),
        np.maximum(deviation, _LEAST_DEVIATION),
    )


def _raw(basis: EffectBasis, matrix: Matrix, chances: Float64) -> Float64:
    # Counts and hours have long tails; a missing value counts as nought there.
    state = np.log1p(np.abs(np.nan_to_num(matrix[:, basis.state].astype(np.float64), nan=0.0)))
    numbers = np.nan_to_num(matrix[:, basis.numbers].astype(np.float64), nan=0.0)
    goals = matrix[:, basis.goals].astype(np.float64)
    parts = [chances, state / 3.0, numbers / (1.0 + np.abs(numbers).max(initial=0.0)), goals]
    for order, (place, codes) in enumerate(basis.levels):
        indicator = matrix[:, place][:, None] == np.asarray(codes, np.float32)[None, :]
        level = indicator.astype(np.float64)
        parts.append(level)
        if order == 0:
            # What a message is about matters by what the customer is trying to do.
            parts.append((level[:, :, None] * goals[:, None, :]).reshape(len(matrix), -1))
            parts.append((level[:, :, None] * chances[:, None, :2]).reshape(len(matrix), -1))
    return np.concatenate(parts, axis=1)
