"""The customer with the $12 charge, at any hour."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from data_contracts.messages import DecideRequest
from data_contracts.times import parse_time, to_microseconds
from data_contracts.vocabulary import EVENT_TYPES
from simulation.story import CASE, CUSTOMER, story


@pytest.mark.parametrize("hour", range(0, 24, 3))
def test_the_story_holds_at_any_hour(hour: int) -> None:
    now = datetime(2026, 3, 1, hour, 20, tzinfo=UTC)
    told = story(now)
    assert 9 <= now.astimezone(ZoneInfo(told.time_zone)).hour <= 12
    identifiers = [row["touchpoint_id"] for row in told.touchpoints]
    assert len(set(identifiers)) == len(identifiers)
    for row in told.touchpoints:
        assert row["customer_id"] == CUSTOMER
        assert row["event_type"] in EVENT_TYPES
        assert parse_time(row["event_time"]) <= parse_time(row["ingested_time"]) <= to_microseconds(now)
    times = [parse_time(row["event_time"]) for row in told.touchpoints]
    days = (to_microseconds(now) - min(times)) / 86_400e6
    assert 55 < days <= 60
    departments = {row["department"] for row in told.touchpoints if row["event_type"] == "message_sent"}
    assert len(departments) >= 5


def test_the_case_is_open_handed_off_once_and_unanswered() -> None:
    told = story(datetime(2026, 3, 1, 9, tzinfo=UTC))
    case = [row for row in told.touchpoints if row.get("campaign_id") == CASE]
    assert [row["event_type"] for row in case] == ["ticket_opened", "handed_off"]
    opened = parse_time(case[0]["event_time"])
    assert not [
        row
        for row in told.touchpoints
        if row["department"] == "support"
        and row["direction"] == "outbound"
        and parse_time(row["event_time"]) > opened
    ]


def test_the_candidates_are_a_request_of_the_contract() -> None:
    told = story(datetime(2026, 3, 1, 9, tzinfo=UTC))
    DecideRequest.model_validate({"customer_id": told.customer_id, "candidates": told.candidates})
    wanted = {item["department"]: (item["purpose"], item["channel"]) for item in told.candidates}
    assert wanted == {
        "marketing": ("promotional", "email"),
        "sales": ("promotional", "email"),
        "product": ("survey", "in_app"),
        "operations": ("survey", "email"),
        "success": ("service", "email"),
        "support": ("transactional", "email"),
    }


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no zone"):
        story(datetime(2026, 3, 1, 9))  # noqa: DTZ001 # the mistake that is meant
