"""Databases: `postgres_url` is one real server for the session, `database` is each kind in turn."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.databases import (
    Database,
    drop_postgres_database,
    postgres_database,
    postgres_server,
    sqlite_database,
)
from tests.serving.live import LiveService, promote, write_bundle

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a running PostgreSQL's maintenance database."""
    # A short path: a socket's may have 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    server = postgres_server(folder / "data")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    """An SQLite file that doesn't exist yet."""
    database = sqlite_database(tmp_path)
    yield database
    database.close()


@pytest.fixture
def postgresql(postgres_url: str, tmp_path: Path) -> Iterator[Database]:
    """An empty database on the session's PostgreSQL."""
    name = f"tact_{next(_numbers)}"
    database = postgres_database(postgres_url, name, tmp_path)
    yield database
    database.close()
    drop_postgres_database(postgres_url, name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """Each kind of database in turn."""
    found: Database = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small real bundle, version 3."""
    return write_bundle(tmp_path_factory.mktemp("bundles") / "3")


ALWAYS_OPEN = {"quiet_hours": False, "exploration": 0.0}


@pytest.fixture(scope="session")
def service(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    """A service on SQLite with a request clock, shared by the tests that leave it as it was."""
    home = tmp_path_factory.mktemp("service")
    promote(home, bundle, "3")
    live = LiveService(home, {"policy": ALWAYS_OPEN, "service": {"request_clock": True}})
    yield live
    live.stop()


@pytest.fixture(scope="session")
def strict_service(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    """A service as it is by default: the server's own clock decides."""
    home = tmp_path_factory.mktemp("strict")
    promote(home, bundle, "3")
    live = LiveService(home, {"policy": ALWAYS_OPEN})
    yield live
    live.stop()
