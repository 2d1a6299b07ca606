"""Touchpoints from a body, each checked on its own, on the two ways that `serving.parsing` tells of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from data_contracts.columns import MAX_JSON, MAX_STRING
from data_contracts.errors import FieldError, InvalidRequest
from data_contracts.messages import MAX_TOUCHPOINTS, Touchpoint
from data_contracts.times import parse_time, to_microseconds
from features.packing import TouchpointRow
from serving.parsing import Number, Text, decoded, list_error, micros, validated


class _Touchpoint(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    touchpoint_id: Text
    customer_id: Text
    event_time: str
    department: Text
    channel: Text
    direction: Literal["inbound", "outbound", "internal"]
    event_type: Text
    source: Text = "import"
    ingested_time: str | None = None
    topic: Text | None = None
    message_id: Text | None = None
    campaign_id: Text | None = None
    decision_id: Text | None = None
    value: Number | None = None
    sentiment: Annotated[float, msgspec.Meta(ge=-1, le=1)] | None = None
    properties: dict[str, Any] | None = None


class _Rows(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    touchpoints: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MAX_TOUCHPOINTS)]


_rows = msgspec.json.Decoder(_Rows)
_touchpoint = msgspec.json.Decoder(_Touchpoint)


@dataclass(frozen=True, slots=True)
class RowIssue:
    """A touchpoint that is not taken: its place in the request, its id where it has one, and why."""

    index: int
    touchpoint_id: str | None
    errors: tuple[FieldError, ...]


def parse_touchpoints(body: bytes) -> tuple[list[tuple[int, str, TouchpointRow]], list[RowIssue]]:
    """Check an `/ingest` body row by row: (place, customer_id, row) of the good ones, and the others.

    Without an `ingested_time` a row was known when it happened, as the contract says.
    """
    try:
        raws = _rows.decode(body).touchpoints
    except (msgspec.MsgspecError, RecursionError):
        raise list_error(decoded(body), "touchpoints", 0, MAX_TOUCHPOINTS) from None
    good: list[tuple[int, str, TouchpointRow]] = []
    bad: list[RowIssue] = []
    may_hold_nul = b"\\u0000" in body
    for index, raw in enumerate(raws):
        try:
            if may_hold_nul:
                raise ValueError("may hold a NUL character")
            customer_id, row = _quick_row(memoryview(raw))
        except (msgspec.MsgspecError, ValueError, RecursionError):
            found = _checked_row(bytes(raw))
            if isinstance(found, InvalidRequest):
                bad.append(RowIssue(index, _own_id(bytes(raw)), found.errors))
                continue
            customer_id, row = found
        if row.ingested_time < row.event_time:
            told = "must not be before event_time: nothing is known before it happens"
            bad.append(RowIssue(index, row.touchpoint_id, (FieldError("ingested_time", told),)))
        else:
            good.append((index, customer_id, row))
    return good, bad


def _quick_row(raw: memoryview) -> tuple[str, TouchpointRow]:
    one = _touchpoint.decode(raw)
    event_time = parse_time(one.event_time)
    properties = one.properties
    if len(raw) > MAX_JSON and len(msgspec.json.encode(properties)) > MAX_JSON:
        raise ValueError("properties are too long")
    return one.customer_id, TouchpointRow(
        event_time,
        event_time if one.ingested_time is None else parse_time(one.ingested_time),
        one.source,
        one.touchpoint_id,
        one.department,
        one.channel,
        one.direction,
        one.event_type,
        one.topic,
        one.message_id,
        one.campaign_id,
        one.decision_id,
        one.value,
        one.sentiment,
        properties or None,
    )


def _checked_row(raw: bytes) -> tuple[str, TouchpointRow] | InvalidRequest:
    try:
        one = validated(Touchpoint, decoded(raw))
    except InvalidRequest as error:
        return error if error.errors else InvalidRequest(error.detail, [FieldError("", error.detail)])
    fields = one.model_dump()
    event_time = to_microseconds(one.event_time)
    fields["event_time"] = event_time
    fields["ingested_time"] = micros(one.ingested_time) or event_time
    fields["properties"] = one.properties or None
    return fields.pop("customer_id"), TouchpointRow(**fields)


def _own_id(raw: bytes) -> str | None:
    try:
        value = decoded(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    found = value.get("touchpoint_id") if isinstance(value, dict) else None
    return found[:MAX_STRING] if isinstance(found, str) else None
