"""Signed webhooks in: Standard Webhooks' HMAC-SHA256, five minutes of tolerance, and whose they are.

The signature covers the id, the time and the body as it came. A delivery that is repeated within the
tolerance changes nothing: the rows that it holds have their idempotency keys.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from urllib.parse import parse_qs

from data_contracts.configuration import Webhook
from data_contracts.errors import Unauthorized

TOLERANCE_SECONDS = 300
WEBHOOK: ContextVar[Webhook | None] = ContextVar("webhook", default=None)
"""Whose delivery is being answered."""


class Webhooks:
    """The door for webhooks.

    Parameters
    ----------
    clock : seconds since 1970
    """

    def __init__(self, configured: Sequence[Webhook], clock: Callable[[], float] = time.time) -> None:
        self._configured = {one.name: (one, one.key) for one in configured}
        self._clock = clock

    def admit(self, query: bytes, headers: Mapping[bytes, bytes], body: bytes) -> Webhook:
        """Whose delivery it is; raises Unauthorized, in the same words for whatever is wrong with it."""
        name = (parse_qs(query.decode("latin-1")).get("name") or [""])[0]
        found = self._configured.get(name)
        if found is None or not self._is_signed(found[1], headers, body):
            raise Unauthorized(
                "The delivery is not signed by a webhook that is configured (service.webhooks), or is older "
                "than five minutes; send ?name=… with webhook-id, webhook-timestamp and webhook-signature."
            )
        return found[0]

    def _is_signed(self, secret: bytes, headers: Mapping[bytes, bytes], body: bytes) -> bool:
        message_id, at = headers.get(b"webhook-id", b""), headers.get(b"webhook-timestamp", b"")
        if not message_id or not at.isdigit() or len(at) > 12:
            return False
        if abs(self._clock() - int(at)) > TOLERANCE_SECONDS:
            return False
        wanted = signature(secret, message_id, at, body)
        given = headers.get(b"webhook-signature", b"").split(b" ")
        # Several: a sender that changes its secret signs with both for a while.
        return any(hmac.compare_digest(wanted, one) for one in given)


def signature(secret: bytes, message_id: bytes, at: bytes, body: bytes) -> bytes:
    """`v1,` and the HMAC-SHA256 of `id.timestamp.body` in base64."""
    digest = hmac.new(secret, b".".join((message_id, at, body)), hashlib.sha256).digest()
    return b"v1," + base64.b64encode(digest)
