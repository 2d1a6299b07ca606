"""Every error that Tact raises on purpose, in one tree.

Each class carries the HTTP status, the problem type (RFC 9457) and the exit status of the
command line, so that one mistake reads the same wherever it is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one field: its path (`candidates[2].purpose`) and what was expected."""

    field: str
    message: str

    def as_dict(self) -> dict[str, str]:
        return {"field": self.field, "message": self.message}


class TactError(Exception):
    """Root of the tree; `detail` is one plain sentence with the remedy."""

    status = 500
    problem = "internal-error"
    title = "Internal error"
    exit_code = 2

    def __init__(self, detail: str, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)

    def as_problem(self) -> dict[str, object]:
        """The RFC 9457 problem object: type, title, status, detail, errors."""
        return {
            "type": f"urn:tact:problem:{self.problem}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "errors": [error.as_dict() for error in self.errors],
        }


class InvalidRequest(TactError):
    """A body, an argument or a file row that does not fit the contract."""

    status, problem, title = 422, "invalid-request", "The request does not fit the contract"


class MalformedBody(InvalidRequest):
    """A body that is not JSON at all."""

    status, problem, title = 400, "malformed-body", "The body is not valid JSON"


class Unauthorized(TactError):
    status, problem, title = 401, "unauthorized", "An API key is needed"


class Forbidden(TactError):
    status, problem, title = 403, "forbidden", "This key may not do that"


class NotFound(TactError):
    status, problem, title = 404, "not-found", "Not found"


class MethodNotAllowed(TactError):
    status, problem, title = 405, "method-not-allowed", "This address takes another method"


class BodyTooSlow(TactError):
    status, problem, title = 408, "body-too-slow", "The body did not arrive in time"


class Conflict(TactError):
    status, problem, title = 409, "conflict", "It was already answered differently"


class BodyTooLarge(TactError):
    status, problem, title = 413, "body-too-large", "The body is too large"


class UnsupportedMediaType(TactError):
    status, problem, title = 415, "unsupported-media-type", "The body must be JSON"


class TooManyRequests(TactError):
    """A rate limit was met; `retry_after_seconds` goes into the Retry-After header."""

    status, problem, title = 429, "too-many-requests", "Too many requests"

    def __init__(self, detail: str, retry_after_seconds: float) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class StoreUnavailable(TactError):
    """The database can't be reached, is locked, full or read-only."""

    status, problem, title = 503, "store-unavailable", "The database can't be used"
    exit_code = 1


class SchemaTooNew(StoreUnavailable):
    """The database was written by a newer Tact."""


class BundleUnusable(TactError):
    """A model bundle is missing, broken or of an unknown format version."""

    status, problem, title = 503, "model-unavailable", "The model can't be used"
    exit_code = 1


class ConfigurationError(TactError):
    """`tact.toml` has an unknown key, a wrong type or an impossible value."""

    problem, title = "configuration-error", "The configuration is wrong"


class UnreadableInput(TactError):
    """A file is missing, empty, of an unknown format or damaged."""

    status, problem, title = 422, "unreadable-input", "The input can't be read"


class ContractViolation(TactError):
    """Data was read, but too much of it breaks the data contract."""

    status, problem, title = 422, "contract-violation", "The data breaks the contract"
    exit_code = 1


class TooLittleData(TactError):
    """The data can't support what was asked; the message says how much is there and is needed."""

    status, problem, title = 422, "too-little-data", "There is too little data"
    exit_code = 1


class GateFailed(TactError):
    """A check that was asked for did not pass (promotion, monitoring)."""

    status, problem, title = 422, "gate-failed", "A gate did not pass"
    exit_code = 1


class AlreadyRunning(TactError):
    """Another run holds the lock; a scheduler may simply come again."""

    status, problem, title = 409, "already-running", "Another run is at it"
    exit_code = 4
