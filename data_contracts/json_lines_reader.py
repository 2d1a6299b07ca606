"""Raw batches from JSON Lines: one object a line; a line that is none is one malformed row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO, Any

import msgspec
import numpy as np
import pyarrow as pa

from data_contracts.columns import Column
from data_contracts.errors import UnreadableInput
from data_contracts.findings import Problems, shown
from data_contracts.raw_batches import BLOCK_BYTES, RAW_TEXT_KEPT, RawBatch, Reading, check_columns
from data_contracts.sources import Source

_MARK = b"\xef\xbb\xbf"
_EXPECTED = {
    "float": "a number",
    "timestamp": "ISO 8601 text with a zone",
    "json": "a JSON object",
    "string": "text",
}


def read_json_lines(
    source: Source, file: IO[bytes], table: Sequence[Column], reading: Reading
) -> Iterator[RawBatch]:
    """Batches of BLOCK_BYTES of text; which columns there are is seen in the first of them."""
    decoder = _decoder(table)
    number = 1
    keys: set[str] = set()
    filled: set[str] = set()
    for lines in _blocks(source, file):
        if not keys and (keys := _keys(lines)):
            check_columns(source, sorted(keys), table, reading)
        batch = _raw_batch(source, lines, number, table, decoder, reading)
        number += len(lines)
        filled |= {name for name, array in batch.columns.items() if array.null_count < batch.rows}
        # A key that is nowhere is an absent column, not one that every row leaves empty.
        batch.columns = {name: array for name, array in batch.columns.items() if name in keys | filled}
        if batch.rows:
            yield batch
    reading.missing_columns -= filled


def json_keys(source: Source, file: IO[bytes]) -> list[str]:
    """The keys of the objects in the first block."""
    return sorted(_keys(next(_blocks(source, file), [])))


def _keys(lines: list[bytes]) -> set[str]:
    keys: set[str] = set()
    for line in lines:
        try:
            row = msgspec.json.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
        if isinstance(row, dict):
            keys |= row.keys()
    return keys


def _decoder(table: Sequence[Column]) -> msgspec.json.Decoder[Any]:
    """Reads the table's columns of an object, and skips the others; twice as quick as a dict."""
    fields: list[tuple[str, Any, Any]] = [(column.name, Any, None) for column in table]
    return msgspec.json.Decoder(msgspec.defstruct("Row", fields, gc=False))


def _blocks(source: Source, file: IO[bytes]) -> Iterator[list[bytes]]:
    """Whole lines, about BLOCK_BYTES at a time."""
    rest, number = b"", 0
    while block := file.read(BLOCK_BYTES):
        if not number and not rest:
            block = block.removeprefix(_MARK)
        lines = (rest + block).split(b"\n")
        rest = lines.pop()
        number += len(lines)
        if len(rest) > BLOCK_BYTES:
            limit = BLOCK_BYTES >> 20
            raise UnreadableInput(f"{source.path}: line {number + 1} is longer than {limit} MiB")
        yield lines
    if rest:
        yield [rest]


def _raw_batch(
    source: Source,
    lines: list[bytes],
    start: int,
    table: Sequence[Column],
    decoder: msgspec.json.Decoder[Any],
    reading: Reading,
) -> RawBatch:
    decode, gap = decoder.decode, decoder.decode(b"{}")
    rows: list[Any] = []
    numbers: list[int] = []
    malformed: dict[int, str] = {}
    text: dict[int, str] = {}
    for number, line in enumerate(lines, start):
        if not line or line.isspace():
            reading.blank_rows += 1
            continue
        try:
            row = decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            undecodable = isinstance(error, UnicodeDecodeError)
            what = "bytes that are not UTF-8" if undecodable else f"no JSON object ({error})"
            malformed[len(rows)] = f"the line holds {what}"
            text[len(rows)] = line[:RAW_TEXT_KEPT].decode("utf-8", errors="backslashreplace")
            row = gap
        rows.append(row)
        numbers.append(number)
    problems = Problems(len(rows))
    problems.add("row_malformed", "row", np.array(list(malformed), dtype=np.int64), malformed.values())
    columns = {
        column.name: _column(column, [getattr(row, column.name) for row in rows], problems) for column in table
    }
    return RawBatch(source, len(rows), columns, np.array(numbers, dtype=np.int64), problems, text)


def _column(column: Column, values: list[Any], problems: Problems) -> pa.Array:
    """Values as an Arrow array; one of a type that the column can't hold is a gap and a problem."""
    # Arrow would take true for 1.0.
    if column.type != "json" and not (column.type == "float" and bool in set(map(type, values))):
        try:
            return pa.array(values, pa.float64() if column.type == "float" else pa.string())
        except (pa.ArrowException, TypeError, OverflowError):
            pass
    texts = [_as_text(column, value) for value in values]
    wrong = [k for k, (text, value) in enumerate(zip(texts, values, strict=True)) if text is None is not value]
    expected = _EXPECTED[column.type]
    told = [f"{column.name} {shown(values[k])} is not {expected}" for k in wrong]
    problems.add("wrong_type", column.name, np.array(wrong, dtype=np.int64), told)
    return pa.array(texts, pa.string())


def _as_text(column: Column, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if column.type == "json" and isinstance(value, dict):
        return msgspec.json.encode(value).decode()
    # `type` rather than isinstance: True is an int, and is neither a number nor an identifier here.
    if type(value) is int and column.type in ("string", "float"):
        return str(value)
    if type(value) is float and column.type == "float":
        return repr(value)
    return None
