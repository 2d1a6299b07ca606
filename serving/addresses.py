"""The address of a database: `sqlite:///FILE?options` and `postgresql://…?options`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from data_contracts.errors import ConfigurationError

_PREFIX = "sqlite:///"
_DEFAULT_TIMEOUT_MS = 2_000.0


@dataclass(frozen=True, slots=True)
class SqliteAddress:
    """A database file; `full` syncs each commit, `timeout_seconds` is the wait for other writers."""

    path: Path
    full: bool
    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """A connection string without our options; `prepare` names statements on the server."""

    conninfo: str
    prepare: bool
    timeout_seconds: float


def sqlite_address(url: str, home: Path) -> SqliteAddress:
    """Read `sqlite:///FILE` (relative to `home`) or `sqlite:////FILE`; raises ConfigurationError."""
    place, _, query = url.partition("?")
    file = unquote(place.removeprefix(_PREFIX))
    if not place.startswith(_PREFIX) or not file or file.endswith("/"):
        raise ConfigurationError(f"service.database: {url!r} names no file; write sqlite:///tact.db")
    if file == ":memory:":
        raise ConfigurationError("service.database: a database in memory is lost with its process; name a file")
    options = dict(parse_qsl(query, keep_blank_values=True))
    mode = options.pop("synchronous", "normal").lower()
    if mode not in ("normal", "full"):
        raise ConfigurationError(f"service.database: synchronous is normal or full, not {mode!r}")
    timeout = _seconds(options.pop("timeout_ms", None), "timeout_ms")
    for name in options:
        raise ConfigurationError(
            f"service.database: {name!r} is no option of SQLite here; there are synchronous and timeout_ms"
        )
    return SqliteAddress(home / file, mode == "full", timeout)


def postgres_address(url: str) -> PostgresAddress:
    """Take our options out of a PostgreSQL URL; raises ConfigurationError."""
    place, _, query = url.partition("?")
    options = [option for option in query.split("&") if option]
    theirs = "&".join(option for option in options if not option.startswith("tact_"))
    ours = dict(parse_qsl("&".join(o for o in options if o.startswith("tact_")), keep_blank_values=True))
    prepare = ours.pop("tact_prepare", "off").lower()
    if prepare not in ("on", "off"):
        raise ConfigurationError(f"service.database: tact_prepare is on or off, not {prepare!r}")
    timeout = _seconds(ours.pop("tact_timeout_ms", None), "tact_timeout_ms")
    for name in ours:
        raise ConfigurationError(
            f"service.database: {name!r} is no option of Tact; there are tact_prepare and tact_timeout_ms"
        )
    return PostgresAddress(place + ("?" + theirs if theirs else ""), prepare == "on", timeout)


def _seconds(milliseconds: str | None, name: str) -> float:
    try:
        value = _DEFAULT_TIMEOUT_MS if milliseconds is None else float(milliseconds)
    except ValueError:
        value = -1.0
    if not 0 < value <= 600_000:
        raise ConfigurationError(
            f"service.database: {name} is a number of milliseconds up to 600000, not {milliseconds!r}"
        )
    return value / 1_000
