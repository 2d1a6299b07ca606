"""The formats that can be read, and the way from a payload to touchpoints in the contract's JSON form."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from data_contracts.adapters import cloudevents, hubspot, segment, zendesk
from data_contracts.adapters.reading import NotATouchpoint

Format = Literal["segment", "cloudevents", "hubspot", "zendesk"]
FORMATS: tuple[str, ...] = get_args(Format)
_ADAPTERS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "segment": segment.touchpoint,
    "cloudevents": cloudevents.touchpoint,
    "hubspot": hubspot.touchpoint,
    "zendesk": zendesk.touchpoint,
}


@dataclass(frozen=True, slots=True)
class Adapted:
    """Touchpoints in the contract's JSON form, unchecked; `ignored` says of each other event why."""

    touchpoints: tuple[dict[str, Any], ...]
    ignored: tuple[str, ...]


def adapted(format_name: str, payload: Any) -> Adapted:
    """Read a payload: one event, a list of them, or an object with a `batch`.

    An event that is nothing between the customer and the company, or is not of this format, is told
    and left out; it never fails the others. Raises KeyError for an unknown format.
    """
    adapter = _ADAPTERS[format_name]
    rows, ignored = [], []
    for place, event in enumerate(_events(payload)):
        try:
            row = adapter(event)
        except NotATouchpoint as reason:
            ignored.append(f"event {place}: {reason}")
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            ignored.append(
                f"event {place}: is not as {format_name} writes it ({type(error).__name__}: {error})"
            )
        else:
            rows.append({name: value for name, value in row.items() if value is not None})
    return Adapted(tuple(rows), tuple(ignored))


def _events(payload: Any) -> Iterator[Any]:
    if isinstance(payload, Mapping) and isinstance(payload.get("batch"), list):
        payload = payload["batch"]
    yield from payload if isinstance(payload, list) else [payload]
