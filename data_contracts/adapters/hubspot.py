"""HubSpot: webhook events about contacts, and e-mail events.

A webhook event's `eventId` is not promised to be unique, so the row's id is put together with the
object, the property and the time. Deals, companies and conversations name no contact and are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data_contracts.adapters.reading import (
    NotATouchpoint,
    from_milliseconds,
    identifier,
    optional_identifier,
)

_EMAIL = {
    "SENT": ("message_sent", "outbound"),
    "OPEN": ("message_opened", "inbound"),
    "CLICK": ("message_clicked", "inbound"),
    "BOUNCE": ("message_bounced", "internal"),
    "SPAMREPORT": ("complained", "inbound"),
}
_CONTACT = ("contact.creation", "contact.propertyChange", "object.creation", "object.propertyChange")
_CONTACT_OBJECT = "0-1"


def touchpoint(event: Mapping[str, Any]) -> dict[str, Any]:
    """One webhook event, or one e-mail event (which has a `recipient`)."""
    return _email(event) if "recipient" in event else _contact(event)


def _contact(event: Mapping[str, Any]) -> dict[str, Any]:
    kind = event["subscriptionType"]
    is_object = kind.startswith("object.")
    if kind not in _CONTACT or (is_object and event.get("objectTypeId") != _CONTACT_OBJECT):
        raise NotATouchpoint(f"{kind} says nothing about a contact's profile")
    customer, changed = identifier(event["objectId"]), event.get("propertyName")
    parts = (event["portalId"], kind, customer, event["eventId"], event["occurredAt"], changed or "")
    return {
        "touchpoint_id": "-".join(map(str, parts)),
        "source": "hubspot",
        "customer_id": customer,
        "event_time": from_milliseconds(event["occurredAt"]),
        "department": "sales",
        "channel": "web",
        "direction": "internal",
        "event_type": "profile_updated",
        # An empty text is how HubSpot says that a property was cleared.
        "properties": {changed: event.get("propertyValue") or None} if changed else None,
    }


def _email(event: Mapping[str, Any]) -> dict[str, Any]:
    kind = event["type"]
    if kind not in _EMAIL:
        raise NotATouchpoint(f"an e-mail event of the type {kind!r}")
    event_type, direction = _EMAIL[kind]
    sent = event if kind == "SENT" else event.get("sentBy") or {}
    return {
        "touchpoint_id": identifier(event["id"]),
        "source": "hubspot",
        "customer_id": identifier(event["recipient"]),
        "event_time": from_milliseconds(event["created"]),
        "department": "marketing",
        "channel": "email",
        "direction": direction,
        "event_type": event_type,
        "message_id": optional_identifier(sent.get("id")),
        "campaign_id": optional_identifier(event.get("emailCampaignId")),
    }
