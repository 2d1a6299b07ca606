"""The story that Tact is told with: a customer with a $12 charge, and five departments who want a word.

Customer c-1042 has been with the company for two years. This morning they wrote to support about a charge of
$12 that they don't understand; the case was handed over once, nobody has answered. None of the others knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from data_contracts.times import format_time, to_microseconds

CUSTOMER: Final = "c-1042"
CASE: Final = "case-1042-12"

_ZONES: Final = (
    "America/New_York",
    "America/Los_Angeles",
    "Pacific/Honolulu",
    "America/Sao_Paulo",
    "Europe/London",
    "Europe/Vienna",
    "Asia/Dubai",
    "Asia/Kolkata",
    "Asia/Bangkok",
    "Asia/Tokyo",
    "Australia/Sydney",
    "Pacific/Auckland",
)
_SOURCES: Final = {
    "support": "helpdesk",
    "marketing": "marketing_hub",
    "sales": "crm",
    "success": "crm",
    "product": "product_analytics",
    "billing": "billing_system",
    "operations": "survey_tool",
}


@dataclass(frozen=True, slots=True)
class Story:
    """`touchpoints` and `candidates` in the contract's JSON form, `time_zone` as the profile has it."""

    customer_id: str
    time_zone: str
    touchpoints: list[dict[str, Any]]
    candidates: list[dict[str, Any]]


def story(now: datetime) -> Story:
    """The story as it stands at `now`: nothing in it is later, and it is morning where the customer is.

    Raises ValueError for a time without a zone.
    """
    to_microseconds(now)
    zone = min(_ZONES, key=lambda name: _from_morning(now, name))
    rows = _Rows(now)
    _sixty_days(rows, zone)
    _this_morning(rows)
    return Story(CUSTOMER, zone, rows.written, _candidates(now))


def _from_morning(now: datetime, zone: str) -> float:
    local = now.astimezone(ZoneInfo(zone))
    return abs(local.hour + local.minute / 60 - 10.5)


class _Rows:
    """Writes touchpoints at `days` and `hours` before now."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self.written: list[dict[str, Any]] = []

    def add(
        self,
        days: float,
        department: str,
        channel: str,
        event_type: str,
        direction: str = "inbound",
        **more: object,
    ) -> None:
        """A touchpoint `days` ago; `more` are further columns of the contract."""
        happened = self._now - timedelta(days=days)
        # The CRM reports overnight, the others within minutes.
        late = timedelta(hours=14) if department in ("sales", "success") else timedelta(minutes=4)
        self.written.append(
            {
                "touchpoint_id": f"story-{len(self.written) + 1:03d}",
                "source": _SOURCES[department],
                "customer_id": CUSTOMER,
                "event_time": format_time(to_microseconds(happened)),
                "ingested_time": format_time(to_microseconds(min(happened + late, self._now))),
                "department": department,
                "channel": channel,
                "direction": direction,
                "event_type": event_type,
                **more,
            }
        )

    def message(
        self, days: float, department: str, channel: str, topic: str, number: int, *answers: tuple[str, float]
    ) -> None:
        """A message `days` ago and the answers to it, each some hours later."""
        message_id = f"story-m-{number}"
        self.add(days, department, channel, "message_sent", "outbound", topic=topic, message_id=message_id)
        for event_type, hours in answers:
            self.add(days - hours / 24, department, channel, event_type, topic=topic, message_id=message_id)


def _sixty_days(rows: _Rows, zone: str) -> None:
    rows.add(
        60, "sales", "web", "profile_updated", "internal",
        properties={"time_zone": zone, "plan": "team", "segment": "self_serve", "tenure_days": 730},
    )  # fmt: skip
    for days in (
        59.1,
        56.0,
        52.2,
        48.9,
        45.1,
        41.0,
        38.0,
        34.2,
        31.1,
        27.9,
        24.0,
        21.1,
        17.0,
        13.2,
        10.0,
        7.1,
        3.0,
    ):
        rows.add(days, "product", "web", "logged_in")
        rows.add(days - 0.01, "product", "in_app", "feature_used")
    for days in (20.9, 6.9, 2.95):
        rows.add(days, "marketing", "web", "pricing_viewed", topic="plan")
    opened = ("message_opened", 3.0)
    rows.message(57, "marketing", "email", "newsletter", 1, opened, ("message_clicked", 3.1))
    rows.message(50, "marketing", "email", "newsletter", 2, opened)
    rows.message(43, "marketing", "email", "newsletter", 3)
    rows.message(40, "operations", "email", "survey", 4, opened)
    rows.add(
        39.8, "operations", "email", "nps_answered", topic="survey", message_id="story-m-4", value=8,
        sentiment=0.6,
    )  # fmt: skip
    rows.message(36, "marketing", "email", "newsletter", 5, opened)
    case = {"topic": "technical", "campaign_id": "case-1042-11"}
    rows.add(33, "support", "email", "ticket_opened", sentiment=-0.2, **case)
    rows.message(32.6, "support", "email", "technical", 6, ("message_opened", 1.0))
    rows.add(32.4, "support", "email", "ticket_resolved", "internal", **case)
    rows.add(31.9, "support", "email", "csat_answered", value=5, sentiment=1.0, **case)
    rows.message(31, "billing", "email", "billing", 7)
    rows.message(25, "success", "email", "check_in", 8, opened, ("message_replied", 5.0))
    rows.message(22, "marketing", "email", "newsletter", 9, opened)
    rows.message(20, "sales", "email", "demo", 10, opened)
    rows.message(12, "product", "in_app", "feature_survey", 11, ("message_dismissed", 0.2))
    rows.message(9, "marketing", "email", "upsell", 12, opened)
    rows.message(6, "sales", "email", "demo", 13)
    rows.message(3, "marketing", "email", "upsell", 14)
    rows.message(1.1, "billing", "email", "billing", 15, ("message_opened", 22.0))


def _this_morning(rows: _Rows) -> None:
    hour = 1 / 24
    case = {"topic": "billing", "campaign_id": CASE}
    rows.add(2.6 * hour, "support", "web", "help_viewed")
    rows.add(2.4 * hour, "support", "email", "ticket_opened", sentiment=-0.5, value=12, **case)
    rows.add(1.2 * hour, "support", "email", "handed_off", "internal", **case)


def _candidates(now: datetime) -> list[dict[str, Any]]:
    """What the departments want to send this morning, each for its own good reason."""

    def wants(
        name: str,
        department: str,
        channel: str,
        topic: str,
        purpose: str,
        value: float,
        days: float,
        **more: object,
    ) -> dict[str, Any]:
        return {
            "message_id": name,
            "department": department,
            "channel": channel,
            "topic": topic,
            "purpose": purpose,
            "value": value,
            "not_before": None,
            "expires_at": format_time(to_microseconds(now + timedelta(days=days))),
            "campaign_id": None,
            "group": None,
            "attributes": {},
            **more,
        }

    return [
        wants("m-upsell", "marketing", "email", "upsell", "promotional", 1.0, 5, attributes={"discount": 20}),
        wants("m-demo", "sales", "email", "demo", "promotional", 1.5, 7),
        wants("m-question", "product", "in_app", "feature_survey", "survey", 0.4, 4),
        wants("m-nps", "operations", "email", "survey", "survey", 0.4, 5),
        wants("m-check-in", "success", "email", "check_in", "service", 0.8, 5),
        wants("m-answer", "support", "email", "billing", "transactional", 0.0, 1, campaign_id=CASE),
    ]
