"""SQLite as the store uses it: connections, transactions, queueing of writers, plain errors.

WAL, so that readers and the writer don't wait for one another. `synchronous=NORMAL`: what was
committed survives a killed process, and a power cut may take the last moments; `full` also waits at
each commit for the disk (measured: 0.3 to 4 ms, as the disk has to do, for a commit of 0.1 ms).
Checkpoints run in a thread of their own: in the commit that happens to cross the threshold they
cost every hundredth commit 5 to 10 ms.
"""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from data_contracts.errors import InvalidRequest, StoreUnavailable, TactError
from serving.connection_pool import ConnectionPool
from serving.schema import migrate, pending
from serving.sqlite_checkpoints import Checkpoints
from serving.sqlite_schema import MIGRATIONS

Result = TypeVar("Result")
_CACHE_KIB = 16_000
_BUSY, _LOCKED = sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED


@contextmanager
def storable_values() -> Iterator[None]:
    """Say that a value, and not the database, is at fault: a lone surrogate, a number beyond 64 bits."""
    try:
        yield
    except (UnicodeError, OverflowError) as error:
        raise InvalidRequest(f"the database can't hold a value: {error}") from None


class _Connection(sqlite3.Connection):
    """A connection that knows which file it has open (device and inode)."""

    file: tuple[int, int] = (0, 0)


class SqliteDatabase:
    """One database file; every method may be called from any thread.

    Parameters
    ----------
    path : the file; made at the first use, with its folder
    full : sync every commit to the disk
    timeout_seconds : how long to wait for other writers
    """

    def __init__(self, path: Path, *, full: bool = False, timeout_seconds: float = 2.0) -> None:
        self.path, self._full, self._timeout = path, full, timeout_seconds
        # Writers of this process queue here, in order; SQLite itself lets them poll.
        self._writers = threading.Lock()
        self._was_there = False
        self._pool: ConnectionPool[_Connection] = ConnectionPool(
            self._open, lambda connection: connection.close(), self._has_current_file
        )
        self._checkpoints = Checkpoints(self._raw_connection, self._writers)

    def read(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run `work` on one consistent state of the database; it may be run more than once."""
        until = time.monotonic() + self._timeout
        while True:
            try:
                return self._transaction("BEGIN", work)
            except _Busy as error:
                # A reader only ever waits for the recovery after a crash.
                self._wait(until, error)

    def write(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run `work` as the only writer; what it returns is committed, an error takes all back."""
        with self._queued():
            result = self._transaction("BEGIN IMMEDIATE", work)
        self._checkpoints.written()
        return result

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """`write` for a block."""
        with self._queued():
            connection = self._pool.borrow()
            with self._guarded(connection):
                self._begin(connection, "BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
        self._checkpoints.written()

    def close(self) -> None:
        self._checkpoints.close()
        self._pool.close()

    def empty_log(self) -> None:
        """Move everything from the log into the file, so that nothing erased stays in the log."""
        self._checkpoints.run_now()

    def unavailable(self, error: sqlite3.Error) -> StoreUnavailable:
        """What is wrong, and the remedy, in one plain sentence."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        said = _REMEDIES.get(code)
        return StoreUnavailable(f"{self.path} {said}" if said else f"{self.path} can't be used: {error}")

    def _transaction(self, begin: str, work: Callable[[sqlite3.Connection], Result]) -> Result:
        connection = self._pool.borrow()
        with self._guarded(connection), storable_values():
            self._begin(connection, begin)
            result = work(connection)
            connection.execute("COMMIT")
        return result

    @contextmanager
    def _guarded(self, connection: _Connection) -> Iterator[None]:
        """Give the connection back in a known state, and say errors in our own words."""
        try:
            yield
        except TactError:
            self._rolled_back(connection)
            raise
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in (_BUSY, _LOCKED):
                self._rolled_back(connection)
                raise _Busy(self.unavailable(error).detail) from None
            self._pool.discard(connection)
            raise self.unavailable(error) from None
        except BaseException:
            self._pool.discard(connection)
            raise
        self._pool.give_back(connection)

    def _rolled_back(self, connection: _Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._pool.discard(connection)
        else:
            self._pool.give_back(connection)

    @contextmanager
    def _queued(self) -> Iterator[None]:
        if not self._writers.acquire(timeout=self._timeout):
            raise StoreUnavailable(f"{self.path} {_REMEDIES[_BUSY]}")
        try:
            yield
        finally:
            self._writers.release()

    def _begin(self, connection: sqlite3.Connection, begin: str) -> None:
        until = time.monotonic() + self._timeout
        while True:
            try:
                connection.execute(begin)
            except sqlite3.OperationalError as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF not in (_BUSY, _LOCKED):
                    raise
                self._wait(until, error)
            else:
                return

    @staticmethod
    def _wait(until: float, error: Exception) -> None:
        """A short pause before the next try; SQLite's own handler would pause for up to 100 ms."""
        if time.monotonic() > until:
            raise error
        time.sleep(random.uniform(0.0001, 0.001))

    def _has_current_file(self, connection: _Connection) -> bool:
        """Whether the path still leads to the open file; one that was replaced keeps on taking writes."""
        try:
            found = os.stat(self.path)  # noqa: PTH116 - on every call: half the time of Path.stat
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == connection.file

    def _raw_connection(self) -> _Connection:
        """A connection to the file as it is; raises sqlite3.Error."""
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode={'rw' if self._was_there else 'rwc'}",
            uri=True,
            timeout=0.0,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
            factory=_Connection,
        )
        try:
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            connection.execute(f"PRAGMA synchronous = {'FULL' if self._full else 'NORMAL'}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _open(self) -> _Connection:
        try:
            if not self._was_there:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            elif not self.path.exists():
                raise StoreUnavailable(
                    f"{self.path} is gone: put it back, or restart the service to begin with an empty one"
                )
            connection = self._patiently(self._prepared_connection)
            found = self.path.stat()
        except sqlite3.Error as error:
            raise self.unavailable(error) from None
        except OSError as error:
            raise StoreUnavailable(f"{self.path} can't be made: {error.strerror}") from None
        connection.file = (found.st_dev, found.st_ino)
        self._was_there = True
        return connection

    def _prepared_connection(self) -> _Connection:
        """A connection to tables that are up to date; whoever comes at the same moment is busy."""
        connection = self._raw_connection()
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        found = _version(connection)
        if found is not None and not pending(found, MIGRATIONS, str(self.path)):
            return
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        self._begin(connection, "BEGIN IMMEDIATE")
        found = _version(connection)
        if found is None:
            if connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
                raise StoreUnavailable(
                    f"{self.path} is another program's database: name another file in service.database"
                )
            found = 0
        migrate(found, MIGRATIONS, str(self.path), connection.execute)
        connection.execute("COMMIT")

    def _patiently(self, work: Callable[[], Result]) -> Result:
        until = time.monotonic() + self._timeout
        while True:
            try:
                return work()
            except sqlite3.OperationalError as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF not in (_BUSY, _LOCKED):
                    raise
                self._wait(until, error)


def _version(connection: sqlite3.Connection) -> int | None:
    """The version of the tables, None where there are none of ours."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_version'").fetchone():
        return None
    row = connection.execute("SELECT version FROM schema_version").fetchone()
    return 0 if row is None else int(row[0])


class _Busy(StoreUnavailable):
    """Another one had the lock."""


_REMEDIES = {
    _BUSY: "is locked by another program or a long write: end it, or raise timeout_ms in service.database",
    _LOCKED: "is locked by another program or a long write: end it, or raise timeout_ms in service.database",
    sqlite3.SQLITE_FULL: "can't grow, the disk is full: make room on it",
    sqlite3.SQLITE_READONLY: "is read-only: give this user the right to write the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "can't be opened: give this user the right to the file and its folder",
    sqlite3.SQLITE_PERM: "can't be opened: give this user the right to the file and its folder",
    sqlite3.SQLITE_CORRUPT: "is damaged: restore a copy (or try: sqlite3 FILE .recover)",
    sqlite3.SQLITE_NOTADB: "is no SQLite database, or its beginning is damaged: restore a copy",
    sqlite3.SQLITE_IOERR: "can't be read or written, the disk reports an error: look at the disk",
}
