"""What the company does to customers, ranked by what it costs: harm, detractors and spending afterwards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.columns import Float64, Int64
from reporting.cases import NEVER
from reporting.differences import stratified
from reporting.estimates import Estimate, Figure, Row, unknown
from reporting.moments import DAY, WEEK
from reporting.record import Bools
from reporting.study import Study

_SLOW_HOURS = 24
_SPENDING_WEEKS = 4
_NPS_DAYS = 30
_CROWDED = 6


@dataclass(frozen=True)
class _Weeks:
    """Customers' own weeks, counted from their first touchpoint; `w` rows, ordered by customer and week."""

    owner: Int64
    start: Int64
    number: Int64
    length: Int64

    def of(self, customer: Int64, time: Int64, first: Int64) -> Int64:
        """The week of each event, -1 where it is in none."""
        number = (time - first[customer]) // WEEK
        inside = (number >= 0) & (number < self.length[customer])
        return np.where(inside, self.start[customer] + number, -1)


def behaviours(study: Study) -> Figure:
    """Rows by `behaviour` and `cost`, in no order: the page ranks them.

    `harm`: difference in the chance of a harm event in the week after; `harmed`: that,
    times the weeks in which it happened; `detractor`: difference in the share of detractors among NPS answers
    in the 30 days after; `spending`: difference in spending in the 4 weeks after, for each such week.
    """
    record = study.record
    weeks = _weeks(study)
    own = _count(study, weeks, record.inbound)
    harms = record.flagged("harm")
    only_answers = not harms.any()
    hurt = _count(study, weeks, record.flagged("negative") if only_answers else harms) > 0
    cases = study.outlook.cases
    case_week = cases.open_at(weeks.owner, record.first[weeks.owner] + weeks.number * WEEK)
    case_place = weeks.of(cases.customer, cases.opened, record.first)
    case_week[case_place[case_place >= 0]] = True
    # Alike: how much they did themselves, whether a case was open, whether they were harmed that week, and how
    # many messages they got in the week before: some customers get more in every week.
    activity = np.searchsorted([1, 4, 10], own, side="right")
    messages = np.searchsorted([1, 3, 6], _count(study, weeks, record.flagged("contact")), side="right")
    before = np.where(weeks.number == 0, 4, np.append(0, messages[:-1]))
    stratum = ((activity * 2 + case_week) * 2 + hurt) * 5 + before
    if only_answers:
        # Where the only harm is an answer, there must be messages in the week after to answer to.
        stratum = stratum * 4 + np.append(messages[1:], 0)
    followed = weeks.number + 1 < weeks.length[weeks.owner]
    next_hurt = np.append(hurt[1:], False)
    spent = _count(study, weeks, record.flagged("purchase") & (record.columns.value > 0), record.columns.value)
    later, watched = _following(spent, weeks)
    rows: list[Row] = []
    for name, happened in _exposures(study, weeks).items():
        labels = {"behaviour": name}
        if happened is None or not happened.any():
            reason = "no system reports this" if happened is None else "it did not happen"
            rows.append(Row({**labels, "cost": "harm"}, unknown("points", reason)))
            continue
        chosen = np.flatnonzero(followed)
        harm = stratified(
            study.draws, weeks.owner[chosen], stratum[chosen], happened[chosen], next_hurt[chosen].astype(float)
        )
        times = int(happened[chosen].sum())
        rows.append(Row({**labels, "cost": "harm"}, harm))
        rows.append(Row({**labels, "cost": "harmed"}, _scaled(harm, times)))
        rows.append(Row({**labels, "cost": "detractor"}, _detractors(study, weeks, happened)))
        if spent.any():
            kept = np.flatnonzero(watched)
            spending = stratified(
                study.draws, weeks.owner[kept], stratum[kept], happened[kept], later[kept], "money"
            )
            rows.append(Row({**labels, "cost": "spending"}, spending))
    note = (
        "Customer weeks with the behaviour against the weeks of customers in a like situation without it (own "
        "activity, an open case, harm in the same week, messages in the week before). Harm: the configuration’s harm "
        "events, or where none is reported negative answers, then among as many messages. Nothing was drawn "
        "here: read it as where to look first."
    )
    return study.figure("behaviours", "What makes detractors", note, rows)


def _weeks(study: Study) -> _Weeks:
    record = study.record
    length = np.maximum((record.ends - record.first) // WEEK, 0)
    start = np.concatenate([[0], np.cumsum(length)]).astype(np.int64)
    owner = np.repeat(np.arange(record.n_customers, dtype=np.int64), length)
    return _Weeks(owner, start[:-1], np.arange(len(owner), dtype=np.int64) - start[owner], length)


def _count(study: Study, weeks: _Weeks, rows: Bools, weights: Float64 | None = None) -> Float64:
    record = study.record
    place = weeks.of(record.customer[rows], record.time[rows], record.first)
    inside = place >= 0
    chosen = None if weights is None else weights[rows][inside]
    return np.bincount(place[inside], weights=chosen, minlength=len(weeks.owner)).astype(np.float64)


def _exposures(study: Study, weeks: _Weeks) -> dict[str, Bools | None]:
    """Weeks in which each behaviour happened; None where no system reports it."""
    record, contacts, cases = study.record, study.contacts, study.outlook.cases
    others = contacts.situation.others(contacts.department)
    n = len(weeks.owner)

    def where(customer: Int64, time: Int64) -> Bools:
        result = np.zeros(n, np.bool_)
        place = weeks.of(customer, time, record.first)
        result[place[place >= 0]] = True
        return result

    def messages(chosen: Bools) -> Bools:
        return where(contacts.customer[chosen], contacts.time[chosen])

    def events(flag: str) -> Bools | None:
        found = record.flagged(flag)
        return where(record.customer[found], record.time[found]) if found.any() else None

    has_cases, has_noes = len(cases) > 0, bool(record.flagged("negative").any())
    hours = (cases.answered - cases.opened) / (3_600 * 1e6)
    slow = (cases.answered == NEVER) | (hours > _SLOW_HOURS)
    per_week = _count(study, weeks, record.flagged("contact"))
    return {
        "Two departments within 48 h": messages(others == 1),
        "Three or more departments within 48 h": messages(others >= 2),
        f"{_CROWDED} or more messages in a week": per_week >= _CROWDED,
        "Another department writes into an open case": (
            messages(contacts.situation.case_elsewhere) if has_cases else None
        ),
        "Messages within 7 days after a no": messages(contacts.situation.after_no) if has_noes else None,
        f"First answer to a case takes over {_SLOW_HOURS} h": (
            where(cases.customer[slow], cases.opened[slow]) if has_cases else None
        ),
        "A hand-off": events("handed_off"),
        "A gate": events("gate"),
        "Nobody reached": events("contact_unanswered"),
        "A revised quote": events("quote_revised"),
    }


def _following(spent: Float64, weeks: _Weeks) -> tuple[Float64, Bools]:
    """Spending in the four weeks after each week, and whether all of them were observed."""
    total = np.concatenate([[0.0], np.cumsum(spent)])
    place = np.arange(len(spent))
    watched = weeks.number + _SPENDING_WEEKS < weeks.length[weeks.owner]
    until = np.minimum(place + 1 + _SPENDING_WEEKS, len(spent))
    return total[until] - total[np.minimum(place + 1, len(spent))], watched


def _scaled(harm: Estimate, times: int) -> Estimate:
    """The difference times how often it happened: harmed customer weeks in the window."""
    if harm.value is None:
        return unknown("count", harm.reason or "", harm.customers, harm.rows)
    ends = [None if end is None else end * times for end in (harm.low, harm.high)]
    return Estimate("count", harm.value * times, ends[0], ends[1], harm.customers, times, harm.method)


def _detractors(study: Study, weeks: _Weeks, happened: Bools) -> Estimate:
    """Share of detractors among NPS answers within 30 days after the behaviour, minus that of the others."""
    record = study.record
    answers = np.flatnonzero(record.flagged("nps") & ~np.isnan(record.columns.value))
    if not len(answers):
        return unknown("points", "no system reports this")
    customer, time = record.customer[answers], record.time[answers]
    total = np.concatenate([[0], np.cumsum(happened)])
    last = np.clip((time - record.first[customer]) // WEEK, 0, weeks.length[customer])
    first = np.maximum(last - _NPS_DAYS * DAY // WEEK, 0)
    before = total[weeks.start[customer] + last] - total[weeks.start[customer] + first] > 0
    own = study.outlook.situation(customer, time, np.zeros(len(time), np.int64)).stratum // 3 % 4
    detractor = (record.columns.value[answers] <= 6).astype(np.float64)
    return stratified(study.draws, customer, own, before, detractor)
