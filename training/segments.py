"""The new model against the champion where a mean can hide a loss: departments, goals, new customers.

Each difference has an interval that is widened for the number of segments looked at (Bonferroni), so
that the chance of a false alarm stays 5 % for all of them together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from data_contracts.times import DAY
from features.columns import Float64, Int64, TouchpointColumns
from training.labels import Bools
from training.rows import MessageRows

NEW_CUSTOMER_DAYS = 14
LEAST_CUSTOMERS, LEAST_ROWS = 30, 100
"""A segment with fewer in the comparison is shown, and guards nothing: its interval says little."""
_ALPHA = 0.05


@dataclass(frozen=True)
class SegmentChange:
    """One figure of one segment, new model less champion, with its interval.

    `figure` is `helps_send` or `interrupts_send` (log loss: below 0 is better) or `policy` (net value a
    row: above 0 is better). `worse`: its interval lies on the bad side, and it has enough rows to guard.
    """

    segment: str
    figure: str
    rows: int
    customers: int
    value: float
    low: float
    high: float
    guards: bool

    @property
    def worse(self) -> bool:
        if not self.guards:
            return False
        return self.high < 0.0 if self.figure == "policy" else self.low > 0.0

    def told(self) -> str:
        what = "net value a row" if self.figure == "policy" else f"log loss of {self.figure}"
        return f"{self.segment}: {what} {self.value:+.4f} [{self.low:+.4f}, {self.high:+.4f}]"


def segments_of(
    rows: MessageRows, columns: TouchpointColumns, goal: Int64, goals: Sequence[str]
) -> dict[str, Bools]:
    """Masks over the rows, shape (rows,), by name: `department:sales`, `goal:buy`, `new customers`.

    `goal` is each row's most probable goal, a place in `goals`, as it was known before the decision. The
    goal that came would not do: it comes of the same events as the outcomes, and a model that rightly
    fears an interruption looks wrong among those to whom nothing happened.
    """
    found: dict[str, Bools] = {}
    codes, words = rows.candidates.codes["department"], rows.candidates.words["department"]
    for place in np.unique(codes[codes >= 0]):
        found[f"department:{words[int(place)]}"] = np.asarray(codes == place)
    for place, name in enumerate(goals):
        found[f"goal:{name}"] = np.asarray(goal == place)
    begin, end = columns.start[rows.customer], columns.start[rows.customer + 1]
    first = columns.event_time[np.minimum(begin, max(len(columns) - 1, 0))]
    age = rows.moment - np.where(end > begin, first, rows.moment)
    found["new customers"] = age < NEW_CUSTOMER_DAYS * DAY
    return {name: mask for name, mask in found.items() if mask.any()}


def segment_changes(
    segments: Mapping[str, Bools],
    differences: Mapping[str, tuple[Int64, Float64]],
    customer: Int64,
) -> list[SegmentChange]:
    """Every figure in every segment.

    `differences` by figure: the rows' places and the difference of each, both of shape (rows of the
    figure,); `customer` has shape (rows,).
    """
    parts = []
    for name, mask in segments.items():
        for figure, (places, difference) in differences.items():
            inside = mask[places]
            if inside.any():
                parts.append((name, figure, customer[places[inside]], difference[inside]))
    guarding = [_guards(who) for _, _, who, _ in parts]
    z = NormalDist().inv_cdf(1.0 - _ALPHA / 2.0 / max(sum(guarding), 1))
    changes = []
    for (name, figure, who, difference), guards in zip(parts, guarding, strict=True):
        value, error, customers = clustered_mean(difference, who)
        low, high = value - z * error, value + z * error
        changes.append(SegmentChange(name, figure, len(who), customers, value, low, high, guards))
    return changes


def clustered_mean(values: Float64, customer: Int64) -> tuple[float, float, int]:
    """Mean, its standard error and the number of customers; rows of one customer go together.

    The error is the linearised one of a ratio of totals (Cochran 1977, eq. 2.39); one customer has none.
    """
    _, place = np.unique(customer, return_inverse=True)
    n = int(place.max()) + 1
    mean = float(values.mean())
    if n < 2:
        return mean, float("inf"), n
    residual = np.bincount(place, weights=values - mean, minlength=n)
    error = float(np.sqrt(n / (n - 1) * np.square(residual).sum()) / len(values))
    return mean, error, n


def _guards(customer: Int64) -> bool:
    return len(customer) >= LEAST_ROWS and len(np.unique(customer)) >= LEAST_CUSTOMERS
