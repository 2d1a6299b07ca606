"""Touchpoint columns → the kernel's history: codes, flags, goals, links, profile."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from data_contracts.configuration import is_time_zone
from data_contracts.items import Item, parse_item
from features.columns import Float64, Int16, Int64, TouchpointColumns, identifier_hash
from features.links import link_answers
from features.specification import FeatureSpecification

INBOUND, OUTBOUND, INTERNAL = 0, 1, 2
_DIRECTIONS = {"inbound": INBOUND, "outbound": OUTBOUND, "internal": INTERNAL}

FLAGS = (
    "contact",
    "positive",
    "negative",
    "weak_response",
    "delivery_fault",
    "case_opened",
    "case_replied",
    "case_resolved",
    "case_escalated",
    "handed_off",
    "nps",
    "csat",
    "gate",
    "quote_revised",
    "contact_unanswered",
    "purchase",
    "onboarding_step",
    "progress",
    "harm",
)
FLAG = {name: 1 << place for place, name in enumerate(FLAGS)}
_ROLE_FLAGS = tuple(name for name in FLAGS if name not in ("positive", "negative", "progress", "harm"))

TIME_ZONE = 0
"""Key of the customer's time zone in the profile rows; declared attributes follow from 1."""


class History(NamedTuple):
    """Touchpoints of `n_customers` customers as the kernel reads them, `n` rows in total order.

    `topic` is -1 for none; `goal` is -1 where the row is no goal event that the customer started.
    `positive_known` and `negative_known` belong to contacts: the first moment (microseconds) at
    which an answer within the window could be known, the largest int64 where there is none.
    Profile rows hold one key each: `profile_value` is a number, or the code of a category or of
    a time zone (in `zones` of the encoded history), NaN where the key was cleared.
    """

    start: Int64
    event_time: Int64
    ingested_time: Int64
    department: Int16
    channel: Int16
    direction: npt.NDArray[np.int8]
    event_type: Int16
    topic: Int16
    source: Int16
    goal: Int16
    flags: Int64
    message: Int64
    campaign: Int64
    value: Float64
    sentiment: Float64
    positive_known: Int64
    negative_known: Int64
    profile_start: Int64
    profile_key: Int16
    profile_event_time: Int64
    profile_ingested_time: Int64
    profile_value: Float64


class EncodedHistory(NamedTuple):
    """A history with the names of the time zones that its profile rows point to."""

    history: History
    zones: tuple[str, ...]


def encode(columns: TouchpointColumns, specification: FeatureSpecification) -> EncodedHistory:
    """Give the columns the meaning that the specification defines.

    Only the words in `columns.strings` are looked up, one by one; the rows follow by indexing.
    """
    words = columns.strings
    codes = specification.codes

    def coded(name: str, indices: npt.NDArray[np.int32]) -> Int16:
        known = codes[name]
        table = np.fromiter((known.get(word, len(known)) for word in words), np.int16, len(words))
        # Place -1 (no word) reads the last entry: -1, no category.
        return np.append(table, np.int16(-1))[indices]

    directions = np.fromiter((_DIRECTIONS.get(word, INTERNAL) for word in words), np.int8, len(words))
    direction = np.append(directions, np.int8(INTERNAL))[columns.direction]
    flags = _flags(columns, specification)
    contact = (flags & FLAG["contact"] != 0) & (direction == OUTBOUND)
    flags = np.where(contact, flags, flags & ~FLAG["contact"])
    customer_started = direction == INBOUND
    positive_known, negative_known = link_answers(
        columns.start,
        columns.event_time,
        columns.ingested_time,
        columns.message,
        flags,
        np.int64(specification.outcomes.window_hours * 3_600_000_000),
    )
    profile, zones = _profile(columns, specification)
    history = History(
        start=columns.start,
        event_time=columns.event_time,
        ingested_time=columns.ingested_time,
        department=coded("department", columns.department),
        channel=coded("channel", columns.channel),
        direction=direction,
        event_type=coded("event_type", columns.event_type),
        topic=coded("topic", columns.topic),
        source=coded("source", columns.source),
        goal=np.where(customer_started, _goals(columns, specification), np.int16(-1)),
        flags=flags,
        message=columns.message,
        campaign=columns.campaign,
        value=columns.value,
        sentiment=columns.sentiment,
        positive_known=positive_known,
        negative_known=negative_known,
        profile_start=profile[0],
        profile_key=profile[1],
        profile_event_time=profile[2],
        profile_ingested_time=profile[3],
        profile_value=profile[4],
    )
    return EncodedHistory(history, zones)


def rows_of_items(columns: TouchpointColumns, items: tuple[Item, ...]) -> npt.NDArray[np.bool_]:
    """Which rows match any of the items (type and comparison; windows are the caller's)."""
    places = {word: place for place, word in enumerate(columns.strings)}
    result = np.zeros(len(columns), np.bool_)
    for item in items:
        place = places.get(item.event_type)
        if place is None:
            continue
        matching = columns.event_type == place
        result |= matching if item.comparison is None else matching & item.holds(columns.value)
    return result


def _flags(columns: TouchpointColumns, specification: FeatureSpecification) -> Int64:
    outcomes, vocabulary = specification.outcomes, specification.vocabulary
    by_word = np.zeros(len(columns.strings) + 1, np.int64)
    places = {word: place for place, word in enumerate(columns.strings)}
    for role in _ROLE_FLAGS:
        for name in vocabulary.role(role):
            if name in places:
                by_word[places[name]] |= FLAG[role]
    compared: list[tuple[str, Item]] = []
    for flag, texts in (
        ("positive", outcomes.helped_linked),
        ("negative", outcomes.interrupted_linked),
        ("progress", outcomes.progress),
        ("harm", outcomes.harm),
    ):
        for text in texts:
            item = parse_item(text)
            if item.event_type not in places:
                continue
            if item.comparison is None:
                by_word[places[item.event_type]] |= FLAG[flag]
            else:
                compared.append((flag, item))
    flags = by_word[columns.event_type]
    for flag, item in compared:
        matching = (columns.event_type == places[item.event_type]) & item.holds(columns.value)
        flags = np.where(matching, flags | FLAG[flag], flags)
    return flags


def _goals(columns: TouchpointColumns, specification: FeatureSpecification) -> Int16:
    goal = np.full(len(columns), -1, np.int16)
    # The first goal that lists an event has it, so the later ones are written first.
    for code, items in reversed(list(enumerate(specification.goals.parsed.values()))):
        goal[rows_of_items(columns, items)] = code
    return goal


def _profile(
    columns: TouchpointColumns, specification: FeatureSpecification
) -> tuple[tuple[Int64, Int16, Int64, Int64, Float64], tuple[str, ...]]:
    """Profile rows: one per declared key that a `profile_updated` row names, in row order."""
    profile_words = specification.vocabulary.role("profile")
    profile_places = {place for place, word in enumerate(columns.strings) if word in profile_words}
    keys = {"time_zone": TIME_ZONE}
    keys |= {name: place for place, name in enumerate(specification.customer_attributes, 1)}
    zones: dict[str, int] = {}
    rows: list[int] = []
    key_codes: list[int] = []
    values: list[float] = []
    for row, properties in columns.properties:
        if int(columns.event_type[row]) not in profile_places:
            continue
        for name, key in keys.items():
            if name not in properties:
                continue
            raw = properties[name]
            if key == TIME_ZONE:
                known = isinstance(raw, str) and (raw in zones or is_time_zone(raw))
                if not known and raw is not None:
                    continue  # an unknown zone is no news about the zone
                value = np.nan if raw is None else float(zones.setdefault(str(raw), len(zones)))
            else:
                kind = specification.customer_attributes[name]
                value = attribute_value(f"customer_{name}", raw, kind, specification)
            rows.append(row)
            key_codes.append(key)
            values.append(value)
    index = np.asarray(rows, dtype=np.int64)
    return (
        np.searchsorted(index, columns.start).astype(np.int64),
        np.asarray(key_codes, dtype=np.int16),
        columns.event_time[index],
        columns.ingested_time[index],
        np.asarray(values, dtype=np.float64),
    ), tuple(zones)


def attribute_value(column: str, raw: object, kind: str, specification: FeatureSpecification) -> float:
    """A declared attribute as a number: itself, or its category's code; NaN where it says nothing.

    `column` is the feature's name: `customer_plan`, `candidate_walk`.
    """
    if raw is None:
        return np.nan
    if kind == "category":
        known = specification.attribute_codes.get(column, {})
        return float(known.get(str(raw), len(known)))
    if isinstance(raw, bool):
        return float(raw)
    if isinstance(raw, (int, float)):
        number = float(raw)
        return number if np.isfinite(number) else np.nan
    return np.nan


def identifier_or_zero(text: str | None) -> int:
    """`identifier_hash`, or 0 for no identifier."""
    return 0 if not text else identifier_hash(text)
