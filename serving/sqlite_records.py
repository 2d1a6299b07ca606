"""Reading out of SQLite what was written down, and erasing it: nothing that a decision waits for."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from data_contracts.errors import NotFound
from features.packing import TouchpointRow
from serving import sqlite_statements as statements
from serving.erasures import customer_hash
from serving.history import decoded_row
from serving.sqlite_database import SqliteDatabase
from serving.store import DecisionRow, Reservation, StoredDecision, Timeline


def rows_after(connection: sqlite3.Connection, customer_id: str, row_number: int) -> list[tuple[Any, ...]]:
    """(row number, and the arguments of `decoded_row`) of a customer's rows with greater numbers."""
    return connection.execute(statements.NEW_ROWS, (customer_id, row_number)).fetchall()


def timeline(connection: sqlite3.Connection, customer_id: str, limit: int | None) -> Timeline:
    """As `Store.timeline`."""
    rows = [decoded_row(*row[1:]) for row in rows_after(connection, customer_id, 0)]
    rows.sort(key=lambda row: row[:4], reverse=True)
    asked = (customer_id, -1 if limit is None else limit)
    return Timeline(
        customer_id,
        tuple(rows[:limit]),
        tuple(map(DecisionRow._make, connection.execute(statements.DECISIONS, asked))),
        tuple(Reservation(*row) for row in connection.execute(statements.RESERVATIONS, asked)),
    )


def decision(connection: sqlite3.Connection, decision_id: str) -> StoredDecision:
    """As `Store.decision`."""
    found = connection.execute(statements.STORED_DECISION, (decision_id,)).fetchone()
    if found is None:
        raise NotFound(f"there is no decision {decision_id!r}")
    log_rows = connection.execute(statements.LOG_OF_DECISION, (decision_id,))
    return StoredDecision(*(*found, tuple(map(DecisionRow._make, log_rows))))


def touchpoints(database: SqliteDatabase, batch_size: int) -> Iterator[list[tuple[str, TouchpointRow]]]:
    """As `Store.export_touchpoints`; each batch is read by itself, so that the log can be moved."""
    last = 0
    while rows := _rows(database, statements.TOUCHPOINTS, (last, batch_size)):
        last = rows[-1][0]
        yield [(customer_id, decoded_row(*rest)) for _, customer_id, *rest in rows]


def log(database: SqliteDatabase, batch_size: int) -> Iterator[list[DecisionRow]]:
    """As `Store.export_decisions`."""
    last = ("", "")
    while rows := _rows(database, statements.LOG, (*last, batch_size)):
        batch = list(map(DecisionRow._make, rows))
        last = (batch[-1].decision_id, batch[-1].message_id)
        yield batch


def sends(database: SqliteDatabase, batch_size: int) -> Iterator[list[tuple[str, Reservation]]]:
    """As `Store.export_sends`."""
    last = ("", "")
    while rows := _rows(database, statements.ALL_SENDS, (*last, batch_size)):
        batch = [(str(customer_id), Reservation(*rest)) for customer_id, *rest in rows]
        last = (batch[-1][1].decision_id, batch[-1][1].message_id)
        yield batch


def erase(connection: sqlite3.Connection, customer_id: str, now: int) -> dict[str, int]:
    """As `Store.forget`, within a transaction; what is deleted is overwritten as well."""
    connection.execute("PRAGMA secure_delete = ON")
    counts = {
        table: connection.execute(statement, (customer_id,)).rowcount
        for table, statement in statements.ERASE.items()
    }
    connection.execute(statements.ADD_ERASURE, (customer_hash(customer_id), now, json.dumps(counts)))
    return counts


def _rows(database: SqliteDatabase, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    return database.read(lambda connection: connection.execute(statement, parameters).fetchall())
