"""Touchpoint columns → the kernel's history: codes, flags, goals, links, profile."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from data_contracts.configuration import is_time_zone
from data_contracts.items import Item
from features.columns import Float64, Int16, Int64, TouchpointColumns
from features.links import link_answers
from features.meaning import DIRECTIONS, INTERNAL, Rule, encode_rows
from features.specification import FeatureSpecification

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

    Only the words in `columns.strings` are looked up, one by one; one compiled pass does the rows.
    """
    codes = specification.codes
    tables = [codes[name] for name in ("department", "channel", "topic", "source", "event_type")]
    known_rules = specification.rules
    word_codes: list[list[int]] = []
    rule_start = [0]
    rules: list[Rule] = []
    for word in columns.strings:
        word_codes.append([table.get(word, len(table)) for table in tables])
        word_codes[-1].append(DIRECTIONS.get(word, INTERNAL))
        rules += known_rules.get(word, ())
        rule_start.append(len(rules))
    # Place -1 (no word) reads the last entry: no category, no rules.
    word_codes.append([-1, -1, -1, -1, len(tables[4]), INTERNAL])
    rule_start.append(len(rules))
    department, channel, topic, source, event_type, direction, goal, flags = encode_rows(
        columns.department,
        columns.channel,
        columns.topic,
        columns.source,
        columns.event_type,
        columns.direction,
        columns.value,
        np.asarray(word_codes, dtype=np.int16),
        np.asarray(rule_start, dtype=np.int64),
        np.asarray(rules, dtype=np.float64).reshape(-1, 4),
    )
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
        department=department,
        channel=channel,
        direction=direction,
        event_type=event_type,
        topic=topic,
        source=source,
        goal=goal,
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
