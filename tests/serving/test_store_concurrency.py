"""Many threads and several processes at the same few customers: caps hold, nothing is done twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

from data_contracts.errors import Conflict
from features.packing import columns_of_rows
from serving.store import Outcome, Store
from tests.serving.databases import Database
from tests.serving.examples import START, outcome, touchpoint
from tests.serving.hammer import (
    CAP,
    CUSTOMERS,
    FOR_EVER,
    SHARED_ROWS,
    WINDOW,
    decide_once,
    fits_late,
    shared_row,
)

ROOT = Path(__file__).parents[2]
# `make soak` repeats the same for longer: TACT_SOAK is how many times.
SOAK = int(os.environ.get("TACT_SOAK", "1"))
PROCESSES, THREADS, ROUNDS = 3, 8, 30 * SOAK
FIRST_SEED = int(os.environ.get("TACT_TEST_SEED", "0"))


def run_at_once(*works: Callable[[], object]) -> list[object]:
    """Run each in a thread of its own, from one moment on; what they returned or raised."""
    results: list[object] = [None] * len(works)
    together = threading.Barrier(len(works))

    def run(place: int) -> None:
        together.wait()
        try:
            results[place] = works[place]()
        except Exception as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_caps_hold_under_threads_and_processes(database: Database) -> None:
    command = [sys.executable, "-m", "tests.serving.hammer", database.url, str(database.home)]
    # Long waits are fine here: what is tested is what happens, not how quickly.
    command[3] += ("&" if "?" in database.url else "?") + (
        "timeout_ms=60000" if database.kind == "sqlite" else "tact_timeout_ms=60000"
    )
    running = [
        subprocess.Popen(
            [*command, str(seed), str(THREADS), str(ROUNDS)],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in range(FIRST_SEED, FIRST_SEED + PROCESSES)
    ]
    lines = []
    for process in running:
        out, err = process.communicate(timeout=300 * SOAK)
        assert process.returncode == 0, err[-3_000:]
        lines += [json.loads(line) for line in out.splitlines()]

    store = database.store()
    answers: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        if "decision" in line:
            answers[line["decision"]].add(line["answer"])
    assert len(answers) > PROCESSES * THREADS * ROUNDS * 0.8
    sent = 0
    for decision_id, given in answers.items():
        assert len(given) == 1, f"{decision_id} was answered in two ways"
        stored = store.decision(decision_id)
        assert stored.answer.decode() in given
        sent += stored.rows[0].action == "send"
    assert sent > 40

    states = dict(database.sql("SELECT decision_id, state FROM tact.sends"))
    assert len(states) == sent, "each send is reserved once"
    for line in lines:
        if "confirmed" in line:
            assert states[line["confirmed"]] == line["state"]

    for customer_id in CUSTOMERS:
        rows = database.sql(
            "SELECT decided_at, state, reserved_until FROM tact.sends WHERE customer_id = ?", [customer_id]
        )
        counted = sorted(
            at for at, state, until in rows if state == "sent" or (state == "reserved" and until == FOR_EVER)
        )
        assert len(counted) > CAP
        for first, last in zip(counted, counted[CAP:], strict=False):
            assert last - first >= WINDOW, f"{CAP + 1} sends of {customer_id} within one window"

    new = Counter(line["row"] for line in lines if line.get("new"))
    seen = {line["row"] for line in lines if "row" in line}
    assert set(new) == seen, "each row was new to somebody"
    assert set(new.values()) == {1}, "and to nobody else"
    for customer_id in CUSTOMERS:
        wanted = [
            row
            for of_customer, row in map(shared_row, range(SHARED_ROWS))
            if of_customer == customer_id and row.touchpoint_id in seen
        ]
        found = store.snapshot(customer_id, []).columns
        assert found.event_time.tolist() == columns_of_rows(wanted).event_time.tolist()


def test_one_decision_id_asked_by_many_at_once(database: Database) -> None:
    stores = [database.store() for _ in range(8)]

    def ask(store: Store) -> bytes:
        return decide_once(store, "c", "d", START, FOR_EVER)

    answers = run_at_once(*(lambda store=store: ask(store) for store in stores))
    assert set(answers) == {b'{"id": "d", "sent": ["m-d"]}'}
    assert database.sql("SELECT count(*) FROM tact.sends") == [(1,)]


def test_one_decision_id_for_two_bodies_at_once(database: Database) -> None:
    store = database.store()

    def commit(made: Outcome) -> bool:
        return store.commit(made, store.snapshot(made.customer_id, []))

    for number in range(10):
        made = [outcome(f"d-{number}", f"c-{place}", body=f"body {place}") for place in range(4)]
        results = run_at_once(*(lambda one=one: commit(one) for one in made))
        assert [result for result in results if result is True] == [True]
        assert sum(isinstance(result, Conflict) for result in results) == 3


def test_one_row_ingested_by_many_at_once(database: Database) -> None:
    stores = [database.store() for _ in range(6)]
    rows = [(f"c-{number % 5}", touchpoint(f"t-{number}", number)) for number in range(300)]
    # In different orders: whoever waits for another's key must not be waited for by it.
    orders = [rows, rows[::-1], rows[150:] + rows[:150], rows, rows[::-1], rows]
    results = run_at_once(
        *(lambda store=store, some=some: store.ingest(some) for store, some in zip(stores, orders, strict=True))
    )
    accepted: Counter[str] = Counter()
    for result, some in zip(results, orders, strict=True):
        assert isinstance(result, list), result
        for (_, row), new in zip(some, result, strict=True):
            accepted[row.touchpoint_id] += new
    assert set(accepted.values()) == {1}
    assert sum(len(stores[0].snapshot(f"c-{number}", []).columns) for number in range(5)) == 300


def test_batches_of_decisions_that_overlap_at_once(database: Database) -> None:
    stores = [database.store() for _ in range(4)]
    customers = [f"c-{number:02}" for number in range(40)]

    def batch(place: int) -> list[object]:
        store = stores[place]
        order = customers if place % 2 else customers[::-1]
        made = [outcome(f"{place}-{customer_id}", customer_id, sends=["m"]) for customer_id in order]
        snapshots = [store.snapshot(customer_id, []) for customer_id in order]
        return list(zip(order, store.commit_many(list(zip(made, snapshots, strict=True))), strict=True))

    stored: Counter[str] = Counter()
    for result in run_at_once(*(lambda place=place: batch(place) for place in range(4))):
        assert isinstance(result, list), result
        stored.update(customer_id for customer_id, written in result if written is True)
    assert set(stored) == set(customers), "of those who race for a customer one wins"
    found = dict(database.sql("SELECT customer_id, count(*) FROM tact.sends GROUP BY customer_id"))
    assert found == dict(stored)


def test_a_confirmation_and_its_opposite_at_once(database: Database) -> None:
    store = database.store()
    for number in range(10):
        store.commit(outcome(f"d-{number}", "c", sends=["m"]), store.snapshot("c", []))
        results = run_at_once(
            *(
                lambda said=said, name=f"d-{number}": store.confirm(name, "m", said)
                for said in ("sent", "not_sent", "sent", "not_sent")
            )
        )
        said = {result for result in results if isinstance(result, str)}
        assert len(said) == 1
        assert sum(isinstance(result, Conflict) for result in results) == 2


def test_late_confirmations_beside_decisions_that_take_their_place(database: Database) -> None:
    store = database.store()
    refused = 0
    for number in range(12):
        customer = f"c-{number}"
        for place in range(CAP):
            made = outcome(f"a-{number}-{place}", customer, sends=[f"m-{place}"], reserved_until=START + 5)
            assert store.commit(made, store.snapshot(customer, []))

        def late(place: int, number: int = number) -> str:
            return store.confirm(f"a-{number}-{place}", f"m-{place}", "sent", fits_late)

        def ask(place: int, customer: str = customer) -> bytes:
            return decide_once(store, customer, f"b-{customer}-{place}", START + 5 + place, FOR_EVER)

        works = [lambda place=place, work=work: work(place) for place in range(CAP) for work in (late, ask)]
        results = run_at_once(*works)
        refused += sum(isinstance(result, Conflict) for result in results)
        unexpected = [one for one in results if isinstance(one, Exception) and not isinstance(one, Conflict)]
        assert unexpected == []
        [(counted,)] = database.sql(
            "SELECT count(*) FROM tact.sends WHERE customer_id = ? AND (state = 'sent' OR reserved_until = ?)",
            [customer, FOR_EVER],
        )
        assert counted <= CAP
    assert refused > 0


def test_packing_beside_ingesting_loses_no_row(database: Database) -> None:
    store = database.store()

    def ingest(place: int) -> None:
        for number in range(40):
            rows = [touchpoint(f"{place}-{number}-{k}", (number * 7 + k) % 50) for k in range(3)]
            assert store.ingest([("c", row) for row in rows]) == [True] * 3

    def decide(place: int) -> None:
        for number in range(40):
            decide_once(store, "c", f"d-{place}-{number}", START, FOR_EVER)

    works = [lambda place=place: ingest(place) for place in range(4)]
    works += [lambda place=place: decide(place) for place in range(3)]
    assert run_at_once(*works) == [None] * 7
    wanted = columns_of_rows(
        touchpoint(f"{place}-{number}-{k}", (number * 7 + k) % 50)
        for place in range(4)
        for number in range(40)
        for k in range(3)
    )
    assert store.snapshot("c", []).columns.event_time.tolist() == wanted.event_time.tolist()
    assert store.compact(["c"]) <= 1
    packed = store.snapshot("c", [])
    assert packed.columns.event_time.tolist() == wanted.event_time.tolist()
