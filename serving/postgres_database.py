"""PostgreSQL as the store uses it: connections, deadlines, retries, plain errors.

Nothing of a session is relied on, so PgBouncer may hand each transaction to another one. A call has
a deadline on this side, because a server that hangs never says so. What failed with its connection,
or lost a deadlock, is tried once more on a new one: every call may be repeated (a decision by its id
and the customer's version, a touchpoint by its key, a confirmation by its state).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import psycopg
from psycopg import conninfo, errors
from psycopg.abc import PQGen
from psycopg.waiting import Ready

from data_contracts.errors import ConfigurationError, InvalidRequest, StoreUnavailable, TactError
from serving.addresses import PostgresAddress
from serving.connection_pool import ConnectionPool
from serving.postgres_schema import MIGRATIONS
from serving.schema import migrate, pending

Result = TypeVar("Result")
Parameters = Sequence[Any] | Mapping[str, Any]
_TRIES = 5
_MIGRATION_LOCK = 7_310_331_957_224_901
_TIMEOUT_OF_CANCEL_SECONDS = 0.25


class _DeadlinePassed(errors.OperationalError):
    """The server did not answer in time."""


@contextmanager
def storable_values() -> Iterator[None]:
    """Say that a value, and not the database, is at fault: U+0000, a number beyond 64 bits."""
    try:
        yield
    except (psycopg.DataError, UnicodeError, OverflowError) as error:
        raise InvalidRequest(f"the database can't hold a value: {str(error).splitlines()[0]}") from None


class _Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection whose waiting ends at a deadline (seconds, monotonic)."""

    deadline: float | None = None

    def wait(self, gen: PQGen[Result], *args: Any, **kwargs: Any) -> Result:
        return super().wait(gen if self.deadline is None else _until(self.deadline, gen), *args, **kwargs)


def _until(deadline: float, gen: PQGen[Result]) -> PQGen[Result]:
    """The same steps, but an error at the first idle moment after the deadline."""
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if ready == Ready.NONE and time.monotonic() > deadline:
                gen.close()
                raise _DeadlinePassed("it did not answer in time")
            wanted = gen.send(ready)
    except StopIteration as end:
        result: Result = end.value
        return result


class PostgresDatabase:
    """One PostgreSQL database; every method may be called from any thread.

    Raises ConfigurationError where the address can't be read.
    """

    def __init__(self, address: PostgresAddress) -> None:
        self._address = address
        try:
            known = conninfo.conninfo_to_dict(address.conninfo)
        except psycopg.ProgrammingError as error:
            raise ConfigurationError(f"service.database: {error}") from None
        self.name = (
            f"PostgreSQL at {known.get('host') or 'the local socket'}, database {known.get('dbname') or ''}"
        )
        self._was_there = False
        self._pool: ConnectionPool[_Connection] = ConnectionPool(self._open, _closed)

    def call(self, statement: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """One statement, a transaction of its own; its rows. It may be sent more than once."""

        def run(connection: _Connection) -> list[tuple[Any, ...]]:
            cursor = connection.cursor(binary=True)
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

        return self._tried(run)

    def transaction(self, work: Callable[[psycopg.Cursor[tuple[Any, ...]]], Result]) -> Result:
        """Run `work` in one transaction; it may be run more than once, of which one is committed."""

        def run(connection: _Connection) -> Result:
            with connection.transaction():
                return work(connection.cursor(binary=True))

        return self._tried(run)

    @contextmanager
    def block(self, *, deadline: bool = True) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """A transaction for a block, which is run once; with `deadline` all of it has to be done in time."""
        connection = self._pool.borrow()
        try:
            with self._guarded(connection), connection.transaction():
                connection.deadline = time.monotonic() + self._address.timeout_seconds if deadline else None
                yield connection
        except errors.Error as error:
            raise self.unavailable(error) from None

    def close(self) -> None:
        self._pool.close()

    def unavailable(self, error: psycopg.Error) -> StoreUnavailable:
        """What is wrong, and the remedy, in one plain sentence."""
        for kind, remedy in _REMEDIES:
            if isinstance(error, kind):
                return StoreUnavailable(f"{self.name} {remedy}")
        told = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if isinstance(error, errors.OperationalError) and error.sqlstate is None:
            return StoreUnavailable(f"{self.name} can't be reached: {told.rpartition('failed: ')[2]}")
        return StoreUnavailable(f"{self.name} can't be used: {told}")

    def _tried(self, run: Callable[[_Connection], Result]) -> Result:
        for tries_left in reversed(range(_TRIES)):
            connection = self._pool.borrow()
            connection.deadline = time.monotonic() + self._address.timeout_seconds
            try:
                with self._guarded(connection), storable_values():
                    return run(connection)
            except (errors.DeadlockDetected, errors.SerializationFailure) as error:
                if not tries_left:
                    raise self.unavailable(error) from None
            except errors.Error as error:
                if isinstance(error, _DeadlinePassed) or not connection.closed or tries_left < _TRIES - 1:
                    raise self.unavailable(error) from None
                # The server was started anew, or the line broke: every idle connection is as dead.
                self._pool.discard_idle()
        raise AssertionError("the last try returns or raises")

    @contextmanager
    def _guarded(self, connection: _Connection) -> Iterator[None]:
        """Give the connection back in a known state, or close it."""
        try:
            yield
        except (TactError, errors.DeadlockDetected, errors.SerializationFailure):
            self._pool.give_back(connection)
            raise
        except _DeadlinePassed:
            # Else it would go on waiting for a lock after nobody waits for it.
            with suppress(psycopg.Error):
                connection.cancel_safe(timeout=_TIMEOUT_OF_CANCEL_SECONDS)
            self._pool.discard(connection)
            raise
        except BaseException:
            self._pool.discard(connection)
            raise
        self._pool.give_back(connection)

    def _open(self) -> _Connection:
        connection = None
        try:
            connection = _Connection.connect(
                self._address.conninfo,
                autocommit=True,
                prepare_threshold=2 if self._address.prepare else None,
                connect_timeout=max(2, round(self._address.timeout_seconds)),
                application_name="tact",
            )
            connection.deadline = time.monotonic() + self._address.timeout_seconds
            self._prepare(connection)
        except (psycopg.Error, StoreUnavailable) as error:
            if connection is not None:
                connection.close()
            if isinstance(error, psycopg.Error):
                raise self.unavailable(error) from None
            raise
        self._was_there = True
        return connection

    def _prepare(self, connection: _Connection) -> None:
        """Bring the tables up to date, once among all who connect at the same moment."""
        was_there = self._was_there  # before looking: another thread may make the tables meanwhile
        try:
            row = connection.execute("SELECT version FROM tact.schema_version").fetchone()
            if row is not None and not pending(row[0], MIGRATIONS, self.name):
                return
        except (errors.UndefinedTable, errors.InvalidSchemaName):
            if was_there:
                raise StoreUnavailable(
                    f"{self.name} has lost its tables: restore them, or restart the service to begin with empty ones"
                ) from None
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATION_LOCK,))
            # A schema that the administrator made needs no right to make one.
            if _one(connection, "SELECT to_regnamespace('tact') IS NULL"):
                connection.execute("CREATE SCHEMA tact")
            found = 0
            if _one(connection, "SELECT to_regclass('tact.schema_version') IS NOT NULL"):
                found = _one(connection, "SELECT version FROM tact.schema_version")
            migrate(found, MIGRATIONS, self.name, connection.execute, "tact.schema_version")


def _one(connection: _Connection, query: str) -> Any:
    row = connection.execute(query).fetchone()
    return None if row is None else row[0]


def _closed(connection: _Connection) -> None:
    with suppress(psycopg.Error):
        connection.close()


_REMEDIES: tuple[tuple[type[psycopg.Error], str], ...] = (
    (_DeadlinePassed, "did not answer in time: it is overloaded, hangs, or waits for a lock"),
    (errors.QueryCanceled, "did not answer in time: it is overloaded, or waits for a lock"),
    (errors.LockNotAvailable, "did not get a lock in time: another transaction holds it"),
    (errors.DiskFull, "has a full disk: make room on it"),
    (errors.ReadOnlySqlTransaction, "takes no writes: it is a standby or set to read-only; name the primary"),
    (errors.TooManyConnections, "has no connection left: raise max_connections or put a PgBouncer before it"),
    (errors.CannotConnectNow, "is starting up or shutting down: wait a moment"),
    (errors.InvalidPassword, "refuses the user or the password"),
    (errors.InvalidAuthorizationSpecification, "refuses the user or the password"),
    (errors.InvalidCatalogName, "doesn't exist: create the database"),
    (errors.InsufficientPrivilege, "doesn't let this user do that: grant rights on the schema tact"),
    (errors.DataCorrupted, "reports damaged data: restore a copy"),
    (errors.IndexCorrupted, "reports a damaged index: REINDEX it"),
    (errors.IoError, "can't read or write its files: look at its disk"),
)
