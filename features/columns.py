"""Touchpoints as plain columns, before any model gives their words a meaning.

The same form comes out of a table of a million rows and of one customer's packed history, so
everything behind it is shared by training and serving.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Int16 = npt.NDArray[np.int16]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

CATEGORY_COLUMNS = ("source", "department", "channel", "direction", "event_type", "topic")


def identifier_hash(text: str) -> int:
    """A signed 64-bit hash of an identifier, the same on every machine; 0 stands for no identifier.

    Within one customer's history two different identifiers collide with a chance of about
    n² / 2⁶⁵ (birthday bound): 10⁻¹² for 5,000 messages.
    """
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True) or 1


@dataclass(frozen=True, slots=True)
class TouchpointColumns:
    """Touchpoints of `n_customers` customers, `n` rows, in the contract's total order.

    Attributes
    ----------
    strings : the dictionary that the category columns point into
    start : shape (n_customers + 1,); the rows of customer c are start[c]:start[c + 1]
    event_time, ingested_time : shape (n,), microseconds since 1970 in UTC
    source … topic : shape (n,), places in `strings`, -1 for none
    message, campaign : shape (n,), `identifier_hash`, 0 for none
    value, sentiment : shape (n,), NaN for none
    properties : (row, parsed JSON object) of the rows that carry one, in row order
    """

    strings: tuple[str, ...]
    start: Int64
    event_time: Int64
    ingested_time: Int64
    source: Int32
    department: Int32
    channel: Int32
    direction: Int32
    event_type: Int32
    topic: Int32
    message: Int64
    campaign: Int64
    value: Float64
    sentiment: Float64
    properties: tuple[tuple[int, dict[str, object]], ...]

    @property
    def n_customers(self) -> int:
        return len(self.start) - 1

    def __len__(self) -> int:
        return len(self.event_time)

    def text(self, column: str, row: int) -> str | None:
        """The word in a category column of one row, None where it is empty."""
        place = int(getattr(self, column)[row])
        return None if place < 0 else self.strings[place]


def empty_columns() -> TouchpointColumns:
    """The history of a customer who was never seen: one customer, no rows."""
    int32, int64, float64 = np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.float64)
    return TouchpointColumns(
        strings=(),
        start=np.zeros(2, np.int64),
        event_time=int64,
        ingested_time=int64,
        source=int32,
        department=int32,
        channel=int32,
        direction=int32,
        event_type=int32,
        topic=int32,
        message=int64,
        campaign=int64,
        value=float64,
        sentiment=float64,
        properties=(),
    )


def row_like(
    columns: TouchpointColumns, row: int, event_type: str, direction: str, time: int
) -> TouchpointColumns:
    """One row of one customer like `row`, but of another event type, direction and time (µs).

    It keeps the source, department, channel, topic and campaign, and carries no value.
    """
    strings = tuple(dict.fromkeys([*columns.strings, event_type, direction]))

    def one(value: object, dtype: type) -> npt.NDArray[Any]:
        return np.asarray([value], dtype=dtype)

    return TouchpointColumns(
        strings=strings,
        start=np.asarray([0, 1], np.int64),
        event_time=one(time, np.int64),
        ingested_time=one(time, np.int64),
        source=columns.source[row : row + 1],
        department=columns.department[row : row + 1],
        channel=columns.channel[row : row + 1],
        direction=one(strings.index(direction), np.int32),
        event_type=one(strings.index(event_type), np.int32),
        topic=columns.topic[row : row + 1],
        message=one(0, np.int64),
        campaign=columns.campaign[row : row + 1],
        value=one(np.nan, np.float64),
        sentiment=one(np.nan, np.float64),
        properties=(),
    )
