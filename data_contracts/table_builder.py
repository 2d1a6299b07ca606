"""Batches → one table: convert, check, set the rejected rows aside, and put the rest in order."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.columns import KEYS, Column
from data_contracts.conversion import TIME, convert
from data_contracts.findings import CHECKS, CODES, Finding, FindingCounts, Positions, Problems, shown
from data_contracts.frames import combined
from data_contracts.keys import contradicted, repeated, total_order
from data_contracts.quarantine import Quarantine
from data_contracts.raw_batches import RawBatch
from data_contracts.reports import Kind
from data_contracts.row_checks import RowChecks
from data_contracts.text_columns import CATEGORY, TEXT, is_category

Columns = dict[str, pa.Array]

_ABSENT_MODE = "enforce"
"""What a log without the column `mode` did: its decisions took effect."""


@dataclass(slots=True)
class TableBuilder:
    """Takes the batches of one table; `settle` and `take_ordered` then finish it, in this order.

    `rejections`, shape (rows,), holds for each row the check that rejected it (its place in CODES),
    or -1 for a good row; it is complete after `settle`.
    """

    kind: Kind
    table: tuple[Column, ...]
    checks: RowChecks
    rows: int = 0
    held_bytes: int = 0
    columns: Columns = field(default_factory=dict)
    rejections: npt.NDArray[np.int8] = field(default_factory=lambda: np.empty(0, np.int8))
    quarantine: Quarantine = field(init=False)
    _counts: FindingCounts = field(default_factory=FindingCounts)
    _chunks: dict[str, list[pa.Array]] = field(default_factory=dict)
    _rejections: list[npt.NDArray[np.int8]] = field(default_factory=list)
    _numbers: list[Positions] = field(default_factory=list)
    _starts: list[int] = field(default_factory=list)
    _files: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.quarantine = Quarantine(self.table)

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self._counts.findings()

    def add(self, batch: RawBatch) -> None:
        """Convert and check a batch, and set its rejected rows aside."""
        problems = batch.problems
        columns: Columns = {}
        for column in self.table:
            if column.name in batch.columns:
                columns[column.name] = convert(column, batch.columns[column.name], problems)
            else:
                columns[column.name] = pa.nulls(batch.rows, _arrow_type(column))
        for column in self.table:
            if column.default is not None:
                columns[column.name] = _filled(columns[column.name], column.default, columns)
        if "mode" in columns and "mode" not in batch.columns:
            columns["mode"] = _filled(columns["mode"], _ABSENT_MODE, columns)
        self.checks.check(columns, batch.columns, problems)
        self._counts.add(problems, batch.place)
        rejections = problems.rejections()
        self._set_aside(problems, np.flatnonzero(rejections >= 0), batch)
        for name, array in columns.items():
            self._chunks.setdefault(name, []).append(array)
            self.held_bytes += array.nbytes
        self._rejections.append(rejections)
        self._numbers.append(batch.numbers)
        self._starts.append(self.rows)
        self._files.append(batch.source.name)
        self.rows += batch.rows

    def _set_aside(self, problems: Problems, positions: Positions, batch: RawBatch) -> None:
        some = pa.array(positions)
        values = {name: array.take(some) for name, array in batch.columns.items()}
        held = self.quarantine.bytes
        files = [batch.source.name] * positions.size
        self.quarantine.add(problems, files, batch.numbers[positions], values, batch.text)
        self.held_bytes += self.quarantine.bytes - held

    def settle(self) -> None:
        """Join the batches, and reject what only the whole table shows."""
        self.columns = {name: combined(self._chunks.pop(name)) for name in list(self._chunks)}
        self.rejections = np.concatenate(self._rejections)
        numbers = np.concatenate(self._numbers)
        if self.kind == "decisions":
            good, some = self._good()
            rows, other = contradicted(some)
            ids = some["decision_id"].take(pa.array(rows)).to_pylist()
            customers = some["customer_id"].take(pa.array(rows)).to_pylist()
            texts = [
                f"decision_id {shown(decision)} stands for customer {shown(customer)} here and for "
                f"another customer or time at {self._place(good[against], numbers)}"
                for decision, customer, against in zip(ids, customers, other.tolist(), strict=True)
            ]
            self._reject("decision_conflict", "decision_id", good[rows], texts, numbers)
        good, some = self._good()
        again, kept, same = repeated(self.kind, some)
        first, second = KEYS[self.kind]
        pairs = zip(*(some[name].take(pa.array(again)).to_pylist() for name in (first, second)), strict=True)
        texts = [
            f"{first} {shown(one)}, {second} {shown(two)} is there already at "
            f"{self._place(good[stays], numbers)} ({'the same row' if equal else 'with other values'})"
            for (one, two), stays, equal in zip(pairs, kept.tolist(), same.tolist(), strict=True)
        ]
        self._reject("duplicate_key", second, good[again], texts, numbers)

    def take_ordered(self) -> Columns:
        """The good rows in the total order; gives up the columns one by one, to hold none of them twice."""
        good = self._positions()
        order = good[total_order(self.kind, self._good()[1])] if good.size else good
        taken = pa.array(order)
        return {name: self.columns.pop(name).take(taken) for name in list(self.columns)}

    def count(self, severity: str) -> int:
        """How many rows were rejected by a check of this severity."""
        chosen = [place for place, code in enumerate(CODES) if CHECKS[code].severity == severity]
        return int(np.isin(self.rejections, chosen).sum())

    def _positions(self) -> Positions:
        return np.flatnonzero(self.rejections < 0)

    def _good(self) -> tuple[Positions, Columns]:
        """Positions of the good rows, and their columns that keys and the order are made of."""
        good = self._positions()
        if good.size == self.rows:
            return good, self.columns
        some = pa.array(good)
        return good, {name: array.take(some) for name, array in self.columns.items()}

    def _reject(self, code: str, name: str, rows: Positions, texts: list[str], numbers: Positions) -> None:
        if not rows.size:
            return
        self.rejections[rows] = CODES.index(code)
        problems = Problems(self.rows)
        problems.add(code, name, rows, texts)
        self._counts.add(problems, lambda row: self._place(row, numbers))
        values = {column: array.take(pa.array(rows)) for column, array in self.columns.items()}
        files = [self._file(row) for row in rows.tolist()]
        self.quarantine.add(problems, files, numbers[rows], values, {})

    def _file(self, row: int) -> str:
        return self._files[int(np.searchsorted(self._starts, row, side="right")) - 1]

    def _place(self, row: int, numbers: Positions) -> str:
        return f"{self._file(row)}:{numbers[row]}"


def _arrow_type(column: Column) -> pa.DataType:
    if column.type == "timestamp":
        return TIME
    if column.type == "float":
        return pa.float64()
    return CATEGORY if is_category(column) else TEXT


def _filled(array: pa.Array, default: str, columns: Columns) -> pa.Array:
    """Gaps filled with the column that `default` names, or else with that text."""
    if not array.null_count:
        return array
    if default in columns:
        return pc.coalesce(array, columns[default])
    return array.dictionary_decode().fill_null(default).dictionary_encode()
