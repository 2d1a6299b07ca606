"""A number with its interval, its customers and its unit, or the plain reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Unit = Literal["share", "points", "hours", "per_week", "per_100_months", "score", "money", "count", "per_case"]

LEAST_CUSTOMERS = 20
"""A figure that fewer customers stand behind is not shown."""
LEAST_ROWS = 30
"""Fewest messages, cases or answers behind a share."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure.

    Attributes
    ----------
    value, low, high : the figure and its 95 % interval in `unit`; None where `reason` says why not
    customers, rows : how many customers, and how many messages, cases or answers stand behind it
    method : how the interval was made
    """

    unit: Unit
    value: float | None
    low: float | None
    high: float | None
    customers: int
    rows: int
    method: str
    reason: str | None = None

    @property
    def known(self) -> bool:
        return self.value is not None

    @property
    def clear(self) -> bool:
        """For a difference: whether the interval leaves 0 out."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    def as_dict(self) -> dict[str, Any]:
        return {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "unit": self.unit,
            "customers": self.customers,
            "rows": self.rows,
            "interval": self.method,
            "reason": self.reason,
        }


def unknown(unit: Unit, reason: str, customers: int = 0, rows: int = 0) -> Estimate:
    """No figure, and why."""
    return Estimate(unit, None, None, None, customers, rows, "none", reason)


def too_little(unit: Unit, customers: int, rows: int, what: str = "rows") -> Estimate | None:
    """The estimate that says how little there is, or None where there is enough."""
    if customers >= LEAST_CUSTOMERS and rows >= LEAST_ROWS:
        return None
    needed = f"needs {LEAST_ROWS} {what} of {LEAST_CUSTOMERS} customers"
    return unknown(
        unit, f"too little data: {rows:,} {what} of {customers:,} customers; {needed}", customers, rows
    )


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a figure: its labels by column, and the estimate."""

    labels: dict[str, str]
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure as data: what a CSV file, the JSON and the page are made of.

    `since` and `until` are ISO times of its window; `note` says what is compared with what.
    """

    key: str
    title: str
    since: str
    until: str
    note: str
    rows: tuple[Row, ...]

    def find(self, **labels: str) -> Row | None:
        """The first row with these labels."""
        for row in self.rows:
            if all(row.labels.get(name) == value for name, value in labels.items()):
                return row
        return None

    def having(self, **labels: str) -> list[Row]:
        """All rows with these labels."""
        return [
            row for row in self.rows if all(row.labels.get(name) == value for name, value in labels.items())
        ]

    def as_dict(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "title": self.title,
            "since": self.since,
            "until": self.until,
            "note": self.note,
            "rows": [{**row.labels, **row.estimate.as_dict()} for row in self.rows],
        }
