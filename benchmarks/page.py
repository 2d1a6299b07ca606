"""The page `docs/decisions-benchmark.md`: tables between two markers; what is written around them stays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import DEPARTMENT_KPIS
from benchmarks.intervals import Interval
from benchmarks.plan import CEILING, NEVER, ORACLE, SEND_ALL, TACT, USUAL
from benchmarks.summary import ESTIMATES, CompanySummary, Gap

BEGIN, END = "<!-- figures: written by benchmarks.decisions -->", "<!-- end of figures -->"
_NEW_PAGE = f"# Decisions, measured where the truth is known\n\n{BEGIN}\n{END}\n"


def write_page(path: Path, text: str) -> None:
    """Put `text` between the markers of the page, which is made where it is missing."""
    page = path.read_text(encoding="utf-8") if path.exists() else _NEW_PAGE
    if BEGIN not in page or END not in page:
        page = f"{page.rstrip()}\n\n{BEGIN}\n{END}\n"
    before, rest = page.split(BEGIN, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{rest.split(END, 1)[1]}", encoding="utf-8")


def tables(summaries: Sequence[CompanySummary], command: str, minutes: float) -> str:
    """All tables of the page."""
    usual = [one for one in summaries if one.variant == USUAL]
    others = [one for one in summaries if one.variant != USUAL]
    parts = [f"Made by `{command}` in {minutes:.0f} minutes.", *_gaps(usual)]
    for one in usual:
        parts += [*_policies(one), *_departments(one)]
    parts += [*_ablations(usual), *_checks(usual), *_robustness(others)]
    return "\n\n".join(parts)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    lines = [f"| {' | '.join(header)} |", f"|---|{'---:|' * (len(header) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _gaps(summaries: Sequence[CompanySummary]) -> list[str]:
    if not summaries:
        return []
    rows = []
    for one in summaries:
        gap = one.gap
        rows.append(
            [
                one.kind,
                gap.best_rule,
                _interval(gap.over_rule),
                f"{gap.best_rival}: {_interval(gap.over_rival)}",
                _share(gap.to_ceiling),
                _share(gap.to_oracle),
                _share(gap.ceiling_to_oracle),
            ]
        )
    return [
        "## How much of the way",
        table(
            [
                "company",
                "best rule",
                "Tact over it",
                "Tact over the best learned rival",
                "of the way from the best rule to the observable ceiling",
                "… to the oracle",
                "the ceiling's own way to the oracle",
            ],
            rows,
        ),
    ]


def _policies(one: CompanySummary) -> list[str]:
    rows = [
        [
            f"**{row.policy}**" if row.policy == TACT else row.policy,
            _interval(row.net),
            _interval(row.helps),
            _interval(row.interruptions),
            f"{row.contacts:.2f}",
            f"{row.gone:.1f}",
            " / ".join(f"{value:.1f}" for value in row.by_seed),
        ]
        for row in one.rows
    ]
    seeds = ", ".join(map(str, one.seeds))
    return [
        f"## {one.kind.capitalize()}",
        f"{one.customers:,} customers live, seeds {seeds}; per 100 customers, against never sending.",
        table(
            [
                "policy",
                "helps − 2 · interruptions",
                "helps",
                "interruptions",
                "contacts each",
                "left",
                "by seed",
            ],
            rows,
        ),
    ]


def _departments(one: CompanySummary) -> list[str]:
    shown = {NEVER, SEND_ALL, TACT, CEILING, ORACLE, one.gap.best_rule, one.gap.best_rival}
    rows = [
        [row.policy, *(f"{row.kpis[name]:,.1f}" for name in DEPARTMENT_KPIS)]
        for row in one.rows
        if row.policy in shown
    ]
    header = ["per 100 customers", *(f"{name}: {kpi}" for name, kpi in DEPARTMENT_KPIS.items())]
    return [table(header, rows)]


def _ablations(summaries: Sequence[CompanySummary]) -> list[str]:
    names = list(dict.fromkeys(name for one in summaries for name in one.ablations))
    if not names:
        return []
    rows = [
        [
            name.removeprefix("Tact "),
            *(_interval(one.ablations[name]) if name in one.ablations else "–" for one in summaries),
        ]
        for name in names
    ]
    return [
        "## What each part is worth",
        "Tact less Tact without the part, helps − 2 · interruptions per 100 customers: positive is what it brings.",
        table(["part taken out", *(one.kind for one in summaries)], rows),
    ]


def _checks(summaries: Sequence[CompanySummary]) -> list[str]:
    rows, goals = [], []
    for one in summaries:
        for check in one.checks:
            label = f"{one.kind}, {check.policy}"
            rows.append(
                [
                    label,
                    *(
                        f"{check.against_truth[name][0]:.3f} / {check.against_truth[name][1]:.3f}"
                        for name in ESTIMATES
                    ),
                    *(
                        f"{check.against_outcomes[name][0]:.3f} ({check.against_outcomes[name][1]:.3f})"
                        for name in ESTIMATES[:2]
                    ),
                    f"{check.correlation['lift_helps']:.2f} / {check.slope['lift_helps']:.2f}",
                    f"{check.correlation['lift_interrupts']:.2f} / {check.slope['lift_interrupts']:.2f}",
                ]
            )
            goals.append(
                [
                    label,
                    f"{check.goal_accuracy:.3f}",
                    f"{check.goal_best:.3f}",
                    f"{check.goal_last:.3f}",
                    f"{check.goal_confidence:.3f}",
                ]
            )
    if not rows:
        return []
    return [
        "## Whether the chances mean what they say",
        "Expected calibration error in ten bins of equal counts: over all candidates asked / over those that were "
        "sent, against the true chances; then over the sends against what came true (in brackets: what perfect "
        "chances would show with so few). Last, how the estimated lifts go with the true ones: correlation / slope.",
        table(
            [
                "",
                *ESTIMATES,
                "p_helps, outcomes",
                "p_interrupts, outcomes",
                "lift_helps",
                "lift_interrupts",
            ],
            rows,
        ),
        table(
            ["goal", "accuracy", "best possible (latent truth)", "last goal event", "mean confidence"], goals
        ),
    ]


def _robustness(summaries: Sequence[CompanySummary]) -> list[str]:
    if not summaries:
        return []
    rows = []
    for one in summaries:
        net = {row.policy: row.net for row in one.rows}
        rows.append(
            [
                one.variant,
                one.kind,
                f"{one.gap.best_rule}: {net[one.gap.best_rule].estimate:.1f}",
                _interval(net.get(TACT)),
                _interval(one.gap.over_rule),
                _interval(one.gap.over_rival),
                _interval(net.get(ORACLE)),
                _share(one.gap.to_oracle),
                "yes" if one.observational else "no",
            ]
        )
    return [
        "## When things are not as usual",
        table(
            [
                "variant",
                "company",
                "best rule",
                "Tact",
                "over the best rule",
                "over the best learned rival",
                "oracle",
                "of the way to the oracle",
                "says observational",
            ],
            rows,
        ),
    ]


def _interval(value: Interval | None) -> str:
    if value is None or math.isnan(value.estimate):
        return "–"
    return f"{value.estimate:.1f} ({value.low:.1f} … {value.high:.1f})"


def _share(value: Interval | None) -> str:
    if value is None or math.isnan(value.estimate):
        return "–"
    return f"{value.estimate:.0%} ({value.low:.0%} … {value.high:.0%})"


def shortfall(gap: Gap) -> float | None:
    """How much of the 80 % of the way to the ceiling is missing; None where nothing is, or it is not known."""
    if gap.to_ceiling is None or math.isnan(gap.to_ceiling.estimate) or gap.to_ceiling.estimate >= 0.8:
        return None
    return 0.8 - gap.to_ceiling.estimate
