"""A snapshot's columns are those of all the customer's rows, however they came and were packed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.packing import TouchpointRow, columns_of_rows, pack
from serving.history import History, HistoryBounds, PackedHistory, assembled, bounded, rebuilt
from serving.store import Store
from tests.features.seeded import random_rows
from tests.features.test_packing import assert_same
from tests.serving.databases import Database
from tests.serving.examples import outcome, touchpoint

KEPT = ("profile_updated", "opted_out", "observation_ended")


def rows_with_ties(seed: int, n: int) -> list[TouchpointRow]:
    """Rows of one customer; many share their times, and some their source as well."""
    rng = random.Random(seed)
    return [
        row._replace(
            touchpoint_id=f"t-{rng.randrange(10**9)}-{number}",
            source=rng.choice(["crm", "web"]),
            event_time=row.event_time // 10**11 * 10**11,
            ingested_time=row.event_time // 10**11 * 10**11,
        )
        for number, row in enumerate(random_rows(seed, n))
    ]


def within(rows: Sequence[TouchpointRow], bounds: HistoryBounds) -> list[TouchpointRow]:
    """The slow, obvious form of the bounds."""
    ordered = sorted(rows, key=lambda row: row[:4])
    contacts = [row for row in ordered if row.event_type in bounds.contact_types]
    kept = {row[2:4] for row in [*ordered[-bounds.rows :], *contacts[-bounds.rows :]]}
    kept |= {row[2:4] for row in ordered if row.event_type in bounds.kept_types}
    return [row for row in ordered if row[2:4] in kept]


def decide(store: Store, decision_id: str) -> bool:
    snapshot = store.snapshot("c", [])
    assert store.commit(outcome(decision_id, "c"), snapshot)
    return snapshot.repack


@pytest.mark.parametrize("seed", range(4))
def test_rows_in_any_order_and_batches_with_decisions_between(database: Database, seed: int) -> None:
    rng = random.Random(seed)
    bounds = HistoryBounds(rows=60) if seed % 2 else HistoryBounds()
    store = database.store(bounds)
    rows = rows_with_ties(seed, 260)
    rng.shuffle(rows)
    done: list[TouchpointRow] = []
    packed = 0
    while len(done) < len(rows):
        batch = rows[len(done) : len(done) + rng.randrange(1, 25)]
        assert all(store.ingest([("c", row) for row in batch]))
        done += batch
        snapshot = store.snapshot("c", [])
        assert_same(snapshot.columns, columns_of_rows(within(done, bounds)))
        assert snapshot.left_out == len(done) - len(snapshot.columns)
        if rng.random() < 0.5:
            packed += decide(store, f"d-{len(done)}")
    assert packed > 3
    if seed % 2:
        assert store.snapshot("c", []).left_out > 100
    assert_same(store.history("c"), columns_of_rows(rows))


def test_rows_that_come_between_a_snapshot_and_its_commit_are_not_lost(database: Database) -> None:
    store = database.store()
    rows = [touchpoint(f"t-{number}", number) for number in range(60)]
    store.ingest([("c", row) for row in rows[:50]])
    snapshot = store.snapshot("c", [])
    assert snapshot.repack
    store.ingest([("c", row) for row in rows[50:]])
    assert store.commit(outcome("d", "c"), snapshot)
    after = store.snapshot("c", [])
    assert_same(after.columns, columns_of_rows(rows))
    assert len(after.unpacked) == 10


def test_a_history_is_packed_when_many_rows_are_new(database: Database) -> None:
    store = database.store()
    packed_at = []
    for number in range(200):
        store.ingest([("c", touchpoint(f"t-{number}", number))])
        if decide(store, f"d-{number}"):
            packed_at.append(number)
    gaps = [last - first for first, last in zip([-1, *packed_at], packed_at, strict=False)]
    assert gaps[0] == 8
    assert gaps == sorted(gaps), "the longer the history, the rarer"
    assert max(gaps) <= 64


def test_a_damaged_blob_is_built_anew(database: Database) -> None:
    store = database.store()
    rows = [touchpoint(f"t-{number}", number) for number in range(30)]
    store.ingest([("c", row) for row in rows])
    decide(store, "d-1")
    store.ingest([("c", touchpoint("u", 99))])
    database.sql("UPDATE tact.histories SET packed = ?", [b"TH1\0damaged"])
    snapshot = store.snapshot("c", [])
    assert snapshot.repack
    wanted = columns_of_rows([*rows, touchpoint("u", 99)])
    assert_same(snapshot.columns, wanted)
    assert store.commit(outcome("d-2", "c"), snapshot)
    healed = store.snapshot("c", [])
    assert (healed.repack, healed.unpacked) == (False, ())
    assert_same(healed.columns, wanted)


def test_other_bounds_read_the_rows_again(database: Database) -> None:
    rows = [touchpoint(f"t-{number}", number) for number in range(40)]
    narrow, wide = database.store(HistoryBounds(rows=10)), database.store(HistoryBounds(rows=30))
    narrow.ingest([("c", row) for row in rows])
    decide(narrow, "d-1")
    for store, n in ((wide, 30), (narrow, 10)):
        assert len(store.snapshot("c", []).columns) == n
    decide(wide, "d-2")
    for store, n in ((wide, 30), (narrow, 10)):
        snapshot = store.snapshot("c", [])
        assert (len(snapshot.columns), snapshot.left_out, snapshot.repack) == (n, 40 - n, n == 10)


def test_compact_packs_what_waits(database: Database) -> None:
    store = database.store()
    rows = [touchpoint(f"t-{number}", number) for number in range(30)]
    store.ingest([("c", row) for row in rows] + [("few", touchpoint("f"))])
    before = store.snapshot("c", [])
    assert store.compact(["c", "few", "nobody", "c"]) == 1
    after = store.snapshot("c", [])
    assert (after.unpacked, after.repack) == ((), False)
    assert_same(after.columns, columns_of_rows(rows))
    assert len(store.snapshot("few", []).columns) == 1
    assert store.compact(["c"]) == 0
    # A decision that was under way does no harm, whether it is stored or has to read again.
    store.ingest([("c", touchpoint("u", 50))])
    store.commit(outcome("d", "c"), before)
    assert_same(store.snapshot("c", []).columns, columns_of_rows([*rows, touchpoint("u", 50)]))


@given(st.integers(0, 10**6), st.integers(1, 25), st.lists(st.integers(0, 60), max_size=4))
@settings(max_examples=150, deadline=None)
def test_bounding_step_by_step_equals_bounding_all(seed: int, limit: int, cuts: list[int]) -> None:
    bounds = HistoryBounds(rows=limit)
    rng = random.Random(seed)
    rows = [
        row._replace(event_type=rng.choice([*KEPT, "message_sent", "message_sent", "logged_in", "logged_in"]))
        for row in rows_with_ties(seed, 60)
    ]
    history = History(columns_of_rows([]), 0, False)
    packed: PackedHistory | None = None
    done: list[TouchpointRow] = []
    places = sorted({0, *cuts, len(rows)})
    for first, last in pairwise(places):
        done += rows[first:last]
        found = assembled(packed, rows[first:last], bounds, bounds.rule)
        history = found if found is not None else rebuilt(done, bounds)
        packed = PackedHistory(bounds.rule, history.left_out, pack(history.columns))
    assert_same(history.columns, columns_of_rows(within(rows, bounds)))
    assert history.left_out == len(rows) - len(history.columns)


def test_profile_consent_and_contacts_outlast_the_limit() -> None:
    rows = [touchpoint("profile", 0, event_type="profile_updated", properties={"time_zone": "Asia/Tokyo"})]
    rows += [
        touchpoint("out", 1, event_type="unsubscribed"),
        touchpoint("end", 2, event_type="observation_ended"),
    ]
    rows += [touchpoint(f"sent-{n}", 3 + n / 10, event_type="message_sent") for n in range(15)]
    rows += [touchpoint(f"t-{n}", 10 + n) for n in range(50)]
    columns, left_out = bounded(columns_of_rows(rows), HistoryBounds(rows=10))
    kinds = [columns.text("event_type", row) for row in range(len(columns))]
    assert kinds == ["profile_updated", "unsubscribed", "observation_ended"] + ["message_sent"] * 10 + (
        ["logged_in"] * 10
    )
    assert left_out == len(rows) - len(kinds)
    assert columns.properties == ((0, {"time_zone": "Asia/Tokyo"}),)
