"""A wait never starves: asked again at each of its moments, every message ends in a send or a suppress."""

from __future__ import annotations

import random
from typing import Any

from data_contracts.times import DAY, HOUR
from models.scoring import OpenCase
from policy.decision import decide
from policy.draws import uniform
from policy.reasons import CODES
from policy.situation import Situation, Touch, life_end
from policy.verdict import Verdict
from tests.policy.fakes import NOW, FakeScorer, a_policy, a_situation, candidate

MOST_ASKS = 400 // 3 + 10
"""No life here is longer than 400 hours, and no grid of moments finer than three."""


def drawn_world(seed: int) -> tuple[list[dict[str, Any]], dict[str, Any], FakeScorer, tuple[Touch, ...]]:
    """Messages, policy, a scorer whose chances change from hour to hour, and touches so far."""
    draw = random.Random(seed)
    messages = [
        candidate(
            f"m-{number}",
            department=draw.choice(["marketing", "sales"]),
            channel=draw.choice(["email", "sms"]),
            expires_at=draw.choice([None, NOW + draw.randint(1, 400) * HOUR]),
            not_before=draw.choice([None, None, NOW + draw.randint(1, 100) * HOUR]),
            group=draw.choice([None, None, "g"]),
        )
        for number in range(draw.randint(1, 5))
    ]
    policy: dict[str, Any] = {
        "caps": [
            {"window_hours": draw.randint(6, 200), "sends": draw.randint(1, 3)},
            {"window_hours": 24, "sends": draw.randint(0, 2), "department": "marketing"},
        ],
        "quiet_hours": draw.choice([False, {"start": "21:00", "end": "08:00"}]),
        "horizon_hours": draw.choice([0, 12, 72, 168, 400]),
        "max_sends_per_decision": draw.randint(1, 2),
        "exploration": draw.choice([0.0, 0.3]),
    }
    wave = draw.choice([0.0, 0.05, 0.3])
    level = draw.uniform(-0.2, 0.1)

    def lift(scorer: FakeScorer, place: int, moment: int) -> tuple[float, float]:
        # Promises of a good moment that are taken back when it comes: what starves a message.
        luck = uniform(str(seed), str(place), str(moment // (6 * HOUR)), str(len(scorer.contacts)))
        return level + wave * luck, 0.1 if scorer.case else 0.0

    case = OpenCase("billing", NOW - DAY) if draw.random() < 0.4 else None
    touches = tuple(
        Touch(NOW - draw.randint(1, 100) * HOUR, draw.choice(["marketing", "sales"]), "email")
        for _ in range(draw.randint(0, 4))
    )
    return messages, policy, FakeScorer(lift, case), tuple(sorted(touches, key=lambda one: one.time))


def test_every_wait_ends_in_a_send_or_a_suppress_with_a_reason() -> None:
    waited = ended = longest = 0
    for seed in range(300):
        messages, raw, scorer, touches = drawn_world(seed)
        policy = a_policy(**raw)
        first = {one["message_id"]: NOW for one in messages}
        due = {one["message_id"]: NOW for one in messages}
        asks = dict.fromkeys(due, 0)
        while due:
            now = min(due.values())
            asked = [one for one in messages if due.get(one["message_id"]) == now]
            situation: Situation = a_situation(*asked, now=now, touches=touches, first_asked=first)
            verdicts: list[Verdict] = decide(situation, scorer, policy, f"{seed}-{now}")  # type: ignore[arg-type]
            for verdict in verdicts:
                message = asked[verdict.place]
                name = message["message_id"]
                asks[name] += 1
                told = f"seed {seed}, {name} at {(now - NOW) / HOUR:.1f} h: {verdict}"
                assert asks[name] <= MOST_ASKS, told
                assert verdict.reasons and all(code in CODES for code, _ in verdict.reasons), told
                end = life_end(message, situation, policy.horizon_hours)
                if verdict.action == "wait":
                    waited += 1
                    assert verdict.wait_until is not None and now < verdict.wait_until < end, told
                    due[name] = verdict.wait_until
                else:
                    ended += 1
                    longest = max(longest, asks[name])
                    del due[name]
                    if verdict.action == "send":
                        touches = (*touches, Touch(now, message["department"], message["channel"]))
    assert waited > 300 and ended > 600 and longest >= 4, (waited, ended, longest)
