"""The BentoML service `Tact`: /decide, /decide_batch, /confirm, /ingest, /timeline, /forget and the health pages.

Each call reads its own body and answers with bytes: an answer is stored before it goes out, and goes
out again as the same bytes when its decision id is asked for again. The models in `data_contracts`
give /docs.json its schemas. Nothing is loaded, opened or read when this module is imported.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

import bentoml
from starlette.responses import Response

from data_contracts.configuration import load_configuration, tact_home
from data_contracts.errors import TactError
from data_contracts.messages import (
    BatchAnswer,
    BatchRequest,
    ConfirmAnswer,
    ConfirmRequest,
    DecideAnswer,
    DecideRequest,
    ForgetAnswer,
    ForgetRequest,
    IngestAnswer,
    IngestRequest,
    TimelineAnswer,
    TimelineRequest,
    WebhookAnswer,
    WebhookRequest,
)
from serving.access import CALLER, Access, Caller
from serving.edge import PAGE_PATHS, Edge
from serving.logs import LOGGER, configure_logs
from serving.parsing import parse_decide, split_batch
from serving.problems import problem_response
from serving.webhooks import Webhooks

if TYPE_CHECKING:
    from serving.runtime import Runtime

Result = TypeVar("Result")
BATCH_SLICE = 64
"""Requests of a batch that are computed together; between slices other calls get their turn."""
_GRACE = 1.0
"""A commit that has begun is waited for this many deadlines more."""
_log = logging.getLogger(LOGGER)


class _RawBody(bentoml.IODescriptor):
    """Hands a method the body as it came; the model that it stands before gives the schema only.

    BentoML passes a method the fields of what this returns, by name: here the one field `body`.
    """

    @classmethod
    async def from_http_request(cls, request: Any, serde: Any) -> Any:
        return SimpleNamespace(model_fields=("body",), body=await request.body())


class _DecideBody(_RawBody, DecideRequest):
    pass


class _BatchBody(_RawBody, BatchRequest):
    pass


class _ConfirmBody(_RawBody, ConfirmRequest):
    pass


class _IngestBody(_RawBody, IngestRequest):
    pass


class _TimelineBody(_RawBody, TimelineRequest):
    pass


class _ForgetBody(_RawBody, ForgetRequest):
    pass


class _WebhookBody(_RawBody, WebhookRequest):
    pass


class _EdgedService(bentoml.Service):
    """BentoML's service with Tact's own layer around the whole application."""

    def to_asgi(self, is_main: bool = True) -> Any:
        configure_logs()
        app = super().to_asgi(is_main=is_main)
        service = load_configuration().service
        pages = (*PAGE_PATHS, *_static_pages())
        return Edge(app, Access(service), pages, Webhooks(service.webhooks))

    @property
    def openapi_spec(self) -> Any:
        from serving.openapi import document

        # BentoML asks the document for itself as plain data.
        return SimpleNamespace(asdict=document)


def _static_pages() -> list[str]:
    """Addresses of the files that BentoML's own page of the API is made of."""
    from bentoml._internal import server

    folder = Path(server.__file__).parent / "static_content"
    return [f"/static_content/{file.name}" for file in folder.glob("*")]


_NO_ACCESS_LOG: dict[str, Any] = {
    "access": {
        "enabled": False,
        "request_content_length": None,
        "request_content_type": None,
        "response_content_length": None,
        "response_content_type": None,
        "skip_paths": [],
        "format": {"trace_id": "032x", "span_id": "016x"},
    }
}


@bentoml.service(
    name="Tact",
    service_class=_EdgedService,
    description="Would this contact help the customer or interrupt? Ranked send, wait and suppress.",
    logging=_NO_ACCESS_LOG,
    # Each call has a deadline of its own; this one only ends what hangs in spite of them.
    traffic={"timeout": 60},
)
class Tact:
    """Decides for every message that any department wants to send to a customer."""

    def __init__(self) -> None:
        from serving.runtime import Runtime

        self._runtime: Runtime = Runtime(load_configuration(), tact_home())
        self._runtime.start()

    @bentoml.on_shutdown
    def _close(self) -> None:
        self._runtime.stop()

    async def __is_ready__(self) -> bool:
        runtime = self._runtime
        work = asyncio.get_running_loop().run_in_executor(runtime.checks, runtime.is_ready)
        try:
            return await asyncio.wait_for(work, timeout=2.0)
        except TimeoutError:
            return False

    @bentoml.api(route="/decide", input_spec=_DecideBody, output_spec=DecideAnswer)
    async def decide(self, body: bytes) -> Response:
        """Rank the messages that wait for one customer: send now, wait until a moment, or suppress."""
        return await self._guarded(self._decide, body)

    @bentoml.api(route="/decide_batch", input_spec=_BatchBody, output_spec=BatchAnswer)
    async def decide_batch(self, body: bytes) -> Response:
        """Answer up to 1,000 decide requests; an error in one stands in its place as a problem object."""
        return await self._guarded(self._decide_batch, body)

    @bentoml.api(route="/confirm", input_spec=_ConfirmBody, output_spec=ConfirmAnswer)
    async def confirm(self, body: bytes) -> Response:
        """Say what became of a send: `sent`, or `not_sent` to give its place under the caps back."""
        return await self._guarded(self._confirm, body)

    @bentoml.api(route="/ingest", input_spec=_IngestBody, output_spec=IngestAnswer)
    async def ingest(self, body: bytes) -> Response:
        """Take up to 5,000 touchpoints; one bad row never blocks the good ones."""
        return await self._guarded(self._ingest, body)

    @bentoml.api(route="/timeline", input_spec=_TimelineBody, output_spec=TimelineAnswer)
    async def timeline(self, body: bytes) -> Response:
        """Touchpoints, decisions and reservations of one customer, newest first."""
        return await self._guarded(self._timeline, body)

    @bentoml.api(route="/forget", input_spec=_ForgetBody, output_spec=ForgetAnswer)
    async def forget(self, body: bytes) -> Response:
        """Erase everything that is stored about one customer; a record without their id stays."""
        return await self._guarded(self._forget, body)

    @bentoml.api(route="/webhook", input_spec=_WebhookBody, output_spec=WebhookAnswer)
    async def webhook(self, body: bytes) -> Response:
        """Take events of another system, signed as Standard Webhooks says; `?name=` tells whose."""
        return await self._guarded(self._webhook, body)

    async def _guarded(self, work: Callable[[bytes, Caller], Any], body: bytes) -> Response:
        try:
            answer: bytes = await work(body, CALLER.get())
        except TactError as error:
            self._runtime.metrics.problems.labels(error.problem).inc()
            return problem_response(error)
        return Response(answer, media_type="application/json")

    async def _decide(self, body: bytes, caller: Caller) -> bytes:
        from serving.calls import check_departments
        from serving.claims import Abandoned, Claim
        from serving.deciding import Stages

        runtime = self._runtime
        stages = Stages()
        start = perf_counter()
        call = parse_decide(body)
        check_departments(call, caller)
        stages.add("parse", start)
        claim = Claim()
        work = _submit(runtime.quick, runtime.answering.decide, call, claim, stages)
        deadline = runtime.configuration.service.deadline_ms / 1_000
        try:
            return await _within(work, deadline)
        except (TimeoutError, Abandoned):
            if not claim.abandon():
                # It is being stored: its own answer is the better one, if it comes soon.
                try:
                    return await _within(work, deadline * _GRACE)
                except TimeoutError:
                    pass
            _log.warning("a decision missed its deadline", extra={"fields": {"seconds": dict(stages.seconds)}})
            return await _submit(runtime.rescue, runtime.answering.degrade, call, "deadline")

    async def _decide_batch(self, body: bytes, caller: Caller) -> bytes:
        from serving.calls import answer_slice

        runtime = self._runtime
        answers: list[bytes] = []
        texts = split_batch(body)
        for start in range(0, len(texts), BATCH_SLICE):
            part = texts[start : start + BATCH_SLICE]
            answers += await _submit(runtime.bulk, partial(answer_slice, runtime, caller), part)
        return b'{"answers":[' + b",".join(answers) + b"]}"

    async def _confirm(self, body: bytes, caller: Caller) -> bytes:
        from serving.calls import confirm

        return await _submit(self._runtime.quick, confirm, self._runtime, body, caller)

    async def _ingest(self, body: bytes, caller: Caller) -> bytes:
        from serving.calls import take_touchpoints

        return await _submit(self._runtime.bulk, take_touchpoints, self._runtime, body, caller)

    async def _timeline(self, body: bytes, caller: Caller) -> bytes:
        from serving.calls import show_timeline

        return await _submit(self._runtime.bulk, show_timeline, self._runtime, body, caller)

    async def _webhook(self, body: bytes, caller: Caller) -> bytes:
        from serving.calls import take_events

        return await _submit(self._runtime.bulk, take_events, self._runtime, body, caller)

    async def _forget(self, body: bytes, caller: Caller) -> bytes:
        from serving.calls import forget

        return await _submit(self._runtime.bulk, forget, self._runtime, body, caller)


def _submit(executor: Executor, work: Callable[..., Result], *arguments: Any) -> asyncio.Future[Result]:
    """Run `work` in a thread that knows the request's id."""
    context = contextvars.copy_context()
    return asyncio.get_running_loop().run_in_executor(executor, partial(context.run, work, *arguments))


async def _within(work: asyncio.Future[Result], seconds: float) -> Result:
    """The result of `work`, which goes on by itself after a TimeoutError."""
    done, _ = await asyncio.wait({work}, timeout=seconds)
    if not done:
        raise TimeoutError
    return work.result()
