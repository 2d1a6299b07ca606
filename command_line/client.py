"""Calls to a running service, with its problems turned back into Tact's errors."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import msgspec

from data_contracts.errors import InvalidRequest, StoreUnavailable, TactError
from data_contracts.messages import MAX_BODY_BYTES

DEFAULT_URL = "http://127.0.0.1:3000"
_TRIES = 6
_ROOM = MAX_BODY_BYTES - 1_024
_JSON = {"Content-Type": "application/json"}


class Client:
    """POSTs JSON to the service; connection faults and 503 are retried, since every call is idempotent.

    The key comes from TACT_API_KEY.
    """

    def __init__(self, url: str, timeout_seconds: float = 120.0) -> None:
        key = os.environ.get("TACT_API_KEY")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.url = url.rstrip("/")
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=timeout_seconds)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer's JSON; raises TactError with the service's own words otherwise."""
        return self._post(path, msgspec.json.encode(body))

    def post_list(self, path: str, name: str, items: Sequence[Any]) -> Iterator[dict[str, Any]]:
        """POST `{name: items}` in as many bodies as their size asks for; yields the answers in order."""
        part: list[bytes] = []
        size = 0
        for text in map(msgspec.json.encode, items):
            if part and size + len(text) > _ROOM:
                yield self._post(path, _list_body(name, part))
                part, size = [], 0
            part.append(text)
            size += len(text) + 1
        if part:
            yield self._post(path, _list_body(name, part))

    def _post(self, path: str, body: bytes) -> dict[str, Any]:
        for attempt in range(_TRIES):
            last = attempt == _TRIES - 1
            try:
                answer = self._http.post(path, content=body, headers=_JSON)
            except httpx.TransportError as error:
                if last:
                    raise StoreUnavailable(
                        f"no service answers at {self.url} ({type(error).__name__}); start it with `tact serve`, "
                        "or name another with --url"
                    ) from None
            else:
                if answer.status_code not in (429, 503) or last:
                    return _read(answer)
                asked = answer.headers.get("retry-after", "")
                if asked.isdigit():
                    time.sleep(min(float(asked), 30.0))
                    continue
            time.sleep(min(0.2 * 2**attempt, 3.0))
        raise AssertionError("unreachable")


def _list_body(name: str, items: Sequence[bytes]) -> bytes:
    return b'{"' + name.encode() + b'":[' + b",".join(items) + b"]}"


def _read(answer: httpx.Response) -> dict[str, Any]:
    try:
        body: dict[str, Any] = msgspec.json.decode(answer.content)
    except ValueError:
        raise TactError(f"the service answered {answer.status_code} without JSON; is this a Tact?") from None
    if answer.is_success:
        return body
    detail = str(body.get("detail") or body.get("title") or answer.status_code)
    fields = "; ".join(
        f"{one.get('field')}: {one.get('message')}" for one in body.get("errors", []) if isinstance(one, dict)
    )
    told = detail if not fields or fields in detail else f"{detail} ({fields})"
    if answer.status_code < 500:
        raise InvalidRequest(told)
    raise StoreUnavailable(told)
