"""The one way to features: state of customers at moments, and candidates against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from features.columns import Int64, identifier_hash
from features.encoding import EncodedHistory, attribute_value
from features.match import CandidateArrays, match_features
from features.specification import TIME_NAMES, FeatureSpecification
from features.state import AUXILIARY, state_features
from features.zones import local_offsets, local_time_columns

Matrix = npt.NDArray[np.float32]
NO_EXPIRY = np.iinfo(np.int64).max
HISTORY_LIMIT = 5_000
"""The newest visible touchpoints of a customer that features look at."""


class States(NamedTuple):
    """Features of customers at moments.

    `matrix` has shape (queries, state features). `zone` is a code of the history's zones or -1;
    `open_case_row` and `last_goal_row` are rows of the history or -1; `offset_minutes` is NaN
    where the zone is unknown; `open_case_topic` is NaN where no case is open.
    """

    matrix: Matrix
    zone: Int64
    open_case_row: Int64
    last_goal_row: Int64
    offset_minutes: npt.NDArray[np.float64]
    open_case_topic: npt.NDArray[np.float32]


def states(
    encoded: EncodedHistory,
    specification: FeatureSpecification,
    customer: Int64,
    moment: Int64,
    as_of: Int64 | None = None,
    limit: int = HISTORY_LIMIT,
) -> States:
    """State features of each (customer, moment), both of shape (queries,).

    `as_of` says from when the history is seen (microseconds); None: from the moment itself.
    """
    names = specification.state_names
    out = np.empty((len(customer), len(names)), np.float32)
    auxiliary = np.empty((len(customer), len(AUXILIARY)), np.int64)
    seen_from = moment if as_of is None else as_of
    state_features(encoded.history, specification.layout, customer, moment, seen_from, limit, out, auxiliary)
    offsets = local_offsets(encoded.zones, auxiliary[:, 0], moment)
    at = _place(specification, TIME_NAMES[0])
    out[:, at : at + len(TIME_NAMES)] = local_time_columns(offsets, moment)
    return States(
        matrix=out,
        zone=auxiliary[:, 0],
        open_case_row=auxiliary[:, 1],
        last_goal_row=auxiliary[:, 2],
        offset_minutes=offsets,
        open_case_topic=out[:, _place(specification, "case_open_topic")],
    )


def matches(
    encoded: EncodedHistory,
    specification: FeatureSpecification,
    candidates: CandidateArrays,
    candidate: Int64,
    state: States,
    state_row: Int64,
    customer: Int64,
    moment: Int64,
    as_of: Int64 | None = None,
    limit: int = HISTORY_LIMIT,
) -> Matrix:
    """Candidate features of each query, shape (queries, candidate features).

    `candidate` points into `candidates`, `state_row` into `state` (the same customer and moment).
    """
    out = np.empty((len(candidate), len(specification.candidate_names)), np.float32)
    match_features(
        encoded.history,
        specification.layout,
        candidates,
        candidate,
        customer,
        moment,
        moment if as_of is None else as_of,
        limit,
        np.ascontiguousarray(state.open_case_topic[state_row]),
        state.last_goal_row[state_row],
        out,
    )
    return out


def _place(specification: FeatureSpecification, name: str) -> int:
    places: dict[str, int] = specification.__dict__.setdefault("_places", {})
    if not places:
        places.update({one: place for place, one in enumerate(specification.state_names)})
    return places[name]


def candidate_arrays(
    candidates: Sequence[Mapping[str, Any]], specification: FeatureSpecification
) -> CandidateArrays:
    """Candidates given as mappings with the contract's field names; times in microseconds.

    Missing and None mean the same; unknown words get the code of `other`.
    """
    codes = specification.codes
    n = len(candidates)
    declared = specification.candidate_attributes

    def coded(field: str, missing: int) -> npt.NDArray[np.int16]:
        known = codes[field]
        return np.fromiter(
            (missing if not one.get(field) else known.get(one[field], len(known)) for one in candidates),
            np.int16,
            n,
        )

    def hashed(field: str) -> Int64:
        return np.fromiter(
            (identifier_hash(one[field]) if one.get(field) else 0 for one in candidates), np.int64, n
        )

    attributes = np.full((n, len(declared)), np.nan)
    if declared:
        for row, one in enumerate(candidates):
            given = one.get("attributes") or {}
            for place, (name, kind) in enumerate(declared.items()):
                attributes[row, place] = attribute_value(
                    f"candidate_{name}", given.get(name), kind, specification
                )
    return CandidateArrays(
        department=coded("department", len(codes["department"])),
        channel=coded("channel", len(codes["channel"])),
        topic=coded("topic", -1),
        purpose=np.fromiter(
            (specification.purpose_codes.get(one.get("purpose") or "", -1) for one in candidates),
            np.int16,
            n,
        ),
        message=hashed("message_id"),
        campaign=hashed("campaign_id"),
        expires_at=np.fromiter(
            (NO_EXPIRY if one.get("expires_at") is None else one["expires_at"] for one in candidates),
            np.int64,
            n,
        ),
        attributes=attributes,
    )
