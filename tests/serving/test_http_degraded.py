"""What a sender gets while the model or the database is away, and that it mends by itself."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.serving.conftest import ALWAYS_OPEN
from tests.serving.live import LiveService, asked, candidate, promote, touchpoint, until, write_bundle
from tests.serving.test_http import problem

BOTH = (candidate("receipt", purpose="transactional", department="billing"), candidate("offer"))


@contextmanager
def running(home: Path, wait_for: str = "/readyz", **service: Any) -> Iterator[LiveService]:
    live = LiveService(home, {"policy": ALWAYS_OPEN, "service": service or {"threads": 1}}, wait_for=wait_for)
    try:
        yield live
    finally:
        live.stop()


def actions(answer: dict[str, Any]) -> dict[str, str]:
    return {one["message_id"]: one["action"] for one in answer["decisions"]}


def is_degraded(answer: dict[str, Any]) -> bool:
    """Transactional messages go, all else waits, and each reason says why."""
    assert actions(answer) == {"receipt": "send", "offer": "wait"}
    for one in answer["decisions"]:
        assert one["reasons"][-1]["code"] == "degraded" and one["reasons"][-1]["text"]
        assert (one["wait_until"] is not None) == (one["action"] == "wait")
    assert answer["goal"] == {"name": None, "probability": None, "probabilities": {}}
    return bool(answer["degraded"])


def spoil(home: Path) -> dict[Path, bytes]:
    """Write nonsense over the database; returns what was there."""
    kept = {}
    for file in sorted(home.glob("tact.db*")):
        kept[file] = file.read_bytes()
        file.write_bytes(b"this is no database " * 400)
    return kept


def test_without_a_model_it_answers_and_picks_one_up(bundle: Path, tmp_path: Path) -> None:
    with running(tmp_path, wait_for="/livez") as live:
        problem(live.get("/readyz"), 503)
        body = asked("c-1", *BOTH, decision_id="d-1")
        first = live.post("/decide", body)
        assert is_degraded(first.json()) and first.json()["model_version"] is None
        assert live.post("/decide", body).content == first.content
        problem(live.post("/decide", body | {"mode": "shadow"}), 409)
        # It is logged and reserved as any other decision.
        sent = {"decision_id": "d-1", "message_id": "receipt", "outcome": "sent"}
        assert live.post("/confirm", sent).json()["state"] == "sent"
        assert len(live.post("/timeline", {"customer_id": "c-1"}).json()["decisions"]) == 2
        batch = live.post("/decide_batch", {"requests": [asked("c-2", *BOTH)]}).json()["answers"]
        assert is_degraded(batch[0])
        promote(tmp_path, bundle, "3")
        live.wait_for("/readyz")
        answer = live.post("/decide", asked("c-3", *BOTH)).json()
        assert not answer["degraded"] and answer["model_version"] == "3"
        assert 'tact_degraded_answers_total{cause="model"}' in live.get("/metrics").text


def test_a_new_champion_drops_no_request_and_a_broken_one_is_refused(bundle: Path, tmp_path: Path) -> None:
    promote(tmp_path, bundle, "3")
    four = write_bundle(tmp_path / "bundles" / "4", "4")
    broken = write_bundle(tmp_path / "bundles" / "5", "5")
    booster = broken / "helps_send.txt"
    booster.write_text(booster.read_text()[:2_000])
    with running(tmp_path) as live:
        versions: list[str] = []
        stop = threading.Event()

        def ask() -> None:
            while not stop.is_set():
                answer = live.post("/decide", asked("c-swap", mode="shadow"))
                assert answer.status_code == 200 and not answer.json()["degraded"]
                versions.append(answer.json()["model_version"])

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            promote(tmp_path, broken, "5")
            until(lambda: "a bundle is refused" in live.log.read_text())
            assert live.get("/readyz").status_code == 200
            promote(tmp_path, four, "4")
            until(lambda: versions[-1:] == ["4"])
        finally:
            stop.set()
            asking.join()
        assert versions[0] == "3" and set(versions) == {"3", "4"}
        assert versions == sorted(versions)
        text = live.get("/metrics").text
        assert 'tact_model_loaded{version="4"} 1.0' in text and 'tact_model_loaded{version="3"} 0.0' in text
        assert "helps_send.txt is damaged" in live.log.read_text()


def test_a_spoilt_database_is_told_and_mends(bundle: Path, tmp_path: Path) -> None:
    promote(tmp_path, bundle, "3")
    with running(tmp_path) as live:
        before = live.post("/decide", asked("c-1", *BOTH, decision_id="d-before"))
        assert not before.json()["degraded"]
        kept = spoil(tmp_path)
        start = time.monotonic()
        away = live.post(
            "/decide", asked("c-1", candidate("receipt", purpose="transactional"), decision_id="d-away")
        )
        assert time.monotonic() - start < 3
        assert (
            away.status_code == 200 and away.json()["degraded"] and actions(away.json()) == {"receipt": "send"}
        )
        # The same again is the same answer, another body under its id is refused, all without a database.
        body = asked("c-1", candidate("receipt", purpose="transactional"), decision_id="d-away")
        assert live.post("/decide", body).content == away.content
        problem(live.post("/decide", body | {"customer_id": "c-2"}), 409)
        batch = live.post("/decide_batch", {"requests": [asked("c-2", *BOTH), asked("c-3", *BOTH)]}).json()
        assert all(is_degraded(answer) for answer in batch["answers"])
        for path, call in (
            ("/confirm", {"decision_id": "d-away", "message_id": "receipt", "outcome": "sent"}),
            ("/ingest", {"touchpoints": [touchpoint("t-1")]}),
            ("/timeline", {"customer_id": "c-1"}),
            ("/forget", {"customer_id": "c-1"}),
        ):
            refused = live.post(path, call)
            problem(refused, 503)
            assert refused.headers["retry-after"] == "1"
        problem(live.get("/readyz"), 503)
        assert live.get("/livez").status_code == 200

        for file, raw in kept.items():
            file.write_bytes(raw)
        live.wait_for("/readyz")
        answer = live.post("/decide", asked("c-4", *BOTH)).json()
        assert not answer["degraded"]
        # What was let out meanwhile is in the log, reserved, and can be confirmed.
        assert live.post("/decide", body).content == away.content
        sent = {"decision_id": "d-away", "message_id": "receipt", "outcome": "sent"}
        assert live.post("/confirm", sent).json()["state"] == "sent"
        logged = {
            row["decision_id"] for row in live.post("/timeline", {"customer_id": "c-1"}).json()["decisions"]
        }
        assert {"d-before", "d-away"} <= logged
        assert len(live.post("/timeline", {"customer_id": "c-2"}).json()["decisions"]) == 2


def test_what_was_spooled_survives_a_restart(bundle: Path, tmp_path: Path) -> None:
    promote(tmp_path, bundle, "3")
    with running(tmp_path) as live:
        kept = spoil(tmp_path)
        body = asked("c-1", *BOTH, decision_id="d-1")
        away = live.post("/decide", body)
        assert is_degraded(away.json())
        live.kill()
        for file in tmp_path.glob("tact.db*"):
            file.unlink()
        for file, raw in kept.items():
            file.write_bytes(raw)
        live.start()
        assert live.post("/decide", body).content == away.content
        assert len(live.post("/timeline", {"customer_id": "c-1"}).json()["reservations"]) == 1


def test_a_locked_database_meets_the_deadline(bundle: Path, tmp_path: Path) -> None:
    promote(tmp_path, bundle, "3")
    with running(tmp_path, deadline_ms=400) as live:
        live.post("/decide", asked("c-0"))
        writer = sqlite3.connect(tmp_path / "tact.db", isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
        body = asked("c-1", *BOTH, decision_id="d-1")
        start = time.monotonic()
        late = live.post("/decide", body)
        assert time.monotonic() - start < 2.0
        assert is_degraded(late.json())
        writer.execute("ROLLBACK")
        writer.close()
        live.wait_for("/readyz")
        assert live.post("/decide", body).content == late.content
        assert not live.post("/decide", asked("c-2")).json()["degraded"]


@pytest.mark.parametrize("spool_works", [True, False])
def test_where_no_database_can_be_made(bundle: Path, tmp_path: Path, spool_works: bool) -> None:
    promote(tmp_path, bundle, "3")
    (tmp_path / "no folder").write_text("a file")
    if not spool_works:
        (tmp_path / "spool").write_text("a file")
    with running(tmp_path, wait_for="/livez", database="sqlite:///no folder/tact.db") as live:
        problem(live.get("/readyz"), 503)
        answer = live.post("/decide", asked("c-1", *BOTH)).json()
        if spool_works:
            assert is_degraded(answer)
        else:
            # Nothing is let out that is kept nowhere.
            assert answer["degraded"] and actions(answer) == {"receipt": "wait", "offer": "wait"}
            assert "unlogged" in answer["decisions"][0]["reasons"][-1]["text"]
        (tmp_path / "no folder").unlink()
        if not spool_works:
            (tmp_path / "spool").unlink()
        live.wait_for("/readyz")
        assert not live.post("/decide", asked("c-2", *BOTH)).json()["degraded"]


def test_answers_survive_a_killed_worker(bundle: Path, tmp_path: Path) -> None:
    promote(tmp_path, bundle, "3")
    with running(tmp_path) as live:
        body = asked("c-1", *BOTH, decision_id="d-1")
        first = live.post("/decide", body)
        live.kill()
        live.start()
        assert live.post("/decide", body).content == first.content
