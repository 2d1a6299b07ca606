"""What a live company has come to know, as the columns that features are made from.

It grows by the rows of each step and gives the history of any customers at any time: the same columns that
the service unpacks from its store, without a file in between.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

import numpy as np
import pyarrow as pa

from data_contracts.vocabulary import CHANNELS, DEPARTMENTS, DIRECTIONS, EVENT_TYPES
from features.columns import Int32, Int64, TouchpointColumns, identifier_hash
from simulation.kinds import SOURCES, CompanyKind
from simulation.messages import MessageTable
from simulation.records import Rows
from simulation.tables import campaign_id, case_id, message_id

_TIME_BITS = 44
"""Microseconds since the company's start fit into 44 bits for 203 days."""
_CATEGORIES = ("source", "department", "channel", "direction", "event_type", "topic")
_ARRAYS = (
    "event_time",
    "ingested_time",
    *_CATEGORIES,
    "message",
    "campaign",
    "value",
    "sentiment",
    "properties",
)


class KnownHistory:
    """Rows by customer, in the contract's total order.

    Parameters
    ----------
    start : microseconds UTC of the company's first step
    properties : the company's JSON texts; it may grow while the company runs
    """

    def __init__(self, kind: CompanyKind, n_customers: int, start: int, properties: Sequence[str]) -> None:
        self._table = MessageTable(kind)
        self._start = start
        self._properties = properties
        self._parsed: dict[int, dict[str, object]] = {}
        self._hashes: dict[str, int] = {}
        words: dict[str, int] = {}
        self._codes = {
            name: np.asarray([*(words.setdefault(word, len(words)) for word in known), -1], np.int32)
            for name, known in (
                ("source", SOURCES),
                ("department", DEPARTMENTS),
                ("channel", CHANNELS),
                ("direction", DIRECTIONS),
                ("event_type", EVENT_TYPES),
                ("topic", self._table.topics),
            )
        }
        self._strings = tuple(words)
        self._key = np.zeros(0, np.int64)
        self._arrays: dict[str, Any] = {}
        self._n_customers = n_customers
        self._begin = np.zeros(n_customers + 1, np.int64)

    def __len__(self) -> int:
        return len(self._key)

    def add(self, rows: Rows) -> None:
        """Add rows that have become known after all rows that are here."""
        if not rows.n:
            return
        # Ties in event_time go by ingested_time, then source and id: rows that are here came earlier.
        by_name = np.argsort(np.argsort(np.asarray(SOURCES)))
        rows = rows.take(
            np.lexsort((rows.serial, by_name[rows.source], rows.ingested_time, rows.event_time, rows.customer))
        )
        key = rows.customer << _TIME_BITS | (rows.event_time - self._start)
        order = np.argsort(np.concatenate([self._key, key]), kind="stable")
        self._key = np.concatenate([self._key, key])[order]
        for name, values in self._columns_of(rows).items():
            before = self._arrays.get(name)
            joined = values if before is None else np.concatenate([before, values])
            self._arrays[name] = joined[order]
        edges = np.arange(self._n_customers + 1, dtype=np.int64) << _TIME_BITS
        self._begin = np.searchsorted(self._key, edges).astype(np.int64)

    def copy(self, properties: Sequence[str]) -> KnownHistory:
        """A history that grows on its own from here, with the JSON texts of its own company."""
        twin = copy(self)
        twin._arrays = dict(self._arrays)
        twin._parsed = dict(self._parsed)
        twin._properties = properties
        return twin

    def columns(self, customers: Int64) -> TouchpointColumns:
        """The histories of `customers` (ascending), in that order."""
        begin, end = self._begin[customers], self._begin[customers + 1]
        start = np.concatenate([[0], np.cumsum(end - begin)]).astype(np.int64)
        rows: Any
        if len(customers) == 1:
            rows = slice(int(begin[0]), int(end[0]))
        else:
            rows = np.arange(start[-1]) + np.repeat(begin - start[:-1], end - begin)
        if not self._arrays:
            raise ValueError("the history holds no rows yet")
        taken = {name: self._arrays[name][rows] for name in _ARRAYS}
        properties = taken.pop("properties")
        return TouchpointColumns(
            strings=self._compact(taken),
            start=start,
            properties=tuple(
                (int(row), self._object(int(properties[row]))) for row in np.flatnonzero(properties >= 0)
            ),
            **taken,
        )

    def _compact(self, arrays: dict[str, Any]) -> tuple[str, ...]:
        """Only the words that are in use, as a packed history has them; `arrays` then point into these."""
        used = np.zeros(len(self._strings) + 1, np.bool_)
        for name in _CATEGORIES:
            used[arrays[name]] = True
        used[-1] = False
        place = (np.cumsum(used) - 1).astype(np.int32)
        place[-1] = -1
        for name in _CATEGORIES:
            arrays[name] = place[arrays[name]]
        return tuple(self._strings[number] for number in np.flatnonzero(used))

    def _object(self, number: int) -> dict[str, object]:
        if number not in self._parsed:
            self._parsed[number] = json.loads(self._properties[number])
        return self._parsed[number]

    def _columns_of(self, rows: Rows) -> dict[str, Any]:
        def coded(name: str) -> Int32:
            return np.asarray(self._codes[name][getattr(rows, name)], dtype=np.int32)

        campaign = np.where(
            rows.case >= 0,
            self._hashed(rows.case, lambda: case_id(rows.customer, rows.case)),
            self._hashed(rows.campaign, lambda: campaign_id(rows.campaign, self._table)),
        )
        return {
            **{name: coded(name) for name in _CATEGORIES},
            "event_time": rows.event_time,
            "ingested_time": rows.ingested_time,
            "message": self._hashed(rows.message, lambda: message_id(rows.message)),
            "campaign": campaign,
            "value": rows.value,
            "sentiment": rows.sentiment,
            "properties": rows.properties,
        }

    def _hashed(self, numbers: Int64, texts: Callable[[], pa.Array]) -> Int64:
        """`identifier_hash` of the texts, 0 where there is no number."""
        if not (numbers >= 0).any():
            return np.zeros(len(numbers), np.int64)
        known = self._hashes
        result = np.zeros(len(numbers), np.int64)
        for place, text in enumerate(texts().to_pylist()):
            if text is not None:
                found = known.get(text)
                if found is None:
                    found = known[text] = identifier_hash(text)
                result[place] = found
        return result
