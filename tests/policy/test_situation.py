"""The situation: touches are counted once, consents and zones hold from when they were known."""

from __future__ import annotations

from typing import Any

from data_contracts.configuration import Configuration, configuration_from
from features.packing import TouchpointRow, columns_of_rows
from policy.situation import Send, columns_with_sends, life_end, live_sends, situation
from tests.policy.fakes import HOURS, NOW, candidate


def row(number: int, event_type: str, hours: float = -5.0, **fields: Any) -> TouchpointRow:
    time = NOW + round(hours * HOURS)
    base: dict[str, Any] = {
        "event_time": time, "ingested_time": time, "source": "crm", "touchpoint_id": f"t-{number}",
        "department": "marketing", "channel": "email", "direction": "inbound", "event_type": event_type,
    }  # fmt: skip
    return TouchpointRow(**(base | fields))


def sent_row(number: int, message_id: str, hours: float = -5.0, **fields: Any) -> TouchpointRow:
    return row(number, "message_sent", hours, direction="outbound", message_id=message_id, **fields)


def send(message_id: str, hours: float = -6.0, state: Any = "sent", until: float = 1.0) -> Send:
    return Send(message_id, "sales", "sms", NOW + round(hours * HOURS), NOW + round(until * HOURS), state)


def read(rows: list[TouchpointRow], sends: list[Send] = [], **fields: Any) -> Any:  # noqa: B006
    return situation(
        columns_of_rows(rows),
        now=NOW,
        candidates=fields.pop("candidates", [candidate()]),
        sends=sends,
        first_asked=fields.pop("first_asked", {}),
        configuration=fields.pop("configuration", Configuration()),
    )


def test_a_confirmed_send_and_its_touchpoint_are_one_touch() -> None:
    found = read([sent_row(1, "m-1")], [send("m-1"), send("m-2")])
    assert [(touch.time - NOW, touch.department) for touch in found.touches] == [
        (-5 * HOURS, "marketing"),
        (-6 * HOURS, "sales"),
    ]
    assert set(found.sent) == {"m-1", "m-2"}


def test_what_is_not_known_yet_is_not_seen() -> None:
    late = sent_row(1, "m-1", ingested_time=NOW + HOURS)
    found = read([late, row(2, "opted_out", ingested_time=NOW + 1)])
    assert found.touches == () and found.is_new and not found.opted_out
    # The send that Tact itself let out counts although its report has not arrived.
    assert len(read([late], [send("m-1")]).touches) == 1


def test_reservations_count_until_they_end() -> None:
    held, over = send("m-1", state="reserved"), send("m-2", state="reserved", until=-0.5)
    assert live_sends([held, over], NOW) == (held,)
    found = read([], [held, over])
    assert len(found.touches) == 1 and found.reserved == {"m-1": held.reserved_until} and not found.sent


def test_two_sends_of_one_message_are_two_touches() -> None:
    assert len(read([sent_row(1, "m-1", -8), sent_row(2, "m-1", -2)]).touches) == 2


def test_inbound_rows_of_the_contact_type_are_no_touches() -> None:
    assert read([row(1, "message_sent")]).touches == ()


def test_consent_is_per_channel_and_the_newest_holds() -> None:
    rows = [
        row(1, "opted_out", -9, channel="sms"),
        row(2, "opted_in", -3, channel="sms"),
        row(3, "unsubscribed", -4, channel="email"),
        row(4, "opted_in", -5, channel="email"),
    ]
    assert read(rows).opted_out == frozenset({"email"})


def test_the_zone_is_the_newest_known_and_null_clears_it() -> None:
    vienna = row(1, "profile_updated", -9, properties={"time_zone": "Europe/Vienna"})
    other_key = row(2, "profile_updated", -3, properties={"plan": "gold"})
    cleared = row(3, "profile_updated", -2, properties={"time_zone": None})
    nonsense = row(4, "profile_updated", -2, properties={"time_zone": "Mars/Olympus"})
    assumed = configuration_from({"policy": {"time_zones_assumed": ["Asia/Tokyo", "UTC"]}})
    assert read([vienna, other_key]).zones == ("Europe/Vienna",)
    assert read([vienna, nonsense]).zones == ("Europe/Vienna",)
    assert read([vienna, cleared], configuration=assumed).zones == ("Asia/Tokyo", "UTC")
    assert read([], configuration=assumed).zones == ("Asia/Tokyo", "UTC")


def test_models_see_unreported_sends_as_contacts_once() -> None:
    columns = columns_of_rows([sent_row(1, "m-1")])
    seen = columns_with_sends(columns, [send("m-1"), send("m-2"), send("m-3", 0.0)], NOW)
    assert len(seen) == 3 and (seen.event_time < NOW).all()
    assert columns_with_sends(columns, [], NOW) is columns


def test_a_message_lives_until_it_expires_or_for_the_horizon() -> None:
    found = read([], candidates=[candidate(), candidate("m-2", expires_at=NOW + HOURS)], first_asked={})
    assert life_end(found.candidates[1], found, 168) == NOW + HOURS
    assert life_end(found.candidates[0], found, 168) == NOW + 168 * HOURS
    asked = read([], first_asked={"m-1": NOW - 100 * HOURS})
    assert life_end(asked.candidates[0], asked, 168) == NOW + 68 * HOURS
