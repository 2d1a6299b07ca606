"""One database and several real services on it, whose workers, services and database can be killed."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.serving.databases import Database, Server
from tests.serving.live import LiveService, promote

CAPS: list[dict[str, Any]] = [
    {"window_hours": 1 / 3_600, "sends": 3},
    {"window_hours": 4 / 3_600, "sends": 9},
    {"window_hours": 1 / 3_600, "sends": 1, "department": "marketing"},
    {"window_hours": 2 / 3_600, "sends": 3, "channel": "push"},
]
"""Seconds instead of days, so that a short run fills them many times."""
RESERVATION_SECONDS = 1.2
_POLICY = {
    "quiet_hours": False,
    "exploration": 0.1,
    "minimum_net_value": -100.0,
    "max_sends_per_decision": 2,
    "caps": CAPS,
    "reservation_minutes": RESERVATION_SECONDS / 60,
}


class Fleet:
    """The services; `server` is the PostgreSQL behind them, None for SQLite."""

    def __init__(
        self, database: Database, bundle: Path, services: int, workers: int, server: Server | None = None
    ) -> None:
        self.database, self.server = database, server
        self._configuration: Mapping[str, Mapping[str, Any]] = {
            "policy": _POLICY,
            "service": {"database": _absolute(database), "deadline_ms": 4_000},
        }
        homes = [database.home / f"service-{number}" for number in range(services)]
        for home in homes:
            promote(home, bundle, "3")

        def start(home: Path) -> LiveService:
            return LiveService(home, self._configuration, arguments=("--workers", str(workers)))

        with ThreadPoolExecutor(services) as together:
            self.services = list(together.map(start, homes))

    @property
    def urls(self) -> list[str]:
        return [service.url for service in self.services]

    def kill_worker(self, rng: random.Random) -> None:
        """kill -9 of one worker; its supervisor starts another one."""
        service = rng.choice(self.services)
        workers = _workers(service.process.pid)
        if workers:
            _kill(rng.choice(workers))

    def kill_service(self, rng: random.Random) -> None:
        """kill -9 of a supervisor and all that it started, then the same service again."""
        service = rng.choice(self.services)
        started = _descendants(service.process.pid)
        service.process.kill()
        for process in started:
            _kill(process)
        service.process.wait()
        threading.Event().wait(rng.uniform(0.0, 0.5))
        service.start()

    def kill_database(self, rng: random.Random) -> None:
        """kill -9 of PostgreSQL, then the same data again."""
        if self.server is None:
            raise ValueError("SQLite has no server to kill")
        self.server.kill()
        threading.Event().wait(rng.uniform(0.0, 1.0))
        self.server.start()

    def settle(self) -> None:
        """Wait until every service is ready and no decision waits in a spool."""
        for service in self.services:
            service.wait_for("/readyz")
        until = time.monotonic() + 30
        while any(_spooled(service.home) for service in self.services):
            if time.monotonic() > until:
                raise AssertionError("a spool was not replayed")
            time.sleep(0.1)

    def stop(self) -> None:
        for service in self.services:
            service.stop()


@contextmanager
def fleet(
    database: Database, bundle: Path, services: int = 2, workers: int = 2, server: Server | None = None
) -> Iterator[Fleet]:
    """A fleet for the length of a block."""
    running = Fleet(database, bundle, services, workers, server)
    try:
        yield running
    finally:
        running.stop()


def _absolute(database: Database) -> str:
    """The URL as services with homes of their own need it; long waits, since kills take their time."""
    if database.kind == "sqlite":
        return f"sqlite:///{database.home / 'tact.db'}"
    return database.url


def _descendants(process: int) -> list[int]:
    found = []
    for listing in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, listing.read_text().split()):
                found += [child, *_descendants(child)]
    return found


def _workers(process: int) -> list[int]:
    """The worker processes of a supervisor."""
    found = []
    for child in _descendants(process):
        with suppress(OSError):
            if b"_bentoml_impl.worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(child)
    return found


def _kill(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def _spooled(home: Path) -> bool:
    from serving.spool import Spool

    file = home / "spool" / "decisions.jsonl"
    if not file.exists():
        return False
    spool = Spool(file)
    try:
        return spool.is_pending()
    finally:
        spool.close()
