"""Intervals: the bootstrap by customer, and Wilson's for shares with customers as clusters.

Rows of one customer belong together, so a customer is drawn with all that is theirs (Field & Welsh 2007,
"Bootstrapping clustered data"). One set of draws serves every figure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.columns import Float64, Int64
from reporting.estimates import Estimate, Unit, too_little, unknown

BOOTSTRAP = "95 %, bootstrap by customer"
WILSON = "95 %, Wilson with customers as clusters"
_Z = 1.959963984540054
_MOST_BYTES = 120_000_000
_CHUNK = 64


@dataclass(frozen=True)
class Resampler:
    """Draws of all customers with replacement: `weights` of shape (draws, customers), how often each came."""

    weights: npt.NDArray[np.uint8]

    @staticmethod
    def of(customers: int, seed: int, draws: int = 400) -> Resampler:
        """Poisson(1) weights: the multinomial draw for many customers, without its memory."""
        random = np.random.default_rng(seed)
        rows = int(np.clip(_MOST_BYTES // max(1, customers), 100, draws))
        weights = np.empty((rows, customers), np.uint8)
        for row in range(rows):
            weights[row] = random.poisson(1.0, customers)
        return Resampler(weights)

    def totals(self, by_customer: Float64) -> Float64:
        """Sums of each draw: shape (customers,) or (customers, k) → (draws,) or (draws, k)."""
        used = np.flatnonzero(by_customer.reshape(len(by_customer), -1).any(axis=1))
        chosen = by_customer[used]
        parts = [
            self.weights[start : start + _CHUNK, used].astype(np.float64) @ chosen
            for start in range(0, len(self.weights), _CHUNK)
        ]
        return np.concatenate(parts)

    def ratio(
        self, unit: Unit, top: Float64, bottom: Float64, rows: int, what: str = "rows", factor: float = 1.0
    ) -> Estimate:
        """Σ top / Σ bottom over customers, times `factor`; both of shape (customers,)."""
        customers = int(np.count_nonzero(bottom))
        if (little := too_little(unit, customers, rows, what)) is not None:
            return little
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn = factor * self.totals(top) / self.totals(bottom)
        low, high = interval(drawn)
        return Estimate(unit, factor * float(top.sum() / bottom.sum()), low, high, customers, rows, BOOTSTRAP)

    def median(self, unit: Unit, values: Float64, customer: Int64, what: str = "rows") -> Estimate:
        """The median of values that belong to customers, shape (values,); a value may be infinite."""
        customers = len(np.unique(customer))
        if (little := too_little(unit, customers, len(values), what)) is not None:
            return little
        order = np.argsort(values, kind="stable")
        ordered, owner = values[order], customer[order]
        drawn = []
        for weights in self.weights:
            total = np.cumsum(weights[owner], dtype=np.int64)
            drawn.append(ordered[min(int(np.searchsorted(total, total[-1] / 2.0)), len(ordered) - 1)])
        middle = float(ordered[(len(ordered) - 1) // 2])
        if not np.isfinite(middle):
            return unknown(unit, "more than half of them had not ended", customers, len(values))
        low, high = interval(np.asarray(drawn))
        return Estimate(unit, middle, low, high, customers, len(values), BOOTSTRAP)


def interval(drawn: Float64) -> tuple[float | None, float | None]:
    """The middle 95 % of the draws; draws without a value are left out, an infinite end is None."""
    kept = drawn[~np.isnan(drawn)]
    if not len(kept):
        return None, None
    low, high = (float(end) for end in np.quantile(kept, [0.025, 0.975], method="nearest"))
    return (low if np.isfinite(low) else None), (high if np.isfinite(high) else None)


def share(hits: Float64, rows: Float64, what: str = "rows") -> Estimate:
    """Σ hits / Σ rows over customers with Wilson's interval, both of shape (customers,).

    The number of rows is divided by the design effect of customers as clusters (Korn & Graubard 1998): with
    one row a customer it is Wilson's own. Where all or none hit, only one row of each customer counts.
    """
    n, k = float(rows.sum()), float(hits.sum())
    clusters = int(np.count_nonzero(rows))
    if (little := too_little("share", clusters, int(n), what)) is not None:
        return little
    p = k / n
    effective = n
    if n > clusters:
        residual = hits - p * rows
        variance = float(np.square(residual).sum()) / n**2 * clusters / (clusters - 1)
        effective = min(n, p * (1 - p) / variance) if variance > 0 else float(clusters)
    low, high = wilson(p, effective)
    return Estimate("share", p, low, high, clusters, int(n), WILSON)


def wilson(p: float, n: float) -> tuple[float, float]:
    """Wilson's score interval (1927) of a share `p` of `n`."""
    bottom = 1 + _Z**2 / n
    centre = (p + _Z**2 / (2 * n)) / bottom
    half = _Z * np.sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2)) / bottom
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))
