"""Bodies → calls: JSON text checked against the contract and turned into what the decision reads.

`data_contracts.messages` is the authority. Most bodies are good, so they are first decoded by a
compiled decoder that accepts only what those models accept, with the same values; whatever it
refuses goes through the models, which say what is wrong with every field.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError

from data_contracts.columns import MAX_JSON, MAX_STRING
from data_contracts.errors import FieldError, InvalidRequest, MalformedBody
from data_contracts.messages import (
    MAX_BATCH,
    MAX_CANDIDATES,
    MAX_NUMBER,
    DecideRequest,
)
from data_contracts.times import parse_time, to_microseconds

MAX_ERRORS = 100
"""So many wrong fields are named; a body can hold hundreds of thousands."""

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_STRING)]
Number = Annotated[float, msgspec.Meta(ge=-MAX_NUMBER, le=MAX_NUMBER)]
_Purpose = Literal["transactional", "service", "lifecycle", "promotional", "survey"]
Model = TypeVar("Model", bound=BaseModel)


class _Candidate(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    message_id: Text
    department: Text
    channel: Text
    topic: Text | None = None
    purpose: _Purpose = "promotional"
    value: Number | None = None
    not_before: str | None = None
    expires_at: str | None = None
    campaign_id: Text | None = None
    group: Text | None = None
    attributes: dict[str, Any] | None = None


class _Request(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    customer_id: Text
    candidates: Annotated[list[_Candidate], msgspec.Meta(min_length=1, max_length=MAX_CANDIDATES)]
    decision_id: Text | None = None
    mode: Literal["enforce", "shadow"] = "enforce"
    now: str | None = None
    explain: bool = False


class _Batch(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    requests: Annotated[list[msgspec.Raw], msgspec.Meta(min_length=1, max_length=MAX_BATCH)]


_request = msgspec.json.Decoder(_Request)
_batch = msgspec.json.Decoder(_Batch)
_any = msgspec.json.Decoder()
_canonical = msgspec.msgpack.Encoder(order="deterministic")


@dataclass(frozen=True, slots=True)
class DecideCall:
    """A checked decide request; `candidates` have the contract's field names, times in microseconds.

    `digest` is the same for every way to write the same request down, and leaves the decision id out.
    """

    customer_id: str
    candidates: tuple[dict[str, Any], ...]
    decision_id: str | None
    mode: Literal["enforce", "shadow"]
    now: int | None
    explain: bool
    digest: bytes


def parse_decide(body: bytes) -> DecideCall:
    """Check a body of `/decide`; raises MalformedBody or InvalidRequest that names each wrong field."""
    try:
        if b"\\u0000" not in body:
            return _call(_request.decode(body), long=len(body) > MAX_JSON)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass
    model = validated(DecideRequest, decoded(body))
    candidates = tuple(
        {**candidate.model_dump(), "not_before": micros(candidate.not_before),
         "expires_at": micros(candidate.expires_at), "attributes": candidate.attributes or {}}
        for candidate in model.candidates
    )  # fmt: skip
    return call_of(
        model.customer_id, candidates, model.decision_id, model.mode, micros(model.now), model.explain
    )


def split_batch(body: bytes) -> list[bytes]:
    """The texts of the requests of a `/decide_batch` body; each is checked on its own."""
    try:
        return [bytes(raw) for raw in _batch.decode(body).requests]
    except (msgspec.MsgspecError, RecursionError):
        raise list_error(decoded(body), "requests", 1, MAX_BATCH) from None


def parse(model: type[Model], body: bytes) -> Model:
    """Check a body against a model; raises MalformedBody or InvalidRequest."""
    return validated(model, decoded(body))


def decoded(body: bytes) -> Any:
    """Any JSON; raises MalformedBody that says where it breaks off."""
    if not body.strip():
        raise MalformedBody("The body is empty; send a JSON object.")
    try:
        return _any.decode(body)
    except RecursionError:
        raise MalformedBody("The JSON is nested too deeply.") from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise MalformedBody(f"The body is not valid JSON: {error}") from None


def validated(model: type[Model], value: Any) -> Model:
    """Check plain data against a model; raises InvalidRequest that names each wrong field."""
    if not isinstance(value, dict):
        raise InvalidRequest("The body must be a JSON object.", [FieldError("", "must be a JSON object")])
    try:
        return model.model_validate(value)
    except ValidationError as error:
        found = [field_error(one) for one in error.errors(include_url=False, include_input=False)]
    except RecursionError:
        raise MalformedBody("The JSON is nested too deeply.") from None
    told = "; ".join(f"{one.field}: {one.message}" for one in found[:3])
    more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
    raise InvalidRequest(f"{told}{more}", found[:MAX_ERRORS])


_OWN_PATH = re.compile(r"^([a-z_]+(?:\[\d+\])?(?:\.[a-z_]+)?): (.+)$", re.DOTALL)


def field_error(problem: Mapping[str, Any]) -> FieldError:
    """A pydantic error with its path as people write it: `candidates[2].purpose`."""
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = "this field is not known"
    path = ""
    for place in problem["loc"]:
        path += f"[{place}]" if isinstance(place, int) else f".{place}" if path else str(place)
    own = _OWN_PATH.match(message) if not path else None
    return FieldError(own[1], own[2]) if own else FieldError(path, message)


def _call(request: _Request, long: bool) -> DecideCall:
    seen = set()
    candidates = []
    for one in request.candidates:
        seen.add(one.message_id)
        fields = msgspec.structs.asdict(one)
        if one.not_before is not None:
            fields["not_before"] = parse_time(one.not_before)
        if one.expires_at is not None:
            fields["expires_at"] = parse_time(one.expires_at)
        if not one.attributes:
            fields["attributes"] = {}
        elif long and len(msgspec.json.encode(one.attributes)) > MAX_JSON:
            raise ValueError("attributes are too long")
        candidates.append(fields)
    if len(seen) < len(candidates):
        raise ValueError("a message stands twice")
    now = None if request.now is None else parse_time(request.now)
    return call_of(
        request.customer_id, tuple(candidates), request.decision_id, request.mode, now, request.explain
    )


def call_of(
    customer_id: str,
    candidates: tuple[dict[str, Any], ...],
    decision_id: str | None,
    mode: Literal["enforce", "shadow"],
    now: int | None,
    explain: bool,
) -> DecideCall:
    """A call of checked parts, with the digest of its request."""
    text = _canonical.encode((customer_id, [tuple(one.values()) for one in candidates], mode, now, explain))
    digest = hashlib.blake2b(text, digest_size=16).digest()
    return DecideCall(customer_id, candidates, decision_id, mode, now, explain, digest)


def list_error(value: Any, name: str, least: int, most: int) -> InvalidRequest:
    """What is wrong with a body that should be an object with one list in it."""
    found: list[FieldError] = []
    if not isinstance(value, dict):
        found.append(FieldError("", f"must be a JSON object with the list {name}"))
    else:
        found += [FieldError(str(key), "this field is not known") for key in value if key != name]
        items = value.get(name)
        if name not in value:
            found.append(FieldError(name, "Field required"))
        elif not isinstance(items, list):
            found.append(FieldError(name, "must be a list"))
        elif not least <= len(items) <= most:
            found.append(FieldError(name, f"must hold {least} to {most} items, found {len(items)}"))
    if not found:
        found.append(FieldError(name, "stands twice, or could not be read"))
    told = "; ".join(f"{one.field or 'the body'}: {one.message}" for one in found[:3])
    return InvalidRequest(told, found[:MAX_ERRORS])


def micros(time: Any) -> int | None:
    return None if time is None else to_microseconds(time)
