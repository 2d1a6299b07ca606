"""The store in PostgreSQL: many writers, any number of services.

A customer's row is the lock: a decision moves its version in the same statement that writes
everything else. New rows of a history stand in `tact.unpacked` until a blob has them.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple, cast

import psycopg
from msgspec import json as msgspec_json

from data_contracts.errors import Conflict, InvalidRequest
from data_contracts.times import HOUR
from features.columns import TouchpointColumns
from features.packing import TouchpointRow, columns_of_rows, pack
from policy.situation import Send
from serving import postgres_records
from serving import postgres_statements as statements
from serving.addresses import postgres_address
from serving.confirmation import STATES, LoggedSend, check_late, confirmed_state, may_be_late
from serving.history import HistoryBounds, PackedHistory, assembled, decoded_row, rebuilt, storable
from serving.postgres_database import PostgresDatabase, storable_values
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

_Cursor = psycopg.Cursor[tuple[Any, ...]]
_DECISIONS_AT_ONCE = 200
_CUSTOMERS_AT_ONCE = 100
_MOVED, _WRITTEN, _SAME_BODY = 0, 1, 2


class _Found(NamedTuple):
    """One row of `tact.snapshot`."""

    version: int | None
    rule: str | None
    left_out: int | None
    packed: bytes | None
    row_numbers: list[int] | None
    event_times: list[int] | None
    ingested_times: list[int] | None
    sources: list[str] | None
    touchpoint_ids: list[str] | None
    rows: list[bytes] | None
    send_messages: list[str] | None
    send_departments: list[str]
    send_channels: list[str]
    send_decided: list[int]
    send_until: list[int]
    send_states: list[Literal["reserved", "sent"]]
    asked_messages: list[str] | None
    asked_first: list[int]
    earlier_customer: str | None
    earlier_digest: bytes
    earlier_answer: bytes


class PostgresStore:
    """`serving.store.Store` over one PostgreSQL database."""

    def __init__(self, database: PostgresDatabase, bounds: HistoryBounds) -> None:
        self._database, self._bounds, self._rule = database, bounds, bounds.rule
        self._span = round(bounds.sends_hours * HOUR)

    @classmethod
    def at(cls, url: str, bounds: HistoryBounds) -> PostgresStore:
        """The store at `postgresql://…`; raises ConfigurationError."""
        return cls(PostgresDatabase(postgres_address(url)), bounds)

    def ingest(self, rows: Sequence[tuple[str, TouchpointRow]]) -> list[bool]:
        stored = storable(rows)
        if not stored:
            return []
        # Of one key the first counts. In order of the keys: two batches with the same ones would
        # otherwise wait for each other.
        first = {row[1:3]: place for place, row in reversed(list(enumerate(stored)))}
        places = [first[key] for key in sorted(first)]
        columns = list(zip(*(stored[place] for place in places), strict=True))
        [(found,)] = self._database.call(statements.INGEST, [list(column) for column in columns])
        accepted = [False] * len(stored)
        for place, is_new in zip(places, found or [True] * len(places), strict=True):
            accepted[place] = is_new
        return accepted

    def snapshot(
        self, customer_id: str, message_ids: Sequence[str], decision_id: str | None = None
    ) -> Snapshot:
        asked = (customer_id, list(message_ids), decision_id, self._span)
        [found] = self._database.call(statements.SNAPSHOT, asked)
        return self._snapshot(customer_id, _Found._make(found), self._database.call)

    def snapshots(self, keys: Sequence[SnapshotKey]) -> list[Snapshot]:
        messages: list[str] = []
        first, last = [], []
        for key in keys:
            first.append(len(messages) + 1)
            messages.extend(key.message_ids)
            last.append(len(messages))
        customers, decisions = [key.customer_id for key in keys], [key.decision_id for key in keys]
        found = self._database.call(
            statements.SNAPSHOTS, (customers, first, last, decisions, messages, self._span)
        )
        return [
            self._snapshot(customer_id, _Found._make(row), self._database.call)
            for customer_id, row in zip(customers, found, strict=True)
        ]

    def commit(self, outcome: Outcome, snapshot: Snapshot) -> bool:
        [(code,)] = self._database.call(statements.COMMIT, self._parameters(outcome, snapshot))
        return _committed(outcome, code)

    def commit_many(self, decisions: Sequence[tuple[Outcome, Snapshot]]) -> list[bool | Conflict]:
        # In order of the customers: two batches with the same ones would otherwise wait for each other.
        order = sorted(range(len(decisions)), key=lambda place: decisions[place][0].customer_id)
        parameters = [self._parameters(*decisions[place]) for place in order]

        def commit_all(cursor: _Cursor) -> list[int]:
            codes: list[int] = []
            for start in range(0, len(parameters), _DECISIONS_AT_ONCE):
                some = parameters[start : start + _DECISIONS_AT_ONCE]
                codes += [code for (code,) in cursor.execute(statements.COMMIT_MANY, _columns(some))]
            return codes

        results: list[bool | Conflict] = [False] * len(decisions)
        for place, code in zip(order, self._database.transaction(commit_all), strict=True):
            try:
                results[place] = _committed(decisions[place][0], code)
            except Conflict as conflict:
                results[place] = conflict
        return results

    @contextmanager
    def locked(self, customer_id: str) -> Iterator[LockedCustomer]:
        with self._database.block() as connection:
            cursor = connection.cursor(binary=True)
            cursor.execute(statements.LOCK_CUSTOMER, (customer_id, _first_version()))
            yield _Locked(self, cursor, customer_id)

    def confirm(
        self, decision_id: str, message_id: str, outcome: SendOutcome, fits: Fits = no_room
    ) -> Literal["sent", "released"]:
        key = (decision_id, message_id)
        [(settled,)] = self._database.call(statements.SETTLE_IN_TIME, (*key, STATES[outcome]))
        if settled:
            return STATES[outcome]

        def logged(cursor: _Cursor) -> LoggedSend | None:
            row = cursor.execute(statements.LOGGED_SEND, key).fetchone()
            return None if row is None else LoggedSend(*row)

        def settle(cursor: _Cursor) -> Literal["sent", "released"]:
            found = logged(cursor)
            if found is not None:
                # Now nobody else moves the state; what it is has to be read again.
                cursor.execute(statements.HOLD_CUSTOMER, (found.customer_id,))
                found = logged(cursor)
            wanted = confirmed_state(decision_id, message_id, found, outcome)
            if found is not None and found.state != wanted:
                asked = (found.customer_id, found.reserved_until, *key)
                if may_be_late(found, wanted) and cursor.execute(statements.LATER_SEND, asked).fetchone():
                    snapshot = _Locked(self, cursor, found.customer_id).snapshot(())
                    check_late(decision_id, message_id, found, snapshot, fits)
                cursor.execute(statements.SETTLE_SEND, (wanted, *key))
                cursor.execute(statements.MOVE_VERSION, (found.customer_id,))
            return wanted

        return self._database.transaction(settle)

    def timeline(self, customer_id: str, limit: int | None = None) -> Timeline:
        return self._database.transaction(lambda cursor: postgres_records.timeline(cursor, customer_id, limit))

    def decision(self, decision_id: str) -> StoredDecision:
        return self._database.transaction(lambda cursor: postgres_records.decision(cursor, decision_id))

    def history(self, customer_id: str, first: int | None = None) -> TouchpointColumns:
        return _history(self._database.call, customer_id, first)

    def compact(self, customer_ids: Sequence[str]) -> int:
        distinct = sorted(set(customer_ids))
        packed = 0
        for start in range(0, len(distinct), _CUSTOMERS_AT_ONCE):
            keys = [SnapshotKey(one, ()) for one in distinct[start : start + _CUSTOMERS_AT_ONCE]]
            waiting = [snapshot for snapshot in self.snapshots(keys) if snapshot.repack]
            if waiting:
                columns = _columns(
                    (one.customer_id, one.version, _first_version(), *self._packing(one)) for one in waiting
                )
                packed += sum(done for (done,) in self._database.call(statements.COMPACT, columns))
        return packed

    def export_touchpoints(self, batch_size: int = 10_000) -> Iterator[list[tuple[str, TouchpointRow]]]:
        return postgres_records.touchpoints(self._database, batch_size)

    def export_decisions(self, batch_size: int = 10_000) -> Iterator[list[DecisionRow]]:
        return postgres_records.log(self._database, batch_size)

    def export_sends(self, batch_size: int = 10_000) -> Iterator[list[tuple[str, Reservation]]]:
        return postgres_records.sends(self._database, batch_size)

    def forget(self, customer_id: str, now: int) -> dict[str, int]:
        return self._database.transaction(lambda cursor: postgres_records.erase(cursor, customer_id, now))

    def health(self) -> None:
        [(read_only,)] = self._database.call(statements.READ_ONLY)
        if read_only:
            raise self._database.unavailable(psycopg.errors.ReadOnlySqlTransaction())

    def close(self) -> None:
        self._database.close()

    def _snapshot(self, customer_id: str, found: _Found, call: Any) -> Snapshot:
        packed = None
        if found.packed is not None:
            packed = PackedHistory(found.rule or "", found.left_out or 0, found.packed)
        new = [
            decoded_row(*row)
            for row in zip(
                found.event_times or (),
                found.ingested_times or (),
                found.sources or (),
                found.touchpoint_ids or (),
                found.rows or (),
                strict=True,
            )
        ]
        unpacked = tuple(found.row_numbers or ())
        history = assembled(packed, new, self._bounds, self._rule)
        if history is None:
            everything = call(statements.ALL_ROWS, (customer_id,))
            history = rebuilt([decoded_row(*row[2:]) for row in everything], self._bounds)
            unpacked = tuple(row[0] for row in everything if row[1])
        sends: tuple[Send, ...] = ()
        if found.send_messages is not None:
            sends = tuple(map(Send, *cast(tuple[list[Any], ...], found[10:16])))
        earlier = None
        if found.earlier_customer is not None:
            earlier = EarlierAnswer(found.earlier_customer, found.earlier_digest, found.earlier_answer)
        asked = {}
        if found.asked_messages is not None:
            asked = dict(zip(found.asked_messages, found.asked_first, strict=True))
        return Snapshot(
            customer_id=customer_id,
            version=found.version or 0,
            columns=history.columns,
            sends=sends,
            first_asked=asked,
            earlier=earlier,
            left_out=history.left_out,
            unpacked=unpacked,
            repack=history.repack,
        )

    def _parameters(self, outcome: Outcome, snapshot: Snapshot) -> tuple[Any, ...]:
        """The arguments of `tact.commit_decision`."""
        sends = [_send_object(send) for send in outcome.reservations]
        return (
            outcome.customer_id,
            snapshot.version,
            _first_version(),
            outcome.decision_id,
            outcome.decided_at,
            outcome.body_digest,
            outcome.answer,
            outcome.features,
            _json([row._asdict() for row in outcome.rows]),
            _json(sends) if sends else None,
            _json(outcome.first_asked) if outcome.first_asked else None,
            *(self._packing(snapshot) if snapshot.repack else (None, None, None, None)),
        )

    def _packing(self, snapshot: Snapshot) -> tuple[Any, ...]:
        """The arguments of `tact.write_history` behind the customer."""
        return self._rule, snapshot.left_out, pack(snapshot.columns), list(snapshot.unpacked)


class _Locked:
    """A customer whose row this transaction holds."""

    def __init__(self, store: PostgresStore, cursor: _Cursor, customer_id: str) -> None:
        self._store, self._cursor, self._customer_id = store, cursor, customer_id

    def snapshot(self, message_ids: Sequence[str], decision_id: str | None = None) -> Snapshot:
        asked = (self._customer_id, list(message_ids), decision_id, self._store._span)
        [found] = self._call(statements.SNAPSHOT, asked)
        return self._store._snapshot(self._customer_id, _Found._make(found), self._call)

    def commit(self, outcome: Outcome, snapshot: Snapshot) -> bool:
        [(code,)] = self._call(statements.COMMIT, self._store._parameters(outcome, snapshot))
        return _committed(outcome, code)

    def history(self, customer_id: str) -> TouchpointColumns:
        return _history(self._call, customer_id)

    def _call(self, statement: str, parameters: Any) -> list[tuple[Any, ...]]:
        with storable_values():
            return self._cursor.execute(statement, parameters).fetchall()


def _history(call: Any, customer_id: str, first: int | None = None) -> TouchpointColumns:
    rows = sorted(call(statements.ALL_ROWS, (customer_id,)), key=lambda row: int(row[0]))[:first]
    return columns_of_rows(decoded_row(*row[2:]) for row in rows)


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    """Rows of arguments as arrays; the last one, an array itself, as PostgreSQL's text of it."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    columns[-1] = [None if one is None else "{" + ",".join(map(str, one)) + "}" for one in columns[-1]]
    return columns


def _committed(outcome: Outcome, code: int) -> bool:
    if code in (_MOVED, _WRITTEN, _SAME_BODY):
        return code == _WRITTEN
    raise Conflict(f"decision {outcome.decision_id!r} was answered for another request")


def _first_version() -> int:
    """The first version is drawn: a customer who was erased and comes back has another one."""
    return secrets.randbits(48) + 1


def _send_object(send: Send) -> dict[str, Any]:
    return {
        "message_id": send.message_id,
        "department": send.department,
        "channel": send.channel,
        "decided_at": send.decided_at,
        "reserved_until": send.reserved_until,
        "state": send.state,
    }


def _json(value: Any) -> str:
    try:
        return msgspec_json.encode(value).decode()
    except (UnicodeError, OverflowError) as error:
        raise InvalidRequest(f"the database can't hold a value: {error}") from None
