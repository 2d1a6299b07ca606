"""One customer's touchpoints: from stored rows to columns, and packed into one blob and back.

Format 1 of the blob: the magic `TH1`, then a MessagePack array of the string dictionary, the
number of rows, the columns as raw little-endian bytes in `_COLUMNS` order, and the properties.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
import numpy as np

from features.columns import CATEGORY_COLUMNS, TouchpointColumns, empty_columns, identifier_hash

_MAGIC = b"TH1"
_COLUMNS = (
    ("event_time", np.dtype("<i8")),
    ("ingested_time", np.dtype("<i8")),
    *((name, np.dtype("<i4")) for name in CATEGORY_COLUMNS),
    ("message", np.dtype("<i8")),
    ("campaign", np.dtype("<i8")),
    ("value", np.dtype("<f8")),
    ("sentiment", np.dtype("<f8")),
)
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder()


class TouchpointRow(NamedTuple):
    """One touchpoint as the store keeps it; times in microseconds, absent values None."""

    event_time: int
    ingested_time: int
    source: str
    touchpoint_id: str
    department: str
    channel: str
    direction: str
    event_type: str
    topic: str | None = None
    message_id: str | None = None
    campaign_id: str | None = None
    decision_id: str | None = None
    value: float | None = None
    sentiment: float | None = None
    properties: dict[str, Any] | None = None


def columns_of_rows(rows: Iterable[TouchpointRow]) -> TouchpointColumns:
    """Columns of one customer's rows, put into the total order; duplicates are the caller's affair."""
    ordered = sorted(rows, key=lambda row: row[:4])
    if not ordered:
        return empty_columns()
    places: dict[str, int] = {}

    def place(word: str | None) -> int:
        return -1 if not word else places.setdefault(word, len(places))

    n = len(ordered)
    categories = {
        name: np.fromiter((place(getattr(row, name)) for row in ordered), np.int32, n)
        for name in CATEGORY_COLUMNS
    }
    nan = np.nan
    return TouchpointColumns(
        strings=tuple(places),
        start=np.asarray([0, n], np.int64),
        event_time=np.fromiter((row.event_time for row in ordered), np.int64, n),
        ingested_time=np.fromiter((row.ingested_time for row in ordered), np.int64, n),
        message=np.fromiter(
            (identifier_hash(row.message_id) if row.message_id else 0 for row in ordered), np.int64, n
        ),
        campaign=np.fromiter(
            (identifier_hash(row.campaign_id) if row.campaign_id else 0 for row in ordered), np.int64, n
        ),
        value=np.fromiter((nan if row.value is None else row.value for row in ordered), np.float64, n),
        sentiment=np.fromiter(
            (nan if row.sentiment is None else row.sentiment for row in ordered), np.float64, n
        ),
        properties=tuple((number, row.properties) for number, row in enumerate(ordered) if row.properties),
        **categories,
    )


def pack(columns: TouchpointColumns) -> bytes:
    """One customer's columns as a blob."""
    body = [
        list(columns.strings),
        len(columns),
        b"".join(np.ascontiguousarray(getattr(columns, name), dtype).tobytes() for name, dtype in _COLUMNS),
        [[row, properties] for row, properties in columns.properties],
    ]
    return _MAGIC + _encoder.encode(body)


def unpack(blob: bytes) -> TouchpointColumns:
    """The columns of a blob, as views of its bytes; raises ValueError where it is not of format 1."""
    if blob[:3] != _MAGIC:
        raise ValueError(f"a packed history starts with {_MAGIC!r}, found {bytes(blob[:3])!r}")
    try:
        strings, n, raw, properties = _decoder.decode(memoryview(blob)[3:])
    except (msgspec.DecodeError, ValueError) as error:
        raise ValueError(f"the packed history is damaged: {error}") from None
    arrays: dict[str, Any] = {}
    at = 0
    for name, dtype in _COLUMNS:
        arrays[name] = np.frombuffer(raw, dtype, n, at)
        at += n * dtype.itemsize
    return TouchpointColumns(
        strings=tuple(strings),
        start=np.asarray([0, n], np.int64),
        properties=tuple((row, mapping) for row, mapping in properties),
        **arrays,
    )


def merge(first: TouchpointColumns, second: TouchpointColumns) -> TouchpointColumns:
    """Two sets of rows of one customer as one, in order of (event_time, ingested_time).

    Ties keep `first` before `second`; `source` and `touchpoint_id` decide ties only among rows
    that were put in order together, which is why the store packs a customer's rows together.
    """
    if not len(second):
        return first
    if not len(first):
        return second
    strings = list(first.strings)
    places = {word: place for place, word in enumerate(strings)}
    table = np.asarray(
        [places.setdefault(word, len(places)) for word in second.strings] + [-1], dtype=np.int32
    )
    order = np.lexsort(
        (
            np.concatenate([first.ingested_time, second.ingested_time]),
            np.concatenate([first.event_time, second.event_time]),
        )
    )

    def joined(name: str) -> Any:
        other = getattr(second, name)
        if name in CATEGORY_COLUMNS:
            other = table[other]
        return np.concatenate([getattr(first, name), other])[order]

    place_of = np.empty(len(order), np.int64)
    place_of[order] = np.arange(len(order))
    properties = [(int(place_of[row]), mapping) for row, mapping in first.properties]
    properties += [(int(place_of[row + len(first)]), mapping) for row, mapping in second.properties]
    return TouchpointColumns(
        strings=tuple(places),
        start=np.asarray([0, len(order)], np.int64),
        properties=tuple(sorted(properties, key=lambda pair: pair[0])),
        **{name: joined(name) for name, _ in _COLUMNS},
    )
