"""SQLite locked, full, read-only, damaged, gone: a plain error each time, and recovery by itself."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from data_contracts.errors import StoreUnavailable
from serving.sqlite_store import SqliteStore
from serving.store import Store, open_store
from tests.serving.databases import Database
from tests.serving.examples import outcome, touchpoint


def ingest(store: Store, name: str) -> list[bool]:
    return store.ingest([("c", touchpoint(name))])


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without root's right to write everything; nothing changes where the tests run as a user."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@contextmanager
def other_writer(database: Database) -> Iterator[None]:
    connection = sqlite3.connect(database.home / "tact.db", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.close()


def test_locked_by_another_program(sqlite: Database) -> None:
    store = sqlite.store(timeout_ms="50")
    ingest(store, "a")
    with other_writer(sqlite):
        for work in (
            lambda: ingest(store, "b"),
            store.health,
            lambda: store.commit(outcome("d", "c"), store.snapshot("c", [])),
            lambda: store.locked("c").__enter__(),
        ):
            with pytest.raises(StoreUnavailable, match=r"tact\.db is locked by another program"):
                work()
        assert len(store.snapshot("c", []).columns) == 1, "readers don't wait for a writer"
    assert ingest(store, "b") == [True]


def test_locked_by_another_thread(sqlite: Database) -> None:
    store = sqlite.store(timeout_ms="50")
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with store.locked("c"):
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    with pytest.raises(StoreUnavailable, match="is locked by another program or a long write"):
        ingest(store, "a")
    done.set()
    thread.join()
    assert ingest(store, "a") == [True]


def test_a_full_disk(sqlite: Database) -> None:
    store = sqlite.store()
    assert isinstance(store, SqliteStore)
    ingest(store, "a")

    def limit(connection: sqlite3.Connection) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")

    store._database.read(limit)  # SQLite's own way to a full disk, for the one connection there is
    big = [("c", touchpoint(f"t-{number}", topic="x" * 400)) for number in range(500)]
    with pytest.raises(StoreUnavailable, match=r"tact\.db can't grow, the disk is full: make room"):
        store.ingest(big)
    assert len(store.snapshot("c", []).columns) == 1, "nothing of the batch was kept"
    assert store.ingest(big) == [True] * 500, "room was made (a new connection has no limit)"


def test_a_file_that_may_not_grow(sqlite: Database) -> None:
    store = sqlite.store()
    ingest(store, "a")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    log = (sqlite.home / "tact.db-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (log + 8_192, before[1]))
    try:
        with pytest.raises(StoreUnavailable, match=r"the disk reports an error|the disk is full"):
            store.ingest([("c", touchpoint(f"t-{number}", topic="x" * 400)) for number in range(500)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert ingest(store, "b") == [True]
    assert len(store.snapshot("c", []).columns) == 2


def test_read_only(tmp_path: Path) -> None:
    # Not under pytest's own folder, which only its owner may enter.
    home = Path("/tmp") / f"tact-read-only-{os.getpid()}"
    home.mkdir()
    try:
        store = open_store("sqlite:///tact.db", home)
        ingest(store, "a")
        store.close()
        (home / "tact.db").chmod(0o444)
        home.chmod(0o555)
        with as_nobody():
            reader = open_store("sqlite:///tact.db", home)
            for work in (lambda: ingest(reader, "b"), reader.health):
                with pytest.raises(
                    StoreUnavailable, match=r"tact\.db (is read-only|can't be opened): give this user"
                ):
                    work()
            reader.close()
            with pytest.raises(StoreUnavailable, match=r"can't be (made|opened)"):
                open_store("sqlite:///new/tact.db", home).health()
            with pytest.raises(StoreUnavailable, match=r"can't be (made|opened)"):
                open_store("sqlite:///other.db", home).health()
    finally:
        home.chmod(0o755)
        shutil.rmtree(home)


def test_a_damaged_beginning(sqlite: Database) -> None:
    file = sqlite.home / "tact.db"
    file.write_bytes(b"this is no database" * 1_000)
    store = sqlite.store()
    with pytest.raises(StoreUnavailable, match="is no SQLite database, or its beginning is damaged"):
        store.health()
    file.unlink()
    store = sqlite.store()
    store.health()


def test_damaged_pages_and_a_restored_copy(sqlite: Database) -> None:
    file = sqlite.home / "tact.db"
    store = sqlite.store()
    store.ingest([("c", touchpoint(f"t-{number}", topic="x" * 100)) for number in range(2_000)])
    store.close()
    good = file.read_bytes()
    damaged = bytearray(good)
    damaged[8_192:] = b"\xa5" * (len(damaged) - 8_192)
    file.write_bytes(bytes(damaged))
    store = sqlite.store()
    for work in (lambda: store.snapshot("c", []), lambda: ingest(store, "new")):
        with pytest.raises(StoreUnavailable, match=r"tact\.db is damaged: restore a copy"):
            work()
    copy = file.with_name("copy")
    copy.write_bytes(good)
    for leftover in sqlite.home.glob("tact.db-*"):
        leftover.unlink()
    copy.replace(file)
    assert len(store.snapshot("c", []).columns) == 2_000
    assert ingest(store, "new") == [True]


def test_a_file_that_went_away(sqlite: Database) -> None:
    file = sqlite.home / "tact.db"
    store = sqlite.store()
    ingest(store, "a")
    store.close()
    store = sqlite.store()
    store.snapshot("c", [])
    kept = file.rename(file.with_name("kept"))
    for work in (lambda: store.snapshot("c", []), lambda: ingest(store, "b"), store.health):
        with pytest.raises(StoreUnavailable, match=r"tact\.db is gone: put it back"):
            work()
    assert not file.exists(), "an empty one would have forgotten every cap"
    kept.rename(file)
    wait_for(store)
    assert ingest(store, "a") == [False]


def wait_for(store: Store) -> None:
    """Until the store has tried again; it does so a fifth of a second after a failure."""
    for _ in range(10_000):
        try:
            store.health()
        except StoreUnavailable:
            threading.Event().wait(0.001)
        else:
            return
    raise AssertionError("the store did not recover")


def test_the_folder_can_not_be_made(sqlite: Database) -> None:
    (sqlite.home / "file").write_text("")
    store = open_store("sqlite:///file/tact.db", sqlite.home)
    with pytest.raises(StoreUnavailable, match=r"tact\.db can't be made: (Not a directory|File exists)"):
        store.health()


def test_another_programs_database(sqlite: Database) -> None:
    sqlite.sql("CREATE TABLE customers (id INTEGER)")
    with pytest.raises(StoreUnavailable, match="is another program's database: name another file"):
        sqlite.store().health()
    assert sqlite.sql("SELECT name FROM sqlite_master") == [("customers",)]


def test_the_log_is_moved_beside_the_requests(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.sqlite_checkpoints._PAUSE_SECONDS", 0.001)
    monkeypatch.setattr("serving.sqlite_checkpoints._LONG_LOG_PAGES", 1)
    store = sqlite.store()
    file, log = sqlite.home / "tact.db", sqlite.home / "tact.db-wal"
    for number in range(2_000):
        store.ingest([("c", touchpoint(f"{number}-{row}", topic="x" * 300)) for row in range(100)])
        if file.stat().st_size > 500_000:
            break  # only a checkpoint brings rows there
    else:
        raise AssertionError("the thread did nothing")
    assert isinstance(store, SqliteStore)
    store._database.empty_log()
    assert log.stat().st_size == 0
