"""Touchpoints and decisions as plain dicts, written to files in each format."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from data_contracts.columns import TABLES, Column
from data_contracts.times import parse_time

Row = dict[str, Any]
Write = Callable[..., Path]

NOW = parse_time("2026-06-01T00:00:00Z")


def good_touchpoint(**changes: Any) -> Row:
    row = {
        "touchpoint_id": "t-1",
        "source": "crm",
        "customer_id": "c-1",
        "event_time": "2026-03-01T09:00:00Z",
        "ingested_time": "2026-03-01T09:00:05Z",
        "department": "support",
        "channel": "email",
        "direction": "inbound",
        "event_type": "ticket_opened",
    }
    return row | changes


def good_decision(**changes: Any) -> Row:
    row = {
        "decision_id": "d-1",
        "customer_id": "c-1",
        "decided_at": "2026-03-01T09:00:00Z",
        "message_id": "m-1",
        "department": "marketing",
        "channel": "email",
        "purpose": "promotional",
        "action": "send",
        "send_probability": 0.5,
        "mode": "enforce",
        "model_version": "3",
    }
    return row | changes


def as_csv(rows: Sequence[Row]) -> bytes:
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([["" if row.get(n) is None else _cell(row[n]) for n in names] for row in rows])
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)


def as_json_lines(rows: Sequence[Row]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def as_parquet(rows: Sequence[Row], kind: str) -> pa.Table:
    """As the producer of a log would write it: times as timestamps, only the columns that are used."""
    used = [column for column in TABLES[kind] if any(column.name in row for row in rows)]
    return pa.table({column.name: _array(column, rows) for column in used})


def _array(column: Column, rows: Sequence[Row]) -> pa.Array:
    values = [row.get(column.name) for row in rows]
    if column.type == "timestamp":
        times = [None if value is None else parse_time(value) for value in values]
        return pa.array(times, pa.int64()).cast(pa.timestamp("us", "UTC"))
    return pa.array(values, pa.float64() if column.type == "float" else pa.string())


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write rows (or bytes as they are) under a name whose ending chooses the format."""

    def written(content: Sequence[Row] | bytes, name: str, kind: str = "touchpoints") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_rows(content, path, kind)
        return path

    return written


def write_rows(content: Sequence[Row] | bytes, path: Path, kind: str) -> None:
    plain = path.name.removesuffix(".gz")
    if isinstance(content, bytes):
        data = content
    elif plain.endswith(".csv"):
        data = as_csv(content)
    elif plain.endswith(".jsonl"):
        data = as_json_lines(content)
    else:
        buffer = io.BytesIO()
        parquet.write_table(as_parquet(content, kind), buffer)
        data = buffer.getvalue()
    path.write_bytes(gzip.compress(data) if path.name.endswith(".gz") else data)


@pytest.fixture(scope="session")
def make() -> dict[str, Callable[..., Row]]:
    """Makers of one good row of each table."""
    return {"touchpoints": good_touchpoint, "decisions": good_decision}


@pytest.fixture(scope="session")
def now() -> int:
    return NOW


@pytest.fixture(scope="session")
def write_file() -> Callable[[Sequence[Row], Path, str], None]:
    return write_rows
