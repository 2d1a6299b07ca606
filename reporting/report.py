"""Touchpoints (and a decision log) → every figure of the report, as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from data_contracts.configuration import Configuration
from data_contracts.errors import TooLittleData
from data_contracts.times import format_time
from reporting.behaviours import behaviours
from reporting.changed_by_tact import holdout, ledger
from reporting.collisions import Timeline, salt_of, worst_collisions
from reporting.contacts import contacts_of
from reporting.customer_kpis import customer_kpis, customer_trends, retention_curve
from reporting.decision_rows import decision_rows_of
from reporting.department_kpis import department_kpis, same_customers
from reporting.estimates import Figure
from reporting.experience import experience, touches_histogram
from reporting.interaction import interaction
from reporting.long_term import crowding, horizons
from reporting.moments import Outlook
from reporting.record import record_of
from reporting.resampling import Resampler
from reporting.study import Study
from reporting.targets import Targets

FORMAT_VERSION = 1

Tell = Callable[[str], None]
"""Called with what is being worked out."""


@dataclass(frozen=True)
class Report:
    """All figures by key, the timelines, and what the page says of the data.

    `window_hours` is the window of outcomes; `decisions` counts rows of the log, None without one.
    """

    figures: dict[str, Figure]
    timelines: tuple[Timeline, ...]
    customers: int
    touchpoints: int
    messages: int
    decisions: int | None
    since: str
    until: str
    window_hours: float
    draws: int
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain data: what `report.json` holds."""
        return {
            "format": FORMAT_VERSION,
            "customers": self.customers,
            "touchpoints": self.touchpoints,
            "messages": self.messages,
            "decisions": self.decisions,
            "since": self.since,
            "until": self.until,
            "outcome_window_hours": self.window_hours,
            "bootstrap_draws": self.draws,
            "notes": list(self.notes),
            "figures": [figure.as_dict() for figure in self.figures.values()],
            "timelines": [timeline.as_dict() for timeline in self.timelines],
        }


def report_of(
    touchpoints: pd.DataFrame,
    decisions: pd.DataFrame | None,
    configuration: Configuration,
    targets: Targets,
    *,
    salt: str | None = None,
    notes: tuple[str, ...] = (),
    tell: Tell = lambda text: None,
) -> Report:
    """Work out every figure.

    Parameters
    ----------
    touchpoints, decisions : clean tables in their total order (`data_contracts.tables.validated`)
    salt : for the customers' pseudonyms; by default one that comes from the data itself

    Raises
    ------
    TooLittleData : there is no message to any customer in the data.
    """
    tell("reading what the touchpoints mean")
    also = () if decisions is None else tuple(map(str, decisions["customer_id"].cat.categories))
    record = record_of(touchpoints, configuration, also)
    outlook = Outlook(record)
    contacts = contacts_of(outlook)
    if not len(contacts):
        raise TooLittleData(
            "the touchpoints hold no message to a customer (message_sent, outbound): there is nothing to report on"
        )
    log = None if decisions is None else decision_rows_of(decisions, outlook)
    draws = Resampler.of(record.n_customers, configuration.training.seed)
    study = Study(outlook, contacts, log, draws)
    found: list[Figure | None] = []
    steps: tuple[tuple[str, Callable[[], Figure | None]], ...] = (
        ("departments", lambda: department_kpis(study, targets)),
        ("departments", lambda: same_customers(study)),
        ("customers' weeks", lambda: experience(study)),
        ("customers' weeks", lambda: touches_histogram(study)),
        ("interaction of departments", lambda: interaction(study)),
        ("customers", lambda: customer_kpis(study)),
        ("customers", lambda: customer_trends(study)),
        ("customers", lambda: retention_curve(study)),
        ("short and long", lambda: horizons(study)),
        ("short and long", lambda: crowding(study)),
        ("what makes detractors", lambda: behaviours(study)),
        ("what Tact changed", lambda: holdout(study)),
        ("what Tact changed", lambda: ledger(study)),
    )
    for name, step in steps:
        tell(name)
        found.append(step())
    tell("timelines")
    return Report(
        figures={figure.key: figure for figure in found if figure is not None},
        timelines=worst_collisions(study, salt or salt_of(record)),
        customers=record.n_customers,
        touchpoints=len(record.columns),
        messages=len(contacts),
        decisions=None if log is None else len(log),
        since=format_time(record.begin)[:10],
        until=format_time(record.end)[:10],
        window_hours=configuration.outcomes.window_hours,
        draws=len(draws.weights),
        notes=notes,
    )
