"""The half-year's tables: a month a row, written between two markers of a page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.page import table

BEGIN, END = "<!-- figures: written by benchmarks.half_year -->", "<!-- end of figures -->"
Bounded = tuple[float, float, float]


@dataclass(frozen=True)
class Month:
    """One month. Values are true net values a customer, with 95 % intervals by customer.

    `measured` is what the run of the month's challenger measured for the rule (net value a row), NaN where
    there was no run; `found_after` are the hours until the silent feed was found, and its usual gap;
    `seconds` are those of living, monitoring and retraining.
    """

    number: int
    over_never: Bounded
    over_rules: Bounded
    rules_over_never: Bounded
    contacts: float
    contacts_of_rules: float
    measured: tuple[float, ...]
    told: str
    promoted: bool
    breaches: tuple[str, ...]
    false_feeds: int
    found_after: tuple[float, float] | None
    parity: tuple[int, int]
    touchpoints: int
    decisions: int
    asked: int = 0
    sent: int = 0
    seconds: tuple[float, float, float] = (0.0, 0.0, 0.0)


def tables(
    drift_month: int,
    silent_month: int,
    months: Sequence[Month],
    command: str,
    seconds: float,
    peak_mib: float,
    plan: Mapping[str, object],
) -> str:
    """Markdown."""
    told = ", ".join(f"{name} {value}" for name, value in plan.items())
    values = table(
        ["month", "Tact over never", "company's rules over never", "Tact over the rules",
         "contacts a customer (rules)", "rule's value measured by the run"],
        [
            [
                _named(one.number, drift_month, silent_month),
                _bounded(one.over_never),
                _bounded(one.rules_over_never),
                _bounded(one.over_rules),
                f"{one.contacts:.1f} ({one.contacts_of_rules:.1f})",
                _bounded(one.measured, 4),
            ]
            for one in months
        ],
    )  # fmt: skip
    caught = table(
        ["month", "promoted", "why", "what `tact monitor` caught at the month's end", "logged features"],
        [
            [
                _named(one.number, drift_month, silent_month),
                "yes" if one.promoted else "no",
                one.told.replace("|", "/"),
                "<br>".join(one.breaches) or "nothing",
                f"{one.parity[1]} of {one.parity[0]} differ",
            ]
            for one in months
        ],
    )
    sizes = table(
        [
            "month",
            "touchpoints",
            "decision rows",
            "asked in it",
            "sent in it",
            "live s",
            "monitor s",
            "retrain s",
        ],
        [
            [
                str(one.number),
                f"{one.touchpoints:,}",
                f"{one.decisions:,}",
                f"{one.asked:,}",
                f"{one.sent:,}",
                *(f"{second:.0f}" for second in one.seconds),
            ]
            for one in months
        ],
    )
    silent = months[silent_month - 1].found_after
    found = (
        f"The feed that fell silent in month {silent_month} was found {silent[0]:.0f} h after it did "
        f"(looked for every 6 h); its usual gap was {silent[1]:.1f} h."
        if silent is not None
        else f"The feed that fell silent in month {silent_month} was **not** found."
    )
    return "\n\n".join(
        [
            f"Made by `{command}` in {seconds / 60:.1f} minutes, {peak_mib:,.0f} MiB at the peak ({told}).",
            "## What it was worth\n\nTrue net value a customer and month (expected helps less twice the expected "
            "interruptions), on the same customers with the same luck.",
            values,
            f"## What was learnt and caught\n\n{found}",
            caught,
            "## Size and time",
            sizes,
        ]
    )


def write_page(path: Path, text: str) -> None:
    """Put `text` between the markers of the page, which is made where it is missing."""
    page = path.read_text(encoding="utf-8") if path.exists() else f"# Half a year\n\n{BEGIN}\n{END}\n"
    before, rest = page.split(BEGIN, 1)
    path.write_text(f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{rest.split(END, 1)[1]}", encoding="utf-8")


def _named(number: int, drift_month: int, silent_month: int) -> str:
    what = " (drift)" if number == drift_month else " (silent feed)" if number == silent_month else ""
    return f"{number}{what}"


def _bounded(value: Sequence[float], digits: int = 2) -> str:
    if math.isnan(value[0]):
        return "—"
    return f"{value[0]:+.{digits}f} [{value[1]:+.{digits}f}, {value[2]:+.{digits}f}]"
