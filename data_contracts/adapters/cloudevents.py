"""CloudEvents 1.0 (JSON): the envelope gives id, source, time and customer, `data` the rest.

`subject` is the customer where `data` names none. What `data` does not say comes from the last words of
`type`: `com.example.ticket.opened` is `ticket_opened`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data_contracts.adapters.reading import identifier, snake_case

_FIELDS = (
    "department", "channel", "direction", "event_type", "topic", "message_id", "campaign_id", "decision_id",
    "value", "sentiment", "properties", "ingested_time",
)  # fmt: skip


def touchpoint(event: Mapping[str, Any]) -> dict[str, Any]:
    """One event whose `data` is an object with fields of a touchpoint."""
    if event["specversion"] != "1.0":
        raise ValueError(f"specversion {event['specversion']!r}, expected '1.0'")
    data = event.get("data") or {}
    row = {
        "touchpoint_id": identifier(event["id"]),
        "source": identifier(event["source"]),
        "customer_id": identifier(data.get("customer_id") or event["subject"]),
        "event_time": data.get("event_time") or event["time"],
        "department": "operations",
        "channel": "web",
        "direction": "inbound",
        "event_type": snake_case(" ".join(event["type"].split(".")[-2:])),
    }
    return row | {name: data[name] for name in _FIELDS if data.get(name) is not None}
