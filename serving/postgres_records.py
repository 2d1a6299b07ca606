"""Reading out of PostgreSQL what was written down, and erasing it: nothing that a decision waits for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg

from data_contracts.errors import NotFound
from features.packing import TouchpointRow
from serving import postgres_statements as statements
from serving.erasures import customer_hash
from serving.history import decoded_row
from serving.postgres_database import PostgresDatabase
from serving.store import DecisionRow, Reservation, StoredDecision, Timeline

Cursor = psycopg.Cursor[tuple[Any, ...]]


def timeline(cursor: Cursor, customer_id: str, limit: int | None) -> Timeline:
    """As `Store.timeline`, within a transaction."""
    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
    rows = [decoded_row(*row[2:]) for row in cursor.execute(statements.ALL_ROWS, (customer_id,))]
    rows.sort(key=lambda row: row[:4], reverse=True)
    asked = (customer_id, limit)
    return Timeline(
        customer_id,
        tuple(rows[:limit]),
        tuple(map(DecisionRow._make, cursor.execute(statements.DECISIONS, asked).fetchall())),
        tuple(Reservation(*row) for row in cursor.execute(statements.RESERVATIONS, asked).fetchall()),
    )


def decision(cursor: Cursor, decision_id: str) -> StoredDecision:
    """As `Store.decision`, within a transaction."""
    found = cursor.execute(statements.STORED_DECISION, (decision_id,)).fetchone()
    if found is None:
        raise NotFound(f"there is no decision {decision_id!r}")
    log_rows = cursor.execute(statements.LOG_OF_DECISION, (decision_id,)).fetchall()
    return StoredDecision(*(*found, tuple(map(DecisionRow._make, log_rows))))


def touchpoints(database: PostgresDatabase, batch_size: int) -> Iterator[list[tuple[str, TouchpointRow]]]:
    """As `Store.export_touchpoints`, as of one moment."""
    for rows in _exported(database, statements.TOUCHPOINTS, batch_size):
        yield [(customer_id, decoded_row(*rest)) for customer_id, *rest in rows]


def log(database: PostgresDatabase, batch_size: int) -> Iterator[list[DecisionRow]]:
    """As `Store.export_decisions`, as of one moment."""
    for rows in _exported(database, statements.LOG, batch_size):
        yield list(map(DecisionRow._make, rows))


def sends(database: PostgresDatabase, batch_size: int) -> Iterator[list[tuple[str, Reservation]]]:
    """As `Store.export_sends`, as of one moment."""
    for rows in _exported(database, statements.ALL_SENDS, batch_size):
        yield [(customer_id, Reservation(*rest)) for customer_id, *rest in rows]


def erase(cursor: Cursor, customer_id: str, now: int) -> dict[str, int]:
    """As `Store.forget`, within a transaction; the bytes go when PostgreSQL vacuums its tables."""
    counts = {
        table: cursor.execute(statement, (customer_id,)).rowcount
        for table, statement in statements.ERASE.items()
    }
    cursor.execute(statements.ADD_ERASURE, (customer_hash(customer_id), now, json.dumps(counts)))
    return counts


def _exported(database: PostgresDatabase, query: str, batch_size: int) -> Iterator[list[tuple[Any, ...]]]:
    with database.block(deadline=False) as connection, connection.cursor("exported", binary=True) as cursor:
        cursor.execute(query)
        while rows := cursor.fetchmany(batch_size):
            yield rows
