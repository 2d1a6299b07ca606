"""Packed histories: round trips, damage, and merging against sorting all rows together."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.columns import CATEGORY_COLUMNS, TouchpointColumns, empty_columns, identifier_hash
from features.packing import TouchpointRow, columns_of_rows, merge, pack, selected, tied, unpack
from tests.features.seeded import random_rows

NUMBERS = ("event_time", "ingested_time", "message", "campaign", "value", "sentiment")


def assert_same(found: TouchpointColumns, wanted: TouchpointColumns) -> None:
    """Equal in what they say; the order of the string dictionaries is theirs."""
    assert found.start.tolist() == wanted.start.tolist()
    for name in NUMBERS:
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name), err_msg=name)
    for name in CATEGORY_COLUMNS:
        assert [found.text(name, row) for row in range(len(found))] == [
            wanted.text(name, row) for row in range(len(wanted))
        ], name
    assert found.properties == wanted.properties


words = st.sampled_from(["", "a", "b", "Ärger", "z" * 40])
times = st.integers(0, 4).map(lambda hour: 1_767_225_600_000_000 + hour * 3_600_000_000)
touchpoints = st.builds(
    TouchpointRow,
    event_time=times,
    ingested_time=times,
    source=st.sampled_from(["", "crm", "web", "B", "ß"]),
    touchpoint_id=st.text(min_size=1, max_size=3),
    department=words,
    channel=words,
    direction=words,
    event_type=words,
    topic=st.none() | words,
    message_id=st.none() | words,
    campaign_id=st.none() | words,
    value=st.none() | st.floats(allow_nan=False, width=32),
    sentiment=st.none() | st.floats(-1, 1),
    properties=st.none() | st.dictionaries(words, st.none() | st.integers(-5, 5) | words, max_size=2),
)
unique_rows = st.lists(touchpoints, max_size=14, unique_by=lambda row: (row.source, row.touchpoint_id))


@given(unique_rows)
@settings(max_examples=200, deadline=None)
def test_pack_and_unpack_are_a_round_trip(rows: list[TouchpointRow]) -> None:
    columns = columns_of_rows(rows)
    found = unpack(pack(columns))
    assert_same(found, columns)
    assert found.strings == columns.strings
    for name in (*NUMBERS, *CATEGORY_COLUMNS):
        assert getattr(found, name).flags.aligned
        assert getattr(found, name).dtype == getattr(columns, name).dtype


@given(unique_rows)
@settings(max_examples=100, deadline=None)
def test_columns_hold_the_rows_in_the_total_order(rows: list[TouchpointRow]) -> None:
    columns = columns_of_rows(rows)
    ordered = sorted(rows, key=lambda row: (row.event_time, row.ingested_time, row.source, row.touchpoint_id))
    for place, row in enumerate(ordered):
        assert (columns.event_time[place], columns.ingested_time[place]) == (row.event_time, row.ingested_time)
        for name in CATEGORY_COLUMNS:
            assert columns.text(name, place) == (getattr(row, name) or None)
        for name, identifier in (("message", row.message_id), ("campaign", row.campaign_id)):
            assert getattr(columns, name)[place] == (identifier_hash(identifier) if identifier else 0)
        for name in ("value", "sentiment"):
            number = getattr(row, name)
            found = getattr(columns, name)[place]
            assert np.isnan(found) if number is None else found == number
    assert columns.properties == tuple(
        (place, row.properties) for place, row in enumerate(ordered) if row.properties
    )


@given(unique_rows, st.data())
@settings(max_examples=500, deadline=None)
def test_merging_equals_sorting_all_rows(rows: list[TouchpointRow], data: st.DataObject) -> None:
    first = [row for row in rows if data.draw(st.booleans())]
    second = [row for row in rows if row not in first]
    left, right = columns_of_rows(first), columns_of_rows(second)
    keys = [{(row.event_time, row.ingested_time, row.source) for row in some} for some in (first, second)]
    assert tied(left, right) == tied(right, left) == bool(keys[0] & keys[1])
    if not keys[0] & keys[1]:
        assert_same(merge(left, right), columns_of_rows(rows))
        assert_same(merge(right, left), columns_of_rows(rows))


def test_merging_long_histories_equals_sorting_all_rows() -> None:
    for seed in range(5):
        rows = list({(row.source, row.touchpoint_id): row for row in random_rows(seed, 800)}.values())
        keys = {(row.event_time, row.ingested_time, row.source): row for row in rows}
        rows = list(keys.values())  # none tied
        for cut in (0, 1, 100, len(rows) - 3, len(rows)):
            left, right = columns_of_rows(rows[:cut]), columns_of_rows(rows[cut:])
            assert not tied(left, right)
            assert_same(merge(left, right), columns_of_rows(rows))


def test_ties_keep_the_first_before_the_second() -> None:
    row = random_rows(1, 1)[0]._replace(touchpoint_id="b", event_type="second")
    other = row._replace(touchpoint_id="a", event_type="first")
    merged = merge(columns_of_rows([row]), columns_of_rows([other]))
    assert [merged.text("event_type", place) for place in range(2)] == ["second", "first"]


def test_merging_with_nothing() -> None:
    columns = columns_of_rows(random_rows(3, 5))
    assert merge(columns, empty_columns()) is columns
    assert merge(empty_columns(), columns) is columns
    assert not tied(columns, empty_columns())
    assert not tied(empty_columns(), columns)


def test_selected_rows_take_their_properties_along() -> None:
    rows = sorted(random_rows(5, 60), key=lambda row: row[:4])
    rows = [row._replace(properties={"n": n} if n % 3 == 0 else None) for n, row in enumerate(rows)]
    kept = [3, 7, 9, 40, 59]
    found = selected(columns_of_rows(rows), np.asarray(kept))
    assert_same(found, columns_of_rows([rows[place] for place in kept]))


def test_a_blob_that_is_not_a_history_is_refused() -> None:
    blob = pack(columns_of_rows(random_rows(2, 20)))
    for damaged, said in (
        (b"", "starts with"),
        (b"TH2\0" + blob[4:], "starts with b'TH1"),
        (blob[:3], "starts with"),
        (blob[:-1], "checksum"),
        (blob + b"\0", "checksum"),
        (blob[:7], "checksum"),
    ):
        with pytest.raises(ValueError, match=re.escape(said)):
            unpack(damaged)


@given(st.integers(0, 10**6), st.integers(0, 7))
@settings(max_examples=200, deadline=None)
def test_a_flipped_bit_is_found(place: int, bit: int) -> None:
    blob = bytearray(pack(columns_of_rows(random_rows(2, 20))))
    blob[place % len(blob)] ^= 1 << bit
    with pytest.raises(ValueError, match="packed history"):
        unpack(bytes(blob))
