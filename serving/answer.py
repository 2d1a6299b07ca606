"""Verdicts → the answer as it goes out, the log's rows, and the reservations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from data_contracts.configuration import Configuration
from data_contracts.times import MINUTE, format_time
from features.columns import Float64
from policy.situation import Send
from policy.verdict import Verdict
from serving.parsing import DecideCall
from serving.store import DecisionRow, Outcome

Mode = Literal["enforce", "shadow", "holdout"]
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Planned:
    """A decision that is not stored yet; `counts` has (action, first reason's code, how many)."""

    outcome: Outcome
    degraded: bool
    counts: tuple[tuple[str, str, int], ...]


def goal_answer(names: Sequence[str], probabilities: Float64) -> dict[str, Any]:
    """The most likely goal, and all of them with the likeliest first."""
    pairs = sorted(zip(names, probabilities.tolist(), strict=True), key=lambda pair: -pair[1])
    return {"name": pairs[0][0], "probability": pairs[0][1], "probabilities": dict(pairs)}


def planned_answer(
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
