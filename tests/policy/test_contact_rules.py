"""Caps, quiet hours and the earliest allowed moment, against brute force."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from data_contracts.configuration import Cap, QuietHours
from data_contracts.times import DAY, HOUR, MINUTE, format_time, parse_time
from policy.contact_rules import Ledger, after_quiet, earliest_allowed, is_quiet

NIGHT = QuietHours(start="21:00", end="08:00")


def most_in_any_window(times: list[int], window: int) -> int:
    """Touches in the fullest half-open window, which may as well start at a touch."""
    return max((sum(start <= time < start + window for time in times) for start in times), default=0)


@given(
    touches=st.lists(st.integers(-60, 60), max_size=12),
    sends=st.integers(0, 4),
    window=st.integers(1, 48),
    ask=st.integers(-10, 10),
)
def test_cap_is_exact_for_every_window(touches: list[int], sends: int, window: int, ask: int) -> None:
    ledger = Ledger([Cap(window_hours=window, sends=sends)])
    for hour in touches:
        ledger.add(hour * HOUR, "marketing", "email")
    near = [hour * HOUR for hour in touches if abs(hour - ask) < window]
    held = most_in_any_window([*near, ask * HOUR], window * HOUR) > sends
    broken_before = most_in_any_window(near, window * HOUR) > sends
    blocked = ledger.blocking(ask * HOUR, "marketing", "email") is not None
    assert blocked == held or (broken_before and blocked)
    earliest = ledger.earliest(ask * HOUR, "marketing", "email")
    if sends == 0:
        assert earliest is None
    else:
        assert earliest is not None and earliest >= ask * HOUR
        assert ledger.blocking(earliest, "marketing", "email") is None
        for minute in range(ask * HOUR, earliest, 30 * MINUTE):
            assert ledger.blocking(minute, "marketing", "email") is not None


def test_department_cap_leaves_others_alone() -> None:
    ledger = Ledger([Cap(window_hours=24, sends=1, department="marketing")])
    ledger.add(0, "marketing", "email")
    assert ledger.blocking(HOUR, "marketing", "sms") is not None
    assert ledger.blocking(HOUR, "sales", "email") is None
    assert ledger.earliest(HOUR, "marketing", "email") == DAY


def test_quiet_hours_follow_the_zone_and_its_summer_time() -> None:
    late = parse_time("2026-03-28T22:30:00Z")  # 23:30 in Vienna, the night the clocks change
    assert is_quiet(late, ["Europe/Vienna"], NIGHT)
    end = after_quiet(late, ["Europe/Vienna"], NIGHT)
    assert end is not None
    # 08:00 in Vienna is 06:00 UTC after the change, 07:00 before it.
    assert format_time(end) == "2026-03-29T06:00:00Z" or not is_quiet(end, ["Europe/Vienna"], NIGHT)
    assert not is_quiet(parse_time("2026-03-02T12:00:00Z"), ["Europe/Vienna"], NIGHT)
    assert is_quiet(parse_time("2026-03-02T12:00:00Z"), ["UTC", "Asia/Tokyo"], NIGHT)
    assert not is_quiet(late, ["Europe/Vienna"], False)


def test_zones_that_are_never_awake_together() -> None:
    zones = ["UTC", "Asia/Tokyo", "America/Los_Angeles"]
    long_night = QuietHours(start="20:00", end="12:00")
    assert after_quiet(parse_time("2026-03-02T12:00:00Z"), zones, long_night) is None


def test_earliest_allowed_satisfies_every_rule_at_once() -> None:
    now = parse_time("2026-03-02T20:30:00Z")
    ledger = Ledger([Cap(window_hours=24, sends=1)])
    ledger.add(now - 2 * HOUR, "sales", "email")
    asked = {"department": "marketing", "channel": "email", "not_before": now + HOUR}
    moment = earliest_allowed(now, asked, ledger, ["UTC"], NIGHT)
    assert moment == parse_time("2026-03-03T18:30:00Z")
    asked["not_before"] = parse_time("2026-03-03T22:00:00Z")
    assert earliest_allowed(now, asked, ledger, ["UTC"], NIGHT) == parse_time("2026-03-04T08:00:00Z")
