"""Recent days against the training period: features, goals, scores, outcomes, calibration, sources.

Every comparison is an effect size with a limit of the configuration, and has to stand out of its own
noise as well: rows of one customer are no independent witnesses, so noise is reckoned by customers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import ks_2samp, wasserstein_distance

from data_contracts.configuration import Monitoring
from data_contracts.times import DAY
from features.columns import Float64, TouchpointColumns
from models.bundle import Bundle
from training.reference import (
    Rows,
    binned_shares,
    goal_figures,
    profiled,
    rate_figures,
    scores,
    source_figures,
)

_STANDARD_ERRORS = 3.0
"""A difference of rates must also be that many standard errors."""
_KS_NOISE = 1.63
"""The 99 % point of the Kolmogorov–Smirnov statistic, times √(1/n + 1/m) (Smirnov 1948)."""


@dataclass(frozen=True)
class Finding:
    """One comparison: `value` against `limit`, and whether it is a breach.

    `group` is one of features, goals, scores, outcomes, calibration, sources. `judged` is False where
    there were too few rows: then it is told, and is no breach.
    """

    group: str
    name: str
    value: float
    limit: float
    breached: bool
    told: str
    judged: bool = True


@dataclass(frozen=True)
class Stability:
    """The population stability index of one feature, and what noise alone would make of it."""

    name: str
    value: float
    noise: float


def stability(reference: Float64, recent: Float64, customers: tuple[float, float]) -> tuple[float, float]:
    """Population stability index of two vectors of shares, and its expectation under no drift.

    Σ (q − p) ln(q / p), the symmetric Kullback–Leibler divergence (Jeffreys 1946); empty bins get half a
    customer. Without drift 2n·m / (n + m) times it is near χ² with bins − 1 degrees, so that its mean is
    (bins − 1) (1/n + 1/m), here with customers for rows.
    """
    n, m = max(customers[0], 1.0), max(customers[1], 1.0)
    p = np.maximum(reference, 0.5 / n)
    q = np.maximum(recent, 0.5 / m)
    p, q = p / p.sum(), q / q.sum()
    used = int(((reference > 0) | (recent > 0)).sum())
    return float(((q - p) * np.log(q / p)).sum()), max(used - 1, 0) * (1.0 / n + 1.0 / m)


def drift(
    bundle: Bundle,
    fresh: Rows,
    settled: Rows,
    columns: TouchpointColumns,
    since: int,
    now: int,
    limits: Monitoring,
) -> tuple[list[Finding], list[Stability]]:
    """Every comparison of the recent rows with the bundle's reference; the features, most drifted first.

    `fresh` are the newest rows, `settled` the newest ones whose outcome windows are over; sources are
    counted over [since, now] in microseconds.
    """
    reference: Mapping[str, Any] = bundle.description["reference"]
    customers = (float(reference["customers"]), float(len(np.unique(fresh.customer))))
    judged = len(fresh.matrix) >= limits.minimum_rows and reference["rows"] >= limits.minimum_rows
    features = _features(bundle, fresh, reference, customers)
    findings = [
        _drifted_features(features, limits, judged),
        *_goals(bundle, fresh, settled, reference, limits),
        *_scores(bundle, fresh, reference, limits, customers, judged),
        *_rates(bundle, settled, reference, limits),
        *_sources(columns, reference, since, now, limits),
    ]
    return findings, features


def _features(
    bundle: Bundle, rows: Rows, reference: Mapping[str, Any], customers: tuple[float, float]
) -> list[Stability]:
    found = []
    for place, name in profiled(bundle.specification):
        known = reference["features"].get(name)
        if known is None or not len(rows.matrix):
            continue
        recent = binned_shares(rows.matrix[:, place], np.asarray(known["edges"]))
        value, noise = stability(np.asarray(known["shares"]), recent, customers)
        found.append(Stability(name, value, noise))
    return sorted(found, key=lambda one: one.noise - one.value)


def _drifted_features(features: list[Stability], limits: Monitoring, judged: bool) -> Finding:
    limit = limits.population_stability
    drifted = [one for one in features if one.value - one.noise > limit]
    share = len(drifted) / max(len(features), 1)
    worst = ", ".join(f"{one.name} ({one.value:.2f})" for one in drifted[:3])
    told = f"{len(drifted)} of {len(features)} features have drifted beyond {limit:g}"
    return Finding(
        "features",
        "drifted share",
        share,
        limits.drifted_features_share,
        judged and share > limits.drifted_features_share,
        f"{told}: {worst}" if worst else told,
        judged,
    )


def _goals(
    bundle: Bundle, fresh: Rows, settled: Rows, reference: Mapping[str, Any], limits: Monitoring
) -> list[Finding]:
    names = bundle.specification.goals.names
    before = reference["goals"]
    findings = []
    for what, rows, told in (
        ("came", settled, "the goals that came"),
        ("said", fresh, "the goals that the model gives"),
    ):
        now = goal_figures(rows, names)
        if not before["rows"] or not now["rows"]:
            continue
        judged = min(before["rows"], now["rows"]) >= limits.minimum_rows
        customers = (float(before["customers"]), float(now["customers"]))
        p, q = (np.asarray([one[what].get(name, 0.0) for name in names]) for one in (before, now))
        value, noise = stability(p, q, customers)
        moved = names[int(np.abs(q - p).argmax())]
        change = f"{moved} {before[what].get(moved, 0.0):.1%} → {now[what][moved]:.1%}"
        limit = limits.population_stability
        breached = judged and value - noise > limit
        text = f"{told}: index {value:.3f} (noise {noise:.3f}); most moved: {change}"
        findings.append(Finding("goals", what, value, limit, breached, text, judged))
    return findings


def _scores(
    bundle: Bundle,
    rows: Rows,
    reference: Mapping[str, Any],
    limits: Monitoring,
    customers: tuple[float, float],
    judged: bool,
) -> list[Finding]:
    if not len(rows.matrix):
        return []
    noise = _KS_NOISE * float(np.sqrt(sum(1.0 / max(one, 1.0) for one in customers)))
    findings = []
    for name, values in scores(bundle, rows.matrix).items():
        before = reference["scores"].get(name)
        if before is None:
            continue
        distance = float(ks_2samp(before, values, method="asymp").statistic)
        moved = float(wasserstein_distance(before, values))
        # Scores of few trees lie on steps: a small move takes many rows over one, so the size decides.
        breached = judged and moved > limits.score_change and distance > noise
        text = f"{name}: moved by {moved:.4f} on average, distance {distance:.3f} (noise up to {noise:.3f})"
        findings.append(Finding("scores", name, moved, limits.score_change, breached, text, judged))
    return findings


def _rates(bundle: Bundle, rows: Rows, reference: Mapping[str, Any], limits: Monitoring) -> list[Finding]:
    findings = []
    for outcome, now in rate_figures(bundle, rows).items():
        before = reference["rates"].get(outcome)
        if before is None:
            continue
        judged = min(before["rows"], now["rows"]) >= limits.minimum_rows
        for group, key, limit in (
            ("outcomes", "rate", limits.rate_change),
            ("calibration", "bias", limits.calibration_change),
        ):
            change = now[key] - before[key]
            error = float(np.hypot(now[f"{key}_error"], before[f"{key}_error"]))
            breached = judged and abs(change) > max(limit, _STANDARD_ERRORS * error)
            what = (
                f"share of {outcome} among the sent" if key == "rate" else f"{outcome}, predicted less happened"
            )
            text = f"{what}: {before[key]:.3f} → {now[key]:.3f} (± {1.96 * error:.3f})"
            findings.append(Finding(group, outcome, change, limit, breached, text, judged))
    return findings


def _sources(
    columns: TouchpointColumns, reference: Mapping[str, Any], since: int, now: int, limits: Monitoring
) -> list[Finding]:
    recent = source_figures(columns, since, now)
    days = max((now - since) // DAY, 1)
    findings = []
    for name, before in sorted(reference["sources"].items()):
        rows = recent.get(name, {}).get("rows_a_day", 0.0)
        usual, deviation = before["rows_a_day"], before["daily_deviation"]
        factor = rows / usual if usual else 1.0
        error = float(np.sqrt(deviation**2 * (1.0 / days + 1.0 / max(before["days"], 1.0))))
        judged = usual * days >= 20 and before["days"] >= 3
        far = factor > limits.volume_factor or factor < 1.0 / limits.volume_factor
        breached = judged and far and abs(rows - usual) > _STANDARD_ERRORS * error
        share = recent.get(name, {}).get("customers_share", 0.0)
        text = (
            f"source {name}: {usual:.1f} → {rows:.1f} rows a day, reports on {before['customers_share']:.0%} → "
            f"{share:.0%} of the active customers"
        )
        findings.append(Finding("sources", name, factor, limits.volume_factor, breached, text, judged))
    for name in sorted(set(recent) - set(reference["sources"])):
        rows = recent[name]["rows_a_day"]
        told = f"source {name}: new since training, {rows:.1f} rows a day"
        findings.append(Finding("sources", name, float("nan"), limits.volume_factor, False, told, False))
    return findings
