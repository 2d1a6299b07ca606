"""Raw batches from Parquet; a column of a type that can't hold its values is refused as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as parquet

from data_contracts.columns import Column
from data_contracts.errors import ContractViolation
from data_contracts.findings import Problems
from data_contracts.raw_batches import BATCH_ROWS, RawBatch, Reading, check_columns
from data_contracts.sources import Source
from data_contracts.text_columns import is_category


def read_parquet(
    source: Source, file: IO[bytes], table: Sequence[Column], reading: Reading
) -> Iterator[RawBatch]:
    """Batches of BATCH_ROWS rows; columns of text that repeat are read as dictionaries."""
    metadata = parquet.read_metadata(file)
    schema = metadata.schema.to_arrow_schema()
    check_columns(source, schema.names, table, reading)
    wanted = [column for column in table if column.name in schema.names]
    for column in wanted:
        _check_type(source, column, schema.field(column.name).type)
    names = [column.name for column in wanted]
    repeating = [c.name for c in wanted if is_category(c) and _is_text(schema.field(c.name).type)]
    file.seek(0)
    with parquet.ParquetFile(file, metadata=metadata, read_dictionary=repeating, pre_buffer=False) as parts:
        start = 1
        for batch in parts.iter_batches(batch_size=BATCH_ROWS, columns=names, use_threads=False):
            rows = batch.num_rows
            columns = {name: _in_bounds(batch.column(name)) for name in names}
            numbers = np.arange(start, start + rows, dtype=np.int64)
            yield RawBatch(source, rows, columns, numbers, Problems(rows))
            start += rows


def _check_type(source: Source, column: Column, kind: pa.DataType) -> None:
    """A column that is wrong as a whole is one plain error, not a reason on every row."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if _is_text(kind) or pa.types.is_null(kind):
        return
    name = column.name
    integer = pa.types.is_integer(kind)
    if column.type == "timestamp":
        if pa.types.is_timestamp(kind) and kind.tz is None:
            raise ContractViolation(
                f"{source.path}: the column {name} has times without a zone ({kind}); write it in UTC, "
                f'in pandas: frame["{name}"] = frame["{name}"].dt.tz_localize("UTC")'
            )
        fits = pa.types.is_timestamp(kind)
        remedy = "write a timestamp in UTC, or ISO 8601 text as in 2026-03-01T09:00:00Z"
    elif column.type == "float":
        fits = integer or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
        remedy = "write numbers"
    elif column.type == "json":
        fits, remedy = False, "write text that holds a JSON object"
    else:
        # Identifiers as floats are refused: beside a gap pandas makes 1042.0 of 1042, another identifier.
        fits, remedy = integer, "write text"
    if not fits:
        raise ContractViolation(f"{source.path}: the column {name} has the type {kind}; {remedy}")


def _in_bounds(array: pa.Array) -> pa.Array:
    """The same array; a damaged file can point past the end of its dictionary, which nobody checks."""
    if pa.types.is_dictionary(array.type) and len(array) > array.null_count:
        extremes = pc.min_max(array.indices)
        if extremes["min"].as_py() < 0 or extremes["max"].as_py() >= len(array.dictionary):
            raise pa.ArrowInvalid("a value is not in the dictionary of its column")
    return array


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))
