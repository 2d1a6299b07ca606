"""Rejected rows: each with its place, its reasons and the values as they stood in the input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.columns import Column
from data_contracts.findings import CHECKS, CODES, Positions, Problems

FORMAT_VERSION = "1"
"""Version of the columns of rejected rows, in their schema metadata."""

_ERRORS = [place for place, code in enumerate(CODES) if CHECKS[code].severity == "error"]
_WRITTEN_AT_ONCE = 50_000
_SECONDS_WITH_DATE = 2**33
"""Times further than this from 1970 (the year 2242) are shown as numbers, not as dates."""


@dataclass(slots=True)
class Quarantine:
    """Collects the rejected rows of one table.

    Its columns: `file` and `row` (where it stood), `severity`, `codes` and `reasons` (lists of equal
    length), the table's columns as text, and `raw`, the text of a row without a form.
    """

    columns: Sequence[Column]
    bytes: int = 0
    _parts: list[pa.Table] = field(default_factory=list)

    @property
    def schema(self) -> pa.Schema:
        fields = [
            pa.field("file", pa.string()),
            pa.field("row", pa.int64()),
            pa.field("severity", pa.string()),
            pa.field("codes", pa.list_(pa.string())),
            pa.field("reasons", pa.list_(pa.string())),
            *(pa.field(column.name, pa.large_string()) for column in self.columns),
            pa.field("raw", pa.large_string()),
        ]
        return pa.schema(fields, metadata={"tact_format_version": FORMAT_VERSION})

    def add(
        self,
        problems: Problems,
        files: Sequence[str],
        numbers: Positions,
        values: Mapping[str, pa.Array],
        text: Mapping[int, str],
    ) -> None:
        """Add the rows that `problems` reject.

        `files`, `numbers` and `values` are about these rows, in the order of their positions; `text`
        is by position.
        """
        positions, codes, reasons = problems.reasons()
        rows, starts = np.unique(positions, return_index=True)
        if not rows.size:
            return
        offsets = pa.array(np.append(starts, positions.size), pa.int32())
        names = pa.array(CODES).take(pa.array(codes))
        errors = np.maximum.reduceat(np.isin(codes, _ERRORS), starts)
        gap = pa.nulls(rows.size, pa.large_string())
        arrays = [
            pa.array(files, pa.string()),
            pa.array(numbers),
            pa.array(np.where(errors, "error", "warning")),
            pa.ListArray.from_arrays(offsets, names),
            pa.ListArray.from_arrays(offsets, pa.array(reasons, pa.string())),
            *(_as_text(values[c.name]) if c.name in values else gap for c in self.columns),
            pa.array([text.get(row) for row in rows.tolist()], pa.large_string()) if text else gap,
        ]
        part = pa.Table.from_arrays(arrays, schema=self.schema)
        self.bytes += part.nbytes
        self._parts.append(part)

    def table(self) -> pa.Table:
        """All rejected rows in the order of the input."""
        if not self._parts:
            return self.schema.empty_table()
        whole = pa.concat_tables(self._parts)
        return whole.sort_by([("file", "ascending"), ("row", "ascending")])


def write_rejected(rejected: pa.Table, path: Path) -> None:
    """Write the rejected rows as JSON Lines: any editor opens it, and once mended it is input again."""
    with path.open("w", encoding="utf-8") as file:
        for batch in rejected.to_batches(max_chunksize=_WRITTEN_AT_ONCE):
            batch.to_pandas().to_json(file, orient="records", lines=True, force_ascii=False)


def _as_text(array: pa.Array) -> pa.Array:
    """Any column as text; bytes that are not UTF-8 are shown as \\x escapes."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_timestamp(array.type):
        limit = _SECONDS_WITH_DATE * {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[array.type.unit]
        counts = array.cast(pa.int64())
        if pc.any(pc.greater(pc.abs(counts), limit)).as_py():
            array = counts
    try:
        text = array.cast(pa.large_string())
        text.validate(full=True)
        return text
    except pa.ArrowInvalid:
        values = array.cast(pa.binary()).to_pylist()
        shown = [None if value is None else value.decode(errors="backslashreplace") for value in values]
        return pa.array(shown, pa.large_string())
