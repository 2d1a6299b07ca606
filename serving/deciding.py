"""The straight line of one decision: request and snapshot → features, models, policy → what is stored.

Pure: the clock, the snapshot and the bundle are handed in, nothing is read or written. The service
calls it inside its retry loop, `tact replay` calls it with a stored request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import cast

from data_contracts.configuration import Configuration
from data_contracts.times import HOUR
from features.columns import Int64, TouchpointColumns
from features.packing import TouchpointRow
from models.bundle import Bundle
from models.scoring import Chances, CustomerScorer, OpenCase
from policy.decision import decide
from policy.draws import in_holdout
from policy.fallback import degraded, held_out
from policy.situation import columns_with_sends, situation
from serving.answer import Mode, Planned, goal_answer, planned_answer
from serving.explaining import signals
from serving.feature_log import AskedRequest, pack_features
from serving.parsing import DecideCall
from serving.store import Snapshot


@dataclass(slots=True)
class Stages:
    """Seconds spent in each stage of one decision."""

    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, stage: str, since: float) -> float:
        """Add the time since `since` to a stage; returns the time now (`perf_counter`)."""
        now = perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - since
        return now


class _TimedScorer:
    """A scorer that adds its time to a stage, so that the policy's own time can be told apart."""

    def __init__(self, scorer: CustomerScorer, stages: Stages) -> None:
        self._scorer = scorer
        self._stages = stages

    @property
    def bundle(self) -> Bundle:
        return self._scorer.bundle

    @property
    def as_of(self) -> int:
        return self._scorer.as_of

    def score(self, moments: Int64, candidates: Int64) -> Chances:
        start = perf_counter()
        chances = self._scorer.score(moments, candidates)
        self._stages.add("models", start)
        return chances

    def open_case(self) -> OpenCase | None:
        return self._scorer.open_case()

    def with_rows(self, rows: Sequence[TouchpointRow]) -> _TimedScorer:
        start = perf_counter()
        scorer = _TimedScorer(self._scorer.with_rows(rows), self._stages)
        self._stages.add("models", start)
        return scorer

    def with_case_resolved(self, event_type: str) -> _TimedScorer | None:
        start = perf_counter()
        found = self._scorer.with_case_resolved(event_type)
        self._stages.add("models", start)
        return None if found is None else _TimedScorer(found, self._stages)


def plan(
    call: DecideCall,
    snapshot: Snapshot,
    bundle: Bundle,
    configuration: Configuration,
    now: int,
    decision_id: str,
    stages: Stages | None = None,
    history: TouchpointColumns | None = None,
) -> Planned:
    """Decide on every candidate of a request.

    Parameters
    ----------
    now : microseconds; the answer sees rows that were known then
    history : instead of the snapshot's columns, where those leave rows out that `now` can see
    """
    stages = stages or Stages()
    start = perf_counter()
    before = stages.seconds.get("models", 0.0)
    columns = snapshot.columns if history is None else history
    first_asked = {one["message_id"]: now for one in call.candidates}
    first_asked |= snapshot.first_asked
    seen = situation(
        columns,
        now=now,
        candidates=call.candidates,
        sends=snapshot.sends,
        first_asked=first_asked,
        configuration=configuration,
    )
    contact_type = bundle.specification.vocabulary.role("contact")[0]
    scorer = CustomerScorer(
        bundle,
        columns_with_sends(columns, snapshot.sends, now, contact_type),
        call.candidates,
        now,
        bundle.configuration.service.history_limit,  # what the models were trained under
    )
    start = stages.add("features", start)
    policy = configuration.policy
    mode: Mode = call.mode
    if mode == "enforce" and in_holdout(call.customer_id, policy.holdout):
        mode = "holdout"
        verdicts = held_out(seen)
    else:
        timed = cast("CustomerScorer", _TimedScorer(scorer, stages))
        verdicts = decide(seen, timed, policy, decision_id)
    spent = stages.seconds.get("models", 0.0) - before
    start = stages.add("policy", start + spent)
    goals = scorer.now()[1][0]
    features = None
    if configuration.service.log_features:
        window = max((round(cap.window_hours * HOUR) for cap in policy.caps), default=0)
        stored = len(snapshot.columns) + snapshot.left_out
        features = pack_features(bundle.version, scorer.design_now(), goals, seen, window, _asked(call), stored)
    told = signals(bundle, scorer.design_now()) if call.explain else None
    planned = planned_answer(
        call,
        verdicts,
        now=now,
        decision_id=decision_id,
        mode=mode,
        model_version=bundle.version,
        is_degraded=False,
        goal=goal_answer(bundle.specification.goals.names, goals),
        told=told,
        features=features,
        configuration=configuration,
        known=snapshot.first_asked,
    )
    stages.add("answer", start)
    return planned


def _asked(call: DecideCall) -> AskedRequest:
    groups = tuple(one["group"] for one in call.candidates)
    return AskedRequest(
        call.mode,
        call.now is not None,
        call.explain,
        tuple(one["message_id"] for one in call.candidates),
        groups if any(groups) else (),
    )


def plan_degraded(
    call: DecideCall,
    configuration: Configuration,
    now: int,
    decision_id: str,
    why: str,
    model_version: str | None = None,
    lets_out: bool = True,
) -> Planned:
    """The answer where the model or the database can't be used; `lets_out` False holds everything back.

    Nothing unlogged is let out: where a decision can be kept nowhere, transactional messages wait too.
    """
    candidates = call.candidates
    if not lets_out:
        candidates = tuple({**one, "purpose": "service"} for one in candidates)
    return planned_answer(
        call,
        degraded(candidates, now, why),
        now=now,
        decision_id=decision_id,
        mode=call.mode,
        model_version=model_version,
        is_degraded=True,
        goal={"name": None, "probability": None, "probabilities": {}},
        told=None,
        features=None,
        configuration=configuration,
        known={},
    )
