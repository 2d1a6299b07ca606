"""The decision's rules, each by a case that would fail without it, and its invariants by hypothesis."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.configuration import Policy
from data_contracts.times import DAY, HOUR, MINUTE
from models.scoring import OpenCase
from policy.decision import decide
from policy.draws import in_holdout, uniform
from policy.fallback import degraded, held_out
from policy.reasons import CODES
from policy.situation import Situation, Touch
from policy.verdict import Verdict
from tests.policy.fakes import NOW, FakeScorer, a_policy, a_situation, always, candidate, per_place


def ask(
    situation: Situation, scorer: FakeScorer, policy: Policy, decision_id: str = "d-1"
) -> dict[str, Verdict]:
    """Verdicts by message id, after the invariants of every answer were checked."""
    verdicts = decide(situation, scorer, policy, decision_id)  # type: ignore[arg-type]
    check(verdicts, situation)
    return {situation.candidates[one.place]["message_id"]: one for one in verdicts}


def check(verdicts: list[Verdict], situation: Situation) -> None:
    assert sorted(one.place for one in verdicts) == list(range(len(situation.candidates)))
    assert [one.rank for one in verdicts] == list(range(1, len(verdicts) + 1))
    order = ["send", "wait", "suppress"]
    assert [order.index(one.action) for one in verdicts] == sorted(order.index(one.action) for one in verdicts)
    groups: Counter[str] = Counter()
    for one in verdicts:
        asked = situation.candidates[one.place]
        assert one.reasons and all(code in CODES and text for code, text in one.reasons)
        assert 0.0 <= one.send_probability <= 1.0
        if one.action == "wait":
            assert one.wait_until is not None and one.wait_until > situation.now
            assert asked["expires_at"] is None or one.wait_until < asked["expires_at"]
        else:
            assert one.wait_until is None
        if one.action == "send" and asked["group"]:
            groups[asked["group"]] += 1
        if asked["purpose"] == "transactional" and not asked["group"]:
            assert one.action == "send" and one.send_probability == 1.0
    assert all(count == 1 for count in groups.values())


def codes(verdict: Verdict) -> list[str]:
    return [code for code, _ in verdict.reasons]


def test_what_is_not_worth_the_attention_stays_and_says_so() -> None:
    dear = ask(a_situation(), FakeScorer(always(0.1, 0.01), price=0.09), a_policy())["m-1"]
    assert dear.action != "send"
    assert dear.net_value == pytest.approx(0.08) and dear.attention_price == pytest.approx(0.09)
    assert codes(dear)[0] == "low_value" and "attention" in dear.reasons[0][1]
    assert "interrupt more than it helps" not in dear.reasons[0][1]
    cheap = ask(a_situation(), FakeScorer(always(0.1, 0.01), price=0.07), a_policy())["m-1"]
    assert cheap.action == "send" and "The attention costs 7.0 points" in cheap.reasons[0][1]


def test_what_helps_more_than_it_interrupts_goes() -> None:
    answer = ask(a_situation(), FakeScorer(always(0.1, 0.01)), a_policy())
    assert answer["m-1"].action == "send"
    assert answer["m-1"].net_value == pytest.approx(0.1 - 2 * 0.01)
    assert codes(answer["m-1"]) == ["worth_it"]


def test_what_interrupts_is_suppressed_when_no_moment_is_better() -> None:
    answer = ask(a_situation(), FakeScorer(always(0.01, 0.1)), a_policy())
    assert answer["m-1"].action == "suppress"
    assert codes(answer["m-1"]) == ["low_value", "no_moment"]


def test_below_the_minimum_nothing_goes() -> None:
    answer = ask(a_situation(), FakeScorer(always(0.1)), a_policy(minimum_net_value=0.2))
    assert answer["m-1"].action == "suppress"


def test_the_senders_value_counts_by_the_balance() -> None:
    asked = candidate(value=5.0)
    collective = ask(a_situation(asked), FakeScorer(always(0.0, 0.1)), a_policy())
    individual = ask(a_situation(asked), FakeScorer(always(0.0, 0.1)), a_policy(balance=1.0))
    assert collective["m-1"].action == "suppress"
    assert individual["m-1"].action == "send"
    assert individual["m-1"].net_value == pytest.approx(-0.2 + 5.0 * 0.1)


def test_the_most_valuable_wins_and_the_rest_learns_when() -> None:
    situation = a_situation(candidate("a"), candidate("b"), candidate("c"))
    scorer = FakeScorer(per_place((0.1, 0.0), (0.3, 0.0), (0.2, 0.0)))
    answer = ask(situation, scorer, a_policy(caps=[{"window_hours": 24, "sends": 1}]))
    assert [answer[name].action for name in "abc"] == ["wait", "send", "wait"]
    assert codes(answer["c"]) == ["outranked"]
    # Waiting messages are spread: each has a day of its own under the cap.
    waits = sorted([answer["a"].wait_until or 0, answer["c"].wait_until or 0])
    assert waits[0] >= NOW + DAY and waits[1] >= waits[0] + DAY


def test_the_second_send_is_scored_as_if_the_first_had_gone_out() -> None:
    def fatigue(scorer: FakeScorer, place: int, moment: int) -> tuple[float, float]:
        return 0.2 - 0.01 * place, 0.15 * len(scorer.contacts)

    situation = a_situation(candidate("a"), candidate("b"))
    answer = ask(situation, FakeScorer(fatigue), a_policy(max_sends_per_decision=2))
    assert answer["a"].action == "send" and answer["b"].action != "send"
    rested = ask(situation, FakeScorer(always(0.2)), a_policy(max_sends_per_decision=2))
    assert rested["a"].action == rested["b"].action == "send"


def test_transactional_always_goes_and_uses_up_the_cap() -> None:
    situation = a_situation(
        candidate("receipt", purpose="transactional"),
        candidate("upsell"),
        touches=(Touch(NOW - HOUR, "sales", "email"), Touch(NOW - HOUR, "sales", "email")),
        opted_out=frozenset({"email"}),
    )
    answer = ask(situation, FakeScorer(always(-1.0, 1.0)), a_policy(caps=[{"window_hours": 24, "sends": 2}]))
    assert answer["receipt"].action == "send"
    one_left = a_situation(
        candidate("receipt", purpose="transactional"),
        candidate("upsell"),
        touches=(Touch(NOW - HOUR, "sales", "email"),),
    )
    answer = ask(one_left, FakeScorer(always(0.5)), a_policy(caps=[{"window_hours": 24, "sends": 2}]))
    assert answer["upsell"].action == "wait" and "cap" in codes(answer["upsell"])
    assert answer["upsell"].wait_until is not None and answer["upsell"].wait_until >= NOW + 23 * HOUR


def test_opted_out_expired_sent_and_reserved() -> None:
    situation = a_situation(
        candidate("left", channel="sms"),
        candidate("old", expires_at=NOW),
        candidate("gone"),
        candidate("held"),
        opted_out=frozenset({"sms"}),
        sent={"gone": NOW - HOUR},
        reserved={"held": NOW + HOUR},
    )
    answer = ask(situation, FakeScorer(always(0.5)), a_policy())
    assert (answer["left"].action, codes(answer["left"])[0]) == ("suppress", "opted_out")
    assert answer["left"].recheck_on == ("opted_in",)
    assert (answer["old"].action, codes(answer["old"])[0]) == ("suppress", "expired")
    assert (answer["gone"].action, codes(answer["gone"])[0]) == ("suppress", "already_sent")
    assert (answer["held"].action, answer["held"].wait_until) == ("wait", NOW + HOUR)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"caps": [{"window_hours": 24, "sends": 0}]}, "cap"),
        ({"max_sends_per_decision": 0}, "sends_zero"),
    ],
)
def test_zero_means_none_and_never_a_silent_queue(fields: dict[str, Any], code: str) -> None:
    answer = ask(a_situation(), FakeScorer(always(0.5)), a_policy(**fields))
    assert answer["m-1"].action == "suppress"
    assert codes(answer["m-1"])[0].startswith(code)


def test_quiet_hours_wait_for_the_morning() -> None:
    night = NOW + 11 * HOUR  # 23:00
    quiet = {"start": "21:00", "end": "08:00"}
    answer = ask(a_situation(now=night), FakeScorer(always(0.5)), a_policy(quiet_hours=quiet))
    assert codes(answer["m-1"])[0] == "quiet_hours"
    assert answer["m-1"].wait_until == NOW + 20 * HOUR
    expiring = a_situation(candidate(expires_at=night + HOUR), now=night)
    answer = ask(expiring, FakeScorer(always(0.5)), a_policy(quiet_hours=quiet))
    assert answer["m-1"].action == "suppress"


def test_a_clearly_better_moment_is_waited_for_a_slightly_better_one_is_not() -> None:
    def morning(gain: float) -> FakeScorer:
        return FakeScorer(lambda scorer, place, moment: (0.1 + gain * (moment > NOW + 20 * HOUR), 0.0))

    clearly = ask(a_situation(), morning(0.1), a_policy())
    assert clearly["m-1"].action == "wait" and codes(clearly["m-1"]) == ["better_moment"]
    assert clearly["m-1"].wait_until == NOW + 24 * HOUR
    assert ask(a_situation(), morning(0.004), a_policy())["m-1"].action == "send"
    assert ask(a_situation(), morning(0.1), a_policy(horizon_hours=0))["m-1"].action == "send"


def test_a_message_never_waits_for_ever() -> None:
    asked = a_situation(candidate(), first_asked={"m-1": NOW - 200 * HOUR})
    held = FakeScorer(lambda scorer, place, moment: (0.1 if moment > NOW else -0.1, 0.0))
    assert ask(asked, held, a_policy())["m-1"].action == "suppress"
    fresh = ask(a_situation(), held, a_policy())
    assert fresh["m-1"].action == "wait"


def test_an_open_case_says_what_would_change_it() -> None:
    case = OpenCase("billing", NOW - 30 * HOUR)
    scorer = FakeScorer(lambda s, place, moment: (0.1, 0.3 if s.case else 0.0), case)
    answer = ask(a_situation(), scorer, a_policy())
    assert answer["m-1"].action == "wait"
    assert answer["m-1"].recheck_on == ("ticket_resolved",)
    code, text = answer["m-1"].reasons[0]
    assert code == "open_case"
    assert text == "A billing case has been open for 1.2 days. Once it is resolved this message would be sent."
    resolved = scorer.with_case_resolved("ticket_resolved")
    assert resolved is not None
    assert ask(a_situation(), resolved, a_policy())["m-1"].action == "send"


def test_a_promise_is_made_only_where_it_holds() -> None:
    case = OpenCase(None, NOW - 30 * MINUTE)
    scorer = FakeScorer(lambda s, place, moment: (0.1, 0.3 if s.case else 0.06), case)
    answer = ask(a_situation(), scorer, a_policy(patience=0.0))
    assert answer["m-1"].reasons[0] == ("open_case", "A case has been open for 30 minutes.")
    assert answer["m-1"].action == "suppress"


def test_a_promise_reckons_with_what_this_answer_lets_out() -> None:
    case = OpenCase("billing", NOW - 30 * HOUR)

    def lift(scorer: FakeScorer, place: int, moment: int) -> tuple[float, float]:
        return (0.1, 0.0) if place == 0 else (0.3, 0.4 if scorer.case else 0.0)

    situation = a_situation(candidate("answer"), candidate("upsell"))
    capped = a_policy(caps=[{"window_hours": 24, "sends": 1}])
    answer = ask(situation, FakeScorer(lift, case), capped)
    assert answer["answer"].action == "send" and answer["upsell"].action == "wait"
    assert "Once it is resolved" not in dict(answer["upsell"].reasons)["open_case"], (
        "the cap is used up by then"
    )
    free = ask(situation, FakeScorer(lift, case), a_policy())
    assert "Once it is resolved this message would be sent." in dict(free["upsell"].reasons)["open_case"]


def test_what_is_suppressed_is_promised_nothing() -> None:
    case = OpenCase("billing", NOW - 30 * HOUR)
    scorer = FakeScorer(lambda s, place, moment: (0.1, 0.3 if s.case else 0.0), case)
    answer = ask(a_situation(), scorer, a_policy(horizon_hours=0))
    assert answer["m-1"].action == "suppress" and answer["m-1"].recheck_on == ()
    assert dict(answer["m-1"].reasons)["open_case"] == "A billing case has been open for 1.2 days."


def test_what_falls_short_by_little_is_looked_at_again_until_its_life_ends() -> None:
    situation = a_situation(candidate(expires_at=NOW + 60 * HOUR))
    scorer = FakeScorer(always(0.0, 0.02))
    first = ask(situation, scorer, a_policy(patience=0.05))["m-1"]
    assert first.action == "wait" and codes(first) == ["low_value", "not_yet"]
    assert first.wait_until is not None and first.wait_until >= NOW + DAY
    assert ask(situation, scorer, a_policy(patience=0.03))["m-1"].action == "suppress"
    # Asked again each time, it ends.
    moment, seen = NOW, 0
    while True:
        again = a_situation(candidate(expires_at=NOW + 60 * HOUR), now=moment, first_asked={"m-1": NOW})
        verdict = ask(again, scorer, a_policy(patience=0.05))["m-1"]
        if verdict.action != "wait":
            break
        assert verdict.wait_until is not None and verdict.wait_until > moment
        moment, seen = verdict.wait_until, seen + 1
    assert verdict.action == "suppress" and 1 <= seen <= 6


def test_one_of_a_group_goes() -> None:
    situation = a_situation(
        candidate("by mail", group="g"), candidate("by push", channel="push", group="g"), candidate("other")
    )
    scorer = FakeScorer(per_place((0.1, 0.0), (0.3, 0.0), (0.2, 0.0)))
    answer = ask(situation, scorer, a_policy(max_sends_per_decision=3))
    assert [answer[name].action for name in ("by mail", "by push", "other")] == ["suppress", "send", "send"]
    assert codes(answer["by mail"]) == ["group_alternative"]
    receipts = a_situation(
        candidate("r1", purpose="transactional", group="g", channel="sms"),
        candidate("r2", purpose="transactional", group="g"),
        opted_out=frozenset({"sms"}),
    )
    answer = ask(receipts, scorer, a_policy())
    assert (answer["r1"].action, answer["r2"].action) == ("suppress", "send")


def test_send_probability_is_the_frequency_of_sends() -> None:
    situation = a_situation(candidate("a"), candidate("b"), candidate("c", channel="sms"))
    situation = a_situation(*situation.candidates, opted_out=frozenset({"sms"}))
    scorer = FakeScorer(per_place((0.2, 0.0), (0.1, 0.0), (0.3, 0.0)))
    policy = a_policy(exploration=0.4)
    n = 4000
    sends: Counter[str] = Counter()
    for number in range(n):
        for name, verdict in ask(situation, scorer, policy, f"d-{number}").items():
            sends[name] += verdict.action == "send"
            expected = {"a": 0.6 + 0.1, "b": 0.1, "c": 0.0}[name]
            assert verdict.send_probability == pytest.approx(expected)
    for name, expected in {"a": 0.7, "b": 0.1, "c": 0.0}.items():
        error = (expected * (1 - expected) / n) ** 0.5
        assert abs(sends[name] / n - expected) <= 4 * error + 1e-9
    assert ask(situation, scorer, policy, "d-5") == ask(situation, scorer, policy, "d-5")


@pytest.mark.parametrize(("sends", "exploration"), [(2, 0.5), (3, 1.0), (1, 0.1)])
def test_send_probability_is_exact_with_several_sends_and_groups(sends: int, exploration: float) -> None:
    situation = a_situation(
        candidate("a", group="g"), candidate("b", group="g"), candidate("c"),
        candidate("receipt", purpose="transactional"), candidate("d"),
    )  # fmt: skip
    scorer = FakeScorer(per_place((0.3, 0.0), (0.25, 0.0), (0.2, 0.0), (0.0, 0.0), (-0.1, 0.0)))
    policy = a_policy(exploration=exploration, max_sends_per_decision=sends)
    n = 1200
    count: Counter[str] = Counter()
    told: dict[str, float] = {}
    for number in range(n):
        answer = ask(situation, scorer, policy, f"x-{number}")
        told |= {name: verdict.send_probability for name, verdict in answer.items()}
        count.update(name for name, verdict in answer.items() if verdict.action == "send")
    chosen = {"a", "c"} if sends > 1 else {"a"}
    for name in "abcd":
        exact = (1 - exploration) * (name in chosen) + exploration / 8
        assert told[name] == pytest.approx(exact)
        assert abs(count[name] / n - exact) <= 4 * (exact * (1 - exact) / n) ** 0.5 + 1e-9
    assert told["receipt"] == 1.0 and count["receipt"] == n


def test_the_draw_can_be_repeated_from_the_decision_id_alone() -> None:
    situation = a_situation(candidate("a"), candidate("b"))
    scorer = FakeScorer(per_place((0.2, 0.0), (0.1, 0.0)))
    policy = a_policy(exploration=0.5)
    kinds: Counter[str] = Counter()
    for number in range(500):
        name = f"d-{number}"
        out = [one for one, verdict in ask(situation, scorer, policy, name).items() if verdict.action == "send"]
        # As docs/decisions/0004 has it, by hand.
        if uniform(name, "explore") >= 0.5:
            kinds["chosen"] += 1
            assert out == ["a"]
        elif uniform(name, "arm") < 0.5:
            kinds["nothing"] += 1
            assert out == []
        else:
            kinds["drawn"] += 1
            assert out == ["ab"[int(uniform(name, "candidate") * 2)]]
    assert min(kinds.values()) > 80


def test_holdout_is_stable_and_grows() -> None:
    small = {k for k in range(4000) if in_holdout(f"c-{k}", 0.1)}
    large = {k for k in range(4000) if in_holdout(f"c-{k}", 0.2)}
    assert small < large and abs(len(small) / 4000 - 0.1) < 0.02
    assert not any(in_holdout(f"c-{k}", 0.0) for k in range(100))
    situation = a_situation(candidate("a"), candidate("b", channel="sms"), opted_out=frozenset({"sms"}))
    assert [one.action for one in held_out(situation)] == ["send", "suppress"]


def test_draws_are_uniform_and_repeatable() -> None:
    draws = [uniform("d", str(k)) for k in range(5000)]
    assert abs(sum(draws) / 5000 - 0.5) < 0.02 and uniform("d", "1") == draws[1]
    assert uniform("ab", "c") != uniform("a", "bc")


def test_degraded_lets_only_transactional_out() -> None:
    asked = [
        candidate("receipt", purpose="transactional"),
        candidate("offer"),
        candidate("short", expires_at=NOW + MINUTE),
        candidate("over", expires_at=NOW - MINUTE),
        candidate("later", not_before=NOW + DAY),
    ]
    verdicts = {asked[one.place]["message_id"]: one for one in degraded(asked, NOW, "No model is loaded.")}
    assert {name: one.action for name, one in verdicts.items()} == {
        "receipt": "send", "offer": "wait", "short": "wait", "over": "suppress", "later": "wait",
    }  # fmt: skip
    assert NOW < (verdicts["short"].wait_until or 0) < NOW + MINUTE
    assert verdicts["later"].wait_until == NOW + DAY


lifts = st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
messages = st.fixed_dictionaries(
    {
        "department": st.sampled_from(["marketing", "sales", "support"]),
        "channel": st.sampled_from(["email", "sms", "push"]),
        "purpose": st.sampled_from(["promotional", "promotional", "survey", "service", "transactional"]),
        "group": st.sampled_from([None, None, "g", "h"]),
        "not_before": st.sampled_from([None, None, NOW - HOUR, NOW + 30 * HOUR]),
        "expires_at": st.sampled_from(
            [None, NOW - HOUR, NOW + 1, NOW + HOUR, NOW + 50 * HOUR, NOW + 400 * HOUR]
        ),
    }
)


@settings(max_examples=300, deadline=None)
@given(
    fields=st.lists(messages, min_size=1, max_size=8),
    table=st.lists(lifts, min_size=8, max_size=8),
    touches=st.lists(st.integers(-100, 0), max_size=5),
    quiet=st.booleans(),
    sends=st.integers(0, 3),
    has_case=st.booleans(),
    seed=st.integers(0, 10_000),
)
def test_invariants_hold_for_any_request(
    fields: list[dict[str, Any]],
    table: list[tuple[float, float]],
    touches: list[int],
    quiet: bool,
    sends: int,
    has_case: bool,
    seed: int,
) -> None:
    asked = [candidate(f"m-{number}", **one) for number, one in enumerate(fields)]
    situation = a_situation(
        *asked,
        touches=tuple(Touch(NOW + hour * HOUR, "marketing", "email") for hour in touches),
        opted_out=frozenset({"push"}),
    )
    caps = [{"window_hours": 24, "sends": 2}, {"window_hours": 48, "sends": 1, "department": "marketing"}]
    policy = a_policy(
        caps=caps,
        max_sends_per_decision=sends,
        exploration=0.3,
        quiet_hours={"start": "12:30", "end": "11:00"} if quiet else False,
    )

    def lift(scorer: FakeScorer, place: int, moment: int) -> tuple[float, float]:
        helps, interrupts = table[place % 8]
        return helps * (1 if moment == NOW else -0.5), interrupts * (1 if scorer.case else 0.3)

    case = OpenCase("billing", NOW - DAY) if has_case else None
    answer = ask(situation, FakeScorer(lift, case), policy, f"d-{seed}")
    out = [one for one in answer.values() if one.action == "send"]
    free = [one for one in out if asked[one.place]["purpose"] != "transactional"]
    assert len(free) <= sends
    for one in free:
        assert asked[one.place]["channel"] != "push"
        assert (asked[one.place]["expires_at"] or NOW + 1) > NOW
        assert (asked[one.place]["not_before"] or NOW) <= NOW
    if free:
        day = sum(NOW + hour * HOUR > NOW - DAY for hour in touches) + len(out)
        assert day <= 2
