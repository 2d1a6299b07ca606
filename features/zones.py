"""The customer's local time at a moment, from IANA time zones."""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from data_contracts.times import HOUR, MINUTE, from_microseconds
from features.columns import Float64, Int64

_STEP = 15 * MINUTE
"""Every change of an offset in force since 1970 falls on a quarter of an hour in UTC."""


@lru_cache(maxsize=1_000)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@lru_cache(maxsize=200_000)
def _offset_minutes(name: str, quarter: int) -> float:
    offset = from_microseconds(quarter * _STEP).astimezone(_zone(name)).utcoffset()
    return 0.0 if offset is None else offset.total_seconds() / 60


def offset_minutes(name: str, moment: int) -> float:
    """Minutes that local time in `name` is ahead of UTC at `moment` (microseconds)."""
    return _offset_minutes(name, moment // _STEP)


def local_offsets(zones: tuple[str, ...], zone: Int64, moment: Int64) -> Float64:
    """Offsets in minutes of each query; NaN where its zone is unknown (-1)."""
    result = np.full(len(zone), np.nan)
    if len(zone) <= 16:
        for place, (code, time) in enumerate(zip(zone.tolist(), moment.tolist(), strict=True)):
            if code >= 0:
                result[place] = offset_minutes(zones[code], time)
        return result
    quarter = moment // _STEP
    for code, name in enumerate(zones):
        rows = np.flatnonzero(zone == code)
        unique, inverse = np.unique(quarter[rows], return_inverse=True)
        offsets = np.asarray([_offset_minutes(name, int(one)) for one in unique], dtype=np.float64)
        result[rows] = offsets[inverse] if len(rows) else offsets
    return result


def local_time_columns(offsets: Float64, moment: Int64) -> npt.NDArray[np.float32]:
    """The columns TIME_NAMES, shape (queries, 6); UTC stands in where the zone is unknown.

    Weekday 0 is Monday. Sine and cosine put 23:59 beside 00:00.
    """
    known = ~np.isnan(offsets)
    local = moment + (np.where(known, offsets, 0.0) * MINUTE).astype(np.int64)
    hour = (local % (24 * HOUR)) / HOUR
    weekday = (local // (24 * HOUR) + 3) % 7
    angle = hour * (2 * np.pi / 24)
    columns = [np.sin(angle), np.cos(angle), hour, weekday, weekday >= 5, known]
    return np.stack(columns, axis=1).astype(np.float32)
