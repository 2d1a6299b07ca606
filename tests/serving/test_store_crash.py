"""A writer is killed at random moments: everything that was acknowledged is there, and whole."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

from tests.serving.databases import Database

ROOT = Path(__file__).parents[2]
# `make soak` repeats the same for longer: TACT_SOAK is how many times.
WRITERS, ROUNDS = 2, 3 * int(os.environ.get("TACT_SOAK", "1"))


def killed_writers(database: Database, round_number: int, seed: int) -> list[tuple[str, str]]:
    """Start writers, kill them some acknowledgements later; what was acknowledged."""
    rng = random.Random(f"{seed}-{round_number}")
    writers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.serving.crash_writer", database.url, str(database.home), name],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        for name in (f"{round_number}-{place}" for place in range(WRITERS))
    ]
    acknowledged: list[tuple[str, str]] = []

    def listen(writer: subprocess.Popen[str], lines: int, pause: float) -> None:
        assert writer.stdout is not None and writer.stderr is not None
        for number, line in enumerate(writer.stdout):
            what, name = line.split()
            acknowledged.append((what, name))
            if number == lines:
                # Not at the acknowledgement itself: somewhere in what comes after it.
                threading.Event().wait(pause)
                writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        writer.stderr.close()

    listeners = [
        threading.Thread(target=listen, args=(writer, rng.randrange(20, 120), rng.uniform(0, 0.004)))
        for writer in writers
    ]
    for listener in listeners:
        listener.start()
    for listener in listeners:
        listener.join()
    assert all(writer.returncode == -signal.SIGKILL for writer in writers)
    return acknowledged


def test_a_killed_writer_loses_nothing_that_it_acknowledged(database: Database) -> None:
    acknowledged: list[tuple[str, str]] = []
    for round_number in range(ROUNDS):
        acknowledged += killed_writers(database, round_number, seed=1)
    assert len(acknowledged) > 20 * WRITERS * ROUNDS
    store = database.store()
    store.health()
    rows = {row.touchpoint_id for batch in store.export_touchpoints() for _, row in batch}
    states = dict(database.sql("SELECT decision_id, state FROM tact.sends"))
    for what, name in acknowledged:
        if what == "rows":
            assert rows >= {f"{name}-{k}" for k in range(7)}
        elif what == "decision":
            assert [row.message_id for row in store.decision(name).rows] == ["m", "n"]
            assert store.decision(name).answer.decode() == f'{{"decision_id":"{name}"}}'
        else:
            assert states[name] == what
    # What was under way is there as a whole or not at all.
    answers = database.sql(
        """SELECT a.decision_id, (SELECT count(*) FROM tact.decisions d WHERE d.decision_id = a.decision_id),
        (SELECT count(*) FROM tact.sends s WHERE s.decision_id = a.decision_id) FROM tact.answers a"""
    )
    assert {(rows_of, sends_of) for _, rows_of, sends_of in answers} == {(2, 1)}
    assert len(rows) % 7 == 0
    # And the packed histories have just the rows.
    for number in range(4):
        packed, whole = store.snapshot(f"c-{number}", []).columns, store.history(f"c-{number}")
        assert packed.event_time.tolist() == whole.event_time.tolist()
