"""Feeds that go silent: each source and each department is held against its own usual gap.

A feed's usual gap is the longest pause between two arrivals in its last `feed_learning_days`, so that
nights, weekends and nightly batches are learnt from the feed itself. It is silent when nothing has
arrived for `feed_gap_factor` times that long.

The false alarm rate of such a rule is known without a model: were gaps exchangeable, the next one
would exceed the longest of n with a chance of 1 / (n + 1), which is one alarm in `feed_learning_days`
at a factor of 1. What it would have been on the feed's own past is replayed and told beside it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from data_contracts.configuration import Monitoring
from data_contracts.times import DAY, HOUR
from features.columns import Int64, TouchpointColumns
from features.packing import TouchpointRow

KINDS = ("source", "department")


class Source(Protocol):
    """What of a store is read."""

    def export_touchpoints(self, batch_size: int = ...) -> Iterator[list[tuple[str, TouchpointRow]]]: ...


@dataclass(frozen=True)
class Feed:
    """One feed at a moment; hours.

    `usual_hours` is None where there were too few arrivals to know. `false_alarms_a_month` is what the
    rule would have raised on the feed's own past, None where that is too short.
    """

    kind: str
    name: str
    arrivals: int
    last_arrival: int
    quiet_hours: float
    usual_hours: float | None
    limit_hours: float | None
    false_alarms_a_month: float | None

    @property
    def silent(self) -> bool:
        return self.limit_hours is not None and self.quiet_hours > self.limit_hours

    def told(self) -> str:
        usual = "unknown" if self.usual_hours is None else f"{self.usual_hours:.1f} h"
        state = "SILENT" if self.silent else "quiet"
        return f"{self.kind} {self.name}: {state} for {self.quiet_hours:.1f} h, usual gap {usual}"


def feeds_of(columns: TouchpointColumns, now: int, limits: Monitoring) -> list[Feed]:
    """Every source and department of the touchpoints, as seen at `now` (microseconds)."""
    arrivals = {}
    for kind in KINDS:
        codes = getattr(columns, kind)
        for place in np.unique(codes[codes >= 0]).tolist():
            arrivals[kind, columns.strings[place]] = columns.ingested_time[codes == place]
    return _feeds(arrivals, now, limits)


def feeds_of_store(store: Source, now: int, limits: Monitoring) -> list[Feed]:
    """The same straight from a store, in one pass: sixteen bytes a row are held, and no files are made."""
    found: dict[tuple[str, str], array[int]] = {}
    for batch in store.export_touchpoints():
        for _, row in batch:
            for key in (("source", row.source), ("department", row.department)):
                found.setdefault(key, array("q")).append(row.ingested_time)
    return _feeds({key: np.frombuffer(times, np.int64) for key, times in found.items()}, now, limits)


def _feeds(arrivals: Mapping[tuple[str, str], Int64], now: int, limits: Monitoring) -> list[Feed]:
    feeds = []
    for (kind, name), times in sorted(arrivals.items()):
        known = np.unique(times[times <= now])
        if len(known) and f"{kind}:{name}" not in limits.ignored_feeds:
            feeds.append(feed_at(kind, name, known, now, limits))
    return feeds


def feed_at(kind: str, name: str, arrivals: Int64, now: int, limits: Monitoring) -> Feed:
    """One feed; `arrivals` are distinct moments in order, microseconds, none after `now`."""
    learning = round(limits.feed_learning_days * DAY)
    last = int(arrivals[-1])
    recent = arrivals[arrivals > last - learning]
    gaps = np.diff(recent)
    enough = len(gaps) >= limits.feed_minimum_arrivals
    usual = int(gaps.max()) if enough else None
    return Feed(
        kind=kind,
        name=name,
        arrivals=len(recent),
        last_arrival=last,
        quiet_hours=(now - last) / HOUR,
        usual_hours=None if usual is None else usual / HOUR,
        limit_hours=None if usual is None else limits.feed_gap_factor * usual / HOUR,
        false_alarms_a_month=false_alarms_a_month(arrivals, limits),
    )


def false_alarms_a_month(arrivals: Int64, limits: Monitoring) -> float | None:
    """How often in 30 days the rule would have called a pause of the past, which ended by itself, a silence."""
    learning = round(limits.feed_learning_days * DAY)
    begin = int(np.searchsorted(arrivals, arrivals[0] + learning))
    if begin >= len(arrivals) - 1 or begin < limits.feed_minimum_arrivals:
        return None
    gaps = np.diff(arrivals)
    # A gap is named by the arrival that it follows; the longest of those within the learning days before.
    alarms = 0
    longest = _sliding_longest(gaps, arrivals, learning)
    for place in range(begin, len(gaps)):
        alarms += bool(gaps[place] > limits.feed_gap_factor * longest[place])
    days = (arrivals[-1] - arrivals[begin]) / DAY
    return float(alarms / days * 30.0) if days > 0 else None


def _sliding_longest(gaps: Int64, arrivals: Int64, learning: int) -> Int64:
    """For each gap the longest gap that ended before it began, within `learning` microseconds; shape (gaps,)."""
    longest = np.zeros(len(gaps), np.int64)
    window: list[int] = []  # places of gaps that may still be the longest, longest first
    begin = 0
    for place in range(len(gaps)):
        if place:
            while len(window) > begin and gaps[window[-1]] <= gaps[place - 1]:
                window.pop()
            window.append(place - 1)
        while len(window) > begin and arrivals[window[begin]] < arrivals[place] - learning:
            begin += 1
        longest[place] = gaps[window[begin]] if len(window) > begin else 0
    return longest


def silent_feeds(feeds: Iterable[Feed]) -> list[Feed]:
    """Those that are silent, the longest beyond its limit first."""
    return sorted(
        (feed for feed in feeds if feed.silent),
        key=lambda feed: -(feed.quiet_hours - (feed.limit_hours or 0.0)),
    )
