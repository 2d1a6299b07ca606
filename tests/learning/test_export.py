"""The store's log as training reads it: nothing more, nothing later, whole customers, once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from data_contracts.columns import DECISIONS, TOUCHPOINTS
from data_contracts.configuration import Configuration, Retraining
from data_contracts.errors import AlreadyRunning
from data_contracts.tables import validated
from data_contracts.times import HOUR
from learning.export import export_name, finished_export, make_export, pending_exports
from learning.lock import only_run
from serving.store import Store
from tests.serving.databases import Database
from tests.serving.examples import START, outcome, touchpoint

CONTACTS = ("message_sent",)
END = START + 100 * HOUR


def commit(store: Store, decision_id: str, customer: str, **more: object) -> None:
    decided = outcome(decision_id, customer, **more)  # type: ignore[arg-type]
    assert store.commit(decided, store.snapshot(customer, [], decision_id))


def filled(database: Database) -> Store:
    store = database.store()
    rows = [
        (f"c-{n % 5}", touchpoint(f"t-{n}", n, properties={"plan": "a"} if n == 3 else None)) for n in range(40)
    ]
    sent = touchpoint("s-1", 12.0, event_type="message_sent", direction="outbound", message_id="reported")
    store.ingest([*rows, ("c-1", sent), ("c-0", touchpoint("late", 1.0, ingested_time=END + HOUR))])
    commit(store, "d-1", "c-1", sends=["reported"], waits=["w-1"])
    commit(store, "d-2", "c-1", sends=["confirmed"], at=START + HOUR)
    commit(store, "d-3", "c-2", sends=["dropped"], mode="shadow")
    commit(store, "d-4", "c-3", sends=["taken back"])
    commit(store, "d-5", "c-3", waits=["later"], at=END + HOUR)
    for decision, message, result in (
        ("d-1", "reported", "sent"),
        ("d-2", "confirmed", "sent"),
        ("d-4", "taken back", "not_sent"),
    ):
        store.confirm(decision, message, result, lambda send, snapshot: True)  # type: ignore[arg-type]
    return store


def test_the_export_is_the_log_as_the_contract_has_it(database: Database, tmp_path: Path) -> None:
    made = make_export(filled(database), tmp_path / "out", END, CONTACTS, Retraining())
    assert (made.touchpoints, made.decisions, made.share) == (42, 5, 1.0)
    assert made.data_end == START + 39 * HOUR + 1_000_000
    table = validated(made.touchpoint_files, "touchpoints", Configuration()).frame
    assert list(table.columns) == [column.name for column in TOUCHPOINTS]
    added = table[table["source"] == "tact"]
    assert added["message_id"].tolist() == ["confirmed"] and made.unreported == 1
    assert added["direction"].tolist() == ["outbound"] and made.released == 1
    assert "late" not in set(table["touchpoint_id"]) and (table["properties"].dropna() == '{"plan":"a"}').all()
    assert made.decision_files is not None
    log = validated(made.decision_files, "decisions", Configuration()).frame
    assert set(log.columns) <= {column.name for column in DECISIONS}
    one = log.set_index(log["decision_id"].astype(str) + "/" + log["message_id"].astype(str))
    assert one.loc["d-1/w-1", "action"] == "wait" and one.loc["d-1/w-1", "send_probability"] == 0.01
    assert one.loc["d-3/dropped", "mode"] == "shadow" and not (one["decision_id"] == "d-5").any()


def test_beyond_the_limit_whole_customers_are_left_out(database: Database, tmp_path: Path) -> None:
    store = database.store()
    store.ingest([(f"c-{n % 200}", touchpoint(f"t-{n}", n / 100)) for n in range(4_000)])
    made = make_export(store, tmp_path / "out", END, CONTACTS, Retraining(max_touchpoints=2_000))
    assert 0 < made.touchpoints <= 2_000 and 0 < made.share < 1
    kept = pd.read_parquet(made.touchpoint_files)
    assert kept.groupby("customer_id").size().eq(20).all(), "no history is cut in two"


def test_a_finished_export_is_known_again_and_a_broken_one_is_not(sqlite: Database, tmp_path: Path) -> None:
    root, url = tmp_path / "exports", "sqlite:///tact.db"
    folder = root / export_name(url, END)
    made = make_export(filled(sqlite), folder, END, CONTACTS, Retraining())
    assert finished_export(folder) == made and pending_exports(root, url) == [made]
    assert pending_exports(root, "sqlite:///other.db") == []
    folder.rename(root / f"{folder.name}.part")
    assert pending_exports(root, url) == []


_HOLDER = """
import sys, time
from pathlib import Path
from learning.lock import only_run
with only_run(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(120)
"""


def test_the_lock_keeps_others_out_until_its_holder_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _HOLDER, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        with pytest.raises(AlreadyRunning, match=f"process {holder.pid}"), only_run(tmp_path / "lock"):
            pass
        holder.kill()
    with only_run(tmp_path / "lock"):
        pass


def test_old_decisions_are_left_out_and_histories_stay(sqlite: Database, tmp_path: Path) -> None:
    store = filled(sqlite)
    made = make_export(store, tmp_path / "out", END, CONTACTS, Retraining(decision_days=99.5 / 24))
    assert (made.touchpoints, made.decisions) == (42, 1), "only d-2 was decided an hour after the start"
