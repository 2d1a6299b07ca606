"""The OpenAPI document at /docs.json: every address, its bodies from `data_contracts`, and its problems.

BentoML's own document knows neither the problem objects nor the limits, so this one stands in its place.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from data_contracts.messages import (
    BatchAnswer,
    BatchRequest,
    ConfirmAnswer,
    ConfirmRequest,
    DecideAnswer,
    DecideRequest,
    ForgetAnswer,
    ForgetRequest,
    IngestAnswer,
    IngestRequest,
    TimelineAnswer,
    TimelineRequest,
    Touchpoint,
    WebhookAnswer,
    WebhookRequest,
)
from serving.problems import MEDIA_TYPE

_REFERENCE = "#/components/schemas/{model}"
_DESCRIPTION = """\
Tact answers one question for every message that any department wants to send: what is this customer
trying to accomplish now, and would this contact help or interrupt? Times are ISO 8601 with a zone.
Errors are problem objects (RFC 9457) that name each wrong field."""

_OPERATIONS: dict[str, tuple[str, str, type[BaseModel], type[BaseModel], tuple[int, ...]]] = {
    "/decide": (
        "decide",
        "Rank the messages that wait for one customer: send now, wait until a moment, or suppress.",
        DecideRequest,
        DecideAnswer,
        (409,),
    ),
    "/decide_batch": (
        "decide_batch",
        "Answer up to 1,000 decide requests in order; a problem object stands where one failed.",
        BatchRequest,
        BatchAnswer,
        (),
    ),
    "/confirm": (
        "confirm",
        "Say what became of a send: sent, or not_sent to give its place under the caps back.",
        ConfirmRequest,
        ConfirmAnswer,
        (404, 409, 503),
    ),
    "/ingest": (
        "ingest",
        "Take up to 5,000 touchpoints; one bad row never blocks the good ones.",
        IngestRequest,
        IngestAnswer,
        (503,),
    ),
    "/webhook": (
        "webhook",
        "Take events of another system, signed as Standard Webhooks says; `?name=` tells whose.",
        WebhookRequest,
        WebhookAnswer,
        (503,),
    ),
    "/timeline": (
        "timeline",
        "Touchpoints, decisions and reservations of one customer, newest first.",
        TimelineRequest,
        TimelineAnswer,
        (503,),
    ),
    "/forget": (
        "forget",
        "Erase everything that is stored about a customer; a record without their id stays.",
        ForgetRequest,
        ForgetAnswer,
        (503,),
    ),
}
_EVERYWHERE = {
    400: "The body is not JSON.",
    401: "A key is needed, or is not known.",
    403: "This caller may not do that.",
    405: "The address takes another method.",
    408: "The body did not arrive in time.",
    413: "The body is over 2 MiB.",
    415: "The body is of another media type.",
    422: "The body does not fit the contract.",
    429: "The key's rate is used up; see Retry-After.",
}
_SOME = {
    404: "There is no such decision or message.",
    409: "It was answered differently before.",
    503: "The database can't be used; see Retry-After.",
}
_PAGES = {
    "/livez": ("The process runs.", "text/plain"),
    "/healthz": ("The process runs.", "text/plain"),
    "/readyz": ("The model is warm and the database answers.", "text/plain"),
    "/metrics": ("Figures in Prometheus' form.", "text/plain"),
}


def document() -> dict[str, Any]:
    """The whole document, OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tact", "version": _version(), "description": _DESCRIPTION},
        "paths": {path: {"post": _operation(path)} for path in _OPERATIONS}
        | {path: {"get": _page(path)} for path in _PAGES},
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
        # No key is needed where none is configured.
        "security": [{}, {"bearer": []}, {"key": []}],
    }


def _version() -> str:
    try:
        return version("tact")
    except PackageNotFoundError:
        return "0"


def _operation(path: str) -> dict[str, Any]:
    name, summary, request, answer, statuses = _OPERATIONS[path]
    told = {**_EVERYWHERE, **{status: _SOME[status] for status in statuses}}
    return {
        "operationId": name,
        "summary": summary,
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _reference(request.__name__)}},
        },
        "responses": {
            "200": {
                "description": "The answer.",
                "content": {"application/json": {"schema": _reference(answer.__name__)}},
            }
        }
        | {str(status): _problem(told[status]) for status in sorted(told)},
    }


def _page(path: str) -> dict[str, Any]:
    summary, media = _PAGES[path]
    responses = {"200": {"description": summary, "content": {media: {"schema": {"type": "string"}}}}}
    responses["405"] = _problem(_EVERYWHERE[405])
    if path == "/readyz":
        responses["503"] = _problem("It is not.")
    return {"operationId": path[1:], "summary": summary, "responses": responses}


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, "content": {MEDIA_TYPE: {"schema": _reference("Problem")}}}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": _REFERENCE.format(model=name)}


def _schemas() -> dict[str, Any]:
    requests = [request for _, _, request, _, _ in _OPERATIONS.values()]
    answers = [answer for _, _, _, answer, _ in _OPERATIONS.values()]
    models: list[Any] = [(model, "validation") for model in (*requests, Touchpoint)]
    models += [(model, "serialization") for model in answers]
    _, found = models_json_schema(models, ref_template=_REFERENCE)
    schemas: dict[str, Any] = found["$defs"]
    # Each item is checked on its own and answered in its place, so the list takes anything.
    for model, field, item in (
        ("BatchRequest", "requests", "A DecideRequest."),
        ("IngestRequest", "touchpoints", "A Touchpoint."),
    ):
        schemas[model]["properties"][field]["items"] = {"description": f"{item} It is checked on its own."}
    text = {"type": "string"}
    schemas["Problem"] = {
        "type": "object",
        "description": "What went wrong (RFC 9457).",
        "required": ["type", "title", "status", "detail", "errors"],
        "properties": {
            "type": text,
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["field", "message"],
                    "properties": {"field": text, "message": text},
                },
            },
        },
    }
    return schemas
