"""PostgreSQL away, restarted, killed, hung, locked, full, read-only: a plain error, and recovery by itself."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from data_contracts.errors import StoreUnavailable
from serving.postgres_store import PostgresStore
from serving.store import Store, open_store
from tests.serving.databases import Database, Server, postgres_server
from tests.serving.examples import START, outcome, touchpoint
from tests.serving.hammer import decide_once


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    server = Server(folder / "data")
    yield server
    server.start()
    server.server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def ingest(store: Store, name: str) -> list[bool]:
    return store.ingest([("c", touchpoint(name))])


def recovered(store: Store, name: str) -> list[bool]:
    """Ingest as soon as the store has found the server again."""
    for _ in range(10_000):
        try:
            return ingest(store, name)
        except StoreUnavailable:
            threading.Event().wait(0.005)
    raise AssertionError("the store did not recover")


def test_a_restarted_server_is_found_again_without_an_error(server: Server) -> None:
    store = open_store(server.url, Path())
    assert ingest(store, "restart-1") == [True]
    server.stop()
    server.start()
    assert ingest(store, "restart-2") == [True]
    assert ingest(store, "restart-1") == [False]
    store.close()


def test_a_stopped_server_is_said_and_found_again(server: Server) -> None:
    store = open_store(server.url, Path())
    ingest(store, "stop-1")
    server.stop()
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match=r"PostgreSQL at .* can't be reached: "):
            store.snapshot("c", [])
    with pytest.raises(StoreUnavailable, match="PostgreSQL at"):
        store.health()
    server.start()
    assert recovered(store, "stop-2") == [True]
    assert ingest(store, "stop-1") == [False]
    store.close()


def test_what_a_killed_server_acknowledged_is_there_afterwards(server: Server) -> None:
    store = open_store(server.url, Path())
    for killed in range(3):
        acknowledged: list[str] = []
        ready, stop = threading.Event(), threading.Event()

        def write(
            killed: int = killed, names: list[str] = acknowledged, ready: threading.Event = ready,
            stop: threading.Event = stop,
        ) -> None:  # fmt: skip
            for number in range(100_000):
                name = f"kill-{killed}-{number}"
                try:
                    ingest(store, name)
                    decide_once(store, f"c-{number % 3}", name, START + number, START + number)
                except StoreUnavailable:
                    return
                names.append(name)
                if number > 5 * (killed + 1):
                    ready.set()
                if stop.is_set():
                    return

        thread = threading.Thread(target=write)
        thread.start()
        ready.wait()
        server.kill()
        thread.join()
        server.start()
        recovered(store, f"again-{killed}")
        seen = {row.touchpoint_id for row in store.timeline("c").touchpoints}
        assert seen >= set(acknowledged)
        for name in acknowledged:
            assert store.decision(name).rows[0].message_id == f"m-{name}"
    store.close()


@pytest.mark.parametrize("url", ["postgresql:///tact?host=/nowhere", "postgresql://127.0.0.1:1/tact"])
def test_nobody_answers(url: str) -> None:
    store = open_store(url, Path())
    with pytest.raises(
        StoreUnavailable,
        match=r"at .*, database tact can't be reached: (No such|Connection r)",
    ):
        store.health()
    store.close()


def test_a_database_that_does_not_exist(postgresql: Database) -> None:
    store = open_store(postgresql.url.replace("/tact_", "/no_tact_"), Path())
    with pytest.raises(StoreUnavailable, match=r"database no_tact_\d+ .*(doesn't|does not) exist"):
        store.health()


@contextmanager
def row_lock(database: Database, customer_id: str) -> Iterator[None]:
    with psycopg.connect(database.url) as connection:
        connection.execute("SELECT 1 FROM tact.customers WHERE customer_id = %s FOR UPDATE", [customer_id])
        yield


def test_a_lock_that_is_held_too_long(postgresql: Database) -> None:
    store = postgresql.store(tact_timeout_ms="200")
    assert store.commit(outcome("d-1", "c"), store.snapshot("c", []))
    with row_lock(postgresql, "c"):
        snapshot = store.snapshot("c", [])
        with pytest.raises(StoreUnavailable, match="did not answer in time"):
            store.commit(outcome("d-2", "c"), snapshot)
        with pytest.raises(StoreUnavailable, match="did not answer in time"), store.locked("c"):
            raise AssertionError("the lock was held by another")
        waiting = postgresql.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        assert waiting == [(0,)], "nothing waits for a lock that nobody waits for"
    assert store.commit(outcome("d-2", "c"), store.snapshot("c", []))


def test_a_server_that_hangs(postgresql: Database) -> None:
    store = postgresql.store(tact_timeout_ms="200")
    assert isinstance(store, PostgresStore)
    [(process,)] = store._database.call("SELECT pg_backend_pid()")
    os.kill(process, signal.SIGSTOP)
    try:
        start = time.monotonic()
        with pytest.raises(StoreUnavailable, match="did not answer in time"):
            store.snapshot("c", [])
        assert time.monotonic() - start < 20
    finally:
        os.kill(process, signal.SIGCONT)
    assert ingest(store, "a") == [True]


def test_a_broken_line_is_mended(postgresql: Database) -> None:
    store = postgresql.store()
    for number in range(3):
        assert ingest(store, f"t-{number}") == [True]
        postgresql.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tact'")
    assert store.commit(outcome("d", "c", sends=["m"]), store.snapshot("c", []))
    postgresql.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tact'")
    assert store.confirm("d", "m", "sent") == "sent"


def test_read_only(postgresql: Database) -> None:
    postgresql.store().health()
    name = postgresql.url.split("/")[3].split("?")[0]
    postgresql.sql(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    store = postgresql.store()
    assert store.snapshot("c", []).version == 0
    for work in (lambda: ingest(store, "a"), store.health):
        with pytest.raises(StoreUnavailable, match="takes no writes: it is a standby or set to read-only"):
            work()
    with psycopg.connect(postgresql.url, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
    store = postgresql.store()
    assert ingest(store, "a") == [True]


def test_a_disk_that_takes_no_more() -> None:
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # A server whose files may not grow over 20 MB (its log's are 16 MB) takes that for a full disk.
    postgres_server(folder / "data").stop()
    server = Server(folder / "data")
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000_000, before[1]))
    try:
        server.start()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    store = open_store(server.url, Path())
    ingest(store, "a")
    body = random.Random(1).randbytes(30_000).hex()
    big = [("c", touchpoint(f"t-{number}", topic=f"{number}{body}")) for number in range(100)]
    with pytest.raises(StoreUnavailable, match=r"has a full disk: make room|File too large"):
        for round_number in range(10):
            store.ingest(
                [(name, row._replace(touchpoint_id=f"{round_number}-{row.touchpoint_id}")) for name, row in big]
            )
    assert store.snapshot("c", []).version == 0
    assert ingest(store, "a") == [False]
    store.close()
    server.server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def test_rights_are_missing(postgresql: Database) -> None:
    postgresql.store().health()
    name = f"nobody_{os.getpid()}"
    postgresql.sql(f"CREATE ROLE {name} LOGIN")
    try:
        store = open_store(postgresql.url.replace("postgres:@", f"{name}:@"), Path())
        with pytest.raises(StoreUnavailable, match="doesn't let this user do that: grant rights"):
            store.health()
        store.close()
    finally:
        postgresql.sql(f"DROP ROLE {name}")


def test_tables_that_went_away(postgresql: Database) -> None:
    store = postgresql.store()
    ingest(store, "a")
    postgresql.sql("DROP SCHEMA tact CASCADE")
    with pytest.raises(StoreUnavailable, match="PostgreSQL at"):
        ingest(store, "b")
    with pytest.raises(StoreUnavailable, match="has lost its tables: restore them"):
        ingest(store, "b")
    assert postgresql.sql("SELECT to_regnamespace('tact')") == [(None,)], "caps are not begun anew silently"


@pytest.mark.parametrize("prepare", ["off", "on"])
def test_nothing_of_a_session_is_needed(
    postgresql: Database, prepare: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind PgBouncer in transaction mode: each call finds a session that another one left."""
    store = postgresql.store(tact_prepare=prepare)
    assert isinstance(store, PostgresStore)
    pool = store._database._pool
    borrow = pool.borrow

    def another_session() -> Any:
        connection = borrow()
        if prepare == "off":
            connection.execute("DISCARD ALL")
        return connection

    monkeypatch.setattr(pool, "borrow", another_session)
    for number in range(12):
        ingest(store, f"t-{number}")
        decide_once(store, "c", f"d-{number}", START, START + 1)
        store.confirm(f"d-{number}", f"m-d-{number}", "sent") if number < 3 else None
    with store.locked("c") as customer:
        assert customer.commit(outcome("last", "c"), customer.snapshot([]))
    assert len(list(store.export_touchpoints(batch_size=5))) == 3
    assert len(store.snapshot("c", []).columns) == 12
    prepared = postgresql_prepared(store)
    assert (prepared == 0) == (prepare == "off")


def postgresql_prepared(store: PostgresStore) -> int:
    [(count,)] = store._database.call("SELECT count(*) FROM pg_prepared_statements")
    return int(count)


def test_only_one_makes_the_tables(postgresql: Database) -> None:
    stores = [postgresql.store() for _ in range(6)]
    errors: list[Exception] = []

    def use(store: Store, number: int) -> None:
        try:
            assert ingest(store, f"t-{number}") == [True]
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=use, args=(store, number)) for number, store in enumerate(stores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
