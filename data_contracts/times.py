"""Times: `datetime` in UTC at the edge, int64 microseconds since 1970 inside."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

MICROSECOND = 1
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LEAST = datetime(1971, 1, 1, tzinfo=UTC)
_MOST = datetime(2200, 1, 1, tzinfo=UTC)


def to_microseconds(time: datetime) -> int:
    """Microseconds since 1970 in UTC; raises ValueError for a time without a zone or out of 1971–2200."""
    if time.tzinfo is None or time.utcoffset() is None:
        raise ValueError("the time has no zone; write UTC as in 2026-03-01T09:00:00Z")
    if not _LEAST <= time < _MOST:
        raise ValueError("the time is outside the years 1971 to 2200")
    since = time - _EPOCH
    return since.days * DAY + since.seconds * SECOND + since.microseconds


def from_microseconds(microseconds: int) -> datetime:
    """The UTC `datetime` of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=int(microseconds))


def parse_time(text: str) -> int:
    """Microseconds of an ISO 8601 text with a zone; raises ValueError with what is wrong."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not an ISO 8601 time, as in 2026-03-01T09:00:00Z") from None
    return to_microseconds(time)


def format_time(microseconds: int) -> str:
    """ISO 8601 in UTC with a `Z`; fractions of a second only where there are any."""
    return from_microseconds(microseconds).isoformat().replace("+00:00", "Z")
