"""Typed models of what goes over HTTP; the JSON Schemas in `schemas/` are generated from them.

Requests are checked strictly at the edge: an unknown key is an error that names it, since a
misspelt `expires_at` that is silently ignored would let a stale message out.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    model_validator,
)

from data_contracts.columns import MAX_JSON, MAX_STRING
from data_contracts.times import from_microseconds, parse_time, to_microseconds

MAX_CANDIDATES = 500
MAX_BATCH = 1_000
MAX_TOUCHPOINTS = 5_000
MAX_BODY_BYTES = 2 * 1024 * 1024
MAX_NUMBER = 1e15
"""Largest size of a number: beyond it neighbouring whole numbers are the same float."""


def _plain_text(value: str) -> str:
    # A NUL can't be stored by PostgreSQL and a lone surrogate is no UTF-8.
    if "\x00" in value:
        raise ValueError("must not hold a NUL character")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode, without lone surrogates") from None
    return value


def _time(value: Any) -> Any:
    # Numbers are refused, as text too: seconds and milliseconds can't be told apart.
    if isinstance(value, datetime):
        to_microseconds(value)
        return value
    if isinstance(value, str):
        return from_microseconds(parse_time(value))
    raise ValueError("must be an ISO 8601 time with a zone, as in 2026-03-01T09:00:00Z")


def _small_json(value: dict[str, Any]) -> dict[str, Any]:
    try:
        text = msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        raise ValueError(f"must be a plain JSON object: {error}") from None
    if len(text) > MAX_JSON:
        raise ValueError(f"must be at most {MAX_JSON} characters of JSON, found {len(text)}")
    if b"\\u0000" in text or b"\\ud" in text:
        _check_texts(value)
    return value


def _check_texts(value: Any) -> None:
    if isinstance(value, str):
        _plain_text(value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            _plain_text(key)
            _check_texts(inner)
    elif isinstance(value, list):
        for inner in value:
            _check_texts(inner)


Text = Annotated[str, Field(min_length=1, max_length=MAX_STRING), AfterValidator(_plain_text)]
Time = Annotated[AwareDatetime, BeforeValidator(_time)]
Number = Annotated[float, Strict(), Field(ge=-MAX_NUMBER, le=MAX_NUMBER, allow_inf_nan=False)]
Flag = Annotated[bool, Strict()]
JsonObject = Annotated[dict[str, Any], AfterValidator(_small_json)]
Purpose = Literal["transactional", "service", "lifecycle", "promotional", "survey"]
Action = Literal["send", "wait", "suppress"]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Candidate(_Message):
    """One message that a department wants to send."""

    message_id: Text
    department: Text
    channel: Text
    topic: Text | None = None
    purpose: Purpose = "promotional"
    value: Number | None = None
    not_before: Time | None = None
    expires_at: Time | None = None
    campaign_id: Text | None = None
    group: Text | None = None
    attributes: JsonObject | None = Field(default_factory=dict)


class DecideRequest(_Message):
    """The messages that wait for one customer, and under which conditions to decide on them."""

    customer_id: Text
    candidates: Annotated[list[Candidate], Field(min_length=1, max_length=MAX_CANDIDATES)]
    decision_id: Text | None = None
    mode: Literal["enforce", "shadow"] = "enforce"
    now: Time | None = None
    explain: Flag = False

    @model_validator(mode="after")
    def _distinct_messages(self) -> DecideRequest:
        seen: set[str] = set()
        for place, candidate in enumerate(self.candidates):
            if candidate.message_id in seen:
                raise ValueError(
                    f"candidates[{place}].message_id: {candidate.message_id!r} stands twice in this request"
                )
            seen.add(candidate.message_id)
        return self


class Reason(BaseModel):
    """Why: a code of the closed list in docs/reasons.md, and a sentence for people."""

    code: str
    text: str


class Signal(BaseModel):
    """How far one feature moved a chance, in log-odds (TreeSHAP); only with `explain`."""

    feature: str
    value: float | None
    outcome: Literal["helps", "interrupts"]
    contribution: float


class Decision(BaseModel):
    """The answer for one candidate."""

    message_id: str
    rank: int
    action: Action
    wait_until: str | None = None
    recheck_on: list[str] = Field(default_factory=list)
    p_helps: float | None = None
    p_interrupts: float | None = None
    lift_helps: float | None = None
    lift_interrupts: float | None = None
    net_value: float | None = None
    attention_price: float | None = None
    send_probability: float
    reasons: list[Reason]
    signals: list[Signal] | None = None


class GoalAnswer(BaseModel):
    """What the customer is most likely trying to do; null probabilities where no model answers."""

    name: str | None
    probability: float | None
    probabilities: dict[str, float]


class DecideAnswer(BaseModel):
    """One ranked decision for every candidate of the request."""

    decision_id: str
    customer_id: str
    decided_at: str
    model_version: str | None
    degraded: bool
    mode: str
    goal: GoalAnswer
    decisions: list[Decision]


class BatchRequest(_Message):
    """Up to 1,000 decide requests; each is checked and answered on its own."""

    requests: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MAX_BATCH)]


class BatchAnswer(BaseModel):
    """Answers in the order of the requests; a problem object stands where one failed."""

    answers: list[dict[str, Any]]


class ConfirmRequest(_Message):
    """What became of a reserved send."""

    decision_id: Text
    message_id: Text
    outcome: Literal["sent", "not_sent"]


class ConfirmAnswer(BaseModel):
    decision_id: str
    message_id: str
    state: Literal["sent", "released"]


class Touchpoint(_Message):
    """One touchpoint in its JSON form."""

    touchpoint_id: Text
    source: Text = "import"
    customer_id: Text
    event_time: Time
    ingested_time: Time | None = None
    department: Text
    channel: Text
    direction: Literal["inbound", "outbound", "internal"]
    event_type: Text
    topic: Text | None = None
    message_id: Text | None = None
    campaign_id: Text | None = None
    decision_id: Text | None = None
    value: Number | None = None
    sentiment: Annotated[float, Strict(), Field(ge=-1, le=1, allow_inf_nan=False)] | None = None
    properties: JsonObject | None = None


class IngestRequest(_Message):
    """Up to 5,000 touchpoints; each row is checked on its own."""

    touchpoints: Annotated[list[dict[str, Any]], Field(max_length=MAX_TOUCHPOINTS)]


class RejectedRow(BaseModel):
    index: int
    touchpoint_id: str | None
    errors: list[dict[str, str]]


class IngestAnswer(BaseModel):
    accepted: int
    duplicates: int
    rejected: list[RejectedRow]


class WebhookRequest(BaseModel):
    """One event of the other system, a list of them, or an object with a `batch`; read by its adapter."""


class WebhookAnswer(IngestAnswer):
    """`ignored` says of each event that is no touchpoint why."""

    ignored: list[str]


class TimelineRequest(_Message):
    customer_id: Text


class TimelineAnswer(BaseModel):
    """What is stored about one customer, newest first."""

    customer_id: str
    touchpoints: list[dict[str, Any]]
    decisions: list[dict[str, Any]]
    reservations: list[dict[str, Any]]


class ForgetRequest(_Message):
    customer_id: Text


class ForgetAnswer(BaseModel):
    """How many rows of each table were erased; the record of it has the same."""

    erased_at: str
    rows: dict[str, int]


SCHEMAS: dict[str, type[BaseModel]] = {
    "touchpoint": Touchpoint,
    "candidate": Candidate,
    "decide_request": DecideRequest,
    "decide_answer": DecideAnswer,
    "batch_request": BatchRequest,
    "batch_answer": BatchAnswer,
    "confirm_request": ConfirmRequest,
    "confirm_answer": ConfirmAnswer,
    "ingest_request": IngestRequest,
    "ingest_answer": IngestAnswer,
    "webhook_answer": WebhookAnswer,
    "timeline_request": TimelineRequest,
    "timeline_answer": TimelineAnswer,
    "forget_request": ForgetRequest,
    "forget_answer": ForgetAnswer,
}
