"""Errors as `application/problem+json` (RFC 9457): type, title, status, detail, errors[]."""

from __future__ import annotations

import math
from http import HTTPStatus

import msgspec
from starlette.responses import Response

from data_contracts.errors import (
    MethodNotAllowed,
    NotFound,
    StoreUnavailable,
    TactError,
    TooManyRequests,
    Unauthorized,
    UnsupportedMediaType,
)

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 1
"""When to try again after a passing fault of the store."""

_KNOWN: dict[int, tuple[type[TactError], str]] = {
    404: (NotFound, "There is nothing at this address; GET /docs.json lists what there is."),
    405: (MethodNotAllowed, "This address takes another method."),
    415: (UnsupportedMediaType, "Send JSON with Content-Type: application/json."),
}


def problem_bytes(error: TactError) -> bytes:
    """The problem object as JSON."""
    return msgspec.json.encode(error.as_problem())


def problem_headers(error: TactError) -> dict[str, str]:
    """Headers that belong to an error: Retry-After, WWW-Authenticate."""
    if isinstance(error, TooManyRequests):
        return {"retry-after": str(max(1, math.ceil(error.retry_after_seconds)))}
    if isinstance(error, StoreUnavailable):
        return {"retry-after": str(RETRY_SECONDS)}
    if isinstance(error, Unauthorized):
        return {"www-authenticate": 'Bearer realm="tact"'}
    return {}


def problem_response(error: TactError) -> Response:
    """An error as an HTTP answer."""
    return Response(
        problem_bytes(error),
        status_code=error.status,
        media_type=MEDIA_TYPE,
        headers=problem_headers(error),
    )


class _Plain(TactError):
    """An error of the web server itself, known by its status alone."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        try:
            phrase = HTTPStatus(status).phrase
        except ValueError:
            phrase = "Error"
        self.status, self.title = status, phrase
        self.problem = phrase.lower().replace(" ", "-")


def error_of_status(status: int, detail: str | None = None) -> TactError:
    """The error that stands for a bare HTTP status of BentoML or Starlette."""
    if status in _KNOWN:
        kind, told = _KNOWN[status]
        return kind(detail or told)
    return _Plain(status, detail or ("See the service's log." if status >= 500 else "It was refused."))
