"""Cases: what belongs together, when they are answered, resolved, open."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from reporting.cases import NEVER
from tests.reporting.companies import Row, study_of, touch


def _internal(row: Row) -> Row:
    return {**row, "direction": "internal"}


def _opened(customer: str, hours: float, campaign: str | None) -> Row:
    return touch(customer, hours, "support", "ticket_opened", topic="billing", campaign_id=campaign)


def test_cases_are_told_apart_by_campaign(tmp_path: Path) -> None:
    rows = [
        _opened("a", 0, "one"),
        _opened("a", 5, "one"),  # opened again before it was resolved: the same case
        _opened("a", 10, "two"),
        touch("a", 20, "support", "message_sent", campaign_id="two", message_id="m1"),
        touch("a", 30, "support", "message_sent", campaign_id="one", message_id="m2"),
        _internal(touch("a", 40, "support", "ticket_resolved", campaign_id="one")),
        _opened("a", 50, "one"),  # after that: a new one
        touch("a", 2000, "product", "logged_in"),
    ]
    study = study_of(tmp_path, rows)
    cases, begin = study.outlook.cases, study.record.begin
    hour = 3_600_000_000
    assert ((cases.opened - begin) // hour).tolist() == [0, 10, 50]
    assert ((cases.answered[:2] - begin) // hour).tolist() == [30, 20]
    assert (cases.resolved[0] - begin) // hour == 40
    assert cases.resolved[1] == NEVER
    # Nobody reports the end of the other two: 30 days after their last activity they count as closed.
    assert ((cases.closed - begin) // hour).tolist() == [40, 10 + 720, 50 + 720]


def test_without_campaigns_the_topic_ties_them(tmp_path: Path) -> None:
    rows = [
        touch("a", 0, "support", "ticket_opened", topic="billing"),
        touch("a", 1, "support", "ticket_opened", topic="technical"),
        _internal(touch("a", 9, "support", "ticket_resolved", topic="technical")),
        touch("a", 90, "support", "message_sent", message_id="m"),
        touch("a", 100, "product", "logged_in"),
    ]
    cases = study_of(tmp_path, rows).outlook.cases
    assert (cases.resolved != NEVER).tolist() == [False, True]


def test_open_at_a_moment(tmp_path: Path) -> None:
    rows = [
        _opened("a", 10, "one"),
        _internal(touch("a", 40, "support", "ticket_resolved", campaign_id="one")),
        touch("a", 90, "support", "message_sent", message_id="m"),
        touch("b", 0, "product", "logged_in"),
    ]
    study = study_of(tmp_path, rows)
    hour, begin = 3_600_000_000, study.record.begin
    moments = begin + hour * np.array([10, 11, 40, 41, 20])
    customer = np.array([0, 0, 0, 0, 1])
    # Known just before the moment: not yet in the hour of its opening, still in that of its end.
    assert study.outlook.cases.open_at(customer, moments).tolist() == [False, True, True, False, False]
    support = study.record.departments.index("support")
    own = np.full(5, support, np.int16)
    assert not study.outlook.cases.open_at(customer, moments, own).any()
