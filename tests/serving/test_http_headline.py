"""32 senders at real services while something is killed: caps hold, not by one, and nothing is lost."""

from __future__ import annotations

import random
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.audit import Audit, audit
from tests.serving.databases import Database, Server, postgres_database
from tests.serving.fleet import CAPS, Fleet, fleet
from tests.serving.senders import Acknowledged, storm

PAUSE_SECONDS = 2.5


@pytest.fixture
def server() -> Iterator[Server]:
    """A PostgreSQL that only this test uses, since it is killed."""
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    server = Server(folder / "data")
    yield server
    server.start()
    server.server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def stormy(running: Fleet, run: str, *kills: str) -> tuple[Audit, Acknowledged]:
    """Ask, kill in between, let it settle, and compare."""
    rng, told = random.Random(run), Acknowledged()
    with storm(run, running.urls, told):
        for kill in kills:
            threading.Event().wait(PAUSE_SECONDS)
            getattr(running, kill)(rng)
        threading.Event().wait(PAUSE_SECONDS)
    running.settle()
    found = audit(running.database, told, CAPS)
    print(found, dict(told.counts))
    return found, told


@pytest.mark.slow
def test_caps_hold_over_two_services_while_workers_are_killed(postgresql: Database, bundle: Path) -> None:
    with fleet(postgresql, bundle) as running:
        found, told = stormy(running, "headline", "kill_worker", "kill_worker")
    assert found.faults == ()
    # And it was a storm: without these the test would say little.
    assert found.decisions > 400 and found.touchpoints > 20
    assert min(told.counts[name] for name in ("confirmed sent", "confirmed released", "too late")) > 0


@pytest.mark.slow
def test_nothing_is_lost_while_the_database_and_a_service_are_killed(
    server: Server, bundle: Path, tmp_path: Path
) -> None:
    database = postgres_database(server.url, "tact", tmp_path)
    with fleet(database, bundle, services=2, workers=1, server=server) as running:
        found, told = stormy(running, "killed", "kill_database", "kill_service")
    assert found.faults == ()
    assert found.decisions > 200 and told.counts["retries"] > 0
