"""Raw columns → the contract's types, one bad value at a time.

Times come out as timestamp[us, UTC], numbers as float64, text as in `text_columns`.
A value that can't be read becomes a gap and a problem, so that one bad value costs one row.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.columns import Column
from data_contracts.findings import Problems
from data_contracts.text_columns import Mask, as_mask, read_text, taken, tell, text_column
from data_contracts.times import to_microseconds

TIME = pa.timestamp("us", tz="UTC")

EARLIEST = to_microseconds(datetime.fromisoformat("1971-01-01T00:00:00Z"))
LATEST = to_microseconds(datetime.fromisoformat("2199-12-31T23:59:59.999999Z"))
_NOT_FINITE = "is not a finite number; leave a gap empty"
_YEARS = "is outside the years 1971 to 2200"

MAX_NUMBER = 1e15
"""Largest size of a number: beyond it neighbouring whole numbers are the same float."""

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def convert(column: Column, raw: pa.Array, problems: Problems) -> pa.Array:
    """One column of a batch in its contract's type, shape (rows,)."""
    if column.type in ("string", "json"):
        return text_column(column, raw, problems)
    if pa.types.is_dictionary(raw.type):
        raw = raw.dictionary_decode()
    if column.type == "timestamp":
        return _times(column.name, raw, problems)
    return _numbers(column.name, raw, problems)


def as_numpy(array: pa.Array) -> tuple[npt.NDArray[Any], Mask]:
    """Values (int64 microseconds for times; a gap is 0, or NaN), and where there is one."""
    known: Mask = np.array(array.is_valid())
    if pa.types.is_timestamp(array.type):
        array = array.cast(pa.int64())
    filled = array.fill_null(np.nan if pa.types.is_floating(array.type) else 0)
    return filled.to_numpy(zero_copy_only=False), known


def _numbers(name: str, raw: pa.Array, problems: Problems) -> pa.Array:
    if _is_number(raw.type):
        numbers = raw.cast(pa.float64(), safe=False)
    else:
        text = read_text(name, raw, problems)
        numbers = _parsed(name, text, problems, pa.float64(), _read_number)
        nan = as_mask(pc.is_nan(numbers))
        problems.add(
            "number_not_finite",
            name,
            np.flatnonzero(nan),
            tell(name, taken(text, np.flatnonzero(nan)), _NOT_FINITE),
        )
    values, _ = as_numpy(numbers)
    infinite = np.flatnonzero(np.isinf(values))
    problems.add("number_not_finite", name, infinite, tell(name, values[infinite].tolist(), _NOT_FINITE))
    large = np.flatnonzero(np.isfinite(values) & (np.abs(values) > MAX_NUMBER))
    problems.add("number_out_of_range", name, large, tell(name, values[large].tolist(), "is larger than 1e15"))
    # A NaN stored as a float is how pandas, R and Spark write a gap.
    return pa.array(np.where(np.isfinite(values), values, np.nan), from_pandas=True)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind))


def _times(name: str, raw: pa.Array, problems: Problems) -> pa.Array:
    if not pa.types.is_timestamp(raw.type):
        text = read_text(name, raw, problems)
        parsed = _parsed(name, text, problems, TIME, _read_time)
        values, known = as_numpy(parsed)
        outside = np.flatnonzero(known & ((values < EARLIEST) | (values > LATEST)))
        problems.add("time_out_of_range", name, outside, tell(name, taken(text, outside), _YEARS))
    else:
        per_second = _PER_SECOND[raw.type.unit]
        values, known = as_numpy(raw)
        seconds = values // per_second
        outside = np.flatnonzero(known & ((seconds < EARLIEST // 10**6) | (seconds > LATEST // 10**6)))
        # Shown as a number: such a time may be past what a datetime can hold.
        unit = f"({raw.type.unit} since 1970) {_YEARS}"
        problems.add("time_out_of_range", name, outside, tell(name, values[outside].tolist(), unit))
        known[outside] = False
        values = np.where(known, values, 0)
        values = values // (per_second // 10**6) if per_second > 10**6 else values * (10**6 // per_second)
    known[outside] = False
    return pa.array(values, pa.int64(), mask=~known).cast(TIME)


def _parsed(
    name: str,
    text: pa.Array,
    problems: Problems,
    target: pa.DataType,
    read: Callable[[str], tuple[Any, str, str]],
) -> pa.Array:
    """Text read as `target`: all at once where every value is good, else one by one."""
    try:
        return pc.cast(text, target)
    except pa.ArrowInvalid:
        pass
    results: list[Any] = []
    wrong: dict[tuple[str, str], list[int]] = {}
    for position, value in enumerate(text.to_pylist()):
        result, code, expected = (None, "", "") if value is None else read(value)
        results.append(result)
        if code:
            wrong.setdefault((code, expected), []).append(position)
    for (code, expected), found in wrong.items():
        positions = np.array(found, dtype=np.int64)
        problems.add(code, name, positions, tell(name, taken(text, positions), expected))
    return pa.array(results, pa.int64()).cast(TIME) if target == TIME else pa.array(results, target)


def _read_number(text: str) -> tuple[float | None, str, str]:
    if _NUMBER.fullmatch(text):
        return float(text), "", ""
    if text.lower().lstrip("+-") in {"nan", "inf", "infinity"}:
        return None, "number_not_finite", _NOT_FINITE
    return None, "number_unreadable", "is not a number, as in 12.5"


def _read_time(text: str) -> tuple[int | None, str, str]:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None, "time_unreadable", "is not an ISO 8601 time, as in 2026-03-01T09:00:00Z"
    if time.tzinfo is None:
        return None, "time_without_zone", "has no zone; write UTC as in 2026-03-01T09:00:00Z"
    try:
        return to_microseconds(time), "", ""
    except ValueError:
        return None, "time_out_of_range", _YEARS
