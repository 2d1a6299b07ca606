"""Calls to a running service, with its problems turned back into Tact's errors."""

from __future__ import annotations

import os
import time
from typing import Any

import httpx

from data_contracts.errors import InvalidRequest, StoreUnavailable, TactError

DEFAULT_URL = "http://127.0.0.1:3000"
_TRIES = 6


class Client:
    """POSTs JSON to the service; connection faults and 503 are retried, since every call is idempotent.

    The key comes from TACT_API_KEY.
    """

    def __init__(self, url: str, timeout_seconds: float = 120.0) -> None:
        key = os.environ.get("TACT_API_KEY")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.url = url.rstrip("/")
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=timeout_seconds)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer's JSON; raises TactError with the service's own words otherwise."""
        for attempt in range(_TRIES):
            last = attempt == _TRIES - 1
            try:
                answer = self._http.post(path, json=body)
            except httpx.TransportError as error:
                if last:
                    raise StoreUnavailable(
                        f"no service answers at {self.url} ({type(error).__name__}); start it with `tact serve`, "
                        "or name another with --url"
                    ) from None
            else:
                if answer.status_code not in (429, 503) or last:
                    return _read(answer)
            time.sleep(min(0.2 * 2**attempt, 3.0))
        raise AssertionError("unreachable")


def _read(answer: httpx.Response) -> dict[str, Any]:
    try:
        body: dict[str, Any] = answer.json()
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
