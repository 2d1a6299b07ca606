"""One way into the three formats: raw batches of a source, and which table its columns are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import pyarrow.parquet as parquet

from data_contracts.columns import TABLES, Column
from data_contracts.csv_reader import csv_header, read_csv
from data_contracts.errors import UnreadableInput
from data_contracts.json_lines_reader import json_keys, read_json_lines
from data_contracts.parquet_reader import read_parquet
from data_contracts.raw_batches import RawBatch, Reading, printable
from data_contracts.sources import Source, find_sources, opened

_READERS = {"parquet": read_parquet, "csv": read_csv, "jsonl": read_json_lines}


def read_batches(source: Source, table: Sequence[Column], reading: Reading) -> Iterator[RawBatch]:
    """Read one source; one batch is held at a time.

    Raises
    ------
    UnreadableInput
        The source can't be opened, is damaged, or lacks a required column.
    ContractViolation
        A Parquet column has a type that can't hold what the contract says.
    """
    with opened(source) as file:
        yield from _READERS[source.format](source, file, table, reading)


def guess_kind(path: str | Path) -> str:
    """`touchpoints` or `decisions`, by the columns of the first file.

    Raises
    ------
    UnreadableInput
        The columns fit neither table better than the other.
    """
    source = find_sources(path)[0][0]
    with opened(source) as file:
        names = set(_names(source, file))
    fits = {
        kind: sum(column.name in names for column in table if column.required)
        / sum(column.required for column in table)
        for kind, table in TABLES.items()
    }
    best = max(fits, key=lambda kind: fits[kind])
    if list(fits.values()).count(fits[best]) > 1:
        there = ", ".join(map(printable, sorted(names)[:30])) or "none"
        raise UnreadableInput(
            f"{source.path}: its columns look neither like touchpoints nor like decisions; "
            f"the columns there are: {there}"
        )
    return best


def _names(source: Source, file: IO[bytes]) -> Sequence[str]:
    if source.format == "parquet":
        names: list[str] = parquet.read_schema(file).names
        return names
    return csv_header(source, file) if source.format == "csv" else json_keys(source, file)
