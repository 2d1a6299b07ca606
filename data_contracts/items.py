"""Outcome and goal items: `"csat_answered >= 4"`, `"steps_counted >= 300 within 1h"`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

MICROSECONDS_PER_HOUR = 3_600_000_000

_COMPARISONS: dict[str, Callable[[Any, float], Any]] = {
    ">=": lambda value, limit: value >= limit,
    "<=": lambda value, limit: value <= limit,
    ">": lambda value, limit: value > limit,
    "<": lambda value, limit: value < limit,
    "==": lambda value, limit: value == limit,
    "!=": lambda value, limit: value != limit,
}
_HOURS = {"m": 1 / 60, "min": 1 / 60, "h": 1.0, "d": 24.0}
_FORM = re.compile(
    r"^\s*(?P<event_type>[^\s<>=!]+)"
    r"(?:\s*(?P<comparison>>=|<=|==|!=|>|<)\s*(?P<limit>[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?))?"
    r"(?:\s+within\s+(?P<span>[0-9.]+)\s*(?P<unit>min|m|h|d))?\s*$"
)


@dataclass(frozen=True, slots=True)
class Item:
    """An event type, with an optional comparison of its value and an optional window of its own.

    `within_hours` is None where the item uses the window of its section.
    """

    event_type: str
    comparison: str | None = None
    limit: float | None = None
    within_hours: float | None = None

    def holds(self, value: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Whether the comparison holds for each value; a missing value (NaN) never satisfies one."""
        if self.comparison is None or self.limit is None:
            return np.ones(value.shape, dtype=np.bool_)
        known = ~np.isnan(value)
        result: npt.NDArray[np.bool_] = known & _COMPARISONS[self.comparison](value, self.limit)
        return result


def parse_item(text: str) -> Item:
    """Read one item; raises ValueError with the expected form where it can't be read."""
    match = _FORM.match(text)
    if match is None:
        raise ValueError(
            f"{text!r} is not an item; write an event type, optionally a comparison of its value "
            'and a window, as in "steps_counted >= 300 within 1h"'
        )
    try:
        limit = None if match["limit"] is None else float(match["limit"])
        span = None if match["span"] is None else float(match["span"]) * _HOURS[match["unit"]]
    except ValueError:
        raise ValueError(f"{text!r} holds a number that can't be read") from None
    if span is not None and span <= 0:
        raise ValueError(f"{text!r} has a window of no length")
    return Item(match["event_type"], match["comparison"], limit, span)
