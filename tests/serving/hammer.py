"""One process of the concurrency test: threads that ask, confirm, release and ingest about few customers.

    python -m tests.serving.hammer URL HOME SEED THREADS ROUNDS

Times are drawn, not measured: a decision's `now` lies anywhere in `SPAN`, in no order, so that the
test means the same on a slow machine. A reservation outlasts `SPAN` or ends within it, and is confirmed,
released or left; who confirms too late may be refused. Prints what was acknowledged, a JSON object a line.
"""

from __future__ import annotations

import json
import random
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from data_contracts.configuration import configuration_from
from data_contracts.errors import Conflict
from data_contracts.times import HOUR
from features.packing import TouchpointRow
from policy.late_sends import still_fits
from policy.situation import Send, live_sends
from serving.store import EarlierAnswer, Snapshot, Store, open_store
from tests.serving.examples import START, outcome, touchpoint

CUSTOMERS = ("hot", "warm")
CAP, WINDOW = 3, 1_000_000
SPAN = 12 * WINDOW
FOR_EVER = START + 1_000 * SPAN
SHARED_DECISIONS, SHARED_ROWS = 40, 400
_OPTIMISTIC_TRIES = 3
CONFIGURATION = configuration_from({"policy": {"caps": [{"window_hours": WINDOW / HOUR, "sends": CAP}]}})


def fits(times: Sequence[int], now: int) -> bool:
    """Whether no half-open window of the cap's length around `now` would hold too many sends."""
    both = sorted([*(time for time in times if abs(time - now) < WINDOW), now])
    return all(both[k + CAP] - both[k] >= WINDOW for k in range(len(both) - CAP))


def fits_late(send: Send, snapshot: Snapshot) -> bool:
    """As the service asks it, with this test's one cap."""
    return still_fits(send, snapshot.columns, snapshot.sends, CONFIGURATION)


def decide_once(store: Store, customer_id: str, decision_id: str, now: int, until: int) -> bytes:
    """Ask for one message as the service does: the answer that counts, whoever gave it."""

    def made(snapshot: Snapshot) -> bytes | None:
        earlier: EarlierAnswer | None = snapshot.earlier
        return None if earlier is None else earlier.answer

    def decided(snapshot: Snapshot) -> tuple[bytes, object]:
        times = [send.decided_at for send in live_sends(snapshot.sends, now)]
        sends = [f"m-{decision_id}"] if fits(times, now) else []
        waits = [] if sends else [f"m-{decision_id}"]
        answer = json.dumps({"id": decision_id, "sent": sends}).encode()
        result = outcome(
            decision_id, customer_id, sends=sends, waits=waits, at=now, reserved_until=until, answer=answer
        )
        return answer, result

    for _ in range(_OPTIMISTIC_TRIES):
        snapshot = store.snapshot(customer_id, [f"m-{decision_id}"], decision_id)
        if (found := made(snapshot)) is not None:
            return found
        answer, result = decided(snapshot)
        if store.commit(result, snapshot):  # type: ignore[arg-type]
            return answer
    with store.locked(customer_id) as customer:
        snapshot = customer.snapshot([f"m-{decision_id}"], decision_id)
        if (found := made(snapshot)) is not None:
            return found
        answer, result = decided(snapshot)
        if customer.commit(result, snapshot):  # type: ignore[arg-type]
            return answer
    found = made(store.snapshot(customer_id, [], decision_id))
    if found is None:
        raise AssertionError(f"inside the lock {decision_id} was refused without an earlier answer")
    return found


def lasts(name: str) -> bool:
    """Whether the reservation of a decision outlasts everything."""
    return random.Random(f"life of {name}").random() < 0.6


class Hammer:
    """What one process does; `report` collects what was acknowledged."""

    def __init__(self, store: Store, seed: int, rounds: int) -> None:
        self.store, self.seed, self.rounds = store, seed, rounds
        self.report: list[dict[str, object]] = []

    def thread(self, number: int) -> None:
        rng = random.Random(f"{self.seed}-{number}")
        waiting: list[str] = []
        for round_number in range(self.rounds):
            waiting += self.ask(rng, f"{self.seed}-{number}-{round_number}")
            if round_number % 3 == 0:
                self.ingest(rng)
            while waiting and rng.random() < 0.5:
                self.confirm(waiting.pop(rng.randrange(len(waiting))))
        for name in waiting:
            self.confirm(name)

    def ask(self, rng: random.Random, name: str) -> list[str]:
        """Ask for one message; its name where it was let out and is to be confirmed."""
        if rng.random() < 0.15:  # several processes ask under one id, with one body
            name = f"shared-{rng.randrange(SHARED_DECISIONS)}"
        of_name = random.Random(name)
        customer_id = of_name.choice(CUSTOMERS)
        now = START + of_name.randrange(SPAN)
        until = FOR_EVER if lasts(name) else now + of_name.randrange(WINDOW)
        answer = decide_once(self.store, customer_id, name, now, until)
        self.report.append({"decision": name, "answer": answer.decode()})
        return [name] if json.loads(answer)["sent"] else []

    def confirm(self, name: str) -> None:
        fate = random.Random(f"fate of {name}").random()
        said = "sent" if fate < 0.5 else "not_sent" if fate < 0.85 else None
        for _ in range(2 if said else 0):
            try:
                state = self.store.confirm(name, f"m-{name}", said, fits_late)  # type: ignore[arg-type]
            except Conflict:
                if lasts(name):
                    raise
                # It may be refused now and fit later, once others were released.
                self.report.append({"late": name})
            else:
                self.report.append({"confirmed": name, "state": state})

    def ingest(self, rng: random.Random) -> None:
        rows = [shared_row(rng.randrange(SHARED_ROWS)) for _ in range(rng.randrange(1, 12))]
        accepted = self.store.ingest(rows)
        for (_, row), new in zip(rows, accepted, strict=True):
            self.report.append({"row": row.touchpoint_id, "new": new})


def shared_row(number: int) -> tuple[str, TouchpointRow]:
    """A touchpoint that several threads and processes report; times repeat."""
    return CUSTOMERS[number % 2], touchpoint(f"row-{number:03}", number % 37)


def main() -> None:
    url, home, seed, threads, rounds = sys.argv[1:]
    store = open_store(url, Path(home))
    hammer = Hammer(store, int(seed), int(rounds))
    failures: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            hammer.thread(number)
        except BaseException as error:
            failures.append(error)
            raise

    running = [threading.Thread(target=guarded, args=(number,)) for number in range(int(threads))]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    store.close()
    for line in hammer.report:
        print(json.dumps(line))
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
