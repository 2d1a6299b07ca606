"""What the store promises, over each database."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from data_contracts.configuration import configuration_from
from data_contracts.errors import ConfigurationError, Conflict, InvalidRequest, NotFound, StoreUnavailable
from data_contracts.times import DAY, HOUR
from features.packing import columns_of_rows
from policy.situation import Send
from serving.erasures import is_hash_of
from serving.history import HistoryBounds
from serving.store import EarlierAnswer, Reservation, Snapshot, SnapshotKey, open_store
from tests.serving.databases import Database
from tests.serving.examples import START, decision_row, outcome, touchpoint


def test_a_customer_never_seen_is_a_normal_case(database: Database) -> None:
    snapshot = database.store().snapshot("nobody", ["m-1"], "d-1")
    assert (snapshot.version, len(snapshot.columns), snapshot.sends) == (0, 0, ())
    assert (snapshot.first_asked, snapshot.earlier, snapshot.left_out) == ({}, None, 0)


def test_ingested_rows_are_seen_by_the_next_snapshot_of_any_store(database: Database) -> None:
    writer, reader = database.store(), database.store()
    assert len(reader.snapshot("c", []).columns) == 0
    full = touchpoint(
        "t-1",
        topic="“Größe”",
        message_id="m",
        campaign_id="k",
        decision_id="d",
        value=-0.1,
        sentiment=1.0,
        properties={"time_zone": None, "plan": ["a", {"b": 2**60}]},
    )
    rows = [full, touchpoint("t-2", 1)]
    assert writer.ingest([("c", row) for row in rows]) == [True, True]
    columns = reader.snapshot("c", []).columns
    assert columns.event_time.tolist() == [row.event_time for row in rows]
    assert columns.text("topic", 0) == "“Größe”"
    assert columns.properties == ((0, full.properties),)
    assert writer.timeline("c").touchpoints == (rows[1], full)


def test_of_one_key_the_first_row_stays(database: Database) -> None:
    store = database.store()
    first, other_source = touchpoint("t", 1), touchpoint("t", 2, source="crm")
    batch = [first, touchpoint("t", 3), other_source, first]
    assert store.ingest([("c", row) for row in batch]) == [True, False, True, False]
    assert store.ingest([("c", touchpoint("t", 4)), ("d", first), ("c", touchpoint("u"))]) == [
        False,
        False,
        True,
    ]
    assert store.timeline("c").touchpoints == (other_source, first, touchpoint("u"))
    assert store.timeline("d").touchpoints == ()
    assert store.ingest([]) == []


def test_a_commit_is_stored_whole(database: Database) -> None:
    store = database.store()
    made = outcome("d-1", "c", sends=["m-1"], waits=["m-2"])
    assert store.commit(made, store.snapshot("c", ["m-1"], "d-1"))
    after = database.store().snapshot("c", ["m-1", "m-2", "m-3"], "d-1")
    assert after.version > 0
    assert after.sends == made.reservations
    assert after.first_asked == {"m-1": START, "m-2": START}
    assert after.earlier == EarlierAnswer("c", made.body_digest, made.answer)
    stored = store.decision("d-1")
    assert stored.rows == made.rows
    assert (stored.customer_id, stored.decided_at, stored.features) == ("c", START, made.features)
    assert (stored.body_digest, stored.answer) == (made.body_digest, made.answer)


def test_numbers_and_texts_come_back_as_they_were(database: Database) -> None:
    store = database.store()
    row = decision_row(
        "d", "c", "m", value=0.1 + 0.2, send_probability=1 / 3, net_value=-1e-300, attributes='{"a":"\\u0000"}'
    )
    empty = decision_row(
        "d",
        "c",
        "n",
        rank=2,
        value=None,
        department=None,
        channel=None,
        topic=None,
        purpose=None,
        attributes=None,
        expires_at=None,
        model_version=None,
        net_value=None,
        wait_until=None,
    )
    made = outcome("d", "c", rows=(row, empty), features=None)
    assert store.commit(made, store.snapshot("c", []))
    assert store.decision("d").rows == (row, empty)
    assert store.decision("d").features is None


def test_a_commit_loses_when_the_version_has_moved(database: Database) -> None:
    store = database.store()
    for round_number in range(2):  # a customer without a version, then one with
        before = store.snapshot("c", [])
        assert store.commit(outcome(f"first-{round_number}", "c", sends=["a"]), before)
        assert not store.commit(outcome(f"second-{round_number}", "c", sends=["b"]), before)
        with pytest.raises(NotFound):
            store.decision(f"second-{round_number}")
    assert [send.message_id for send in store.snapshot("c", []).sends] == ["a", "a"]


def test_ingesting_does_not_move_the_version(database: Database) -> None:
    store = database.store()
    before = store.snapshot("c", [])
    store.ingest([("c", touchpoint("t"))])
    assert store.commit(outcome("d", "c"), before)
    assert len(store.snapshot("c", []).columns) == 1


def test_a_decision_id_has_one_answer(database: Database) -> None:
    store = database.store()
    assert store.commit(outcome("d", "c", sends=["m"]), store.snapshot("c", []))
    again = store.snapshot("c", [])
    assert not store.commit(outcome("d", "c", sends=["m"]), again)
    with pytest.raises(Conflict, match="'d' was answered for another request"):
        store.commit(outcome("d", "c", sends=["n"], body="another"), again)
    # For another customer as well, whether that one was seen before or not.
    for customer_id in ("new", "known"):
        if customer_id == "known":
            store.commit(outcome("e", "known"), store.snapshot("known", []))
        before = store.snapshot(customer_id, [])
        with pytest.raises(Conflict):
            store.commit(outcome("d", customer_id, body="another"), before)
        assert store.snapshot(customer_id, []).version == before.version
    assert store.snapshot("c", []).version == again.version
    assert [row.message_id for row in store.decision("d").rows] == ["m"]


def test_many_snapshots_and_commits_at_once(database: Database) -> None:
    store = database.store()
    store.ingest([("a", touchpoint("t")), ("b", touchpoint("u")), ("b", touchpoint("v", 2))])
    store.commit(outcome("taken", "z"), store.snapshot("z", []))
    keys = [
        SnapshotKey("b", ["m-1", "m-2"]),
        SnapshotKey("a", []),
        SnapshotKey("b", ["m-3"], "taken"),
        SnapshotKey("nobody", ["m-1"], "d-9"),
    ]
    snapshots = store.snapshots(keys)
    assert [snapshot.customer_id for snapshot in snapshots] == ["b", "a", "b", "nobody"]
    assert [len(snapshot.columns) for snapshot in snapshots] == [2, 1, 2, 0]
    assert [snapshot.earlier is not None for snapshot in snapshots] == [False, False, True, False]
    results = store.commit_many(
        [
            (outcome("d-1", "b", sends=["m-1"]), snapshots[0]),
            (outcome("d-2", "a", waits=["m-4"]), snapshots[1]),
            (outcome("d-3", "b", sends=["m-3"]), snapshots[2]),  # its version moved with the first
            (outcome("taken", "nobody", body="another"), snapshots[3]),
        ]
    )
    assert results[:3] == [True, True, False]
    assert isinstance(results[3], Conflict)
    after = store.snapshots(keys)
    assert after[0].first_asked == {"m-1": START}
    assert after[0].sends[0].message_id == "m-1"
    assert after[3].version == 0
    assert store.snapshots([]) == []
    assert store.commit_many([]) == []


def test_inside_the_lock_a_commit_can_not_lose(database: Database) -> None:
    store = database.store()
    for decision_id in ("d-1", "d-2"):  # a new customer, then a known one
        stale = store.snapshot("c", [])
        with store.locked("c") as customer:
            assert customer.commit(outcome(decision_id, "c", sends=[decision_id]), customer.snapshot([]))
            assert customer.snapshot([decision_id], decision_id).earlier is not None
        assert not store.commit(outcome("late", "c"), stale)
    assert len(store.snapshot("c", []).sends) == 2


def test_an_error_inside_the_lock_takes_all_back(database: Database) -> None:
    store = database.store()
    before = store.snapshot("c", [])
    with pytest.raises(ZeroDivisionError), store.locked("c") as customer:
        customer.commit(outcome("d", "c", sends=["m"]), customer.snapshot([]))
        raise ZeroDivisionError
    assert store.snapshot("c", [], "d").earlier is None
    assert store.commit(outcome("d", "c"), before)


def test_a_confirmation_settles_a_send_once(database: Database) -> None:
    store = database.store()
    store.commit(outcome("d", "c", sends=["m", "n"], waits=["w"]), store.snapshot("c", []))
    before = store.snapshot("c", [])
    assert store.confirm("d", "m", "sent") == "sent"
    assert store.confirm("d", "m", "sent") == "sent"
    assert store.confirm("d", "n", "not_sent") == "released"
    assert store.confirm("d", "n", "not_sent") == "released"
    after = store.snapshot("c", [])
    assert [(send.message_id, send.state) for send in after.sends] == [("m", "sent")]
    assert not store.commit(outcome("e", "c"), before), "a decision that saw the reservation is stale"
    with pytest.raises(Conflict, match="was confirmed as sent before"):
        store.confirm("d", "m", "not_sent")
    with pytest.raises(Conflict, match="was confirmed as released before"):
        store.confirm("d", "n", "sent")
    with pytest.raises(Conflict, match="told to wait, not to go"):
        store.confirm("d", "w", "sent")
    for decision_id, message_id in (("d", "unknown"), ("unknown", "m")):
        with pytest.raises(NotFound, match="unknown"):
            store.confirm(decision_id, message_id, "sent")


def test_a_reservation_that_ended_can_be_confirmed_while_nobody_took_its_place(database: Database) -> None:
    store = database.store()
    store.commit(outcome("d", "c", sends=["m"], reserved_until=START + 1), store.snapshot("c", []))
    store.commit(outcome("e", "c", sends=["n"], at=START + DAY), store.snapshot("c", []))
    store.confirm("e", "n", "not_sent")
    assert store.confirm("d", "m", "sent") == "sent"
    assert store.snapshot("c", []).sends == (Send("m", "marketing", "email", START, START + 1, "sent"),)


def test_a_send_that_is_confirmed_too_late_must_fit(database: Database) -> None:
    store = database.store()
    until = START + HOUR
    store.commit(outcome("d", "c", sends=["m"], reserved_until=until), store.snapshot("c", []))
    store.commit(outcome("e", "c", sends=["n"], at=until, reserved_until=until + HOUR), store.snapshot("c", []))
    before = store.snapshot("c", [])
    asked: list[tuple[Send, int]] = []

    def fits(send: Send, snapshot: Snapshot) -> bool:
        asked.append((send, snapshot.version))
        return len(asked) > 1

    with pytest.raises(Conflict, match=r"ended at 2026-01-01T01:00:00Z, .*ask again .*message_sent touchpoint"):
        store.confirm("d", "m", "sent", fits)
    assert store.commit(outcome("f", "c"), before), "a refusal moves nothing"
    assert store.confirm("d", "m", "sent", fits) == "sent"
    assert [send for send, _ in asked] == [Send("m", "marketing", "email", START, until, "reserved")] * 2
    assert asked[0][1] == before.version
    assert store.confirm("d", "m", "sent") == "sent", "and again, without being asked"
    assert store.confirm("e", "n", "sent") == "sent", "the later one was in time"


def test_a_transactional_send_is_never_too_late(database: Database) -> None:
    store = database.store()
    row = decision_row("d", "c", "m", action="send", purpose="transactional")
    made = outcome("d", "c", sends=["m"], reserved_until=START + 1, rows=(row,))
    store.commit(made, store.snapshot("c", []))
    store.commit(outcome("e", "c", sends=["n"], at=START + DAY), store.snapshot("c", []))
    assert store.confirm("d", "m", "sent") == "sent"


@pytest.mark.parametrize("mode", ["shadow", "holdout"])
def test_a_send_that_reserved_nothing_can_be_confirmed(database: Database, mode: str) -> None:
    store = database.store()
    made = outcome("d", "c", sends=["m", "n"], mode=mode, reserve=False)
    assert store.commit(made, store.snapshot("c", []))
    assert store.snapshot("c", []).sends == ()
    version = store.snapshot("c", []).version
    assert store.confirm("d", "m", "sent") == "sent"
    assert store.confirm("d", "n", "not_sent") == "released"
    after = store.snapshot("c", [])
    assert after.sends == (Send("m", "marketing", "email", START, START, "sent"),)
    assert after.version > version
    with pytest.raises(Conflict):
        store.confirm("d", "m", "not_sent")


def test_old_sends_are_not_read(database: Database) -> None:
    store = database.store(HistoryBounds(sends_hours=48))
    for number, hours in enumerate([0, 50, 60, 97]):
        made = outcome(f"d-{number}", "c", sends=[f"m-{number}"], at=START + hours * HOUR)
        assert store.commit(made, store.snapshot("c", []))
    assert [send.message_id for send in store.snapshot("c", []).sends] == ["m-1", "m-2", "m-3"]


def test_bounds_follow_the_configuration() -> None:
    bounds = HistoryBounds.of(
        configuration_from(
            {
                "policy": {"caps": [{"window_hours": 24 * 900, "sends": 3}]},
                "service": {"history_limit": 200},
                "vocabulary": {"roles": {"contact": ["mail_out"]}},
            }
        )
    )
    assert (bounds.rows, bounds.sends_hours) == (200, 24 * 900)
    assert bounds.contact_types == {"mail_out"}
    assert {"profile_updated", "opted_out", "opted_in", "observation_ended"} <= bounds.kept_types
    assert bounds.rule != HistoryBounds().rule == HistoryBounds(sends_hours=1).rule


def test_the_timeline_has_the_newest_first(database: Database) -> None:
    store = database.store()
    rows = [touchpoint(f"t-{hour}", hour) for hour in (3, 1, 2)]
    store.ingest([("c", row) for row in rows] + [("other", touchpoint("o"))])
    for number in range(3):
        made = outcome(f"d-{number}", "c", sends=["m"], waits=["n"], at=START + number * HOUR)
        assert store.commit(made, store.snapshot("c", []))
    store.confirm("d-1", "m", "not_sent")
    timeline = store.timeline("c")
    assert timeline.touchpoints == (rows[0], rows[2], rows[1])
    assert [(row.decision_id, row.rank) for row in timeline.decisions] == [
        (f"d-{number}", rank) for number in (2, 1, 0) for rank in (1, 2)
    ]
    assert timeline.reservations[1] == Reservation(
        "d-1", "m", "marketing", "email", START + HOUR, START + HOUR, "released"
    )
    short = store.timeline("c", limit=1)
    assert (short.touchpoints, short.decisions) == ((rows[0],), timeline.decisions[:1])
    assert short.reservations == timeline.reservations[:1]
    nobody = store.timeline("nobody")
    assert (nobody.touchpoints, nobody.decisions, nobody.reservations) == ((), (), ())


def test_everything_is_exported_in_batches(database: Database) -> None:
    store = database.store()
    rows = [(f"c-{number % 3}", touchpoint(f"t-{number}", number)) for number in range(25)]
    store.ingest(rows)
    for number in range(7):
        made = outcome(f"d-{number}", "c-1", sends=["b"], waits=["a", "c"])
        assert store.commit(made, store.snapshot("c-1", []))
    batches = list(store.export_touchpoints(batch_size=10))
    assert [len(batch) for batch in batches] == [10, 10, 5]
    assert sorted(row for batch in batches for row in batch) == sorted(rows)
    log = list(store.export_decisions(batch_size=4))
    assert [len(batch) for batch in log] == [4, 4, 4, 4, 4, 1]
    flat = [row for batch in log for row in batch]
    assert [row.decision_id for row in flat] == sorted(row.decision_id for row in flat)
    assert {row for row in flat if row.decision_id == "d-3"} == set(store.decision("d-3").rows)


def test_an_export_may_be_left_early(database: Database) -> None:
    store = database.store()
    store.ingest([("c", touchpoint(f"t-{number}")) for number in range(25)])
    export = store.export_touchpoints(batch_size=10)
    assert len(next(export)) == 10
    del export
    assert store.ingest([("c", touchpoint("later"))]) == [True]


def test_a_forgotten_customer_is_gone_everywhere(database: Database) -> None:
    store = database.store()
    name = "a-customer-with-a-long-name"
    store.ingest([(name, touchpoint(f"{name}-{number}", number)) for number in range(20)])
    store.ingest([("other", touchpoint("o"))])
    made = outcome("d", name, sends=["m"], waits=["n"], answer=name.encode())
    store.commit(made, store.snapshot(name, []))
    store.commit(outcome("e", "other"), store.snapshot("other", []))
    stale = store.snapshot(name, [])
    counts = store.forget(name, START)
    wanted = {"touchpoints": 20, "decisions": 2, "answers": 1, "sends": 1, "asked": 2, "histories": 1}
    assert {table: counts[table] for table in wanted} == wanted
    assert store.timeline(name).touchpoints == ()
    after = store.snapshot(name, ["m"], "d")
    assert (after.version, len(after.columns), after.sends) == (0, 0, ())
    assert (after.first_asked, after.earlier) == ({}, None)
    with pytest.raises(NotFound):
        store.decision("d")
    [(digest, at, told)] = database.sql("SELECT customer_hash, erased_at, counts FROM tact.erasures")
    assert is_hash_of(digest, name) and not is_hash_of(digest, "other") and at == START
    assert is_hash_of(hashlib.sha256(name.encode()).hexdigest(), name), "a record from before the salt"
    assert json.loads(told) == counts
    assert not store.commit(outcome("f", name), stale), "what it saw was erased"
    assert store.commit(outcome("g", name, sends=["m"]), store.snapshot(name, []))
    assert store.commit(outcome("d", name, body="another"), store.snapshot(name, [])), "its id is free again"
    assert store.ingest([(name, touchpoint(f"{name}-0"))]) == [True], "and so are the rows' keys"
    assert store.snapshot(name, []).version != stale.version
    assert len(store.timeline("other").decisions) == 0
    assert len(store.timeline("other").touchpoints) == 1
    assert set(store.forget("nobody", START).values()) == {0}


def test_nothing_of_a_forgotten_customer_stays_in_the_file(sqlite: Database) -> None:
    store = sqlite.store()
    name = "a-customer-with-a-long-name"
    for number in range(50):
        store.ingest([(name, touchpoint(f"{name}-{number}-{row}", row)) for row in range(20)])
        made = outcome(f"d-{number}", name, sends=["m"], answer=name.encode() * 100)
        assert store.commit(made, store.snapshot(name, []))
    files = list(sqlite.home.glob("tact.db*"))
    assert any(name.encode() in file.read_bytes() for file in files)
    store.forget(name, START)
    assert not any(name.encode() in file.read_bytes() for file in files)


def test_values_that_no_database_holds_are_the_callers_mistake(database: Database) -> None:
    store = database.store()
    good = touchpoint("good")
    for bad in (
        touchpoint("nul\0"),
        touchpoint("lone \ud800"),
        touchpoint("huge", event_time=2**63),
        touchpoint("big", properties={"n": 2**80}),
        touchpoint("surrogate", topic="\ud800"),
    ):
        with pytest.raises(InvalidRequest):
            store.ingest([("c", good), ("c", bad)])
    assert store.ingest([("c", good)]) == [True], "nothing of the bad batches was kept"
    with pytest.raises(InvalidRequest):
        store.commit(outcome("lone", "c", sends=["\ud800"]), store.snapshot("c", []))
    assert store.commit(outcome("fine", "c"), store.snapshot("c", []))


def test_a_callers_own_error_inside_the_lock_stays_what_it_is(database: Database) -> None:
    store = database.store()
    for error in (OverflowError("of the models"), UnicodeError("of the models"), KeyError("m")):
        with pytest.raises(type(error), match="m"), store.locked("c"):
            raise error
    with pytest.raises(InvalidRequest), store.locked("c") as customer:
        customer.commit(outcome("d", "c", sends=["\ud800"]), customer.snapshot([]))
    with store.locked("c") as customer:
        assert customer.commit(outcome("d", "c", sends=["m"]), customer.snapshot([]))


def test_health_and_close(database: Database) -> None:
    store = database.store()
    store.health()
    store.close()
    with pytest.raises(StoreUnavailable, match="was closed"):
        store.health()


def test_history_has_all_rows(database: Database) -> None:
    store = database.store(HistoryBounds(rows=10))
    rows = [touchpoint(f"t-{number}", number) for number in range(30)]
    store.ingest([("c", row) for row in rows])
    snapshot = store.snapshot("c", [])
    assert (len(snapshot.columns), snapshot.left_out) == (10, 20)
    assert store.history("c").event_time.tolist() == columns_of_rows(rows).event_time.tolist()
    assert len(store.history("nobody")) == 0
    store.ingest([("c", touchpoint("t-early", -5))])
    came_first = store.history("c", first=30)
    assert came_first.event_time.tolist() == columns_of_rows(rows).event_time.tolist()
    rows.append(touchpoint("t-early", -5))
    with store.locked("c") as customer:
        assert customer.history("c").event_time.tolist() == columns_of_rows(rows).event_time.tolist()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://localhost/tact", "mysql is no database that Tact knows"),
        ("tact.db", "nothing is no database that Tact knows"),
        ("sqlite:///", "names no file"),
        ("sqlite://tact.db", "names no file"),
        ("sqlite:///folder/", "names no file"),
        ("sqlite:///:memory:", "is lost with its process"),
        ("sqlite:///tact.db?synchronous=off", "synchronous is normal or full"),
        ("sqlite:///tact.db?timeout_ms=soon", "timeout_ms is a number of milliseconds"),
        ("sqlite:///tact.db?cache=shared", "'cache' is no option"),
        ("postgresql://localhost/tact?tact_prepare=yes", "tact_prepare is on or off"),
        ("postgresql://localhost/tact?tact_timeout_ms=-1", "tact_timeout_ms is a number of milliseconds"),
        ("postgresql://localhost/tact?tact_pool=3", "'tact_pool' is no option"),
        ("postgresql://localhost/tact?nonsense=3", "nonsense"),
    ],
)
def test_an_address_that_can_not_be_read_is_named(url: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=said):
        open_store(url, tmp_path)


def test_a_relative_path_is_relative_to_the_home(tmp_path: Path) -> None:
    for url, file in (
        ("sqlite:///deep/er/my%20tact.db?synchronous=full&timeout_ms=100", "deep/er/my tact.db"),
        (f"sqlite:///{tmp_path}/absolute.db", "absolute.db"),
    ):
        store = open_store(url, tmp_path)
        assert not (tmp_path / file).exists(), "nothing happens before the first use"
        store.health()
        assert (tmp_path / file).exists()
        store.close()
