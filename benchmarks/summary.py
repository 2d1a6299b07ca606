"""Cells → the numbers of the page: everything with its interval, by company kind and variant."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.cell import CellResult
from benchmarks.checks import Checked, calibration_error, noise_floor
from benchmarks.figures import DEPARTMENT_KPIS
from benchmarks.intervals import Interval, bootstrap_interval, mean_interval, share_of_way
from benchmarks.plan import ABLATIONS, CEILING, LEARNED_RIVALS, NEVER, ORACLE, RULES, TACT
from simulation.clock import Floats

PER = 100.0
"""Figures are given for so many customers."""


@dataclass(frozen=True)
class PolicyRow:
    """A policy in one company, per 100 customers over the live weeks; differences are to never sending.

    `by_seed` are the net figures of the seeds.
    """

    policy: str
    net: Interval
    helps: Interval
    interruptions: Interval
    realised_net: Interval
    contacts: float
    gone: float
    kpis: dict[str, float]
    by_seed: tuple[float, ...]


@dataclass(frozen=True)
class Gap:
    """How far Tact gets from the best rule, and by how much it beats the best learned rival."""

    best_rule: str
    best_rival: str
    over_rule: Interval | None
    over_rival: Interval | None
    to_ceiling: Interval | None
    to_oracle: Interval | None
    ceiling_to_oracle: Interval | None


@dataclass(frozen=True)
class CheckRow:
    """How much the chances of a policy mean, pooled over seeds.

    `against_truth`: by name of the estimate, the calibration error over all asked and over those chosen.
    `against_outcomes`: by outcome, over the sends: the error, and what perfect chances would show.
    `bias_chosen`: mean estimate less mean truth over those chosen. `correlation`, `slope`: of the lifts with
    the truth (the slope of the truth on the estimate: 1 is right, 0 is noise).
    """

    policy: str
    rows: int
    chosen: int
    against_truth: dict[str, tuple[float, float]]
    against_outcomes: dict[str, tuple[float, float]]
    bias_chosen: dict[str, float]
    correlation: dict[str, float]
    slope: dict[str, float]
    goal_accuracy: float
    goal_best: float
    goal_last: float
    goal_confidence: float


@dataclass(frozen=True)
class CompanySummary:
    """All about one kind of company under one variant."""

    kind: str
    variant: str
    seeds: tuple[int, ...]
    customers: int
    rows: tuple[PolicyRow, ...]
    gap: Gap
    ablations: dict[str, Interval]
    checks: tuple[CheckRow, ...]
    observational: bool


ESTIMATES = ("p_helps", "p_interrupts", "lift_helps", "lift_interrupts")


def summarise(cells: Sequence[CellResult]) -> CompanySummary:
    """Summarise the seeds of one kind and variant; the cells ran the same policies."""
    names = [name for name in cells[0].figures if name not in ABLATIONS]
    rows = tuple(_policy_row(cells, name) for name in names)
    net = {row.policy: row.net.estimate for row in rows}
    return CompanySummary(
        kind=cells[0].plan.kind,
        variant=cells[0].plan.variant,
        seeds=tuple(cell.plan.seed for cell in cells),
        customers=sum(len(cell.figures[NEVER]["net"]) for cell in cells),
        rows=rows,
        gap=_gap(cells, net),
        ablations={
            name: mean_interval([_paired(cell, TACT, name, "net") for cell in cells], PER)
            for name in cells[0].figures
            if name in ABLATIONS and TACT in cells[0].figures
        },
        checks=tuple(
            _check_row(name, [cell.checked[name] for cell in cells])
            for name in (TACT, CEILING)
            if all(name in cell.checked for cell in cells)
        ),
        observational=any(cell.observational for cell in cells),
    )


def _paired(cell: CellResult, policy: str, other: str, figure: str) -> Floats:
    """A figure of `policy` less that of `other`, by customer, for the customers whom both had."""
    first, second = cell.figures[policy][figure], cell.figures[other][figure]
    size = min(len(first), len(second))
    return np.asarray(first[:size] - second[:size], dtype=np.float64)


def _policy_row(cells: Sequence[CellResult], name: str) -> PolicyRow:
    def against_never(figure: str) -> Interval:
        return mean_interval([_paired(cell, name, NEVER, figure) for cell in cells], PER)

    def mean(figure: str) -> float:
        return float(np.concatenate([cell.figures[name][figure] for cell in cells]).mean())

    return PolicyRow(
        policy=name,
        net=against_never("net"),
        helps=against_never("helps"),
        interruptions=against_never("interruptions"),
        realised_net=against_never("realised_net"),
        contacts=mean("contacts"),
        gone=PER * mean("gone"),
        kpis={kpi: PER * mean(f"kpi_{kpi}") for kpi in DEPARTMENT_KPIS},
        by_seed=tuple(PER * float(_paired(cell, name, NEVER, "net").mean()) for cell in cells),
    )


def _gap(cells: Sequence[CellResult], net: dict[str, float]) -> Gap:
    rule = max((name for name in RULES if name in net), key=lambda name: net[name])
    rivals = [name for name in LEARNED_RIVALS if name in net]
    rival = max(rivals, key=lambda name: net[name]) if rivals else ""

    def over(other: str) -> Interval | None:
        if TACT not in net or other not in net:
            return None
        return mean_interval([_paired(cell, TACT, other, "net") for cell in cells], PER)

    def way(here: str, end: str) -> Interval | None:
        if here not in net or end not in net:
            return None
        columns = [
            np.stack([_paired(cell, name, NEVER, "net") for name in (rule, here, end)], axis=1)
            for cell in cells
        ]
        return bootstrap_interval(columns, lambda means: share_of_way(*map(float, means)))

    return Gap(
        best_rule=rule,
        best_rival=rival,
        over_rule=over(rule),
        over_rival=over(rival),
        to_ceiling=way(TACT, CEILING),
        to_oracle=way(TACT, ORACLE),
        ceiling_to_oracle=way(CEILING, ORACLE),
    )


def _check_row(name: str, parts: Sequence[Checked]) -> CheckRow:
    estimated = np.concatenate([part.estimated for part in parts])
    true = np.concatenate([part.true for part in parts])
    chosen = np.concatenate([part.chosen for part in parts])
    sent = np.concatenate([part.sent_estimated for part in parts])
    outcome = np.concatenate([part.sent_outcome for part in parts])
    goals = {
        field: np.concatenate([getattr(part, f"goal_{field}") for part in parts])
        for field in ("predicted", "probability", "realised", "last", "best")
    }
    right = goals["predicted"] == goals["realised"]
    sampled = goals["best"] >= 0
    lifts = {"lift_helps": 2, "lift_interrupts": 3}
    return CheckRow(
        policy=name,
        rows=len(estimated),
        chosen=int(chosen.sum()),
        against_truth={
            label: (
                calibration_error(estimated[:, place], true[:, place]),
                calibration_error(estimated[chosen, place], true[chosen, place]),
            )
            for place, label in enumerate(ESTIMATES)
        },
        against_outcomes={
            label: (calibration_error(sent[:, place], outcome[:, place]), noise_floor(sent[:, place]))
            for place, label in enumerate(ESTIMATES[:2])
        },
        bias_chosen={
            label: float((estimated[chosen, place] - true[chosen, place]).mean()) if chosen.any() else math.nan
            for place, label in enumerate(ESTIMATES)
        },
        correlation={
            label: _correlation(estimated[:, place], true[:, place]) for label, place in lifts.items()
        },
        slope={label: _slope(estimated[:, place], true[:, place]) for label, place in lifts.items()},
        goal_accuracy=float(right[sampled].mean()) if sampled.any() else math.nan,
        goal_best=float((goals["best"] == goals["realised"])[sampled].mean()) if sampled.any() else math.nan,
        goal_last=float((goals["last"] == goals["realised"])[sampled].mean()) if sampled.any() else math.nan,
        goal_confidence=float(goals["probability"][sampled].mean()) if sampled.any() else math.nan,
    )


def _correlation(first: Floats, second: Floats) -> float:
    if len(first) < 2 or first.std() == 0 or second.std() == 0:
        return math.nan
    return float(np.corrcoef(first, second)[0, 1])


def _slope(estimated: Floats, true: Floats) -> float:
    variance = float(estimated.var()) if len(estimated) > 1 else 0.0
    if variance == 0:
        return math.nan
    return float(((estimated - estimated.mean()) * (true - true.mean())).mean()) / variance
