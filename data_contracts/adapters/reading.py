"""What the adapters share: texts, times, names as the contract writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any


class NotATouchpoint(Exception):
    """An event that is nothing between the customer and the company; the message says which."""


def identifier(value: Any) -> str:
    """An id that is a text or a number; raises ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise ValueError(f"an id is a text or a number, not {value!r}")
    return str(value)


def optional_identifier(value: Any) -> str | None:
    """An id where there is one."""
    return None if value is None or value == "" else identifier(value)


def from_milliseconds(value: Any) -> str:
    """Milliseconds since 1970 as ISO 8601 in UTC."""
    return datetime.fromtimestamp(int(value) / 1_000, UTC).isoformat().replace("+00:00", "Z")


def number(value: Any) -> float | None:
    """A number that is one, or a text of one; else None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def snake_case(name: str) -> str:
    """`Order Completed`, `orderCompleted` and `order-completed` as `order_completed`."""
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return "_".join(re.findall(r"[a-z0-9]+", spaced.lower()))
