"""Raw columns → text, checked value by value; columns that repeat are kept as dictionaries."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.columns import MAX_JSON, MAX_STRING, Column
from data_contracts.findings import Positions, Problems, shown

TEXT = pa.large_string()
CATEGORY = pa.dictionary(pa.int32(), pa.string())

UNIQUE = frozenset({"touchpoint_id", "message_id", "decision_id"})
"""Identifiers that hardly repeat; every other text is kept as a dictionary."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PLACEHOLDERS = frozenset({"nan", "none", "null", "<na>", "nat"})

Mask = npt.NDArray[np.bool_]
RowsOf = Callable[[Mask], tuple[Positions, Positions]]
"""From a mask over values to the rows that hold one, and the position of the value for each row."""


def is_category(column: Column) -> bool:
    """Whether the column is kept as a dictionary of its distinct values."""
    return column.type == "string" and column.name not in UNIQUE


def text_column(column: Column, raw: pa.Array, problems: Problems) -> pa.Array:
    """A `string` or `json` column as TEXT or CATEGORY, shape (rows,); what is empty is a gap."""
    if raw.null_count == len(raw):
        return pa.nulls(len(raw), CATEGORY if is_category(column) else TEXT)
    if is_category(column) and not pa.types.is_dictionary(raw.type):
        raw = raw.dictionary_encode()
    if not pa.types.is_dictionary(raw.type):
        values = read_text(column.name, raw, problems)
        _check(column, values, problems, same_rows)
        return values.cast(TEXT)
    indices = raw.indices.cast(pa.int32())
    codes = indices.fill_null(-1).to_numpy()

    def rows_of(mask: Mask) -> tuple[Positions, Positions]:
        # -1 (a gap) looks the last entry up, so the mask gets one more that is never set.
        rows = np.flatnonzero(np.append(mask, False)[codes])
        return rows, codes[rows].astype(np.int64)

    values = read_text(column.name, raw.dictionary, problems, rows_of)
    _check(column, values, problems, rows_of)
    if not is_category(column):
        return values.take(indices).cast(TEXT)
    # Encoded again, because an empty value has become a gap and two values may have become one.
    clean = values.dictionary_encode()
    return pa.DictionaryArray.from_arrays(clean.indices.take(indices), clean.dictionary)


def same_rows(mask: Mask) -> tuple[Positions, Positions]:
    """RowsOf for values that are the rows themselves."""
    rows = np.flatnonzero(mask)
    return rows, rows


def read_text(name: str, values: pa.Array, problems: Problems, rows_of: RowsOf = same_rows) -> pa.Array:
    """Values as text; what is empty, blank or not UTF-8 is a gap, the last with a problem."""
    text = _decoded(name, values, problems, rows_of)
    if text.null_count == len(text):
        return text
    blank = as_mask(pc.utf8_is_space(text)) | as_mask(pc.equal(pc.binary_length(text), 0))
    return pc.if_else(pa.array(blank), None, text) if blank.any() else text


def as_mask(array: pa.Array) -> Mask:
    """A boolean Arrow array as NumPy; a gap is False."""
    mask: Mask = array.fill_null(False).to_numpy(zero_copy_only=False)
    return mask


def taken(array: pa.Array, positions: Positions) -> list[Any]:
    """The values at `positions` as Python objects."""
    values: list[Any] = array.take(pa.array(positions)).to_pylist()
    return values


def _decoded(name: str, values: pa.Array, problems: Problems, rows_of: RowsOf) -> pa.Array:
    try:
        text = values.cast(pa.string())
        # A cast from bytes checks them; text from a Parquet file was never checked by anyone.
        text.validate(full=True)
        return text
    except pa.ArrowInvalid:
        pass
    texts: list[str | None] = []
    told: dict[int, str] = {}
    for position, value in enumerate(values.cast(pa.binary()).to_pylist()):
        try:
            texts.append(None if value is None else value.decode())
        except UnicodeDecodeError as error:
            texts.append(None)
            escaped = value.decode(errors="backslashreplace")[:60]
            told[position] = f"{name} '{escaped}' is not UTF-8 (byte 0x{value[error.start]:02x})"
    wrong = np.zeros(len(values), dtype=np.bool_)
    wrong[list(told)] = True
    rows, at = rows_of(wrong)
    problems.add("text_undecodable", name, rows, [told[k] for k in at.tolist()])
    return pa.array(texts, pa.string())


def _check(column: Column, values: pa.Array, problems: Problems, rows_of: RowsOf) -> None:
    def report(code: str, mask: Mask, expected: str) -> None:
        rows, at = rows_of(mask)
        if rows.size:
            problems.add(code, column.name, rows, tell(column.name, taken(values, at), expected))

    if values.null_count == len(values):
        return
    lengths = pc.binary_length(values)
    json = column.type == "json"
    limit = MAX_JSON if json else MAX_STRING
    if pc.max(lengths).as_py() > limit:
        code = "json_too_long" if json else "text_too_long"
        report(code, as_mask(pc.greater(pc.utf8_length(values), limit)), f"is longer than {limit:,} characters")
    if json:
        return
    if _may_hold_control(values):
        control = [bool(value and _CONTROL.search(value)) for value in values.to_pylist()]
        report("text_control_character", np.array(control, dtype=np.bool_), "holds a control character")
    if not column.nullable:
        short = np.flatnonzero(as_mask(pc.less_equal(lengths, 4)))
        stands_in = np.zeros(len(values), dtype=np.bool_)
        stands_in[short] = [value.lower() in _PLACEHOLDERS for value in taken(values, short)]
        report("text_placeholder", stands_in, "is the text of a missing value")


def tell(name: str, values: Sequence[Any], expected: str) -> list[str]:
    """One reason for each value: the field, the value, what was expected."""
    return [f"{name} {shown(value)} {expected}" for value in values]


def _may_hold_control(values: pa.Array) -> bool:
    """Whether any byte of the data is a control character: one pass over bytes, no text is made."""
    _, offsets, data = values.buffers()
    if data is None or not len(values):
        return False
    ends = np.frombuffer(offsets, dtype=np.int32)[values.offset : values.offset + len(values) + 1]
    used = np.frombuffer(data, dtype=np.uint8)[ends[0] : ends[-1]]
    return bool(used.size and (used.min() < 32 or bool((used == 127).any())))
