"""What customers went through, whoever it was that wrote: the figures that no department has."""

from __future__ import annotations

import numpy as np

from features.columns import Float64
from reporting.cases import Cases
from reporting.estimates import Estimate, Figure, Row, unknown
from reporting.occurrences import Occurrences
from reporting.record import Bools
from reporting.study import Study

_MONTH_WEEKS = 30.0 / 7.0


def experience(study: Study) -> Figure:
    """Touches, collisions, contacts at the wrong moment, and friction; shares of customers and rates."""
    record, contacts = study.record, study.contacts
    weeks = record.observed_weeks
    sent = record.per_customer(contacts.customer)
    everyone = weeks > 0
    others = contacts.situation.others(contacts.department)
    all_rows = np.ones(len(contacts), np.bool_)
    rows = [
        Row(
            {"what": "touches_a_week", "of": "customer weeks"},
            study.rate("per_week", sent, weeks, len(contacts), what="messages"),
        ),
        Row(
            {"what": "after_another_department", "of": "messages"},
            study.share_of(others >= 1, all_rows, contacts.customer, "messages"),
        ),
        Row(
            {"what": "three_departments", "of": "customers"},
            study.share_of_customers(record.per_customer(contacts.customer[others >= 2]) > 0, everyone),
        ),
        Row(
            {"what": "while_case_open", "of": "messages"},
            _if_any(study, "case_opened", contacts.situation.case_elsewhere, "messages"),
        ),
        Row({"what": "others_in_case", "of": "cases"}, _cases_disturbed(study)),
        Row(
            {"what": "after_a_no", "of": "messages"},
            _if_any(study, "negative", contacts.situation.after_no, "messages"),
        ),
    ]
    last_seen = np.zeros(record.n_customers, np.int64)
    np.maximum.at(last_seen, record.customer, record.time)
    silent = (last_seen < record.end - (record.end - record.begin) // 3) & (record.ends == record.end)
    rows.append(Row({"what": "silent_at_the_end", "of": "customers"}, study.share_of_customers(silent)))
    for flag in ("handed_off", "gate", "contact_unanswered", "quote_revised"):
        rows += _friction(study, flag, weeks)
    note = (
        "Messages are outbound contacts of any department. “Within 48 h”: another department wrote in the 48 "
        "hours before. “A no”: a complaint, an unsubscription or a dismissal in the 7 days before."
    )
    return study.figure("experience", "What the customers went through", note, rows)


def touches_histogram(study: Study) -> Figure:
    """Shares of observed customer weeks by the number of touches and of departments in them."""
    record, contacts = study.record, study.contacts
    week = 7 * 86_400_000_000
    n_weeks = np.maximum((record.ends - record.first) // week, 0)
    start = np.concatenate([[0], np.cumsum(n_weeks)]).astype(np.int64)
    place = (contacts.time - record.first[contacts.customer]) // week
    inside = place < n_weeks[contacts.customer]
    cell = start[contacts.customer[inside]] + place[inside]
    touches = np.bincount(cell, minlength=int(start[-1]))
    width = len(record.departments)
    pairs = np.unique(cell * width + contacts.department[inside])
    departments = np.bincount(pairs // width, minlength=int(start[-1]))
    owner = np.repeat(np.arange(record.n_customers, dtype=np.int64), n_weeks)
    everything = np.ones(len(owner), np.bool_)
    rows = []
    for what, counts, most in (("touches", touches, 8), ("departments", departments, 5)):
        for number in range(most + 1):
            hits = counts >= number if number == most else counts == number
            label = f"{number}+" if number == most else str(number)
            rows.append(
                Row(
                    {"what": what, "number": label},
                    study.share_of(hits, everything, owner, "customer weeks"),
                )
            )
    note = "Each customer’s own weeks, counted from their first touchpoint; whole weeks only."
    return study.figure("touches", "A week in a customer’s life", note, rows)


def disturbed(cases: Cases, study: Study) -> Bools:
    """Whether another department wrote while the case was open, shape (cases,)."""
    result = np.zeros(len(cases), np.bool_)
    for department in np.unique(cases.department):
        other = study.contacts.department != department
        writes = Occurrences(study.contacts.customer[other], study.contacts.time[other])
        result |= (cases.department == department) & (
            writes.count_after(cases.customer, cases.opened, cases.closed) > 0
        )
    return result


def _cases_disturbed(study: Study) -> Estimate:
    cases = study.outlook.cases
    if not len(cases):
        return unknown("share", "no system reports this")
    return study.share_of(disturbed(cases, study), np.ones(len(cases), np.bool_), cases.customer, "cases")


def _if_any(study: Study, flag: str, hits: Bools, what: str) -> Estimate:
    if not study.record.flagged(flag).any():
        return unknown("share", "no system reports this")
    return study.share_of(hits, np.ones(len(hits), np.bool_), study.contacts.customer, what)


def _friction(study: Study, flag: str, weeks: Float64) -> list[Row]:
    record = study.record
    found = record.flagged(flag)
    labels = {"what": flag}
    if not found.any():
        reason = "no system reports this"
        return [
            Row({**labels, "of": "customers"}, unknown("share", reason)),
            Row({**labels, "of": "customer months"}, unknown("per_100_months", reason)),
        ]
    counts = record.per_customer(record.customer[found])
    return [
        Row({**labels, "of": "customers"}, study.share_of_customers(counts > 0, weeks > 0)),
        Row(
            {**labels, "of": "customer months"},
            study.rate(
                "per_100_months", counts, weeks, int((weeks > 0).sum()), 100.0 * _MONTH_WEEKS, "customers"
            ),
        ),
    ]
