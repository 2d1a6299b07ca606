"""The outermost layer of the service: what is checked before a request reaches BentoML.

Unknown addresses, methods, media types, keys, sizes and slow bodies are answered here, so that they
cost little and never reach metric labels; answers of BentoML and Starlette that are errors leave as
problem objects. Every answer carries X-Request-ID.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from data_contracts.errors import (
    BodyTooLarge,
    BodyTooSlow,
    MethodNotAllowed,
    NotFound,
    TactError,
    UnsupportedMediaType,
)
from data_contracts.messages import MAX_BODY_BYTES
from serving.access import CALLER, Access, Caller
from serving.logs import LOGGER, REQUEST_ID
from serving.problems import MEDIA_TYPE, error_of_status, problem_bytes, problem_headers
from serving.webhooks import WEBHOOK, Webhooks

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

API_PATHS = ("/decide", "/decide_batch", "/confirm", "/ingest", "/timeline", "/forget")
WEBHOOK_PATH = "/webhook"
PAGE_PATHS = ("/", "/livez", "/healthz", "/readyz", "/metrics", "/docs.json", "/schema.json")
BODY_SECONDS = 20.0
"""How long a body may take to arrive."""

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:\-]{1,128}")
_log = logging.getLogger(LOGGER)


class Edge:
    """An ASGI layer around the whole application.

    Parameters
    ----------
    app : the application that BentoML builds
    access : who may call
    webhooks : who may report to /webhook, by signature instead of a key
    pages : addresses beside those of the API that are passed on
    """

    def __init__(
        self,
        app: App,
        access: Access,
        pages: Iterable[str] = PAGE_PATHS,
        webhooks: Webhooks | None = None,
    ) -> None:
        self.app = app
        self._access = access
        self._webhooks = webhooks or Webhooks(())
        self._apis = frozenset((*API_PATHS, WEBHOOK_PATH))
        self._pages = frozenset(pages)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8).encode()
        REQUEST_ID.set(request_id.decode("ascii"))
        answer = _Answer(send, request_id)
        try:
            if scope["path"] in self._apis:
                receive = await self._admitted(scope, headers, receive)
            else:
                self._page(scope)
            await self.app(scope, receive, answer)
        except TactError as error:
            await answer.problem(error)
        except _Gone:
            return
        except Exception as error:
            _log.error("an unexpected error", exc_info=error)
            await answer.problem(error_of_status(500))

    def _page(self, scope: Scope) -> None:
        if scope["path"] not in self._pages:
            raise NotFound("There is nothing at this address; GET /docs.json lists what there is.")
        if scope["method"] not in ("GET", "HEAD"):
            raise MethodNotAllowed("This address takes GET.")

    async def _admitted(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> Receive:
        """Check a call of the API and read its body; returns the `receive` that hands it on."""
        is_webhook = scope["path"] == WEBHOOK_PATH
        if not is_webhook:
            client = scope.get("client")
            CALLER.set(self._access.admit(headers, client[0] if client else None))
        if scope["method"] != "POST":
            raise MethodNotAllowed("This address takes POST with a JSON body.")
        media = headers.get(b"content-type", b"application/json").partition(b";")[0].strip().lower()
        if media != b"application/json" and not media.endswith(b"+json"):
            raise UnsupportedMediaType("Send JSON with Content-Type: application/json.")
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise UnsupportedMediaType("Send the body as it is, without a Content-Encoding.")
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared[:20]) > MAX_BODY_BYTES:
            raise _too_large()
        # BentoML looks for the exact type; parameters and +json variants mean the same here.
        scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"content-type"]
        scope["headers"].append((b"content-type", b"application/json"))
        first = await receive()
        if first["type"] == "http.disconnect":
            raise _Gone
        body = first.get("body", b"")
        if first.get("more_body"):
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    body = await _rest(body, receive)
            except TimeoutError:
                raise BodyTooSlow(f"The body took longer than {BODY_SECONDS:g} seconds.") from None
        if len(body) > MAX_BODY_BYTES:
            raise _too_large()
        if is_webhook:
            webhook = self._webhooks.admit(scope["query_string"], headers, body)
            WEBHOOK.set(webhook)
            CALLER.set(Caller(webhook.name))
        return _Body(body, receive)


async def _rest(first: bytes, receive: Receive) -> bytes:
    parts, size = [first], len(first)
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise _too_large()
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


class _Body:
    """A `receive` that hands the read body on at once, and then listens for the caller's leaving."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


class _Answer:
    """A `send` that adds the request's id and turns bare errors into problem objects."""

    def __init__(self, send: Send, request_id: bytes) -> None:
        self._send = send
        self._header = (b"x-request-id", request_id)
        self._started = False
        self._replaced = False

    async def __call__(self, message: Message) -> None:
        if self._replaced:
            return
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", []), self._header]
            if message["status"] >= 400 and not _is_problem(headers):
                self._replaced = True
                await self.problem(error_of_status(message["status"]))
                return
            self._started = True
            message["headers"] = headers
        await self._send(message)

    async def problem(self, error: TactError) -> None:
        """Answer with an error, unless an answer is already on its way."""
        if self._started:
            return
        self._started = self._replaced = True
        body = problem_bytes(error)
        headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
        headers += [(name.encode(), value.encode()) for name, value in problem_headers(error).items()]
        if isinstance(error, MethodNotAllowed):
            headers.append((b"allow", b"POST" if "POST" in error.detail else b"GET, HEAD"))
        start = {"type": "http.response.start", "status": error.status, "headers": [*headers, self._header]}
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})


class _Gone(Exception):
    """The caller has hung up."""


def _too_large() -> BodyTooLarge:
    return BodyTooLarge(f"A body may have at most {MAX_BODY_BYTES:,} bytes.")


def _is_problem(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    media = MEDIA_TYPE.encode()
    return any(name.lower() == b"content-type" and value.startswith(media) for name, value in headers)
