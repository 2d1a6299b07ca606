"""One customer's touchpoints: from stored rows to columns, and packed into one blob and back.

Format 1 of the blob: the magic `TH1`, a zero byte, the CRC-32 of all that follows (little-endian),
then a MessagePack array of the string dictionary, the number of rows, the columns as raw
little-endian bytes (`_LONGS`, `_REALS`, `CATEGORY_COLUMNS`: eight-byte columns first, so that every
column is aligned), and the properties. The checksum matters: a flipped bit in a category would
send a compiled kernel out of its arrays.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec
import numpy as np

from features.columns import CATEGORY_COLUMNS, Int64, TouchpointColumns, empty_columns, identifier_hash

_MAGIC = b"TH1\0"
_BODY = len(_MAGIC) + 4
_LONGS = ("event_time", "ingested_time", "message", "campaign")
_REALS = ("value", "sentiment")
_COLUMNS = (*_LONGS, *_REALS, *CATEGORY_COLUMNS)
_ROW_BYTES = 8 * (len(_LONGS) + len(_REALS)) + 4 * len(CATEGORY_COLUMNS)
_total_order = itemgetter(0, 1, 2, 3)
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
    ordered = sorted(rows, key=_total_order)
    if not ordered:
        return empty_columns()
    # One pass a column: a transposition by `zip(*rows)` holds an iterator for each row.
    column: dict[str, list[Any]] = {
        name: [row[at] for row in ordered] for at, name in enumerate(TouchpointRow._fields)
    }
    places: dict[str | None, int] = {}
    categories: dict[str, Any] = {}
    for name in CATEGORY_COLUMNS:
        words = column[name]
        for word in dict.fromkeys(words):
            if word:
                places.setdefault(word, len(places))
        categories[name] = np.asarray([places.get(word, -1) for word in words], np.int32)
    return TouchpointColumns(
        strings=tuple(word for word in places if word),
        start=np.asarray([0, len(ordered)], np.int64),
        event_time=np.asarray(column["event_time"], np.int64),
        ingested_time=np.asarray(column["ingested_time"], np.int64),
        message=_hashes(column["message_id"]),
        campaign=_hashes(column["campaign_id"]),
        # NumPy reads None as NaN.
        value=np.asarray(column["value"], np.float64),
        sentiment=np.asarray(column["sentiment"], np.float64),
        properties=tuple((row, given) for row, given in enumerate(column["properties"]) if given),
        **categories,
    )


def _hashes(identifiers: Sequence[str | None]) -> Int64:
    known = {None: 0, "": 0}
    for identifier in dict.fromkeys(identifiers):
        if identifier:
            known[identifier] = identifier_hash(identifier)
    return np.asarray([known[identifier] for identifier in identifiers], np.int64)


def pack(columns: TouchpointColumns) -> bytes:
    """One customer's columns as a blob."""
    raw = b"".join(
        np.ascontiguousarray(getattr(columns, name), dtype).tobytes()
        for names, dtype in ((_LONGS, "<i8"), (_REALS, "<f8"), (CATEGORY_COLUMNS, "<i4"))
        for name in names
    )
    properties = [[row, given] for row, given in columns.properties]
    body = _encoder.encode([list(columns.strings), len(columns), raw, properties])
    return _MAGIC + zlib.crc32(body).to_bytes(4, "little") + body


def unpack(blob: bytes) -> TouchpointColumns:
    """The columns of a blob, as views of its bytes.

    Raises ValueError where it is not of format 1 or doesn't have its checksum.
    """
    if blob[: len(_MAGIC)] != _MAGIC:
        raise ValueError(f"a packed history starts with {_MAGIC!r}, found {bytes(blob[: len(_MAGIC)])!r}")
    body = memoryview(blob)[_BODY:]
    if zlib.crc32(body) != int.from_bytes(blob[len(_MAGIC) : _BODY], "little"):
        raise ValueError("the packed history is damaged: its checksum is wrong")
    try:
        strings, n, raw, properties = _decoder.decode(body)
        if len(raw) != n * _ROW_BYTES:
            raise ValueError(f"{n} rows take {n * _ROW_BYTES} bytes, found {len(raw)}")
    except (msgspec.DecodeError, TypeError, ValueError) as error:
        raise ValueError(f"the packed history is damaged: {error}") from None
    longs = np.frombuffer(raw, "<i8", len(_LONGS) * n).reshape(len(_LONGS), n)
    reals = np.frombuffer(raw, "<f8", len(_REALS) * n, longs.nbytes).reshape(len(_REALS), n)
    categories = np.frombuffer(raw, "<i4", offset=longs.nbytes + reals.nbytes)
    categories = categories.reshape(len(CATEGORY_COLUMNS), n)
    return TouchpointColumns(
        strings=tuple(strings),
        start=np.asarray([0, n], np.int64),
        properties=tuple((row, given) for row, given in properties),
        **dict(zip(_COLUMNS, (*longs, *reals, *categories), strict=True)),
    )


def selected(columns: TouchpointColumns, rows: Int64) -> TouchpointColumns:
    """Some rows of one customer, in the order given; shape (n,) of row numbers."""
    place_of = dict(zip(rows.tolist(), range(len(rows)), strict=True))
    properties = [(place_of[row], given) for row, given in columns.properties if row in place_of]
    return TouchpointColumns(
        strings=columns.strings,
        start=np.asarray([0, len(rows)], np.int64),
        properties=tuple(sorted(properties, key=itemgetter(0))),
        **{name: getattr(columns, name)[rows] for name in _COLUMNS},
    )


def tied(first: TouchpointColumns, second: TouchpointColumns) -> bool:
    """Whether a row of one has the times and the source of a row of the other.

    Columns hold no `touchpoint_id`, the last key of the total order: then `merge` can't know
    which comes first, and the rows themselves have to be read.
    """
    if not _times_meet(first, second):
        return False
    some, many = (first, second) if len(first) < len(second) else (second, first)
    keys = {_order_key(some, row) for row in range(len(some))}
    near = np.flatnonzero(np.isin(many.event_time, some.event_time))
    return any(_order_key(many, row) in keys for row in near.tolist())


def merge(first: TouchpointColumns, second: TouchpointColumns) -> TouchpointColumns:
    """Two sets of rows of one customer as one, each in the total order, in the total order.

    Rows with the same times and the same source (see `tied`) keep `first` before `second`.
    """
    if not len(second):
        return first
    if not len(first):
        return second
    places = {word: place for place, word in enumerate(first.strings)}
    table = np.asarray([places.setdefault(word, len(places)) for word in second.strings] + [-1], dtype=np.int32)
    joined = {name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in _COLUMNS}
    for name in CATEGORY_COLUMNS:
        joined[name][len(first) :] = table[getattr(second, name)]
    strings, n = tuple(places), len(first) + len(second)
    start = np.asarray([0, n], np.int64)
    behind = tuple((row + len(first), given) for row, given in second.properties)
    if _time_key(first, -1) < _time_key(second, 0):
        # What is new is mostly newest: then nothing has to move.
        return TouchpointColumns(
            strings=strings, start=start, properties=(*first.properties, *behind), **joined
        )
    keys = [joined["ingested_time"], joined["event_time"]]
    if _times_meet(first, second):
        rank = np.empty(len(strings) + 1, np.int64)
        rank[np.argsort(np.asarray(strings, dtype=object), kind="stable")] = np.arange(len(strings))
        # Without a source a row stands first, as the empty text does among texts.
        rank[-1] = -1
        keys.insert(0, rank[joined["source"]])
    order = np.lexsort(keys)
    place_of = np.empty(n, np.int64)
    place_of[order] = np.arange(n)
    properties = [(int(place_of[row]), given) for row, given in (*first.properties, *behind)]
    return TouchpointColumns(
        strings=strings,
        start=start,
        properties=tuple(sorted(properties, key=itemgetter(0))),
        **{name: column[order] for name, column in joined.items()},
    )


def _time_key(columns: TouchpointColumns, row: int) -> tuple[int, int]:
    return int(columns.event_time[row]), int(columns.ingested_time[row])


def _order_key(columns: TouchpointColumns, row: int) -> tuple[int, int, str | None]:
    return (*_time_key(columns, row), columns.text("source", row))


def _times_meet(first: TouchpointColumns, second: TouchpointColumns) -> bool:
    """Whether an event time occurs on both sides: the cheap first look for ties."""
    if not len(first) or not len(second) or _time_key(first, -1) < _time_key(second, 0):
        return False
    at = np.searchsorted(first.event_time, second.event_time)
    return bool((first.event_time[np.minimum(at, len(first) - 1)] == second.event_time).any())
