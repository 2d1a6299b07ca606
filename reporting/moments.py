"""What a customer was in the middle of at a moment, and what came of it within the window of outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from data_contracts.items import MICROSECONDS_PER_HOUR, parse_item
from features.columns import Int64
from features.specification import COLLISION_HOURS
from reporting.cases import Cases, cases_of
from reporting.occurrences import Occurrences, pair_codes
from reporting.record import Bools, Record

DAY = 24 * MICROSECONDS_PER_HOUR
WEEK = 7 * DAY
COLLISION = round(COLLISION_HOURS * MICROSECONDS_PER_HOUR)


@dataclass(frozen=True)
class Situation:
    """Before each of `m` moments, each of shape (m,) unless said otherwise.

    Attributes
    ----------
    touched : shape (m, departments): whether the department wrote in the 48 hours before
    case_elsewhere : a case was open that another department than the moment's own handles
    after_no : a negative answer or a complaint in the 7 days before
    stratum : customers in one stratum are alike in what they were doing: case open or not, own events in the
        7 days before (0, 1–3, 4–9, 10+), contacts in the 2nd to 7th day before (0, 1–2, 3+)
    """

    touched: Bools
    case_elsewhere: Bools
    after_no: Bools
    stratum: Int64

    def others(self, department: Int64) -> Int64:
        """How many other departments wrote in the 48 hours before, shape (m,)."""
        own = self.touched[np.arange(len(department)), department]
        others: Int64 = self.touched.sum(axis=1).astype(np.int64) - own
        return others


class Outlook:
    """Answers questions about moments of a record; holds the ordered occurrences that they need."""

    def __init__(self, record: Record) -> None:
        self.record = record

    @cached_property
    def cases(self) -> Cases:
        return cases_of(self.record)

    @cached_property
    def contact_rows(self) -> Int64:
        """Rows of the record in which a department wrote to the customer."""
        return np.flatnonzero(self.record.flagged("contact"))

    @cached_property
    def _contacts(self) -> Occurrences:
        return self.record.occurrences(self.record.flagged("contact"))

    @cached_property
    def _contacts_by_department(self) -> tuple[Occurrences, ...]:
        contact = self.record.flagged("contact")
        return tuple(
            self.record.occurrences(contact & (self.record.department == code))
            for code in range(len(self.record.departments))
        )

    @cached_property
    def _own(self) -> Occurrences:
        return self.record.occurrences(self.record.inbound)

    @cached_property
    def _noes(self) -> Occurrences:
        return self.record.occurrences(self.record.flagged("negative"))

    def situation(self, customer: Int64, moment: Int64, department: Int64) -> Situation:
        """The situation before each moment; `department` is the one that wants to write."""
        touched = np.stack(
            [
                one.count_before(customer, moment - COLLISION, moment) > 0
                for one in self._contacts_by_department
            ],
            axis=1,
        )
        own = np.searchsorted([1, 4, 10], self._own.count_before(customer, moment - WEEK, moment), side="right")
        earlier = self._contacts.count_before(customer, moment - WEEK, moment - COLLISION)
        pressure = np.searchsorted([1, 3], earlier, side="right")
        in_case = self.cases.open_at(customer, moment)
        stratum = (in_case * 4 + own) * 3 + pressure
        return Situation(
            touched=touched,
            case_elsewhere=self.cases.open_at(customer, moment, department.astype(np.int16)),
            after_no=self._noes.count_before(customer, moment - WEEK, moment) > 0,
            stratum=stratum.astype(np.int64),
        )

    def answered(
        self, texts: tuple[str, ...], customer: Int64, moment: Int64, message: Int64, hours: float | None = None
    ) -> Bools:
        """Whether a linked item came to `message` (a hash, 0 for none) in `(moment, moment + window]`."""
        record = self.record
        result = np.zeros(len(moment), np.bool_)
        for text in texts:
            item = parse_item(text)
            rows = np.flatnonzero(record.matching((text,)) & (record.columns.message != 0))
            events, queries = pair_codes(
                (record.customer[rows], record.columns.message[rows]), (customer, message)
            )
            span = self._span(item.within_hours, hours)
            result |= Occurrences(events, record.time[rows]).count_after(queries, moment, moment + span) > 0
        linked: Bools = result & (message != 0)
        return linked

    def happened(
        self, texts: tuple[str, ...], customer: Int64, moment: Int64, hours: float | None = None
    ) -> Bools:
        """Whether an item came in `(moment, moment + window]`, whatever it answered."""
        result = np.zeros(len(moment), np.bool_)
        for text in texts:
            span = self._span(parse_item(text).within_hours, hours)
            found = self.record.occurrences(self.record.matching((text,)))
            result |= found.count_after(customer, moment, moment + span) > 0
        return result

    def helped(self, customer: Int64, moment: Int64, message: Int64, hours: float | None = None) -> Bools:
        """The contract's *helped*; `hours` replaces every window."""
        outcomes = self.record.configuration.outcomes
        linked = self.answered(outcomes.helped_linked, customer, moment, message, hours)
        return linked | self.happened(outcomes.progress, customer, moment, hours)

    def interrupted(self, customer: Int64, moment: Int64, message: Int64, hours: float | None = None) -> Bools:
        """The contract's *interrupted*; `hours` replaces every window."""
        outcomes = self.record.configuration.outcomes
        linked = self.answered(outcomes.interrupted_linked, customer, moment, message, hours)
        return linked | self.happened(outcomes.harm, customer, moment, hours)

    def over(self, customer: Int64, moment: Int64, hours: float | None = None) -> Bools:
        """Whether the whole window of outcomes was observed."""
        return np.asarray(moment + self._span(None, hours) <= self.record.ends[customer])

    def _span(self, own_hours: float | None, hours: float | None) -> int:
        chosen = hours or own_hours or self.record.configuration.outcomes.window_hours
        return round(chosen * MICROSECONDS_PER_HOUR)
