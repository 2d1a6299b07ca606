"""Requests → stored answers: the retry loop, the batch, and what happens when something is away.

Optimistic: a customer's snapshot is read, the decision is computed without a lock, and the commit
succeeds only if nobody decided about that customer meanwhile. After a few lost races the customer's
lock is taken, so it always ends.

Where the model can't be used the answer is degraded and logged in the store as any other. Where the
store can't be used it is logged in the spool on the local disk, from where it reaches the store later.
Where neither can be written nothing is let out: then transactional messages wait as well.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter

from data_contracts.configuration import Configuration
from data_contracts.errors import Conflict, FieldError, InvalidRequest, StoreUnavailable, TactError
from features.columns import TouchpointColumns
from serving.answer import Planned
from serving.batching import ATTEMPTS, Job, answer_in_waves
from serving.champion import Champion
from serving.claims import Abandoned, Claim
from serving.deciding import Stages, plan, plan_degraded
from serving.history import HistoryBounds, as_known
from serving.logs import LOGGER
from serving.metrics import Metrics
from serving.parsing import DecideCall
from serving.replaying import store_spooled
from serving.spool import Spool
from serving.staleness import observe_staleness
from serving.store import EarlierAnswer, LockedCustomer, Snapshot, Store

_STALENESS_EVERY = 16
_log = logging.getLogger(LOGGER)


def clock_microseconds() -> int:
    """Now, in microseconds since 1970."""
    return time.time_ns() // 1_000


def new_decision_id(now: int) -> str:
    """A random id that sorts by time (UUID version 7, RFC 9562), so that indexes grow at their end."""
    random = int.from_bytes(os.urandom(10), "big")
    value = ((now // 1_000) & (2**48 - 1)) << 80 | 0x7 << 76 | (random >> 68) << 64
    value |= 0b10 << 62 | random & (2**62 - 1)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


@dataclass(slots=True)
class Answering:
    """Answers decide requests; every method may be called from any thread.

    Parameters
    ----------
    clock : now in microseconds; tests hand in their own
    """

    store: Store
    spool: Spool
    champion: Champion
    configuration: Configuration
    metrics: Metrics
    clock: Callable[[], int] = clock_microseconds
    store_trouble: str | None = None
    """Why the store is left alone for now; the housekeeping clears it once the store answers."""
    _decided: int = field(default=0, init=False)

    def decide(self, call: DecideCall, claim: Claim | None = None, stages: Stages | None = None) -> bytes:
        """The answer as JSON, stored; raises Conflict, InvalidRequest and Abandoned."""
        claim, stages = claim or Claim(), stages or Stages()
        now = self._moment(call)
        decision_id = call.decision_id or new_decision_id(now)
        if self.store_trouble is None:
            try:
                self._catch_up()
                return self._with_store(call, decision_id, now, claim, stages)
            except StoreUnavailable:
                # A connection that broke is opened anew by the next call; a second failure is one.
                try:
                    return self._with_store(call, decision_id, now, claim, stages)
                except StoreUnavailable as error:
                    self.store_failed(error)
        claim.begin_commit()
        return self.spooled([(call, decision_id)], "database", now)[0]

    def degrade(self, call: DecideCall, why: str) -> bytes:
        """The degraded answer, kept in the spool; raises Conflict."""
        now = self._moment(call)
        return self.spooled([(call, call.decision_id or new_decision_id(now))], why, now)[0]

    def decide_many(self, calls: Sequence[DecideCall]) -> list[bytes | TactError]:
        """Answers in order, an error in the place of the one that failed.

        Requests about one customer are answered one after the other, so that they see each other.
        """
        answers: list[bytes | TactError | None] = [None] * len(calls)
        jobs = []
        for place, call in enumerate(calls):
            try:
                now = self._moment(call)
            except InvalidRequest as error:
                answers[place] = error
            else:
                jobs.append(Job(place, call, call.decision_id or new_decision_id(now), now))
        if self.store_trouble is None:
            try:
                self._catch_up()
                jobs = answer_in_waves(self, jobs, answers)
            except StoreUnavailable as error:
                jobs = [job for job in jobs if answers[job.place] is None]
                self.store_failed(error)
        for job in jobs:
            # Those that were left over: the store is away, or they lost too many races.
            try:
                answers[job.place] = self.decide(job.call)
            except TactError as error:
                answers[job.place] = error
        return [answer or InvalidRequest("The request was not answered.") for answer in answers]

    def store_failed(self, error: StoreUnavailable) -> None:
        """Leave the store alone until the housekeeping finds it well again."""
        if self.store_trouble is None:
            _log.error("the database can't be used", extra={"fields": {"reason": error.detail}})
        self.store_trouble = error.detail

    def replay_spool(self) -> int:
        """Bring what was spooled into the store; returns how many decisions there were."""
        count = self.spool.replay(partial(store_spooled, self.store))
        if count:
            _log.warning("spooled decisions are in the database", extra={"fields": {"decisions": count}})
        return count

    def spooled(self, calls: Sequence[tuple[DecideCall, str]], cause: str, now: int) -> list[bytes]:
        """Degraded answers that are on the local disk before they go out; raises Conflict for one."""
        whys = {
            "database": "The database can't be used; the decision is kept and will be logged.",
            "deadline": "No answer was found in time; the decision is kept and will be logged.",
        }
        version = None if self.champion.current is None else self.champion.current.version
        planned = [
            plan_degraded(call, self.configuration, now, decision_id, whys[cause], version)
            for call, decision_id in calls
        ]
        try:
            kept = self.spool.append([one.outcome for one in planned])
        except StoreUnavailable as error:
            _log.error("the spool can't be written", extra={"fields": {"reason": error.detail}})
            why = "Neither the database nor the local disk can be written: nothing is let out unlogged."
            planned = [
                plan_degraded(call, self.configuration, now, decision_id, why, version, lets_out=False)
                for call, decision_id in calls
            ]
            kept = [one.outcome.answer for one in planned]
            cause = "unlogged"
        self.metrics.degraded.labels(cause).inc(len(calls))
        answers = []
        for one, answer in zip(planned, kept, strict=True):
            if isinstance(answer, Conflict):
                raise answer
            self.metrics.decided(one.counts, {})
            answers.append(answer)
        return answers

    def _moment(self, call: DecideCall) -> int:
        if call.now is None:
            return self.clock()
        if not self.configuration.service.request_clock:
            told = "is accepted only with service.request_clock = true"
            raise InvalidRequest(f"now: {told}", [FieldError("now", told)])
        return call.now

    def _catch_up(self) -> None:
        if self.spool.is_pending():
            self.replay_spool()

    def _with_store(self, call: DecideCall, decision_id: str, now: int, claim: Claim, stages: Stages) -> bytes:
        ids = [one["message_id"] for one in call.candidates]
        for _ in range(ATTEMPTS):
            if claim.is_abandoned:
                raise Abandoned
            start = perf_counter()
            snapshot = self.store.snapshot(call.customer_id, ids, decision_id)
            start = stages.add("history", start)
            if snapshot.earlier is not None:
                return repeated(snapshot.earlier, call, decision_id)
            planned = self.plan(call, snapshot, decision_id, now, stages)
            claim.begin_commit()
            start = perf_counter()
            done = self.store.commit(planned.outcome, snapshot)
            stages.add("log", start)
            if done:
                self.count(planned, call, snapshot, now, stages)
                return planned.outcome.answer
            self.metrics.retries.inc()
        with self.store.locked(call.customer_id) as customer:
            snapshot = customer.snapshot(ids, decision_id)
            if snapshot.earlier is not None:
                return repeated(snapshot.earlier, call, decision_id)
            planned = self.plan(call, snapshot, decision_id, now, stages, customer)
            if not customer.commit(planned.outcome, snapshot):
                raise StoreUnavailable("The decision could not be stored; ask again.")
        self.count(planned, call, snapshot, now, stages)
        return planned.outcome.answer

    def plan(
        self,
        call: DecideCall,
        snapshot: Snapshot,
        decision_id: str,
        now: int,
        stages: Stages,
        locked: LockedCustomer | None = None,
    ) -> Planned:
        """Decide, degraded where the model can't; `locked` is the customer where its lock is held."""
        loaded = self.champion.current
        version = None if loaded is None else loaded.version
        if loaded is not None:
            try:
                history = self._history_then(call, snapshot, now, locked or self.store)
                return plan(
                    call, snapshot, loaded.bundle, self.configuration, now, decision_id, stages, history
                )
            except StoreUnavailable:
                raise
            except Exception as error:  # a model that fails on one request must not fail the request
                _log.error("the model failed on a request", exc_info=error)
                why = "The model failed on this request; the service's log says more."
        else:
            why = "No model is loaded."
        self.metrics.degraded.labels("model").inc()
        return plan_degraded(call, self.configuration, now, decision_id, why, version)

    def _history_then(
        self, call: DecideCall, snapshot: Snapshot, now: int, source: Store | LockedCustomer
    ) -> TouchpointColumns | None:
        # Only a request with a clock of its own can see so far back that the bounds matter.
        if call.now is None or not snapshot.left_out:
            return None
        return as_known(source.history(call.customer_id), now, HistoryBounds.of(self.configuration))

    def count(self, planned: Planned, call: DecideCall, snapshot: Snapshot, now: int, stages: Stages) -> None:
        self.metrics.decided(planned.counts, stages.seconds)
        self._decided += 1
        if planned.degraded or self._decided % _STALENESS_EVERY:
            return
        self.champion.remember(call, snapshot, now)
        loaded = self.champion.current
        if loaded is not None:
            observe_staleness(self.metrics, snapshot.columns, loaded.bundle.specification.sources, now)


def repeated(earlier: EarlierAnswer, call: DecideCall, decision_id: str) -> bytes:
    """The answer that was given before; raises Conflict where the request was another one."""
    if earlier.body_digest == call.digest and earlier.customer_id == call.customer_id:
        return earlier.answer
    raise Conflict(
        f"decision_id {decision_id!r} was answered for another body; use a new id for a new request."
    )
