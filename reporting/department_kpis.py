"""Each department's own figures, as its dashboard shows them, and what the same customers went through."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from data_contracts.items import MICROSECONDS_PER_HOUR
from reporting.cases import NEVER
from reporting.estimates import Estimate, Figure, Row
from reporting.experience import disturbed
from reporting.moments import DAY
from reporting.record import Bools
from reporting.resampling import share
from reporting.study import Study
from reporting.targets import Targets, met

_CASE_DAYS = 14
_ACTIVATION_DAYS = 14
_COUNTED_AS_STEADY = 0.95
_ANSWERS_COUNT = frozenset({"marketing", "sales", "product", "success"})
"""Departments that are held to answers; others to being read, where the data tells it."""


def department_kpis(study: Study, targets: Targets) -> Figure:
    """Rows by department and figure, with the target and whether it is met (`met`: yes, no, or empty)."""
    rows: list[Row] = []
    for code in study.senders:
        found = _own(study, code)
        found += _of_messages(study, code, {name for name, _ in found})
        for name, estimate in found[:4]:
            rows.append(_judged(study.name(code), name, estimate, targets))
        rows += _volumes(study, code)
    note = (
        "Leads, demos and pipeline are events for 100 customers a month. Figures of messages count answers within "
        "the window of outcomes. Times are medians over cases opened "
        f"at least {_CASE_DAYS} days before the end. Volumes are met where the second half of the window has no "
        "less than the first. Targets are rules of thumb until a file of your own says otherwise."
    )
    return study.figure("departments", "What each department’s dashboard says", note, rows)


def same_customers(study: Study) -> Figure:
    """What the customers that a department wrote to got from all of them."""
    record, contacts = study.record, study.contacts
    rows: list[Row] = []
    others = contacts.situation.others(contacts.department)
    weeks = record.observed_weeks
    sent = record.per_customer(contacts.customer)
    for code in study.senders:
        mine = contacts.department == code
        its_customers = record.per_customer(contacts.customer[mine]) > 0
        labels = {"department": study.name(code)}

        def add(what: str, estimate: Estimate, labels: dict[str, str] = labels) -> None:
            rows.append(Row({**labels, "what": what}, estimate))

        add(
            "touches_a_week",
            study.rate(
                "per_week", sent * its_customers, weeks * its_customers,
                int((sent * its_customers).sum()), what="messages",
            ),
        )  # fmt: skip
        add("after_another_department", study.share_of(others >= 1, mine, contacts.customer, "messages"))
        if record.flagged("case_opened").any():
            cases = study.outlook.cases
            if (cases.department == code).any():
                handled = cases.department == code
                add("others_in_case", study.share_of(disturbed(cases, study), handled, cases.customer, "cases"))
            else:
                in_case = contacts.situation.case_elsewhere
                add("while_case_open", study.share_of(in_case, mine, contacts.customer, "messages"))
        add(
            "interrupted",
            study.share_of(contacts.interrupted, mine & contacts.over, contacts.customer, "messages"),
        )
    note = (
        "The customers that the department wrote to. Interrupted: a negative answer to the message, or a harm "
        "event of the customer, within the window of outcomes after it."
    )
    return study.figure("same_customers", "What the same customers went through", note, rows)


def _judged(department: str, name: str, estimate: Estimate, targets: Targets) -> Row:
    target = targets.get(name)
    verdict = ""
    if estimate.value is not None and target is not None:
        verdict = "yes" if met(name, estimate.value, target) else "no"
    told = "" if target is None else f"{target:g}"
    return Row({"department": department, "figure": name, "target": told, "met": verdict}, estimate)


def _own(study: Study, code: int) -> list[tuple[str, Estimate]]:
    """Figures that belong to a department's work rather than to its messages."""
    record, name = study.record, study.name(code)
    result: list[tuple[str, Estimate]] = []
    cases = study.outlook.cases
    if len(cases) and (cases.department == code).any():
        result += _cases(study, code)
        csat = record.flagged("csat")
        if csat.any():
            good = record.matching(("csat_answered >= 4",))
            result.append(("csat_good", study.share_of(good, csat, record.customer, "answers")))
    by_name: dict[str, Callable[[Study], list[tuple[str, Estimate]]]] = {
        "product": _product,
        "success": _success,
    }
    if name in by_name:
        result += by_name[name](study)
    asked = _surveys(study, code)
    if asked.any():
        answered = _survey_answered(study)
        result.append(("survey_response", study.share_of(answered, asked, study.contacts.customer, "messages")))
    bounced = record.flagged("delivery_fault") & (record.department == code)
    if bounced.any():
        sent = record.per_customer(study.contacts.customer[study.contacts.department == code])
        lost = record.per_customer(record.customer[bounced])
        result.append(("delivery_rate", share(np.maximum(sent - lost, 0.0), sent, "messages")))
    return result


def _cases(study: Study, code: int) -> list[tuple[str, Estimate]]:
    record, cases = study.record, study.outlook.cases
    old = cases.opened + _CASE_DAYS * DAY <= record.ends[cases.customer]
    mine = np.flatnonzero((cases.department == code) & old)
    result = []
    for name, moment in (("first_response_hours", cases.answered), ("resolution_hours", cases.resolved)):
        hours = (moment[mine] - cases.opened[mine]) / MICROSECONDS_PER_HOUR
        hours = np.where((moment[mine] == NEVER) | (hours > _CASE_DAYS * 24), np.inf, hours)
        result.append((name, study.draws.median("hours", hours, cases.customer[mine], "cases")))
    return result


def _product(study: Study) -> list[tuple[str, Estimate]]:
    record = study.record
    steps = record.flagged("onboarding_step") | record.goal("use")
    if not steps.any():
        return []
    span = _ACTIVATION_DAYS * DAY
    old = record.first + span <= record.ends
    early = steps & (record.time <= record.first[record.customer] + span)
    return [("activation", study.share_of_customers(record.per_customer(record.customer[early]) > 0, old))]


def _success(study: Study) -> list[tuple[str, Estimate]]:
    record = study.record
    result = []
    renewed, gone = record.of_types("renewed"), record.of_types("cancelled")
    if renewed.any():
        result.append(("renewal_rate", study.share_of(renewed, renewed | gone, record.customer, "contracts")))
    nps = record.flagged("nps")
    if nps.any():
        answered = record.per_customer(record.customer[nps]) > 0
        result.append(("nps_coverage", study.share_of_customers(answered)))
    return result


def _surveys(study: Study, code: int) -> Bools:
    topics = study.record.columns.strings
    rows = study.outlook.contact_rows
    words = np.array(["survey" in word for word in topics] + [False])
    about: Bools = words[study.record.columns.topic[rows]] & (study.contacts.department == code)
    return about


def _survey_answered(study: Study) -> Bools:
    """Whether an answer of any kind came to the survey itself, or to no message, within the window."""
    contacts, record = study.contacts, study.record
    voice = (*record.configuration.vocabulary.role("voice"), *record.configuration.vocabulary.role("nps"))
    linked = study.outlook.answered(voice, contacts.customer, contacts.time, contacts.message)
    loose = study.outlook.happened(("survey_answered",), contacts.customer, contacts.time)
    return linked | loose | contacts.answered


def _of_messages(study: Study, code: int, there: set[str]) -> list[tuple[str, Estimate]]:
    """Figures of a department's messages: opened, answered; refused where there is room for it."""
    record, contacts = study.record, study.contacts
    mine = (contacts.department == code) & contacts.over
    result: list[tuple[str, Estimate]] = []
    if record.flagged("weak_response").any() and "first_response_hours" not in there:
        result.append(("open_rate", study.share_of(contacts.opened, mine, contacts.customer, "messages")))
    opens_told = any(name == "open_rate" for name, _ in result)
    answers_count = study.name(code) in _ANSWERS_COUNT or not opens_told
    if (contacts.answered & mine).any() and answers_count:
        name = "click_rate" if study.name(code) == "marketing" else "response_rate"
        result.append((name, study.share_of(contacts.answered, mine, contacts.customer, "messages")))
    if (contacts.refused & mine).any():
        result.append(("refusal_rate", study.share_of(contacts.refused, mine, contacts.customer, "messages")))
    return result


def _volumes(study: Study, code: int) -> list[Row]:
    """Leads, demos and pipeline: events per 100 customers a month, against the first half of the window."""
    if study.name(code) != "sales":
        return []
    record = study.record
    middle = (record.begin + record.end) // 2
    rows = []
    for name, found in (
        ("leads", record.goal("evaluate")),
        ("demos", record.of_types("demo_requested")),
        ("pipeline", record.of_types("checkout_started")),
    ):
        if not found.any():
            continue
        late = found & (record.time > middle)
        months = np.maximum(record.ends - record.first, 0) / (30.0 * DAY)
        counts = record.per_customer(record.customer[found])
        estimate = study.rate("per_100_months", counts, months, int((months > 0).sum()), 100.0, "customers")
        before, after = int(found.sum() - late.sum()), int(late.sum())
        verdict = ("yes" if after >= _COUNTED_AS_STEADY * before else "no") if estimate.known else ""
        labels = {"department": "sales", "figure": name, "target": "first half", "met": verdict}
        rows.append(Row(labels, estimate))
    return rows
