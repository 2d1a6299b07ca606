"""Raw batches from CSV: every cell as bytes, so that one bad cell rejects a row and not the file."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from data_contracts.columns import Column
from data_contracts.encodings import Utf8Stream, unmarked, unmarked_bytes
from data_contracts.errors import UnreadableInput
from data_contracts.findings import Positions, Problems
from data_contracts.raw_batches import BLOCK_BYTES, RAW_TEXT_KEPT, RawBatch, Reading, check_columns
from data_contracts.sources import Source

_MAX_HEADER_BYTES = 1 << 20


def read_csv(source: Source, file: IO[bytes], table: Sequence[Column], reading: Reading) -> Iterator[RawBatch]:
    """Batches of BLOCK_BYTES of text; rows with a wrong number of cells come out as malformed."""
    header = csv_header(source, file)
    check_columns(source, header, table, reading)
    names = [column.name for column in table if column.name in header]
    if not file.read(1):
        return
    file.seek(0)
    broken, stream = _BrokenRows(), Utf8Stream(file)
    reader = arrow_csv.open_csv(
        pa.PythonFile(stream, mode="r"),
        read_options=arrow_csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
        # Blank lines are kept, so that rows can be counted, and are dropped below.
        parse_options=arrow_csv.ParseOptions(
            newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=broken.met
        ),
        convert_options=arrow_csv.ConvertOptions(
            check_utf8=False,
            include_columns=names,
            column_types=dict.fromkeys(names, pa.binary()),
            strings_can_be_null=False,
        ),
    )
    try:
        for batch in reader:
            numbers = broken.numbers_around(batch.num_rows)
            if stream.found:
                columns = [unmarked(column) for column in batch.columns]
                batch = pa.RecordBatch.from_arrays(columns, schema=batch.schema)
            yield _raw_batch(source, batch, numbers, broken.passed(), reading)
    except pa.ArrowInvalid as error:
        if "straddling" not in str(error):
            raise
        raise UnreadableInput(
            f"{source.path}: a row after row {broken.last} is longer than {BLOCK_BYTES >> 20} MiB; "
            "a quote may never be closed there"
        ) from None
    empty = pa.RecordBatch.from_pydict({name: pa.array([], pa.binary()) for name in names})
    yield _raw_batch(source, empty, np.empty(0, np.int64), broken.rest(), reading)


def csv_header(source: Source, file: IO[bytes]) -> list[str]:
    """The names of the columns; raises UnreadableInput with what is wrong with the first line."""
    line = file.readline(_MAX_HEADER_BYTES)
    if b"\x00" in line:
        raise UnreadableInput(f"{source.path}: line 1 holds NUL bytes; save the file as CSV in UTF-8")
    try:
        header = next(csv.reader([line.decode("utf-8-sig")]), [])
    except UnicodeDecodeError as error:
        byte = line[error.start]
        raise UnreadableInput(
            f"{source.path}: line 1 (the header) is not UTF-8, at byte {error.start + 1} (0x{byte:02x}); "
            "save the file as UTF-8"
        ) from None
    except csv.Error as error:
        raise UnreadableInput(f"{source.path}: line 1 (the header) is not CSV: {error}") from None
    for separator in (";", "\t", "|"):
        if len(header) == 1 and separator in header[0]:
            raise UnreadableInput(
                f"{source.path}: the cells are separated by {separator!r}; separate them by commas"
            )
    return header


@dataclass(slots=True)
class _BrokenRow:
    number: int
    reason: str
    text: str


@dataclass(slots=True)
class _BrokenRows:
    """Rows without the right number of cells; the good rows are numbered around them.

    The reader names the number of broken rows only, and reads ahead of the batches that it gives.
    """

    last: int = 1
    _waiting: list[_BrokenRow] = field(default_factory=list)

    def met(self, row: Any) -> str:
        """Called by the reader for each such row; the answer is what to do with it."""
        reason = f"the row has {row.actual_columns} cells where the header has {row.expected_columns}"
        lines = row.text.count("\n") + 1
        if lines > 1:
            reason += f"; it runs over {lines} lines, so a quote may never be closed in it"
        self._waiting.append(_BrokenRow(row.number, reason, _shown(row.text)))
        return "skip"

    def numbers_around(self, rows: int) -> Positions:
        """The numbers of the next `rows` good rows, shape (rows,)."""
        gaps = np.array([row.number for row in self._waiting], dtype=np.int64)
        good = np.arange(self.last + 1, self.last + 1 + rows, dtype=np.int64)
        numbers: Positions = good + np.searchsorted(gaps - np.arange(gaps.size), good, side="right")
        self.last = int(numbers[-1]) if rows else self.last
        return numbers

    def passed(self) -> list[_BrokenRow]:
        """Take the broken rows that lie before the last numbered row."""
        taken = [row for row in self._waiting if row.number < self.last]
        self._waiting = self._waiting[len(taken) :]
        return taken

    def rest(self) -> list[_BrokenRow]:
        """Take the broken rows at the end of the file."""
        taken, self._waiting = self._waiting, []
        return taken


def _shown(text: str) -> str:
    return unmarked_bytes(text[:RAW_TEXT_KEPT].encode()).decode(errors="backslashreplace")


def _raw_batch(
    source: Source, batch: pa.RecordBatch, numbers: Positions, broken: list[_BrokenRow], reading: Reading
) -> RawBatch:
    """Drop blank rows, and put the broken rows behind the others as gaps."""
    blank = np.ones(batch.num_rows, dtype=np.bool_)
    for column in batch.columns:
        blank &= pc.binary_length(column).to_numpy(zero_copy_only=False) == 0
    if blank.any():
        reading.blank_rows += int(blank.sum())
        batch, numbers = batch.filter(pa.array(~blank)), numbers[~blank]
    good, rows = batch.num_rows, batch.num_rows + len(broken)
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    problems = Problems(rows)
    if broken:
        gap = pa.nulls(len(broken), pa.binary())
        columns = {name: pa.concat_arrays([column, gap]) for name, column in columns.items()}
        numbers = np.append(numbers, [row.number for row in broken]).astype(np.int64)
        at = np.arange(good, rows, dtype=np.int64)
        problems.add("row_malformed", "row", at, [row.reason for row in broken])
    text = {good + k: row.text for k, row in enumerate(broken)}
    return RawBatch(source, rows, columns, numbers, problems, text)
