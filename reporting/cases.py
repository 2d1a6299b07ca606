"""Cases: when each was opened, first answered and resolved, and whether one was open at a moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.columns import Int16, Int64
from reporting.occurrences import Occurrences, pair_codes
from reporting.record import Bools, Record

NEVER = np.iinfo(np.int64).max
_DAY = 86_400_000_000


@dataclass(frozen=True)
class Cases:
    """Cases in order of customer and opening, each of shape (cases,); times in microseconds.

    Attributes
    ----------
    answered : the first contact of the case's department (about this case, where campaigns tell) after the
        opening, NEVER where none came
    resolved : NEVER where it was not
    closed : `resolved`, or the end of the case's activity and `vocabulary.case_days` where no system reports it
    department : code of the department that handles it
    """

    customer: Int64
    opened: Int64
    answered: Int64
    resolved: Int64
    closed: Int64
    department: Int16

    def __len__(self) -> int:
        return len(self.opened)

    def open_at(self, customer: Int64, moment: Int64, apart_from: Int16 | None = None) -> Bools:
        """Whether a case was open just before each moment; `apart_from`: one that another department handles."""
        result = np.zeros(len(moment), np.bool_)
        for department in np.unique(self.department):
            mine = self.department == department
            far = np.zeros(len(moment), np.int64)
            opened = Occurrences(self.customer[mine], self.opened[mine])
            closed = Occurrences(self.customer[mine], self.closed[mine])
            is_open = opened.count_before(customer, far, moment) > closed.count_before(customer, far, moment)
            result |= is_open if apart_from is None else is_open & (apart_from != department)
        return result


def cases_of(record: Record) -> Cases:
    """All cases that were opened in the record."""
    opened_rows = np.flatnonzero(record.flagged("case_opened"))
    key = _keys(record, opened_rows)
    resolved = _next_of(record, record.flagged("case_resolved"), key, opened_rows)
    # A second opening before the first one was resolved belongs to the same case.
    group, _ = pair_codes((record.customer[opened_rows], key[opened_rows]), (np.zeros(0, np.int64),) * 2)
    ending = np.where(resolved >= 0, resolved, NEVER)
    _, firsts = np.unique(np.stack([group, ending]), axis=1, return_index=True)
    firsts = np.sort(firsts)
    opened_rows, resolved = opened_rows[firsts], resolved[firsts]
    customer, opened = record.customer[opened_rows], record.time[opened_rows]
    resolved_at = np.where(resolved >= 0, record.time[resolved], NEVER)
    days = round(record.configuration.vocabulary.case_days * _DAY)
    stale = _last_activity(record, key, opened_rows) + days
    return Cases(
        customer=customer,
        opened=opened,
        answered=_first_answer(record, opened_rows),
        resolved=resolved_at,
        closed=np.minimum(resolved_at, stale),
        department=record.department[opened_rows],
    )


def _keys(record: Record, opened_rows: Int64) -> Int64:
    """What ties rows to a case: campaign, topic or nothing but the customer, whichever the source gives."""
    resolved = np.flatnonzero(record.flagged("case_resolved"))
    topic = record.history.topic.astype(np.int64) + 1  # 0 for none, as with campaigns
    levels = (record.columns.campaign, topic, np.ones(len(topic), np.int64))
    for key in levels[:2]:
        of_opened, of_resolved = pair_codes(
            (record.customer[opened_rows], key[opened_rows]), (record.customer[resolved], key[resolved])
        )
        found = np.isin(of_resolved, of_opened) & (key[resolved] != 0)
        if len(resolved) and found.mean() > 0.5:
            return key
    return levels[2]


def _next_of(record: Record, among: Bools, key: Int64, rows: Int64) -> Int64:
    """For each row the next row of `among` with the same customer and key, -1 for none."""
    chosen = np.flatnonzero(among)
    of_chosen, of_rows = pair_codes((record.customer[chosen], key[chosen]), (record.customer[rows], key[rows]))
    found = Occurrences(of_chosen, record.time[chosen]).next_after(of_rows, record.time[rows])
    return np.where(found >= 0, chosen[found] if len(chosen) else -1, -1)


def _last_activity(record: Record, key: Int64, opened_rows: Int64) -> Int64:
    active = np.flatnonzero(record.flagged("case_opened", "case_replied", "case_escalated", "handed_off"))
    of_active, of_opened = pair_codes(
        (record.customer[active], key[active]), (record.customer[opened_rows], key[opened_rows])
    )
    latest = np.zeros(int(max(of_active.max(initial=0), of_opened.max(initial=0))) + 1, np.int64)
    np.maximum.at(latest, of_active, record.time[active])
    return np.maximum(latest[of_opened], record.time[opened_rows])


def _first_answer(record: Record, opened_rows: Int64) -> Int64:
    contact = record.flagged("contact")
    campaign, department = record.columns.campaign, record.department.astype(np.int64) + 1
    tied = bool(np.isin(campaign[contact], campaign[opened_rows][campaign[opened_rows] != 0]).any())
    key = campaign if tied else department
    found = _next_of(record, contact, key, opened_rows)
    return np.where(found >= 0, record.time[found], NEVER)
