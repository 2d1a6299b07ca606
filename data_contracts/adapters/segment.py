"""Segment: `track`, `identify`, `page` and `screen` calls as its Webhooks destination delivers them.

The semantic events of its e-mail, e-commerce and B2B specifications have types of the vocabulary; any
other name is kept in snake case, as an event type that the configuration may give a role.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data_contracts.adapters.reading import (
    NotATouchpoint,
    identifier,
    number,
    optional_identifier,
    snake_case,
)

_EMAIL = {
    "email_delivered": ("message_sent", "outbound"),
    "email_opened": ("message_opened", "inbound"),
    "email_link_clicked": ("message_clicked", "inbound"),
    "email_bounced": ("message_bounced", "internal"),
    "email_marked_as_spam": ("complained", "inbound"),
    "unsubscribed": ("unsubscribed", "inbound"),
}
_NAMES = {
    "order_completed": "purchased",
    "checkout_started": "checkout_started",
    "signed_in": "logged_in",
    "trial_started": "trial_started",
    "invite_sent": "teammate_invited",
}


def touchpoint(event: Mapping[str, Any]) -> dict[str, Any]:
    """One call; `anonymousId` stands for a customer who is not known yet."""
    kind = event["type"]
    if kind not in ("track", "identify", "page", "screen"):
        raise NotATouchpoint(f"a call of the type {kind!r}")
    context = event.get("context") or {}
    properties = event.get("properties") or {}
    row = {
        "touchpoint_id": identifier(event["messageId"]),
        "source": "segment",
        "customer_id": identifier(event.get("userId") or event["anonymousId"]),
        "event_time": event["timestamp"],
        "ingested_time": event.get("receivedAt"),
        "department": "product",
        "channel": "in_app" if "device" in context else "web",
        "direction": "inbound",
    }
    if kind == "identify":
        traits = dict(event.get("traits") or {})
        if "timezone" in context:
            traits["time_zone"] = context["timezone"]
        return row | {"direction": "internal", "event_type": "profile_updated", "properties": traits}
    if kind != "track":
        return row | {"event_type": f"{kind}_viewed", "topic": event.get("name") or properties.get("path")}
    name = snake_case(event["event"])
    if name in _EMAIL:
        event_type, direction = _EMAIL[name]
        return row | {
            "department": "marketing",
            "channel": "email",
            "direction": direction,
            "event_type": event_type,
            "message_id": optional_identifier(properties.get("email_id")),
            "campaign_id": optional_identifier(properties.get("campaign_id")),
        }
    value = next((properties[key] for key in ("revenue", "total", "value") if key in properties), None)
    return row | {"event_type": _NAMES.get(name, name), "value": number(value)}
