"""Rows of the store as Parquet files, one for each sixteenth of the customers.

A customer's rows are all in one file, so that some files can be left out without cutting a history
in two. What is held in memory is at most `ROWS_HELD` rows a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.columns import TABLES
from features.columns import identifier_hash

PARTS = 16
ROWS_HELD = 10_000
_TYPES = {
    "string": pa.string(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "float": pa.float64(),
    "json": pa.string(),
}


def part_of(customer_id: str) -> int:
    """The file that a customer's rows go to, the same on every machine."""
    return identifier_hash(customer_id) % PARTS


class PartWriter:
    """Writes rows of one table of the contract into `folder/NN.parquet`.

    `rows` counts what was written by part. Use as a context: only then are the files complete.
    """

    def __init__(self, folder: Path, kind: str) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._columns = TABLES[kind]
        self._customer = [column.name for column in self._columns].index("customer_id")
        self._schema = pa.schema([(column.name, _TYPES[column.type]) for column in self._columns])
        self._held: list[list[Sequence[Any]]] = [[] for _ in range(PARTS)]
        self._writers: dict[int, pq.ParquetWriter] = {}
        self.rows = np.zeros(PARTS, np.int64)

    def __enter__(self) -> PartWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            for part in range(PARTS):
                self._flush(part)
        for writer in self._writers.values():
            writer.close()

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Rows with the contract's columns in order: times in microseconds, JSON as text."""
        for row in rows:
            part = part_of(row[self._customer])
            held = self._held[part]
            held.append(row)
            if len(held) >= ROWS_HELD:
                self._flush(part)

    def _flush(self, part: int) -> None:
        held = self._held[part]
        if not held:
            return
        columns = [
            pa.array(values, pa.int64()).cast(field.type)
            if pa.types.is_timestamp(field.type)
            else pa.array(values, field.type)
            for values, field in zip(zip(*held, strict=True), self._schema, strict=True)
        ]
        writer = self._writers.get(part)
        if writer is None:
            file = self._folder / f"{part:02}.parquet"
            writer = self._writers[part] = pq.ParquetWriter(file, self._schema, compression="zstd")
        writer.write_table(pa.table(columns, schema=self._schema))
        self.rows[part] += len(held)
        self._held[part] = []
