"""What is known about one customer when a decision is made: touches, consents, zone, life of messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from data_contracts.configuration import Configuration, Vocabulary, is_time_zone
from data_contracts.times import HOUR
from features.columns import TouchpointColumns, identifier_hash
from features.packing import TouchpointRow, columns_of_rows, merge


@dataclass(frozen=True, slots=True)
class Send:
    """A send that was let out; times in microseconds.

    A reservation counts as a touch until it is confirmed, released, or `reserved_until` has passed.
    """

    message_id: str
    department: str
    channel: str
    decided_at: int
    reserved_until: int
    state: Literal["reserved", "sent"]


@dataclass(frozen=True, slots=True)
class Touch:
    """One contact that the customer had or is about to have; `time` in microseconds."""

    time: int
    department: str
    channel: str


@dataclass(frozen=True, slots=True)
class Situation:
    """One customer at `now`, and the request's candidates (contract field names, times in µs)."""

    now: int
    candidates: tuple[Mapping[str, Any], ...]
    touches: tuple[Touch, ...]
    opted_out: frozenset[str]
    zones: tuple[str, ...]
    sent: Mapping[str, int]
    """Message ids that went out, with the time."""
    reserved: Mapping[str, int]
    """Message ids that another decision has reserved, with the end of the reservation."""
    first_asked: Mapping[str, int]
    case_resolved_types: tuple[str, ...]
    opted_in_types: tuple[str, ...]
    is_new: bool
    """No row of this customer is known."""


def live_sends(sends: Sequence[Send], now: int) -> tuple[Send, ...]:
    """Sends that count at `now`: those that went out, and the reservations that still hold."""
    return tuple(send for send in sends if send.state == "sent" or send.reserved_until > now)


def situation(
    columns: TouchpointColumns,
    *,
    now: int,
    candidates: Sequence[Mapping[str, Any]],
    sends: Sequence[Send],
    first_asked: Mapping[str, int],
    configuration: Configuration,
) -> Situation:
    """Read the situation from one customer's rows that are visible at `now`, and from the ledger.

    A send and a `message_sent` row of the same message are one touch, at the row's time.
    """
    vocabulary = configuration.vocabulary
    visible = (columns.event_time <= now) & (columns.ingested_time <= now)
    contacts = np.flatnonzero(
        visible
        & _of_types(columns, vocabulary.role("contact"))
        & (columns.direction == _place(columns, "outbound"))
    )
    touches = [
        Touch(
            int(columns.event_time[row]),
            columns.text("department", row) or "",
            columns.text("channel", row) or "",
        )
        for row in contacts.tolist()
    ]
    reported = {int(columns.message[row]): int(columns.event_time[row]) for row in contacts.tolist()}
    sent: dict[str, int] = {}
    reserved: dict[str, int] = {}
    for send in live_sends(sends, now):
        if identifier_hash(send.message_id) in reported:
            continue
        touches.append(Touch(send.decided_at, send.department, send.channel))
        if send.state == "sent":
            sent[send.message_id] = send.decided_at
        else:
            reserved[send.message_id] = max(send.reserved_until, reserved.get(send.message_id, 0))
    for candidate in candidates:
        at = reported.get(identifier_hash(candidate["message_id"]))
        if at is not None:
            sent[candidate["message_id"]] = at
    return Situation(
        now=now,
        candidates=tuple(candidates),
        touches=tuple(touches),
        opted_out=_opted_out(columns, visible, vocabulary),
        zones=_zones(columns, visible, configuration),
        sent=sent,
        reserved=reserved,
        first_asked=first_asked,
        case_resolved_types=vocabulary.role("case_resolved"),
        opted_in_types=vocabulary.role("opted_in"),
        is_new=not bool(visible.any()),
    )


def columns_with_sends(
    columns: TouchpointColumns, sends: Sequence[Send], now: int, contact_type: str = "message_sent"
) -> TouchpointColumns:
    """The history as the models should see it: sends that no row reports yet stand in as contacts."""
    live = live_sends(sends, now)
    if not live:
        return columns
    # A row that comes in after `now` is not seen yet; its send stands in for it until then.
    known = set(columns.message[columns.ingested_time <= now].tolist())
    rows = [
        contact_row(
            {"message_id": send.message_id, "department": send.department, "channel": send.channel},
            min(send.decided_at, now - 1),
            contact_type,
        )
        for send in live
        if identifier_hash(send.message_id) not in known
    ]
    return merge(columns, columns_of_rows(rows)) if rows else columns


def contact_row(candidate: Mapping[str, Any], time: int, contact_type: str) -> TouchpointRow:
    """A candidate as a contact that is taken to have gone out at `time` (microseconds)."""
    return TouchpointRow(
        event_time=time,
        ingested_time=time,
        source="tact",
        touchpoint_id=candidate["message_id"],
        department=candidate["department"],
        channel=candidate["channel"],
        direction="outbound",
        event_type=contact_type,
        topic=candidate.get("topic"),
        message_id=candidate["message_id"],
        campaign_id=candidate.get("campaign_id"),
    )


def life_end(candidate: Mapping[str, Any], situation: Situation, horizon_hours: float) -> int:
    """When a message is past use: `expires_at`, else the horizon after it was first asked about.

    A message without an end would otherwise wait for ever.
    """
    expires_at: int | None = candidate.get("expires_at")
    if expires_at is not None:
        return expires_at
    first = situation.first_asked.get(candidate["message_id"], situation.now)
    return min(first, situation.now) + round(horizon_hours * HOUR)


def _place(columns: TouchpointColumns, word: str) -> int:
    try:
        return columns.strings.index(word)
    except ValueError:
        return -2  # matches no row: an absent word is -1


def _of_types(columns: TouchpointColumns, types: Sequence[str]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    result = np.zeros(len(columns), np.bool_)
    for name in types:
        result |= columns.event_type == _place(columns, name)
    return result


def _opted_out(
    columns: TouchpointColumns, visible: np.ndarray[Any, np.dtype[np.bool_]], vocabulary: Vocabulary
) -> frozenset[str]:
    """Channels that the customer has left; the newest consent row of each channel holds."""
    out = _of_types(columns, vocabulary.role("opted_out"))
    back = _of_types(columns, vocabulary.role("opted_in"))
    closed: dict[str, bool] = {}
    for row in np.flatnonzero(visible & (out | back)).tolist():
        closed[columns.text("channel", row) or ""] = bool(out[row])
    return frozenset(channel for channel, is_out in closed.items() if is_out)


def _zones(
    columns: TouchpointColumns, visible: np.ndarray[Any, np.dtype[np.bool_]], configuration: Configuration
) -> tuple[str, ...]:
    profile = configuration.vocabulary.role("profile")
    for row, properties in reversed(columns.properties):
        if visible[row] and "time_zone" in properties and columns.text("event_type", row) in profile:
            zone = properties["time_zone"]
            if zone is None:
                break
            if isinstance(zone, str) and is_time_zone(zone):
                return (zone,)
    return configuration.policy.time_zones_assumed
