"""Touchpoint rows as coded columns: cheap to append in every step, turned into texts once at the end."""

from __future__ import annotations

import copy
from dataclasses import dataclass, fields
from typing import Final, Protocol

import numpy as np

from data_contracts.times import DAY, HOUR, MINUTE
from data_contracts.vocabulary import CHANNELS, DEPARTMENTS, DIRECTIONS, EVENT_TYPES
from simulation.clock import LONG_AGO, STEP, Bools, Floats, Ints
from simulation.draws import Draws
from simulation.kinds import SOURCE, SOURCE_OF_DEPARTMENT, SOURCES, CompanyKind
from simulation.state import State

EVENT: Final = {name: index for index, name in enumerate(EVENT_TYPES)}
DEPARTMENT: Final = {name: index for index, name in enumerate(DEPARTMENTS)}
CHANNEL: Final = {name: index for index, name in enumerate(CHANNELS)}
DIRECTION: Final = {name: index for index, name in enumerate(DIRECTIONS)}
SOURCE_BY_DEPARTMENT: Final = np.array([SOURCE[SOURCE_OF_DEPARTMENT[name]] for name in DEPARTMENTS])
MISSING: Final = -1

_NIGHTLY_AT = 2 * HOUR


@dataclass(slots=True)
class Rows:
    """Touchpoints, shape (n,) each. Codes index the vocabulary; −1 is missing, NaN for floats.

    `customer` is the customer's index; `message`, `decision`, `case` and `campaign` are the simulation's own
    numbers (see `tables.py` for how they become identifiers); `serial` makes the row unique.
    """

    customer: Ints
    event_time: Ints
    ingested_time: Ints
    serial: Ints
    source: Ints
    department: Ints
    channel: Ints
    direction: Ints
    event_type: Ints
    topic: Ints
    message: Ints
    campaign: Ints
    case: Ints
    decision: Ints
    value: Floats
    sentiment: Floats
    properties: Ints

    @property
    def n(self) -> int:
        return int(self.customer.size)

    def take(self, rows: Ints | Bools) -> Rows:
        return Rows(**{item.name: getattr(self, item.name)[rows] for item in fields(self)})

    @staticmethod
    def missing(n: int) -> Rows:
        """Rows in which everything is missing."""
        columns = {
            item.name: np.full(n, np.nan if item.name in ("value", "sentiment") else MISSING)
            for item in fields(Rows)
        }
        return Rows(**columns)

    @staticmethod
    def concatenate(parts: list[Rows]) -> Rows:
        if not parts:
            return Rows.missing(0)
        return Rows(
            **{item.name: np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(Rows)}
        )


class Sink(Protocol):
    """Where rows go: the company's log, or whatever watches a branch."""

    def add(
        self,
        state: State,
        who: Ints,
        time: Ints,
        event_type: str | Ints,
        department: str | Ints,
        channel: str | Ints,
        direction: str = "inbound",
        *,
        source: str | None = None,
        topic: int | Ints = MISSING,
        message: Ints | None = None,
        campaign: Ints | None = None,
        case: Ints | None = None,
        decision: Ints | None = None,
        value: Floats | None = None,
        sentiment: Floats | None = None,
        properties: Ints | None = None,
    ) -> None:
        """Append a row for each customer of `who` (indices) at `time` (microseconds)."""
        ...


class Recorder:
    """Collects the rows of a step; what no system reports, or comes after the observation, is left out.

    Rows that belong to a message (`message_sent` and the answers to it) are always reported: a system that
    asks for decisions also says what became of them. All others need their source to report on the customer.
    """

    def __init__(self, kind: CompanyKind, draws: Draws) -> None:
        self._draws = draws
        self._parts: list[tuple[int, dict[str, int | Ints | Floats]]] = []
        self._serial = 0
        self._late = np.array([kind.late_minutes.get(name, 0.0) for name in SOURCES]) * MINUTE
        self._nightly = np.array([name in kind.nightly_sources for name in SOURCES])
        self.properties: list[str] = []

    def add(
        self,
        state: State,
        who: Ints,
        time: Ints,
        event_type: str | Ints,
        department: str | Ints,
        channel: str | Ints,
        direction: str = "inbound",
        *,
        source: str | None = None,
        topic: int | Ints = MISSING,
        message: Ints | None = None,
        campaign: Ints | None = None,
        case: Ints | None = None,
        decision: Ints | None = None,
        value: Floats | None = None,
        sentiment: Floats | None = None,
        properties: Ints | None = None,
    ) -> None:
        """See Sink."""
        if not who.size:
            return
        by = DEPARTMENT[department] if isinstance(department, str) else department
        given: dict[str, int | Ints | Floats | None] = {
            "customer": who,
            "event_time": time,
            "source": SOURCE_BY_DEPARTMENT[by] if source is None else SOURCE[source],
            "department": by,
            "channel": CHANNEL[channel] if isinstance(channel, str) else channel,
            "direction": DIRECTION[direction],
            "event_type": EVENT[event_type] if isinstance(event_type, str) else event_type,
            "topic": topic,
            "message": message,
            "campaign": campaign,
            "case": case,
            "decision": decision,
            "value": value,
            "sentiment": sentiment,
            "properties": properties,
        }
        self._parts.append((who.size, {name: item for name, item in given.items() if item is not None}))

    def _collect(self) -> Rows:
        """One array a column, filled part by part; what no part gave is missing."""
        sizes = [size for size, _ in self._parts]
        rows = Rows.missing(sum(sizes))
        begin = 0
        for size, given in self._parts:
            inside = slice(begin, begin + size)
            for name, item in given.items():
                getattr(rows, name)[inside] = item
            begin += size
        self._parts = []
        return rows

    def flush(self, state: State, start: int) -> Rows:
        """The rows since the last flush, with their `ingested_time`; forgets them."""
        rows = self._collect()
        if not rows.n:
            return rows
        reported = state.reports[rows.customer, rows.source] | (rows.message >= 0)
        reported &= rows.event_time <= self._end_of_observation(state, rows.customer, start)
        rows = rows.take(reported)
        second = rows.event_time // 1_000_000
        luck = self._draws.keyed(rows.customer, second, rows.event_type, "delay")
        delay = (-np.log1p(-luck) * self._late[rows.source]).astype(np.int64)
        arrives = rows.event_time + delay
        next_night = (rows.event_time - _NIGHTLY_AT) // DAY * DAY + DAY + _NIGHTLY_AT
        rows.ingested_time = np.where(self._nightly[rows.source], next_night + delay, arrives)
        rows.serial = self._serial + np.arange(rows.n, dtype=np.int64)
        self._serial += rows.n
        return rows

    @staticmethod
    def _end_of_observation(state: State, who: Ints, start: int) -> Ints:
        until = state.observed_until[who]
        end = start + until * STEP + state.phase[who]
        return np.where(until >= -LONG_AGO, np.iinfo(np.int64).max, end)

    def fork(self) -> Recorder:
        """A recorder that goes on from here by itself; nothing may be waiting to be flushed."""
        twin = copy.copy(self)
        twin._parts = list(self._parts)
        twin.properties = list(self.properties)
        return twin

    def note(self, text: str) -> int:
        """Keep a JSON text for `properties`; returns its number."""
        self.properties.append(text)
        return len(self.properties) - 1
