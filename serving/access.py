"""Who may call: API keys, the departments that a key is limited to, and how often it may ask.

Without keys only callers on this machine are answered. Keys are kept as SHA-256 hashes and compared
in constant time against all of them, so that the time says nothing about which one was close.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache

from data_contracts.configuration import ApiKey, Service
from data_contracts.errors import FieldError, Forbidden, TooManyRequests, Unauthorized


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks; `departments` empty means all of them."""

    name: str
    departments: frozenset[str] = frozenset()

    def allows(self, department: str) -> bool:
        return not self.departments or department in self.departments

    def check(self, named: Iterable[tuple[str, str]]) -> None:
        """Raise Forbidden where a (path, department) is not the caller's."""
        if not self.departments:
            return
        found = [
            FieldError(path, f"this key may not act for {department!r}")
            for path, department in named
            if department not in self.departments
        ]
        if found:
            allowed = ", ".join(sorted(self.departments))
            raise Forbidden(f"The key {self.name!r} is limited to {allowed}.", found[:100])


CALLER: ContextVar[Caller] = ContextVar("caller", default=Caller("local"))  # noqa: B039  (frozen)


@dataclass(slots=True)
class Bucket:
    """A token bucket: `rate` requests a second, and as many at once as one second brings."""

    rate: float
    tokens: float = field(init=False)
    at: float | None = None

    def __post_init__(self) -> None:
        self.tokens = self.size

    @property
    def size(self) -> float:
        return max(1.0, self.rate)

    def take(self, now: float) -> float:
        """Take a token at `now` (seconds); 0 where there was one, else the seconds to wait."""
        if self.at is not None:
            self.tokens = min(self.size, self.tokens + max(0.0, now - self.at) * self.rate)
        self.at = now
        if self.tokens >= 1.0:
            self.tokens -= 1.0
            return 0.0
        return (1.0 - self.tokens) / self.rate


class Access:
    """The door: turns a request's headers and address into a Caller.

    Each worker process has its own buckets, so a key's rate is split by the number of workers.
    """

    def __init__(
        self,
        service: Service,
        workers: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys = service.api_keys
        self._clock = clock
        shares = workers or int(os.environ.get("TACT_WORKERS") or 1)
        self._buckets = {
            key.name: Bucket(key.requests_per_second / shares)
            for key in service.api_keys
            if key.requests_per_second is not None
        }

    def admit(self, headers: Mapping[bytes, bytes], address: str | None) -> Caller:
        """Who asks; raises Unauthorized, Forbidden or TooManyRequests."""
        if not self._keys:
            if not is_loopback(address):
                raise Forbidden("Without API keys only this machine is answered; configure service.api_keys.")
            return Caller("local")
        key = self._known(_secret(headers))
        bucket = self._buckets.get(key.name)
        wait = bucket.take(self._clock()) if bucket is not None else 0.0
        if wait > 0.0:
            raise TooManyRequests(f"The key {key.name!r} has used up its rate.", wait)
        return Caller(key.name, frozenset(key.departments))

    def _known(self, secret: bytes | None) -> ApiKey:
        if secret is None:
            raise Unauthorized("Send the key as 'Authorization: Bearer …' or in X-API-Key.")
        digest = hashlib.sha256(secret).hexdigest()
        found = None
        for key in self._keys:
            if hmac.compare_digest(digest, key.sha256.lower()):
                found = key
        if found is None:
            raise Unauthorized("The key is not known.")
        return found


def _secret(headers: Mapping[bytes, bytes]) -> bytes | None:
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer" and token.strip():
        return token.strip()
    return headers.get(b"x-api-key", b"").strip() or None


@lru_cache(maxsize=1_000)
def is_loopback(address: str | None) -> bool:
    """Whether a peer is this machine; a Unix socket has no address and is."""
    if not address or address == "localhost":
        return True
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback
