"""Rows as they stand in a file, before anything is interpreted, and the check of its columns."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from data_contracts.columns import TABLES, Column
from data_contracts.errors import UnreadableInput
from data_contracts.findings import Positions, Problems
from data_contracts.sources import Source

BATCH_ROWS = 131_072
BLOCK_BYTES = 4 << 20
"""Text is read in blocks of this size (Arrow reads some 36 ahead); a row may not be longer."""

RAW_TEXT_KEPT = 2_000
"""How many characters of a row without a form are kept, to show what it was."""


@dataclass(slots=True)
class RawBatch:
    """Rows of one source.

    `columns` holds the contract's columns that the source has: CSV cells as bytes, Parquet columns
    in their own types. `numbers`, shape (rows,), is where each row stands: the row of a Parquet
    table from 1, the line of JSON Lines, and for CSV the row that a spreadsheet shows (the header is
    row 1). A row without any form is a row of gaps with a problem, and `text` has what it was.
    """

    source: Source
    rows: int
    columns: dict[str, pa.Array]
    numbers: Positions
    problems: Problems
    text: dict[int, str] = field(default_factory=dict)

    def place(self, position: int) -> str:
        """Where the row stands, as in `crm.csv:17`."""
        return f"{self.source.name}:{self.numbers[position]}"


@dataclass(slots=True)
class Reading:
    """What was met beside rows, filled while the sources of one table are read."""

    unknown_columns: set[str] = field(default_factory=set)
    missing_columns: set[str] = field(default_factory=set)
    blank_rows: int = 0


def check_columns(source: Source, present: Sequence[str], table: Sequence[Column], reading: Reading) -> None:
    """Note columns that are missing or not known; raises UnreadableInput for a required one."""
    twice = sorted({name for name in present if present.count(name) > 1})
    if twice:
        raise UnreadableInput(f"{source.path}: the column {twice[0]!r} is there twice")
    known = {column.name for column in table}
    reading.unknown_columns |= set(present) - known
    reading.missing_columns |= known - set(present)
    missing = [column.name for column in table if column.required and column.name not in present]
    if not missing:
        return
    named = f"column {missing[0]} is" if len(missing) == 1 else f"columns {', '.join(missing)} are"
    there = ", ".join(map(printable, present[:30])) or "none"
    message = f"{source.path}: the required {named} missing; the columns there are: {there}"
    for kind, other in TABLES.items():
        if other is not table and all(column.name in present for column in other if column.required):
            raise UnreadableInput(f"{message}; these are {kind}, which are read apart")
    spellings = {name.lower().replace(" ", "_"): name for name in present if name not in known}
    for name in missing:
        close = difflib.get_close_matches(name, spellings, n=1, cutoff=0.7)
        if close:
            message += f"; is {spellings[close[0]]!r} meant to be {name}?"
    raise UnreadableInput(message)


def printable(name: str) -> str:
    """The name of a column as a message of one line shows it."""
    return name if name.isprintable() else repr(name)
