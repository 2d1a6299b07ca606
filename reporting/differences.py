"""Differences between two arms: stratified where nothing was drawn, weighted where the log drew.

Both are bootstrapped by customer with the draws of a Resampler.
"""

from __future__ import annotations

import numpy as np

from features.columns import Float64, Int64
from reporting.estimates import LEAST_CUSTOMERS, LEAST_ROWS, Estimate, Unit, unknown
from reporting.record import Bools
from reporting.resampling import BOOTSTRAP, Resampler, interval


def stratified(
    draws: Resampler, customer: Int64, stratum: Int64, arm: Bools, outcome: Float64, unit: Unit = "points"
) -> Estimate:
    """Mean outcome of the arm minus that of the others, within strata.

    Strata are weighed as by Mantel & Haenszel (Greenland & Robins 1985, eq. 1: n₁ n₀ / n); those without
    rows of both arms drop out. All of shape (rows,).
    """
    if (little := _arms_too_little(unit, customer, arm)) is not None:
        return little
    strata, code = np.unique(stratum, return_inverse=True)
    cell = code * 2 + arm
    cells = len(strata) * 2
    # What one customer has in one cell moves together: sums of those are all that a draw needs.
    pairs, owner = np.unique(customer * cells + cell, return_inverse=True)
    rows = np.bincount(owner).astype(np.float64)
    total = np.bincount(owner, weights=outcome)
    who, where = pairs // cells, pairs % cells

    def difference(weight: Float64) -> float:
        n = np.bincount(where, weights=weight * rows, minlength=cells).reshape(-1, 2)
        y = np.bincount(where, weights=weight * total, minlength=cells).reshape(-1, 2)
        both = (n[:, 0] > 0) & (n[:, 1] > 0)
        if not both.any():
            return np.nan
        n, y = n[both], y[both]
        share = n[:, 0] * n[:, 1] / n.sum(axis=1)
        gap = y[:, 1] / n[:, 1] - y[:, 0] / n[:, 0]
        return float(share @ gap / share.sum())

    value = difference(np.ones(len(pairs)))
    if np.isnan(value):
        return unknown(unit, "too little data: no customers in a like situation without it")
    low, high = interval(np.asarray([difference(one[who].astype(np.float64)) for one in draws.weights]))
    mine = np.flatnonzero(arm)
    return Estimate(unit, value, low, high, len(np.unique(customer[mine])), len(mine), BOOTSTRAP)


def drawn_effect(
    draws: Resampler, customer: Int64, sent: Bools, propensity: Float64, outcome: Float64, unit: Unit = "points"
) -> Estimate:
    """The effect of sending against sending nothing among drawn rows, all of shape (rows,).

    Each arm's mean is weighted by one over its chance, with weights normalised (Hájek 1971).
    """
    if (little := _arms_too_little(unit, customer, sent)) is not None:
        return little
    sums = effect_sums(customer, sent, propensity, outcome, draws.weights.shape[1])
    value = float(effect_of(sums.sum(axis=0)))
    low, high = interval(effect_of(draws.totals(sums)))
    return Estimate(unit, value, low, high, len(np.unique(customer)), len(customer), BOOTSTRAP)


def effect_sums(customer: Int64, sent: Bools, propensity: Float64, outcome: Float64, customers: int) -> Float64:
    """Weights and weighted outcomes of both arms by customer, shape (customers, 4)."""
    weight = np.where(sent, 1.0 / propensity, 1.0 / (1.0 - propensity))
    columns = [weight * sent, weight * sent * outcome, weight * ~sent, weight * ~sent * outcome]
    return np.stack([np.bincount(customer, weights=one, minlength=customers) for one in columns], axis=1)


def effect_of(sums: Float64) -> Float64:
    """The effect from sums of shape (…, 4)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[..., 1] / sums[..., 0] - sums[..., 3] / sums[..., 2])


def between_customers(
    draws: Resampler, unit: Unit, group: Bools, other: Bools, top: Float64, bottom: Float64
) -> Estimate:
    """Σ top / Σ bottom of one group of customers minus that of another; all of shape (customers,)."""
    mine, theirs = group & (bottom > 0), other & (bottom > 0)
    fewest = min(int(mine.sum()), int(theirs.sum()))
    if fewest < LEAST_CUSTOMERS:
        reason = f"too little data: {fewest:,} customers in the smaller group; needs {LEAST_CUSTOMERS}"
        return unknown(unit, reason, int((mine | theirs).sum()))
    sums = np.stack([top * mine, bottom * mine, top * theirs, bottom * theirs], axis=1)

    def gap(totals: Float64) -> Float64:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(totals[..., 0] / totals[..., 1] - totals[..., 2] / totals[..., 3])

    low, high = interval(gap(draws.totals(sums)))
    both = int((mine | theirs).sum())
    return Estimate(unit, float(gap(sums.sum(axis=0))), low, high, both, both, BOOTSTRAP)


def _arms_too_little(unit: Unit, customer: Int64, arm: Bools) -> Estimate | None:
    rows = (int(arm.sum()), int((~arm).sum()))
    customers = (len(np.unique(customer[arm])), len(np.unique(customer[~arm])))
    if min(rows) >= LEAST_ROWS and min(customers) >= LEAST_CUSTOMERS:
        return None
    place = 0 if rows[0] < LEAST_ROWS or customers[0] < LEAST_CUSTOMERS else 1
    name = "with" if place == 0 else "without"
    reason = (
        f"too little data: {rows[place]:,} moments of {customers[place]:,} customers {name} it; "
        f"needs {LEAST_ROWS} of {LEAST_CUSTOMERS}"
    )
    return unknown(unit, reason, len(np.unique(customer)), len(customer))
