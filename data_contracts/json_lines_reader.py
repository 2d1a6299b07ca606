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
from data_contracts.raw_batches import BLOCK_BYTES, RawBatch, Reading, check_columns
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
    """Batches of BLOCK_BYTES of text. A column counts as missing where the first batch has none of it."""
    columns_met: set[str] = set()
    number, first = 1, True
    for lines in _blocks(source, file):
        batch, names = _raw_batch(source, lines, number, table, reading)
        number += len(lines)
        columns_met |= names
        if first and names:
            check_columns(source, sorted(names), table, Reading())
            first = False
        if batch.rows:
            yield batch
    known = {column.name for column in table}
    reading.unknown_columns |= columns_met - known
    reading.missing_columns |= known - columns_met


def json_keys(source: Source, file: IO[bytes]) -> list[str]:
    """The keys of the objects in the first block."""
    reading = Reading()
    for lines in _blocks(source, file):
        _, names = _raw_batch(source, lines, 1, (), reading)
        return sorted(names)
    return []


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
    source: Source, lines: list[bytes], start: int, table: Sequence[Column], reading: Reading
) -> tuple[RawBatch, set[str]]:
    decode = msgspec.json.Decoder().decode
    rows: list[dict[str, Any]] = []
    numbers: list[int] = []
    malformed: dict[int, str] = {}
    text: dict[int, str] = {}
    for number, line in enumerate(lines, start):
        if not line or line.isspace():
            reading.blank_rows += 1
            continue
        try:
            row = decode(line)
            reason = "" if isinstance(row, dict) else "the line is not a JSON object"
        except UnicodeDecodeError:
            reason = "the line holds bytes that are not UTF-8"
        except msgspec.MsgspecError as error:
            reason = f"the line is not a JSON object ({error})"
        if reason:
            malformed[len(rows)] = reason
            text[len(rows)] = line.decode("utf-8", errors="backslashreplace")
            row = {}
        rows.append(row)
        numbers.append(number)
    problems = Problems(len(rows))
    problems.add("row_malformed", "row", np.array(list(malformed), dtype=np.int64), malformed.values())
    columns = {
        column.name: _column(column, [row.get(column.name) for row in rows], problems) for column in table
    }
    names = set().union(*rows)
    return RawBatch(source, len(rows), columns, np.array(numbers, dtype=np.int64), problems, text), names


def _column(column: Column, values: list[Any], problems: Problems) -> pa.Array:
    """Values as an Arrow array; one of a type that the column can't hold is a gap and a problem."""
    if column.type != "json":
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
