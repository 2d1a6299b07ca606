"""`/ingest` and `/timeline`: touchpoints in, and everything about one customer out."""

from __future__ import annotations

from typing import Any

import msgspec

from data_contracts.errors import FieldError
from data_contracts.times import format_time
from features.packing import TouchpointRow
from serving.access import Caller
from serving.row_parsing import RowIssue, parse_touchpoints
from serving.store import DecisionRow, Reservation, Store, Timeline

TIMELINE_LIMIT = 10_000
"""Of each list of a timeline so many newest are shown."""
_encode = msgspec.json.Encoder().encode


def ingest(
    body: bytes, store: Store, caller: Caller, now: int, request_clock: bool
) -> tuple[bytes, int, int, int]:
    """Check and store touchpoints; the answer as JSON, and how many were accepted, known, rejected.

    Without a request clock nothing may be known later than `now` (microseconds). Raises Forbidden
    where a row belongs to a department that is not the caller's.
    """
    good, bad = parse_touchpoints(body)
    caller.check((f"touchpoints[{index}].department", row.department) for index, _, row in good)
    if not request_clock:
        kept = []
        for index, customer_id, row in good:
            if row.ingested_time <= now:
                kept.append((index, customer_id, row))
            else:
                bad.append(RowIssue(index, row.touchpoint_id, (_in_future(row, now),)))
        good = kept
        bad.sort(key=lambda issue: issue.index)
    accepted = sum(store.ingest([(customer_id, row) for _, customer_id, row in good])) if good else 0
    duplicates = len(good) - accepted
    answer = {
        "accepted": accepted,
        "duplicates": duplicates,
        "rejected": [
            {
                "index": issue.index,
                "touchpoint_id": issue.touchpoint_id,
                "errors": [error.as_dict() for error in issue.errors],
            }
            for issue in bad
        ],
    }
    return _encode(answer), accepted, duplicates, len(bad)


def _in_future(row: TouchpointRow, now: int) -> FieldError:
    field = "ingested_time" if row.event_time <= now else "event_time"
    time = row.ingested_time if field == "ingested_time" else row.event_time
    return FieldError(field, f"{format_time(time)} is later than this service's clock ({format_time(now)})")


def timeline_answer(timeline: Timeline, caller: Caller) -> bytes:
    """A timeline as JSON, of the departments that the caller may see."""
    answer = {
        "customer_id": timeline.customer_id,
        "touchpoints": [
            _touchpoint(timeline.customer_id, row)
            for row in timeline.touchpoints
            if caller.allows(row.department)
        ],
        "decisions": [_decision(row) for row in timeline.decisions if caller.allows(row.department or "")],
        "reservations": [_reservation(one) for one in timeline.reservations if caller.allows(one.department)],
    }
    return _encode(answer)


def _touchpoint(customer_id: str, row: TouchpointRow) -> dict[str, Any]:
    fields = row._asdict()
    fields["customer_id"] = customer_id
    for name in ("event_time", "ingested_time"):
        fields[name] = format_time(fields[name])
    return fields


def _decision(row: DecisionRow) -> dict[str, Any]:
    fields = row._asdict()
    for name in ("decided_at", "not_before", "expires_at", "wait_until"):
        if fields[name] is not None:
            fields[name] = format_time(fields[name])
    # Both are JSON texts in the store; here they are part of the answer's own JSON.
    fields["attributes"] = msgspec.Raw(row.attributes.encode()) if row.attributes else {}
    fields["reasons"] = msgspec.Raw(row.reasons.encode())
    return fields


def _reservation(one: Reservation) -> dict[str, Any]:
    return {
        "decision_id": one.decision_id,
        "message_id": one.message_id,
        "department": one.department,
        "channel": one.channel,
        "decided_at": format_time(one.decided_at),
        "reserved_until": format_time(one.reserved_until),
        "state": one.state,
    }
