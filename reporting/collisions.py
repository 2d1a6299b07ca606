"""The worst collisions: weeks in which departments ran into one another at one customer, as timelines."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from features.columns import Int64
from reporting.moments import DAY, WEEK
from reporting.record import Record
from reporting.study import Study

_LEAD = 1 * DAY
_SPAN = 8 * DAY


@dataclass(frozen=True, slots=True)
class Mark:
    """One touchpoint on a timeline.

    `hours` since the timeline's beginning; `value` is an answer’s score or an
    amount; `kind`: contact, own, internal; `effect`: helped, interrupted, none.
    """

    hours: float
    department: str
    event_type: str
    channel: str
    topic: str
    kind: str
    effect: str
    weekday: str
    value: float | None


@dataclass(frozen=True, slots=True)
class Timeline:
    """A customer's days around a collision; `open_case` spans are hours (from, to)."""

    pseudonym: str
    hours: float
    departments: int
    contacts: int
    marks: tuple[Mark, ...]
    open_case: tuple[tuple[float, float], ...]
    ended: Mark | None
    weekday: int

    def as_dict(self) -> dict[str, object]:
        return {
            "customer": self.pseudonym,
            "hours": self.hours,
            "departments": self.departments,
            "contacts": self.contacts,
            "ended": None if self.ended is None else self.ended.event_type,
            "open_case": [list(span) for span in self.open_case],
            "marks": [{name: getattr(mark, name) for name in Mark.__slots__} for mark in self.marks],
        }


def pseudonym(customer: str, salt: str) -> str:
    """A name that can't be traced back without the salt (keyed BLAKE2b)."""
    key = hashlib.blake2b(salt.encode(), digest_size=32).digest()
    return "customer " + hashlib.blake2b(customer.encode(), key=key, digest_size=4).hexdigest()


def salt_of(record: Record) -> str:
    """A salt of the whole data: the same report from the same data, nothing for who hasn't got it."""
    digest = hashlib.blake2b(digest_size=16)
    for array in (record.time, record.columns.ingested_time, record.columns.message):
        digest.update(np.ascontiguousarray(array).tobytes())
    for name in record.customers:
        digest.update(name.encode())
    return digest.hexdigest()


def worst_collisions(study: Study, salt: str, most: int = 4) -> tuple[Timeline, ...]:
    """The customers whose week held most: departments, contacts into a case or after a no, what came of it."""
    contacts = study.contacts
    if not len(contacts):
        return ()
    others = contacts.situation.others(contacts.department)
    weight = (
        others.astype(np.float64)
        + 1.5 * contacts.situation.case_elsewhere
        + 1.0 * contacts.situation.after_no
        + 1.5 * contacts.refused
        + 1.0 * contacts.interrupted
    )
    # The week that ends with each contact, by the sum of what its contacts are worth.
    total = np.concatenate([[0.0], np.cumsum(weight)])
    place = np.arange(len(contacts))
    key = _first_of_week(contacts.customer, contacts.time)
    score = total[place + 1] - total[key]
    score = np.where(others >= 1, score, 0.0)
    best = np.lexsort((place, -score))
    chosen: list[int] = []
    seen: set[int] = set()
    for one in best:
        customer = int(contacts.customer[one])
        if score[one] <= 0 or len(chosen) == most:
            break
        if customer not in seen:
            seen.add(customer)
            chosen.append(int(one))
    return tuple(_timeline(study, int(key[one]), one, salt) for one in chosen)


def _first_of_week(customer: Int64, time: Int64) -> Int64:
    """The first contact of the same customer in the week up to each contact."""
    result = np.empty(len(time), np.int64)
    start = 0
    for place in range(len(time)):
        while customer[start] != customer[place] or time[start] < time[place] - WEEK:
            start += 1
        result[place] = start
    return result


def _timeline(study: Study, first: int, last: int, salt: str) -> Timeline:
    record, contacts = study.record, study.contacts
    customer = int(contacts.customer[last])
    # Whole days, so that the page can mark them.
    begin = (int(contacts.time[first]) - _LEAD) // DAY * DAY
    end = min(max(int(contacts.time[last]) + 3 * DAY, begin + _SPAN), int(record.ends[customer]))
    low, high = record.columns.start[customer], record.columns.start[customer + 1]
    rows = low + np.flatnonzero((record.time[low:high] >= begin) & (record.time[low:high] <= end))
    helped, harmed = record.flagged("positive", "progress"), record.flagged("negative", "harm")
    contact = record.flagged("contact")
    marks = []
    for row in rows:
        kind = "contact" if contact[row] else "own" if record.inbound[row] else "internal"
        effect = "interrupted" if harmed[row] else "helped" if helped[row] else "none"
        hours = (int(record.time[row]) - begin) / (DAY / 24)
        marks.append(
            Mark(
                hours=round(hours, 3),
                department=record.columns.text("department", row) or "",
                event_type=record.columns.text("event_type", row) or "",
                channel=record.columns.text("channel", row) or "",
                topic=record.columns.text("topic", row) or "",
                kind=kind,
                effect=effect,
                weekday=_WEEKDAYS[(int(record.time[row]) // DAY + 3) % 7],
                value=None if np.isnan(record.columns.value[row]) else float(record.columns.value[row]),
            )
        )
    inside = (contacts.customer == customer) & (contacts.time >= begin) & (contacts.time <= end)
    cases = study.outlook.cases
    mine = (cases.customer == customer) & (cases.opened < end) & (cases.closed > begin)
    spans = tuple(
        (max(0.0, (int(a) - begin) / (DAY / 24)), (min(int(b), end) - begin) / (DAY / 24))
        for a, b in zip(cases.opened[mine], cases.closed[mine], strict=True)
    )
    bad = [mark for mark in marks if mark.effect == "interrupted"]
    return Timeline(
        pseudonym=pseudonym(record.customers[customer], salt),
        hours=(end - begin) / (DAY / 24),
        departments=len(np.unique(contacts.department[inside])),
        contacts=int(inside.sum()),
        marks=tuple(marks),
        open_case=spans,
        ended=bad[-1] if bad else None,
        weekday=(begin // DAY + 3) % 7,
    )


_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
