"""The store that is learnt from: opened to be read, never made by a misspelt address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data_contracts.configuration import Configuration
from data_contracts.errors import InvalidRequest
from serving.addresses import sqlite_address
from serving.history import HistoryBounds
from serving.store import Store, open_store


@contextmanager
def opened(database: str, configuration: Configuration, home: Path) -> Iterator[Store]:
    """The store for a block; raises InvalidRequest for an SQLite file that is not there, ConfigurationError."""
    if database.startswith("sqlite:"):
        file = sqlite_address(database, home).path
        if not file.exists():
            raise InvalidRequest(
                f"--database: there is no file {file}; a relative one is looked for in TACT_HOME ({home})"
            )
    store = open_store(database, home, HistoryBounds.of(configuration))
    try:
        yield store
    finally:
        store.close()
