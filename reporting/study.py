"""Everything that the figures of one report are drawn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_contracts.times import format_time
from features.columns import Float64, Int64
from reporting.contacts import Contacts
from reporting.decision_rows import DecisionRows
from reporting.estimates import Estimate, Figure, Row, Unit
from reporting.moments import Outlook
from reporting.record import Bools, Record
from reporting.resampling import Resampler, share


@dataclass(frozen=True)
class Study:
    """The record, its messages, the log (None where none was given) and the draws for intervals."""

    outlook: Outlook
    contacts: Contacts
    decisions: DecisionRows | None
    draws: Resampler

    @property
    def record(self) -> Record:
        return self.outlook.record

    def name(self, department: int) -> str:
        return self.record.departments[department]

    @property
    def senders(self) -> list[int]:
        """Codes of departments that wrote to customers, the busiest first."""
        counts = np.bincount(self.contacts.department, minlength=len(self.record.departments))
        return [int(code) for code in np.argsort(-counts, kind="stable") if counts[code]]

    def figure(self, key: str, title: str, note: str, rows: list[Row]) -> Figure:
        """A figure over the whole window of the data."""
        since, until = format_time(self.record.begin)[:10], format_time(self.record.end)[:10]
        return Figure(key, title, since, until, note, tuple(rows))

    def share_of(self, hits: Bools, among: Bools, customer: Int64, what: str) -> Estimate:
        """The share of rows with a property, with customers as clusters; shapes (rows,)."""
        rows = self.record.per_customer(customer[among])
        return share(self.record.per_customer(customer[among & hits]), rows, what)

    def share_of_customers(self, hits: Bools, among: Bools | None = None) -> Estimate:
        """The share of customers, shape (customers,)."""
        chosen = np.ones(len(hits), np.bool_) if among is None else among
        return share((hits & chosen).astype(np.float64), chosen.astype(np.float64), "customers")

    def rate(
        self, unit: Unit, counts: Float64, exposure: Float64, rows: int, factor: float = 1.0, what: str = "rows"
    ) -> Estimate:
        """Σ counts / Σ exposure over customers, bootstrapped."""
        return self.draws.ratio(unit, counts, exposure, rows, what, factor)
