"""What a send that is confirmed late must leave room for, case by case."""

from __future__ import annotations

import pytest

from data_contracts.configuration import configuration_from
from data_contracts.times import HOUR
from features.packing import TouchpointRow, columns_of_rows
from policy.late_sends import still_fits
from policy.situation import Send

CONFIGURATION = configuration_from({"policy": {"caps": [{"window_hours": 24, "sends": 1}]}})
LATE = Send("late", "marketing", "email", 0, HOUR, "reserved")


def other(hour: int, state: str, until: int | None = None, message: str = "other") -> Send:
    return Send(message, "sales", "email", hour * HOUR, (until or hour + 1) * HOUR, state)  # type: ignore[arg-type]


def contact(message: str, hour: int) -> TouchpointRow:
    at = hour * HOUR
    return TouchpointRow(
        at, at, "crm", f"t-{message}", "sales", "email", "outbound", "message_sent", message_id=message
    )


@pytest.mark.parametrize(
    ("others", "contacts", "fits"),
    [
        ([], [], True),
        ([other(2, "sent")], [], False),
        ([other(24, "sent")], [], True),
        ([other(2, "reserved")], [], False),
        # It ended before the newest confirmed one, so it comes here itself if it is confirmed at all.
        ([other(2, "reserved"), other(30, "sent", message="newest")], [], True),
        ([other(2, "reserved", until=31), other(30, "sent", message="newest")], [], False),
        # Releasing the newest reservation would let the one before it pass unasked.
        ([other(2, "reserved"), other(30, "reserved", message="newest")], [], False),
        ([other(30, "reserved", message="late")], [], False),
        ([], [contact("of another system", 3)], False),
        ([], [contact("of another system", 40)], True),
        ([other(2, "sent")], [contact("late", 1)], True),
        # A touch counts when it was let out and when it went out.
        ([other(2, "sent")], [contact("other", 30)], False),
        ([other(30, "sent")], [contact("other", 2)], False),
        ([other(30, "sent")], [contact("other", 31)], True),
    ],
)
def test_what_counts_beside_a_late_send(others: list[Send], contacts: list[TouchpointRow], fits: bool) -> None:
    columns = columns_of_rows(contacts)
    assert still_fits(LATE, columns, [LATE, *others], CONFIGURATION) is fits
    assert still_fits(LATE, columns, others, CONFIGURATION) is fits
