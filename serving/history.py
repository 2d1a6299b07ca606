"""A customer's stored history: how much of it is read, how rows are encoded, how it is kept packed.

The history is kept twice: as rows, which are the truth, and as one packed blob of columns, which a
decision reads a hundred times faster. New rows are merged into what the blob holds at every read,
and a decision writes the blob anew when they have become many. A blob that is damaged, packed
under other bounds, or tied with a new row in a way that only the rows can settle is built anew
from the rows. No SQL here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from data_contracts.configuration import Configuration, Vocabulary
from data_contracts.errors import InvalidRequest
from features.columns import TouchpointColumns, empty_columns
from features.packing import TouchpointRow, columns_of_rows, merge, selected, tied, unpack

_KEPT_ROLES = ("profile", "opted_out", "opted_in", "observation_ended")
_DAYS_OF_SENDS = 400
_LEAST_UNPACKED, _MOST_UNPACKED = 8, 64
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple)


def _types_of(roles: tuple[str, ...], vocabulary: Vocabulary) -> frozenset[str]:
    return frozenset(name for role in roles for name in vocabulary.role(role))


@dataclass(frozen=True, slots=True)
class HistoryBounds:
    """How much of a customer's history a decision reads.

    Attributes
    ----------
    rows : the newest rows that are read
    kept_types : event types that are read whatever their age: profile, consent, end of observation
    contact_types : of these the newest `rows` are read beside the others, since caps count them
    sends_hours : sends older than that before the customer's newest one are not read
    """

    rows: int = 5_000
    kept_types: frozenset[str] = field(default_factory=lambda: _types_of(_KEPT_ROLES, Vocabulary()))
    contact_types: frozenset[str] = field(default_factory=lambda: _types_of(("contact",), Vocabulary()))
    sends_hours: float = 24.0 * _DAYS_OF_SENDS

    @classmethod
    def of(cls, configuration: Configuration) -> HistoryBounds:
        """The bounds that a configuration asks for; every cap's window is within the sends read."""
        windows = [cap.window_hours for cap in configuration.policy.caps]
        return cls(
            rows=configuration.service.history_limit,
            kept_types=_types_of(_KEPT_ROLES, configuration.vocabulary),
            contact_types=_types_of(("contact",), configuration.vocabulary),
            sends_hours=max([24.0 * _DAYS_OF_SENDS, *windows]),
        )

    @property
    def rule(self) -> str:
        """A name of what these bounds leave out: a blob packed under another one can't be used."""
        told = [self.rows, sorted(self.kept_types), sorted(self.contact_types)]
        return hashlib.blake2b(_encoder.encode(told), digest_size=8).hexdigest()


def encoded_row(row: TouchpointRow) -> bytes:
    """Row format 1: a MessagePack array of all fields but the four of the total order."""
    return _encoder.encode(row[4:])


def decoded_row(
    event_time: int, ingested_time: int, source: str, touchpoint_id: str, encoded: bytes
) -> TouchpointRow:
    """The row of the four columns that the tables have and `encoded_row`."""
    return TouchpointRow(event_time, ingested_time, source, touchpoint_id, *_decoder.decode(encoded))


StoredRow = tuple[str, str, str, int, int, bytes]
"""customer_id, source, touchpoint_id, event_time, ingested_time, encoded row."""


def storable(rows: Sequence[tuple[str, TouchpointRow]]) -> list[StoredRow]:
    """Rows as the tables take them; raises InvalidRequest that names the row that no table can hold."""
    result: list[StoredRow] = []
    for customer_id, row in rows:
        try:
            if "\0" in customer_id or "\0" in row.source or "\0" in row.touchpoint_id:
                raise ValueError("an identifier holds the character U+0000")
            encoded = encoded_row(row)
        except (ValueError, OverflowError, TypeError) as error:
            raise InvalidRequest(f"touchpoint {row.touchpoint_id!r} can't be stored: {error}") from None
        result.append((customer_id, row.source, row.touchpoint_id, row.event_time, row.ingested_time, encoded))
    return result


@dataclass(frozen=True, slots=True)
class PackedHistory:
    """The blob of a customer: `left_out` rows were beyond the bounds named `rule` when it was packed."""

    rule: str
    left_out: int
    blob: bytes


@dataclass(frozen=True, slots=True)
class History:
    """A customer's rows within the bounds, how many were left out, and whether to pack them anew."""

    columns: TouchpointColumns
    left_out: int
    repack: bool


def assembled(
    packed: PackedHistory | None, new_rows: Sequence[TouchpointRow], bounds: HistoryBounds, rule: str
) -> History | None:
    """The history of a blob and the rows that came after it; None where all rows must be read."""
    if packed is None:
        if not new_rows:
            return History(empty_columns(), 0, False)
        return rebuilt(new_rows, bounds, repack=len(new_rows) >= _LEAST_UNPACKED)
    if packed.rule != rule:
        return None
    try:
        columns = unpack(packed.blob)
    except ValueError:
        return None
    if not new_rows:
        return History(columns, packed.left_out, False)
    n_packed, new = len(columns), columns_of_rows(new_rows)
    if tied(columns, new):
        return None
    columns, left_out = bounded(merge(columns, new), bounds)
    # A small blob is cheap to write, and rows that wait for it cost every decision.
    allowed = min(max(_LEAST_UNPACKED, n_packed // 4), _MOST_UNPACKED)
    return History(columns, packed.left_out + left_out, len(new_rows) >= allowed)


def rebuilt(rows: Sequence[TouchpointRow], bounds: HistoryBounds, *, repack: bool = True) -> History:
    """The history of all rows of a customer."""
    columns, left_out = bounded(columns_of_rows(rows), bounds)
    return History(columns, left_out, repack)


def as_known(columns: TouchpointColumns, now: int, bounds: HistoryBounds) -> TouchpointColumns:
    """What a decision at `now` (microseconds) would have read of all rows of a customer.

    The newest rows of today may all have come in later, and then the bounds leave out just those
    that were known then.
    """
    known = np.flatnonzero(columns.ingested_time <= now)
    return bounded(columns if len(known) == len(columns) else selected(columns, known), bounds)[0]


def bounded(columns: TouchpointColumns, bounds: HistoryBounds) -> tuple[TouchpointColumns, int]:
    """The rows within the bounds, and the number of those beyond them.

    Bounding what was bounded before together with new rows gives the same as bounding all rows:
    each part of the rule keeps the newest of a kind, and what is among the newest of all is among
    the newest of every subset.
    """
    if len(columns) <= bounds.rows:
        return columns, 0
    places = {word: place for place, word in enumerate(columns.strings)}

    def of_types(types: frozenset[str]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        return np.isin(columns.event_type, [places[name] for name in types if name in places])

    keep = of_types(bounds.kept_types)
    keep[-bounds.rows :] = True
    keep[np.flatnonzero(of_types(bounds.contact_types))[-bounds.rows :]] = True
    kept = np.flatnonzero(keep)
    if len(kept) == len(columns):
        return columns, 0
    return selected(columns, kept), len(columns) - len(kept)
