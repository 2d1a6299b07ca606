"""What the calls of the service do once a thread has them: from a body to the bytes of the answer."""

from __future__ import annotations

import msgspec

from data_contracts.adapters.formats import adapted
from data_contracts.errors import Forbidden, StoreUnavailable, TactError, Unauthorized
from data_contracts.messages import ConfirmAnswer, ConfirmRequest, ForgetAnswer, ForgetRequest, TimelineRequest
from data_contracts.times import format_time
from policy.late_sends import still_fits
from policy.situation import Send
from serving.access import Caller
from serving.ingesting import TIMELINE_LIMIT, ingest, timeline_answer
from serving.parsing import DecideCall, decoded, parse, parse_decide
from serving.problems import problem_bytes
from serving.runtime import Runtime
from serving.store import Snapshot
from serving.webhooks import WEBHOOK


def check_departments(call: DecideCall, caller: Caller) -> None:
    """Raise Forbidden where a candidate's department is not the caller's."""
    caller.check(
        (f"candidates[{place}].department", one["department"]) for place, one in enumerate(call.candidates)
    )


def answer_slice(runtime: Runtime, caller: Caller, texts: list[bytes]) -> list[bytes]:
    """Answer the texts of some requests of a batch, each on its own."""
    calls: list[DecideCall] = []
    places: list[int] = []
    answers: list[bytes] = [b""] * len(texts)
    for place, text in enumerate(texts):
        try:
            call = parse_decide(text)
            check_departments(call, caller)
        except TactError as error:
            answers[place] = problem_bytes(error)
        else:
            calls.append(call)
            places.append(place)
    for place, answer in zip(places, runtime.answering.decide_many(calls), strict=True):
        answers[place] = problem_bytes(answer) if isinstance(answer, TactError) else answer
    return answers


def confirm(runtime: Runtime, body: bytes, caller: Caller) -> bytes:
    """Say what became of a send; raises InvalidRequest, NotFound, Conflict, Forbidden, StoreUnavailable."""
    request = parse(ConfirmRequest, body)
    _everything_stored(runtime)
    if caller.departments:
        rows = runtime.store.decision(request.decision_id).rows
        theirs = [row.department or "" for row in rows if row.message_id == request.message_id]
        caller.check(("message_id", department) for department in theirs)

    def fits(send: Send, snapshot: Snapshot) -> bool:
        has_room = still_fits(send, snapshot.columns, snapshot.sends, runtime.configuration)
        if not has_room:
            runtime.metrics.confirms.labels("late").inc()
        return has_room

    state = runtime.store.confirm(request.decision_id, request.message_id, request.outcome, fits)
    runtime.metrics.confirms.labels(state).inc()
    answer = ConfirmAnswer(decision_id=request.decision_id, message_id=request.message_id, state=state)
    return answer.model_dump_json().encode()


def _everything_stored(runtime: Runtime) -> None:
    """Bring what was spooled into the store; raises StoreUnavailable while it is left alone."""
    if runtime.answering.store_trouble is not None:
        raise StoreUnavailable(runtime.answering.store_trouble)
    if runtime.spool.is_pending():
        runtime.answering.replay_spool()


def take_events(runtime: Runtime, body: bytes, caller: Caller) -> bytes:
    """Take a webhook's events as touchpoints; what it doesn't date itself was known when it came in.

    Raises Unauthorized outside a signed delivery, MalformedBody for what is not JSON.
    """
    webhook = WEBHOOK.get()
    if webhook is None:
        raise Unauthorized("The delivery is not signed.")
    found = adapted(webhook.format, decoded(body))
    came_in = format_time(runtime.answering.clock())
    rows = [{"ingested_time": came_in, **row} for row in found.touchpoints]
    told = take_touchpoints(runtime, msgspec.json.encode({"touchpoints": rows}), caller)
    answer = {**msgspec.json.decode(told), "ignored": found.ignored}
    return msgspec.json.encode(answer)


def take_touchpoints(runtime: Runtime, body: bytes, caller: Caller) -> bytes:
    """Take touchpoints, and count what became of them."""
    clock = runtime.configuration.service.request_clock
    answer, accepted, duplicates, rejected = ingest(
        body, runtime.bulk_store, caller, runtime.answering.clock(), clock
    )
    for result, number in (("accepted", accepted), ("duplicate", duplicates), ("rejected", rejected)):
        if number:
            runtime.metrics.touchpoints.labels(result).inc(number)
    return answer


def show_timeline(runtime: Runtime, body: bytes, caller: Caller) -> bytes:
    """Everything about one customer that the caller may see."""
    request = parse(TimelineRequest, body)
    return timeline_answer(runtime.bulk_store.timeline(request.customer_id, TIMELINE_LIMIT), caller)


def forget(runtime: Runtime, body: bytes, caller: Caller) -> bytes:
    """Erase a customer, for keys of all departments only: what is erased belongs to every one of them."""
    request = parse(ForgetRequest, body)
    if caller.departments:
        raise Forbidden("Erasing takes a key without departments: it erases what all of them know.")
    _everything_stored(runtime)
    now = runtime.answering.clock()
    rows = runtime.bulk_store.forget(request.customer_id, now)
    return ForgetAnswer(erased_at=format_time(now), rows=rows).model_dump_json().encode()
