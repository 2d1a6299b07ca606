"""What a live company knows is what its files would hold, row for row."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.known_history import KnownHistory
from features.columns import CATEGORY_COLUMNS, TouchpointColumns
from simulation.companies import KINDS
from simulation.records import Rows
from simulation.rules import SendAll
from simulation.tables import touchpoint_table
from tests.benchmarks.companies import HISTORY_DAYS, LIVE_DAYS, START, company, live
from training.history import columns_of_table


def words(columns: TouchpointColumns, name: str) -> list[str | None]:
    return [columns.text(name, row) for row in range(len(columns))]


def test_it_equals_the_table_that_training_reads() -> None:
    _, end = live(SendAll(), company())
    rows = end.touchpoints(START + (HISTORY_DAYS + LIVE_DAYS) * 86_400_000_000 - 7_200_000_000)
    known = end.known.columns(np.arange(end.world.state.n, dtype=np.int64))
    table = touchpoint_table(rows, end.kind, end.recorder.properties).to_pandas()
    # Where an observation ended is written into the files when the history is over.
    table = table[table["event_type"] != "observation_ended"]
    expected, customers = columns_of_table(table)
    assert len(expected) > 2_000
    # The last two hours are known to some customers' clocks and not to others'.
    last = int(expected.event_time.max())
    for place, name in enumerate(customers):
        own = end.known.columns(np.asarray([int(name[2:])], dtype=np.int64))
        inside = np.flatnonzero(own.ingested_time <= last)
        begin, stop = expected.start[place], expected.start[place + 1]
        theirs = begin + np.flatnonzero(expected.ingested_time[begin:stop] <= last)
        for column in ("event_time", "ingested_time", "message", "campaign", "value", "sentiment"):
            np.testing.assert_array_equal(getattr(own, column)[inside], getattr(expected, column)[theirs])
        for column in CATEGORY_COLUMNS:
            found = [own.text(column, row) for row in inside.tolist()]
            assert found == [expected.text(column, row) for row in theirs.tolist()]
    assert known.n_customers == end.world.state.n


def test_several_customers_are_their_histories_side_by_side() -> None:
    known = company().known
    chosen = np.asarray([3, 7, 50], dtype=np.int64)
    together = known.columns(chosen)
    for place, customer in enumerate(chosen):
        alone = known.columns(np.asarray([customer], dtype=np.int64))
        part = slice(int(together.start[place]), int(together.start[place + 1]))
        np.testing.assert_array_equal(together.event_time[part], alone.event_time)
        assert words(together, "event_type")[part] == words(alone, "event_type")
    properties = [mapping for _, mapping in together.properties]
    assert 1 <= len(properties) <= 3
    assert all("plan" in mapping for mapping in properties)


def test_a_copy_grows_on_its_own() -> None:
    where = company()
    before = len(where.known)
    _, end = live(SendAll(), where)
    assert len(end.known) > before
    assert len(where.known) == before


def test_without_rows_it_says_so() -> None:
    empty = KnownHistory(KINDS["retail"], 5, START, [])
    empty.add(Rows.missing(0))
    assert len(empty) == 0
    with pytest.raises(ValueError, match="no rows"):
        empty.columns(np.asarray([1], dtype=np.int64))
