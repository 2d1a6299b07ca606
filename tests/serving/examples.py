"""Touchpoints and decisions for tests of the store."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from data_contracts.times import HOUR
from features.packing import TouchpointRow
from policy.situation import Send
from serving.store import DecisionRow, Outcome

START = 1_767_225_600_000_000  # 2026-01-01


def touchpoint(name: str, hour: float = 0.0, **changes: Any) -> TouchpointRow:
    """A row at an hour after the start, known a second later."""
    at = START + round(hour * HOUR)
    row = TouchpointRow(at, at + 1_000_000, "web", name, "product", "web", "inbound", "logged_in")
    return row._replace(**changes)


def decision_row(decision_id: str, customer_id: str, message_id: str, **changes: Any) -> DecisionRow:
    row = DecisionRow(
        decision_id=decision_id,
        customer_id=customer_id,
        decided_at=START,
        message_id=message_id,
        department="marketing",
        channel="email",
        topic="upsell",
        purpose="promotional",
        campaign_id=None,
        value=1.5,
        attributes='{"walk":3.0}',
        not_before=None,
        expires_at=START + 100 * HOUR,
        action="wait",
        send_probability=0.01,
        mode="enforce",
        model_version="7",
        rank=1,
        net_value=-0.33,
        wait_until=START + 48 * HOUR,
        reasons='[{"code":"open_case","text":"A “billing” case has been open."}]',
    )
    return row._replace(**changes)


def outcome(
    decision_id: str,
    customer_id: str,
    *,
    sends: Sequence[str] = (),
    waits: Sequence[str] = (),
    at: int = START,
    reserved_until: int = START + HOUR,
    body: str = "",
    mode: str = "enforce",
    reserve: bool = True,
    **changes: Any,
) -> Outcome:
    """A decision that lets `sends` out, with a reservation for each, and lets `waits` wait."""
    rows = [
        decision_row(
            decision_id,
            customer_id,
            message_id,
            decided_at=at,
            action="send" if message_id in sends else "wait",
            mode=mode,
            rank=rank,
        )
        for rank, message_id in enumerate([*sends, *waits], 1)
    ]
    given: dict[str, Any] = {
        "decision_id": decision_id,
        "customer_id": customer_id,
        "decided_at": at,
        "body_digest": hashlib.sha256((body or decision_id).encode()).digest(),
        "answer": f'{{"decision_id":"{decision_id}"}}'.encode(),
        "rows": tuple(rows),
        "reservations": tuple(
            Send(message_id, "marketing", "email", at, reserved_until, "reserved") for message_id in sends
        )
        if reserve
        else (),
        "features": b"\x00features\xff",
        "first_asked": dict.fromkeys([*sends, *waits], at),
    }
    return Outcome(**{**given, **changes})
