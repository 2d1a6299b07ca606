"""A batch of requests in few round trips: waves of at most one request a customer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from data_contracts.errors import Conflict, TactError
from serving.answer import Planned
from serving.deciding import Stages
from serving.parsing import DecideCall
from serving.store import Snapshot, SnapshotKey

if TYPE_CHECKING:
    from serving.answering import Answering

ATTEMPTS = 3
"""Optimistic tries of one request, before the customer's lock is taken."""


@dataclass(slots=True)
class Job:
    """One request on its way through a batch."""

    place: int
    call: DecideCall
    decision_id: str
    now: int
    attempts: int = 0


def answer_in_waves(
    answering: Answering, jobs: list[Job], answers: list[bytes | TactError | None]
) -> list[Job]:
    """Fill in the answers of jobs, by place; returns those that lost too many races.

    Requests about one customer are answered one after the other, in order, so that they see each other.
    """
    lost: list[Job] = []
    while jobs:
        wave: dict[str, Job] = {}
        later = [job for job in jobs if wave.setdefault(job.call.customer_id, job) is not job]
        again = _wave(answering, list(wave.values()), answers)
        lost += [job for job in again if job.attempts >= ATTEMPTS]
        # Whoever lost a race stays before the later requests about the same customer.
        jobs = sorted([*later, *(job for job in again if job.attempts < ATTEMPTS)], key=lambda job: job.place)
    return lost


def _wave(answering: Answering, wave: list[Job], answers: list[bytes | TactError | None]) -> list[Job]:
    """Answer jobs about different customers; returns those that lost their race."""
    from serving.answering import repeated

    keys = [
        SnapshotKey(job.call.customer_id, [one["message_id"] for one in job.call.candidates], job.decision_id)
        for job in wave
    ]
    computed: list[tuple[Job, Planned, Snapshot, Stages]] = []
    for job, snapshot in zip(wave, answering.store.snapshots(keys), strict=True):
        stages = Stages()
        try:
            if snapshot.earlier is not None:
                answers[job.place] = repeated(snapshot.earlier, job.call, job.decision_id)
                continue
            planned = answering.plan(job.call, snapshot, job.decision_id, job.now, stages)
        except Conflict as error:
            answers[job.place] = error
            continue
        computed.append((job, planned, snapshot, stages))
    done = answering.store.commit_many([(planned.outcome, snapshot) for _, planned, snapshot, _ in computed])
    again = []
    for (job, planned, snapshot, stages), result in zip(computed, done, strict=True):
        if isinstance(result, Conflict):
            answers[job.place] = result
        elif result:
            answering.count(planned, job.call, snapshot, job.now, stages)
            answers[job.place] = planned.outcome.answer
        else:
            job.attempts += 1
            again.append(job)
    return again
