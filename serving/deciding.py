"""The straight line of one decision: request and snapshot → features, models, policy → what is stored.

Pure: the clock, the snapshot and the bundle are handed in, nothing is read or written. The service
calls it inside its retry loop, `tact replay` calls it with a stored request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Literal, cast

import msgspec

from data_contracts.configuration import Configuration
from data_contracts.times import HOUR, MINUTE, format_time
from features.builder import HISTORY_LIMIT
from features.columns import Float64, Int64, TouchpointColumns
from features.packing import TouchpointRow
from models.bundle import Bundle
from models.scoring import Chances, CustomerScorer, OpenCase
from policy.decision import decide
from policy.draws import in_holdout
from policy.fallback import degraded, held_out
from policy.situation import Send, columns_with_sends, situation
from policy.verdict import Verdict
from serving.explaining import signals
from serving.feature_log import pack_features
from serving.parsing import DecideCall
from serving.store import DecisionRow, Outcome, Snapshot

Mode = Literal["enforce", "shadow", "holdout"]
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Stages:
    """Seconds spent in each stage of one decision."""

    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, stage: str, since: float) -> float:
        """Add the time since `since` to a stage; returns the time now (`perf_counter`)."""
        now = perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - since
        return now


@dataclass(frozen=True, slots=True)
class Planned:
    """A decision that is not stored yet; `counts` has (action, first reason's code, how many)."""

    outcome: Outcome
    degraded: bool
    counts: tuple[tuple[str, str, int], ...]


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
        HISTORY_LIMIT,
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
        features = pack_features(bundle.version, scorer.design_now(), goals, seen, window)
    told = signals(bundle, scorer.design_now()) if call.explain else None
    planned = _planned(
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
    return _planned(
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


def goal_answer(names: Sequence[str], probabilities: Float64) -> dict[str, Any]:
    """The most likely goal, and all of them with the likeliest first."""
    pairs = sorted(zip(names, probabilities.tolist(), strict=True), key=lambda pair: -pair[1])
    return {"name": pairs[0][0], "probability": pairs[0][1], "probabilities": dict(pairs)}


def _planned(
    call: DecideCall,
    verdicts: Sequence[Verdict],
    *,
    now: int,
    decision_id: str,
    mode: Mode,
    model_version: str | None,
    is_degraded: bool,
    goal: dict[str, Any],
    told: list[list[dict[str, Any]]] | None,
    features: bytes | None,
    configuration: Configuration,
    known: dict[str, int],
) -> Planned:
    decisions = []
    rows = []
    reservations = []
    counts: dict[tuple[str, str], int] = {}
    until = now + round(configuration.policy.reservation_minutes * MINUTE)
    for verdict in verdicts:
        candidate = call.candidates[verdict.place]
        reasons = [{"code": code, "text": text} for code, text in verdict.reasons]
        decisions.append(_decision(candidate, verdict, reasons, None if told is None else told[verdict.place]))
        rows.append(
            _log_row(call.customer_id, candidate, verdict, reasons, now, decision_id, mode, model_version)
        )
        key = (verdict.action, verdict.reasons[0][0] if verdict.reasons else "")
        counts[key] = counts.get(key, 0) + 1
        if verdict.action == "send" and mode == "enforce":
            reservations.append(
                Send(
                    candidate["message_id"],
                    candidate["department"],
                    candidate["channel"],
                    now,
                    until,
                    "reserved",
                )
            )
    answer = {
        "decision_id": decision_id,
        "customer_id": call.customer_id,
        "decided_at": format_time(now),
        "model_version": model_version,
        "degraded": is_degraded,
        "mode": mode,
        "goal": goal,
        "decisions": decisions,
    }
    outcome = Outcome(
        decision_id=decision_id,
        customer_id=call.customer_id,
        decided_at=now,
        body_digest=call.digest,
        answer=_encode(answer),
        rows=tuple(rows),
        reservations=tuple(reservations),
        features=features,
        first_asked={one["message_id"]: now for one in call.candidates if one["message_id"] not in known},
    )
    return Planned(outcome, is_degraded, tuple((*key, number) for key, number in counts.items()))


def _decision(
    candidate: dict[str, Any],
    verdict: Verdict,
    reasons: list[dict[str, str]],
    told: list[dict[str, Any]] | None,
) -> dict[str, Any]:
    wait_until = verdict.wait_until
    decision = {
        "message_id": candidate["message_id"],
        "rank": verdict.rank,
        "action": verdict.action,
        "wait_until": None if wait_until is None else format_time(wait_until),
        "recheck_on": verdict.recheck_on,
        "p_helps": verdict.p_helps,
        "p_interrupts": verdict.p_interrupts,
        "lift_helps": verdict.lift_helps,
        "lift_interrupts": verdict.lift_interrupts,
        "net_value": verdict.net_value,
        "attention_price": verdict.attention_price,
        "send_probability": verdict.send_probability,
        "reasons": reasons,
    }
    if told is not None:
        decision["signals"] = told
    return decision


def _log_row(
    customer_id: str,
    candidate: dict[str, Any],
    verdict: Verdict,
    reasons: list[dict[str, str]],
    now: int,
    decision_id: str,
    mode: Mode,
    model_version: str | None,
) -> DecisionRow:
    attributes = candidate["attributes"]
    return DecisionRow(
        decision_id=decision_id,
        customer_id=customer_id,
        decided_at=now,
        message_id=candidate["message_id"],
        department=candidate["department"],
        channel=candidate["channel"],
        topic=candidate["topic"],
        purpose=candidate["purpose"],
        campaign_id=candidate["campaign_id"],
        value=candidate["value"],
        attributes=_encode(attributes).decode("utf-8") if attributes else None,
        not_before=candidate["not_before"],
        expires_at=candidate["expires_at"],
        action=verdict.action,
        send_probability=verdict.send_probability,
        mode=mode,
        model_version=model_version,
        rank=verdict.rank,
        net_value=verdict.net_value,
        wait_until=verdict.wait_until,
        reasons=_encode(reasons).decode("utf-8"),
    )
