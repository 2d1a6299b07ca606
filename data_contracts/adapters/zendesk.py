"""Zendesk: ticket events as its event webhooks deliver them (`zen:event-type:ticket.…`).

The requester is the customer, the ticket is the case (`campaign_id`). A public comment of an agent is a
message to the customer, one of anybody else is the customer's own; a private one is seen by nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data_contracts.adapters.reading import NotATouchpoint, identifier

_PREFIX = "zen:event-type:ticket."
_CHANNELS = {
    "email": "email", "web_service": "web", "web": "web", "mobile": "in_app", "chat": "chat", "messaging": "chat",
    "voice": "phone", "phone": "phone", "sms": "sms", "facebook": "social", "twitter": "social",
}  # fmt: skip


def touchpoint(event: Mapping[str, Any]) -> dict[str, Any]:
    """One event about a ticket that the customer or an agent caused."""
    kind, detail, told = event["type"], event["detail"], event.get("event") or {}
    if not kind.startswith(_PREFIX):
        raise NotATouchpoint(f"{kind} is not about a ticket")
    event_type, direction = _meaning(kind.removeprefix(_PREFIX), told)
    tags = detail.get("tags") or []
    row = {
        "touchpoint_id": identifier(event["id"]),
        "source": "zendesk",
        "customer_id": identifier(detail["requester_id"]),
        "event_time": event["time"],
        "department": "support",
        "channel": _CHANNELS.get((detail.get("via") or {}).get("channel", ""), "web"),
        "direction": direction,
        "event_type": event_type,
        "topic": tags[0] if tags else None,
        "campaign_id": identifier(detail["id"]),
    }
    if event_type == "message_sent":
        row["message_id"] = identifier(told["comment"]["id"])
    return row


def _meaning(kind: str, told: Mapping[str, Any]) -> tuple[str, str]:
    if kind == "created":
        return "ticket_opened", "inbound"
    if kind == "comment_added":
        comment = told["comment"]
        if not comment.get("is_public", True):
            raise NotATouchpoint("a private comment")
        is_staff = (comment.get("author") or {}).get("is_staff", False)
        return ("message_sent", "outbound") if is_staff else ("ticket_replied", "inbound")
    if kind == "status_changed" and str(told.get("current", "")).lower() in ("solved", "closed"):
        return "ticket_resolved", "internal"
    if kind == "priority_changed" and str(told.get("current", "")).lower() in ("high", "urgent"):
        return "ticket_escalated", "internal"
    if kind in ("agent_assignment_changed", "group_assignment_changed") and told.get("previous"):
        return "handed_off", "internal"
    raise NotATouchpoint(f"{kind} changes nothing between the customer and the company")
