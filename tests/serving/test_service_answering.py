"""The decision and its retry loop on a real SQLite store, with what can go wrong put in its way."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import prometheus_client
import pytest

from data_contracts.configuration import Configuration, configuration_from
from data_contracts.errors import BundleUnusable, Conflict, InvalidRequest, StoreUnavailable
from data_contracts.times import DAY, HOUR, format_time
from features.builder import HISTORY_LIMIT
from features.packing import columns_of_rows
from models.bundle import load_bundle
from models.scoring import CustomerScorer
from policy.situation import Send
from serving.answering import Answering, new_decision_id
from serving.batching import ATTEMPTS
from serving.champion import Champion, find_bundle, rehearse, synthetic_rehearsals
from serving.claims import Abandoned, Claim
from serving.deciding import plan
from serving.feature_log import AskedRequest, unpack_features
from serving.history import HistoryBounds
from serving.metrics import Metrics
from serving.parsing import DecideCall, parse_decide
from serving.spool import Spool
from serving.store import Snapshot, open_store
from tests.features.seeded import random_rows
from tests.serving.live import asked, candidate, promote

OPEN = {"quiet_hours": False, "exploration": 0.0, "minimum_net_value": -100.0}


@pytest.fixture(scope="module")
def metrics() -> Iterator[Metrics]:
    before = set(prometheus_client.REGISTRY._collector_to_names)
    yield Metrics()
    for collector in set(prometheus_client.REGISTRY._collector_to_names) - before:
        prometheus_client.REGISTRY.unregister(collector)


class Bench:
    """An Answering on a fresh database, with a clock that a test moves."""

    def __init__(
        self, home: Path, bundle: Path, metrics: Metrics, service: dict[str, Any] | None = None, **policy: Any
    ) -> None:
        self.now = 1_772_452_800_000_000  # 2026-03-02T12:00:00Z
        self.configuration: Configuration = configuration_from(
            {"policy": OPEN | policy, "service": service or {}}
        )
        self.store = open_store("sqlite:///tact.db", home, HistoryBounds.of(self.configuration))
        promote(home, bundle, "3")
        self.champion = Champion(home, self.configuration)
        self.spool = Spool(home / "spool")
        self.answering = Answering(
            self.store, self.spool, self.champion, self.configuration, metrics, clock=lambda: self.now
        )

    def ask(self, *candidates: dict[str, Any], customer: str = "c-1", **fields: Any) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(
            self.answering.decide(call(*candidates, customer=customer, **fields))
        )
        return answer

    def close(self) -> None:
        self.store.close()
        self.spool.close()


def call(*candidates: dict[str, Any], customer: str = "c-1", **fields: Any) -> DecideCall:
    return parse_decide(json.dumps(asked(customer, *candidates, **fields)).encode())


@pytest.fixture
def bench(tmp_path: Path, bundle: Path, metrics: Metrics) -> Iterator[Bench]:
    found = Bench(tmp_path, bundle, metrics)
    assert found.champion.poll()
    yield found
    found.close()


def receipt(name: str = "r") -> dict[str, Any]:
    return candidate(name, purpose="transactional", department="billing")


def actions(answer: dict[str, Any]) -> dict[str, str]:
    return {one["message_id"]: one["action"] for one in answer["decisions"]}


# ---- modes, log, reservations


def test_enforce_reserves_until_the_reservation_ends(bench: Bench) -> None:
    answer = bench.ask(candidate("a"), decision_id="d-1")
    assert actions(answer) == {"a": "send"} and answer["decided_at"] == "2026-03-02T12:00:00Z"
    (send,) = bench.store.snapshot("c-1", ["a"]).sends
    assert send == Send("a", "marketing", "email", bench.now, bench.now + HOUR, "reserved")
    again = bench.ask(candidate("b"))
    assert actions(again) == {"b": "wait"} and again["decisions"][0]["reasons"][0]["code"] == "cap"
    bench.now += HOUR + 1
    assert actions(bench.ask(candidate("c"))) == {"c": "send"}


def test_shadow_only_logs(bench: Bench) -> None:
    answer = bench.ask(candidate("a"), receipt(), mode="shadow", decision_id="d-1")
    assert set(actions(answer).values()) == {"send"} and answer["mode"] == "shadow"
    assert bench.store.snapshot("c-1", ["a"]).sends == ()
    assert {row.mode for row in bench.store.decision("d-1").rows} == {"shadow"}


def test_the_holdout_only_logs(tmp_path: Path, bundle: Path, metrics: Metrics) -> None:
    bench = Bench(tmp_path, bundle, metrics, holdout=1.0)
    bench.champion.poll()
    answer = bench.ask(candidate("a"), candidate("b"), decision_id="d-1")
    assert set(actions(answer).values()) == {"send"} and answer["mode"] == "holdout"
    assert answer["decisions"][0]["reasons"][0]["code"] == "holdout" and answer["goal"]["name"]
    assert bench.store.snapshot("c-1", ["a"]).sends == ()
    assert [(row.mode, row.send_probability) for row in bench.store.decision("d-1").rows] == [
        ("holdout", 1.0)
    ] * 2
    bench.close()


def test_the_log_says_what_the_answer_said(bench: Bench) -> None:
    messages = [
        candidate(
            "a",
            value=2.0,
            attributes={"walk": 1, "b": None},
            campaign_id="k",
            expires_at="2026-03-09T00:00:00Z",
        ),
        candidate("b", not_before="2026-03-03T00:00:00Z"),
    ]
    answer = bench.ask(*messages, decision_id="d-1")
    stored = bench.store.decision("d-1")
    assert json.loads(stored.answer) == answer
    for row, told in zip(stored.rows, answer["decisions"], strict=True):
        assert (row.message_id, row.action, row.rank, row.net_value, row.send_probability) == (
            told["message_id"], told["action"], told["rank"], told["net_value"], told["send_probability"],
        )  # fmt: skip
        assert json.loads(row.reasons) == told["reasons"] and row.model_version == "3"
    by_id = {row.message_id: row for row in stored.rows}
    assert json.loads(by_id["a"].attributes or "") == {"walk": 1, "b": None}
    assert by_id["a"].expires_at == 1_773_014_400_000_000 and by_id["b"].attributes is None


def test_the_logged_features_are_those_of_the_history(bench: Bench) -> None:
    bench.now = 1_772_452_800_000_000
    rows = [row for row in random_rows(3, 120) if row.event_type not in ("opted_out", "unsubscribed")]
    bench.store.ingest([("c-1", row) for row in rows])
    asked_now = call(candidate("a"), candidate("b", department="support"), mode="shadow", decision_id="d-1")
    answer = json.loads(bench.answering.decide(asked_now))
    seen = unpack_features(bench.store.decision("d-1").features or b"")
    loaded = bench.champion.current
    assert loaded is not None
    scorer = CustomerScorer(
        loaded.bundle, columns_of_rows(rows), asked_now.candidates, bench.now, HISTORY_LIMIT
    )
    design = scorer.design_now()
    np.testing.assert_array_equal(seen.shared, design.shared)
    np.testing.assert_array_equal(seen.own, design.own)
    assert seen.model_version == "3" and seen.situation["now"] == bench.now
    assert sorted(answer["goal"]["probabilities"].values()) == sorted(seen.goals.tolist())
    for blob, told in ((b"", "damaged"), (b"\x91\x01", "damaged"), (b"\x91\x03", "format 3, expected 2")):
        with pytest.raises(ValueError, match=told):
            unpack_features(blob)


@pytest.mark.parametrize("version", [1, 2])
def test_the_golden_features_of_each_format_are_still_read(version: int) -> None:
    file = Path(__file__).parents[1] / "golden" / f"feature_log_{version}.bin"
    seen = unpack_features(file.read_bytes())
    np.testing.assert_array_equal(seen.shared, np.asarray([[0, 1.5, np.nan, -2]], np.float32))
    np.testing.assert_array_equal(seen.own, np.asarray([[0, np.nan], [3, 4]], np.float32))
    assert seen.model_version == "7" and seen.goals.tolist() == [0.25, 0.75]
    assert seen.situation == {
        "now": 1_772_452_800_000_000, "touches": [[1_772_452_700_000_000, "support", "email"]],
        "opted_out": ["sms"], "zones": ["UTC"], "sent": {"m-0": 1}, "reserved": {"m-1": 2},
        "first_asked": {"m-2": 3}, "is_new": False,
    }  # fmt: skip
    asked_then = AskedRequest("shadow", True, False, ("m-2", "m-3"), (None, "g"))
    assert (seen.request, seen.rows) == ((asked_then, 7) if version > 1 else (None, None))


def test_a_plan_can_be_repeated(bench: Bench) -> None:
    loaded = bench.champion.current
    assert loaded is not None
    snapshot = Snapshot("c-1", 0, columns_of_rows(random_rows(4, 80)))
    asked_now = call(candidate("a"), candidate("b"), receipt())
    plans = [plan(asked_now, snapshot, loaded.bundle, bench.configuration, bench.now, "d-1") for _ in range(2)]
    assert plans[0].outcome == plans[1].outcome


# ---- the loop


class Racing:
    """A store whose first commits lose their race."""

    def __init__(self, store: Any, losses: int) -> None:
        self._store, self.losses, self.locks = store, losses, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def commit(self, outcome: Any, snapshot: Any) -> bool:
        if self.losses > 0:
            self.losses -= 1
            return False
        return bool(self._store.commit(outcome, snapshot))

    @contextmanager
    def locked(self, customer_id: str) -> Iterator[Any]:
        self.locks += 1
        with self._store.locked(customer_id) as customer:
            yield customer


@pytest.mark.parametrize(("losses", "locks"), [(0, 0), (1, 0), (ATTEMPTS - 1, 0), (ATTEMPTS, 1)])
def test_lost_races_are_run_again_and_then_under_the_lock(bench: Bench, losses: int, locks: int) -> None:
    racing = Racing(bench.store, losses)
    bench.answering.store = racing  # type: ignore[assignment]
    assert actions(bench.ask(candidate("a"), decision_id="d-1")) == {"a": "send"}
    assert racing.locks == locks and bench.store.decision("d-1").rows


def test_a_broken_connection_is_tried_once_more(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    real, failures = bench.store.snapshot, [1]

    def once(*given: Any) -> Snapshot:
        if failures:
            failures.pop()
            raise StoreUnavailable("the connection was lost")
        return real(*given)

    monkeypatch.setattr(bench.store, "snapshot", once)
    assert not bench.ask(candidate("a"))["degraded"] and bench.answering.store_trouble is None


def test_a_store_that_fails_is_left_alone_until_it_is_well(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def away(*_: Any) -> Snapshot:
        calls.append(1)
        raise StoreUnavailable("the database is away")

    with monkeypatch.context() as patched:
        patched.setattr(bench.store, "snapshot", away)
        first = bench.ask(receipt(), candidate("a"), decision_id="d-1")
        assert first["degraded"] and actions(first) == {"r": "send", "a": "wait"} and len(calls) == 2
        assert bench.ask(receipt(), candidate("a"), decision_id="d-1") == first and len(calls) == 2
        with pytest.raises(Conflict):
            bench.ask(candidate("z"), decision_id="d-1")
    bench.answering.store_trouble = None
    assert bench.ask(receipt(), candidate("a"), decision_id="d-1") == first
    assert not bench.spool.is_pending() and len(bench.store.snapshot("c-1", []).sends) == 1


def test_a_spooled_id_that_was_answered_otherwise_is_logged_beside(bench: Bench) -> None:
    stored = bench.ask(candidate("a"), decision_id="d-1")
    spooled = json.loads(bench.answering.degrade(call(receipt(), decision_id="d-1"), "deadline"))
    assert bench.answering.replay_spool() == 1
    assert json.loads(bench.store.decision("d-1").answer) == stored
    assert json.loads(bench.store.decision("d-1~spooled").answer) == spooled
    bench.answering.degrade(call(receipt(), decision_id="d-1"), "deadline")
    assert bench.answering.replay_spool() == 1


def test_a_model_that_fails_degrades_the_answer(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = bench.champion.current
    assert loaded is not None

    def fails(*_: Any) -> Any:
        raise ZeroDivisionError("a model's own mistake")

    monkeypatch.setattr(type(loaded.bundle), "goal_probabilities", fails)
    answer = bench.ask(receipt(), candidate("a"), decision_id="d-1")
    assert answer["degraded"] and actions(answer) == {"r": "send", "a": "wait"}
    assert bench.store.decision("d-1").rows and len(bench.store.snapshot("c-1", []).sends) == 1


def test_after_the_deadline_nothing_is_stored(bench: Bench) -> None:
    claim = Claim()
    assert claim.abandon()
    with pytest.raises(Abandoned):
        bench.answering.decide(call(candidate("a"), decision_id="d-1"), claim)
    assert bench.store.snapshot("c-1", [], "d-1").earlier is None
    begun = Claim()
    begun.begin_commit()
    assert not begun.abandon() and not begun.is_abandoned


def test_now_needs_a_request_clock(bench: Bench) -> None:
    with pytest.raises(InvalidRequest) as error:
        bench.ask(now="2026-03-01T00:00:00Z")
    assert error.value.errors[0].field == "now"


@pytest.mark.parametrize("losses", [0, ATTEMPTS])
def test_an_earlier_now_sees_what_was_known_then_beyond_the_limit(
    tmp_path: Path, bundle: Path, metrics: Metrics, losses: int
) -> None:
    rows = random_rows(11, 800)
    service = {"request_clock": True, "history_limit": 100}
    answers, blobs = [], []
    for name in ("all", "then"):
        bench = Bench(tmp_path / name, bundle, metrics, service)
        bench.champion.poll()
        start = min(row.event_time for row in rows)
        if name == "all":
            bench.store.ingest([("c-1", row) for row in rows])
        for moment in (0.35, 0.6, 0.8):
            now = start + round(moment * 120 * DAY)
            if name == "then":  # the rows come in as time goes on, so nothing has to be looked up
                bench.store.ingest([("c-1", row) for row in rows if row.ingested_time <= now])
            else:
                assert bench.store.snapshot("c-1", []).left_out > 0
                bench.answering.store = Racing(bench.store, losses)  # type: ignore[assignment]
            decision_id = f"d-{moment}"
            asked_then = {"decision_id": decision_id, "now": format_time(now), "mode": "shadow"}
            answers.append(bench.ask(candidate("a"), candidate("b", department="support"), **asked_then))
            # All but the last: how many rows are stored today is not what was seen then.
            blobs.append(str(msgspec.msgpack.decode(bench.store.decision(decision_id).features or b"")[:-1]))
        bench.close()
    half = len(answers) // 2
    assert answers[:half] == answers[half:]
    assert blobs[:half] == blobs[half:] and len(set(blobs)) == half


def test_caps_hold_for_simultaneous_callers(bench: Bench) -> None:
    """Eight threads ask for the same two customers; no more than the caps goes out."""
    sent: list[tuple[str, str]] = []
    failures: list[BaseException] = []

    def ask(thread: int) -> None:
        try:
            for number in range(12):
                customer = f"c-{number % 2}"
                department = ("marketing", "sales", "support")[number % 3]
                message = candidate(f"{thread}-{number}", department=department, channel="push")
                answer = bench.ask(message, customer=customer)
                sent.extend((customer, department) for action in actions(answer).values() if action == "send")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    for customer in ("c-0", "c-1"):
        departments = [department for one, department in sent if one == customer]
        assert 1 <= len(departments) <= 2 and departments.count("marketing") <= 1


def test_one_id_asked_at_once_has_one_answer(bench: Bench) -> None:
    body = call(candidate("a"), receipt(), decision_id="d-race")
    answers: set[bytes] = set()
    threads = [threading.Thread(target=lambda: answers.add(bench.answering.decide(body))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 1 and len(bench.store.snapshot("c-1", []).sends) == 2


# ---- batches


def test_a_batch_is_answered_as_single_requests_would_be(
    tmp_path: Path, bundle: Path, metrics: Metrics
) -> None:
    calls = [
        call(
            candidate(f"m-{n}", department=("sales", "support")[n % 2]),
            customer=f"c-{n % 7}",
            decision_id=f"d-{n}",
        )
        for n in range(40)
    ]
    benches = [Bench(tmp_path / name, bundle, metrics) for name in ("one", "many")]
    for bench in benches:
        bench.champion.poll()
    single = [benches[0].answering.decide(one) for one in calls]
    assert benches[1].answering.decide_many(calls) == single
    for bench in benches:
        bench.close()


def test_a_batch_with_conflicts_repetitions_and_lost_races(bench: Bench) -> None:
    bench.ask(candidate("a"), customer="c-9", decision_id="d-old")
    calls = [
        call(candidate("x"), customer="c-2", decision_id="d-2"),
        call(candidate("x"), customer="c-2", decision_id="d-2"),
        call(candidate("y"), customer="c-3", decision_id="d-2"),
        call(candidate("a"), customer="c-9", decision_id="d-old"),
        call(candidate("b"), customer="c-9", decision_id="d-old"),
        call(candidate("x"), customer="c-4", now="2026-03-01T00:00:00Z"),
    ]
    answers = bench.answering.decide_many(calls)
    assert answers[0] == answers[1] and isinstance(answers[0], bytes)
    assert isinstance(answers[2], Conflict) and isinstance(answers[4], Conflict)
    assert isinstance(answers[3], bytes) and isinstance(answers[5], InvalidRequest)


def test_a_batch_without_a_store_is_spooled(bench: Bench) -> None:
    bench.answering.store_failed(StoreUnavailable("away"))
    answers = bench.answering.decide_many([call(receipt(f"r-{n}"), customer=f"c-{n}") for n in range(5)])
    told = [json.loads(answer) for answer in answers if isinstance(answer, bytes)]
    assert len(told) == 5 and all(answer["degraded"] for answer in told)
    bench.answering.store_trouble = None
    assert bench.answering.replay_spool() == 5


# ---- the champion


def test_a_bundle_is_looked_for_where_it_may_be(
    tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TACT_BUNDLE", raising=False)
    assert find_bundle(tmp_path) is None
    promote(tmp_path, bundle, "3")
    place = find_bundle(tmp_path)
    assert place is not None and place.folder.resolve() == bundle.resolve() and place == find_bundle(tmp_path)
    monkeypatch.setenv("TACT_BUNDLE", str(tmp_path / "elsewhere"))
    elsewhere = find_bundle(tmp_path)
    assert elsewhere is not None and elsewhere.folder == tmp_path / "elsewhere"
    monkeypatch.delenv("TACT_BUNDLE")
    for text in ("", "{}", "[]", '{"folder": ', "\xff"):
        (tmp_path / "champion" / "current.json").write_bytes(text.encode("latin-1"))
        with pytest.raises(BundleUnusable, match=r"current\.json"):
            find_bundle(tmp_path)


def test_a_bundle_that_gives_no_probabilities_is_refused(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load_bundle(bundle)
    rehearsals = synthetic_rehearsals(loaded)
    for rehearsal in rehearsals:
        rehearse(loaded, Configuration(), rehearsal)
    monkeypatch.setattr(
        type(loaded.contact["helps"].send), "predict", lambda self, rows: np.full(len(rows), 1.5)
    )
    with pytest.raises(BundleUnusable, match="no probabilities"):
        rehearse(loaded, Configuration(), rehearsals[-1])


def test_real_requests_warm_the_next_bundle(bench: Bench) -> None:
    for number in range(40):
        bench.ask(candidate(f"m-{number}"), customer=f"c-{number}", mode="shadow")
    assert len(bench.champion._recent) == 2  # every 16th
    assert not bench.champion.poll()


def test_ids_sort_by_time_and_do_not_meet() -> None:
    ids = [new_decision_id(1_772_452_800_000_000 + number * 1_000) for number in range(200)]
    assert ids == sorted(ids) and len(set(ids)) == 200
    assert all(len(one) == 36 and one[14] == "7" and one[19] in "89ab" for one in ids)
    assert len({new_decision_id(5 * DAY) for _ in range(1_000)}) == 1_000
