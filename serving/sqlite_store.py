"""The store in SQLite: one writer at a time, readers beside it.

Row numbers of touchpoints grow in the order of the commits, because there is one writer. So a
packed history is up to date but for the customer's rows with greater numbers.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from data_contracts.errors import Conflict
from data_contracts.times import HOUR
from features.columns import TouchpointColumns
from features.packing import TouchpointRow, columns_of_rows, pack
from policy.situation import Send
from serving import sqlite_records
from serving import sqlite_statements as statements
from serving.addresses import sqlite_address
from serving.confirmation import LoggedSend, check_late, confirmed_state, may_be_late
from serving.history import (
    HistoryBounds,
    PackedHistory,
    assembled,
    decoded_row,
    rebuilt,
    storable,
)
from serving.sqlite_database import SqliteDatabase, storable_values
from serving.sqlite_records import rows_after
from serving.store import (
    DecisionRow,
    EarlierAnswer,
    Fits,
    LockedCustomer,
    Outcome,
    Reservation,
    SendOutcome,
    Snapshot,
    SnapshotKey,
    StoredDecision,
    Timeline,
    no_room,
)


class SqliteStore:
    """`serving.store.Store` over one SQLite file."""

    def __init__(self, database: SqliteDatabase, bounds: HistoryBounds) -> None:
        self._database, self._bounds, self._rule = database, bounds, bounds.rule

    @classmethod
    def at(cls, url: str, home: Path, bounds: HistoryBounds) -> SqliteStore:
        """The store at `sqlite:///FILE`; raises ConfigurationError."""
        address = sqlite_address(url, home)
        database = SqliteDatabase(address.path, full=address.full, timeout_seconds=address.timeout_seconds)
        return cls(database, bounds)

    def ingest(self, rows: Sequence[tuple[str, TouchpointRow]]) -> list[bool]:
        stored = storable(rows)
        if not stored:
            return []

        def insert(connection: sqlite3.Connection) -> list[bool]:
            (last,) = connection.execute(statements.LAST_ROW_NUMBER).fetchone()
            if connection.executemany(statements.ADD_TOUCHPOINT, stored).rowcount == len(stored):
                return [True] * len(stored)
            # One writer: what has a greater number now is new. Of one key in the batch the first is.
            fresh = set(connection.execute(statements.KEYS_AFTER, (last,)))
            accepted = []
            for row in stored:
                accepted.append(row[1:3] in fresh)
                fresh.discard(row[1:3])
            return accepted

        return self._database.write(insert)

    def snapshot(
        self, customer_id: str, message_ids: Sequence[str], decision_id: str | None = None
    ) -> Snapshot:
        key = SnapshotKey(customer_id, message_ids, decision_id)
        return self._database.read(lambda connection: self._snapshot(connection, key))

    def snapshots(self, keys: Sequence[SnapshotKey]) -> list[Snapshot]:
        return self._database.read(lambda connection: [self._snapshot(connection, key) for key in keys])

    def commit(self, outcome: Outcome, snapshot: Snapshot) -> bool:
        packed = self._packed(snapshot)
        return self._database.write(lambda connection: _commit(connection, outcome, snapshot, packed))

    def commit_many(self, decisions: Sequence[tuple[Outcome, Snapshot]]) -> list[bool | Conflict]:
        packed = [self._packed(snapshot) for _, snapshot in decisions]

        def commit_all(connection: sqlite3.Connection) -> list[bool | Conflict]:
            results: list[bool | Conflict] = []
            for (outcome, snapshot), blob in zip(decisions, packed, strict=True):
                try:
                    results.append(_commit(connection, outcome, snapshot, blob))
                except Conflict as conflict:
                    results.append(conflict)
            return results

        return self._database.write(commit_all)

    @contextmanager
    def locked(self, customer_id: str) -> Iterator[LockedCustomer]:
        with self._database.writing() as connection:
            yield _Locked(self, connection, customer_id)

    def confirm(
        self, decision_id: str, message_id: str, outcome: SendOutcome, fits: Fits = no_room
    ) -> Literal["sent", "released"]:
        def settle(connection: sqlite3.Connection) -> Literal["sent", "released"]:
            key = (decision_id, message_id)
            row = connection.execute(statements.LOGGED_SEND, key).fetchone()
            found = None if row is None else LoggedSend(*row)
            wanted = confirmed_state(decision_id, message_id, found, outcome)
            if found is not None and found.state != wanted:
                asked = (found.customer_id, found.reserved_until, *key)
                if may_be_late(found, wanted) and connection.execute(statements.LATER_SEND, asked).fetchone():
                    snapshot = self._snapshot(connection, SnapshotKey(found.customer_id, ()))
                    check_late(decision_id, message_id, found, snapshot, fits)
                connection.execute(statements.SETTLE_SEND, (wanted, *key))
                connection.execute(statements.MOVE_VERSION_OF_DECISION, (decision_id,))
            return wanted

        return self._database.write(settle)

    def timeline(self, customer_id: str, limit: int | None = None) -> Timeline:
        return self._database.read(lambda connection: sqlite_records.timeline(connection, customer_id, limit))

    def decision(self, decision_id: str) -> StoredDecision:
        return self._database.read(lambda connection: sqlite_records.decision(connection, decision_id))

    def history(self, customer_id: str, first: int | None = None) -> TouchpointColumns:
        return self._database.read(lambda connection: _history(connection, customer_id, first))

    def compact(self, customer_ids: Sequence[str]) -> int:
        # One transaction a customer: a long one would keep decisions waiting.
        return sum(map(self._compacted, dict.fromkeys(customer_ids)))

    def export_touchpoints(self, batch_size: int = 10_000) -> Iterator[list[tuple[str, TouchpointRow]]]:
        return sqlite_records.touchpoints(self._database, batch_size)

    def export_decisions(self, batch_size: int = 10_000) -> Iterator[list[DecisionRow]]:
        return sqlite_records.log(self._database, batch_size)

    def export_sends(self, batch_size: int = 10_000) -> Iterator[list[tuple[str, Reservation]]]:
        return sqlite_records.sends(self._database, batch_size)

    def forget(self, customer_id: str, now: int) -> dict[str, int]:
        counts = self._database.write(lambda connection: sqlite_records.erase(connection, customer_id, now))
        self._database.empty_log()
        return counts

    def health(self) -> None:
        self._database.write(lambda connection: None)

    def close(self) -> None:
        self._database.close()

    def _snapshot(self, connection: sqlite3.Connection, key: SnapshotKey) -> Snapshot:
        customer_id, message_ids, decision_id = key
        one = (customer_id,)
        version = connection.execute(statements.VERSION, one).fetchone()
        stored = connection.execute(statements.HISTORY, one).fetchone()
        through, packed = (stored[0], PackedHistory(*stored[1:])) if stored else (0, None)
        new = rows_after(connection, customer_id, through)
        history = assembled(packed, [decoded_row(*row[1:]) for row in new], self._bounds, self._rule)
        if history is None:
            new = rows_after(connection, customer_id, 0)
            history = rebuilt([decoded_row(*row[1:]) for row in new], self._bounds)
        span = round(self._bounds.sends_hours * HOUR)
        sends = connection.execute(statements.SENDS, (customer_id, customer_id, span)).fetchall()
        asked = {}
        if message_ids:
            wanted = (customer_id, json.dumps(list(message_ids)))
            asked = dict(connection.execute(statements.FIRST_ASKED, wanted).fetchall())
        earlier = None
        if decision_id is not None:
            earlier = connection.execute(statements.EARLIER, (decision_id,)).fetchone()
        return Snapshot(
            customer_id=customer_id,
            version=version[0] if version else 0,
            columns=history.columns,
            sends=tuple(Send(*send) for send in sends),
            first_asked=asked,
            earlier=EarlierAnswer(*earlier) if earlier else None,
            left_out=history.left_out,
            unpacked=tuple(row[0] for row in new),
            repack=history.repack,
        )

    def _compacted(self, customer_id: str) -> bool:
        def pack_one(connection: sqlite3.Connection) -> bool:
            snapshot = self._snapshot(connection, SnapshotKey(customer_id, ()))
            packed = self._packed(snapshot)
            if packed is not None:
                _write_history(connection, snapshot, packed)
            return packed is not None

        return self._database.write(pack_one)

    def _packed(self, snapshot: Snapshot) -> PackedHistory | None:
        if not snapshot.repack:
            return None
        return PackedHistory(self._rule, snapshot.left_out, pack(snapshot.columns))


class _Locked:
    """A customer while the only writer is held."""

    def __init__(self, store: SqliteStore, connection: sqlite3.Connection, customer_id: str) -> None:
        self._store, self._connection, self._customer_id = store, connection, customer_id

    def snapshot(self, message_ids: Sequence[str], decision_id: str | None = None) -> Snapshot:
        key = SnapshotKey(self._customer_id, message_ids, decision_id)
        return self._store._snapshot(self._connection, key)

    def commit(self, outcome: Outcome, snapshot: Snapshot) -> bool:
        with storable_values():
            return _commit(self._connection, outcome, snapshot, self._store._packed(snapshot))

    def history(self, customer_id: str) -> TouchpointColumns:
        return _history(self._connection, customer_id)


def _history(connection: sqlite3.Connection, customer_id: str, first: int | None = None) -> TouchpointColumns:
    rows = sorted(rows_after(connection, customer_id, 0))[:first]  # by row number
    return columns_of_rows(decoded_row(*row[1:]) for row in rows)


def _commit(
    connection: sqlite3.Connection, outcome: Outcome, snapshot: Snapshot, packed: PackedHistory | None
) -> bool:
    """Write a decision; nothing is written where it returns False or raises Conflict."""
    found = connection.execute(statements.BODY_DIGEST, (outcome.decision_id,)).fetchone()
    if found is not None:
        if found[0] != outcome.body_digest:
            raise Conflict(f"decision {outcome.decision_id!r} was answered for another request")
        return False
    if snapshot.version == 0:
        # The first version is drawn: a customer who was erased and comes back has another one.
        first = (outcome.customer_id, secrets.randbits(48) + 1)
        moved = connection.execute(statements.FIRST_VERSION, first)
    else:
        moved = connection.execute(statements.MOVE_VERSION, (outcome.customer_id, snapshot.version))
    if moved.rowcount == 0:
        return False
    base = (outcome.decision_id, outcome.customer_id, outcome.decided_at)
    connection.execute(statements.ADD_ANSWER, (*base, outcome.body_digest, outcome.answer, outcome.features))
    connection.executemany(statements.ADD_LOG, outcome.rows)
    if outcome.reservations:
        connection.executemany(
            statements.ADD_SEND,
            [(*base[:2], *_send_values(send)) for send in outcome.reservations],
        )
    if outcome.first_asked:
        asked = [(outcome.customer_id, *pair) for pair in outcome.first_asked.items()]
        connection.executemany(statements.ADD_ASKED, asked)
    if packed is not None:
        _write_history(connection, snapshot, packed)
    return True


def _send_values(send: Send) -> tuple[str, str, str, int, int, str]:
    return (
        send.message_id,
        send.department,
        send.channel,
        send.decided_at,
        send.reserved_until,
        send.state,
    )


def _write_history(connection: sqlite3.Connection, snapshot: Snapshot, packed: PackedHistory) -> None:
    connection.execute(
        statements.WRITE_HISTORY,
        (snapshot.customer_id, max(snapshot.unpacked), packed.rule, packed.left_out, packed.blob),
    )
