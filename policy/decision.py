"""The decision: chances and contact rules → send, wait or suppress for every candidate, ranked.

One straight line: what rules forbid for good; what is transactional; which of the rest may go and
is worth it; the random draw that keeps the effects measurable; and for all that does not go, the
moment to ask again. Pure: the clock, the history and the randomness are handed in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from data_contracts.configuration import Policy
from models.scoring import CustomerScorer
from policy.draws import uniform
from policy.moments import Moment, best_moments
from policy.reasons import Reason, cap_reason, reason, until_reason, value_reason
from policy.situation import Situation, life_end
from policy.standing import Standing, stand
from policy.verdict import Draft, Verdict, ranked
from policy.waiting import Counterfactual, plan_wait


def decide(
    situation: Situation,
    scorer: CustomerScorer,
    policy: Policy,
    decision_id: str,
    *,
    counterfactuals: bool = True,
) -> list[Verdict]:
    """Answer every candidate of the situation once, ranked from 1.

    `scorer` sees the same customer at `situation.now` with the same candidates in the same order.
    `counterfactuals`: also ask what an open case's resolution would change (one level deep).
    """
    drafts = forbidden(situation, policy)
    alone = stand(situation, scorer, policy, [])
    transactional, closed = always_sent(alone)
    drafts |= closed
    for place in transactional:
        drafts[place] = Draft(place, "send", [reason("transactional")], 1.0, standing=alone)
    standing = alone if not transactional else stand(situation, scorer, policy, transactional)

    undecided = [place for place in range(len(situation.candidates)) if place not in drafts]
    held = {place: rules_now(standing, place) for place in undecided}
    eligible = [place for place in undecided if not held[place]]
    later = best_moments(standing, eligible)
    chosen = choose(standing, scorer, eligible, later, transactional)
    drawn = explored(policy, decision_id, eligible, list(chosen))
    for place in drawn:
        told = chosen.get(place, standing)
        why = worth_reason(told, place) if place in chosen else reason("exploration")
        drafts[place] = Draft(place, "send", [why], standing=told)
    closed_groups = _groups(situation, drawn)
    for place in undecided:
        if place not in drafts and situation.candidates[place].get("group") in closed_groups:
            drafts[place] = Draft(place, "suppress", [reason("group_alternative")])

    after = standing if not drawn else stand(situation, scorer, policy, [*transactional, *drawn])
    waiting = [place for place in undecided if place not in drafts]
    if drawn:
        later = {}  # it was looked for as if nothing went out
    later |= best_moments(after, [place for place in waiting if place not in later])
    counterfactual = Counterfactual(after, scorer, drawn, decide if counterfactuals else None)
    for place in sorted(waiting, key=lambda one: -later[one].worth if one in later else float("inf")):
        drafts[place] = plan_wait(
            after,
            place,
            held[place],
            later.get(place),
            counterfactual,
            outranked=bool(chosen or drawn),
            drawn_back=place in chosen,
        )
    for place, probability in send_probabilities(policy, eligible, list(chosen)).items():
        drafts[place].send_probability = probability
    return ranked(drafts.values(), after, general_notes(situation, scorer))


def forbidden(situation: Situation, policy: Policy) -> dict[int, Draft]:
    """What rules keep back whatever the models say; transactional messages are never among them."""
    drafts: dict[int, Draft] = {}
    for place, candidate in enumerate(situation.candidates):
        if candidate["purpose"] == "transactional":
            continue
        message_id, expires_at = candidate["message_id"], candidate.get("expires_at")
        recheck_on: tuple[str, ...] = ()
        action, wait_until, why = "suppress", None, None
        if candidate["channel"] in situation.opted_out:
            why = reason("opted_out", f"The customer has left the channel {candidate['channel']}.")
            recheck_on = situation.opted_in_types
        elif message_id in situation.sent:
            why = reason("already_sent")
        elif expires_at is not None and expires_at <= situation.now:
            why = reason("expired")
        elif message_id in situation.reserved:
            until = situation.reserved[message_id]
            why = until_reason("reserved", until)
            if expires_at is None or until < expires_at:
                action, wait_until = "wait", until
        elif policy.max_sends_per_decision == 0:
            why = reason("sends_zero")
        elif policy.horizon_hours > 0 and life_end(candidate, situation, policy.horizon_hours) <= situation.now:
            why = reason("waited_out")
        if why is not None:
            drafts[place] = Draft(place, action, [why], 0.0, wait_until, recheck_on)
    return drafts


def always_sent(alone: Standing) -> tuple[list[int], dict[int, Draft]]:
    """The transactional messages that go, and the verdicts of those whose group's other one goes.

    Of alternatives in a group the one on a channel that the customer has not left, and then the
    one of most net value, goes. A group with a transactional send closes for the others too.
    """
    situation = alone.situation
    best: dict[object, int] = {}
    for place in sorted(
        (
            place
            for place, candidate in enumerate(situation.candidates)
            if candidate["purpose"] == "transactional"
        ),
        key=lambda one: (
            situation.candidates[one]["channel"] in situation.opted_out,
            -float(alone.net[one]),
            one,
        ),
    ):
        best.setdefault(situation.candidates[place].get("group") or place, place)
    sent = sorted(best.values())
    closed = _groups(situation, sent)
    others = {
        place: Draft(place, "suppress", [reason("group_alternative")])
        for place, candidate in enumerate(situation.candidates)
        if place not in sent and candidate.get("group") in closed
    }
    return sent, others


def rules_now(standing: Standing, place: int) -> list[Reason]:
    """Why contact rules keep a candidate from going now; empty where none does."""
    situation = standing.situation
    candidate = situation.candidates[place]
    found: list[Reason] = []
    not_before = candidate.get("not_before")
    if not_before is not None and not_before > situation.now:
        found.append(until_reason("not_before", not_before))
    awake = standing.awake
    if awake is None:
        found.append(reason("quiet_hours", "It is always quiet in one of the time zones assumed."))
    elif awake > situation.now:
        found.append(until_reason("quiet_hours", awake))
    cap = standing.ledger.blocking(situation.now, candidate["department"], candidate["channel"])
    if cap is not None:
        found.append(cap_reason(cap))
    return found


def choose(
    standing: Standing,
    scorer: CustomerScorer,
    eligible: Sequence[int],
    later: Mapping[int, Moment],
    transactional: Sequence[int],
) -> dict[int, Standing]:
    """The sends of this decision in order of worth, each with the standing under which it won.

    Each further one is scored as if the former had gone out. A message that is worth clearly
    more at a later moment leaves its place to the next.
    """
    situation, policy = standing.situation, standing.policy
    chosen: dict[int, Standing] = {}
    left = list(eligible)
    while left and len(chosen) < policy.max_sends_per_decision:
        best = max(left, key=lambda place: (float(standing.worth[place]), -place))
        worth = float(standing.worth[best])
        if worth < policy.minimum_net_value:
            break
        left.remove(best)
        if best in later and later[best].worth > worth + policy.wait_margin:
            continue
        if rules_now(standing, best):
            continue
        chosen[best] = standing
        closed = _groups(situation, [best])
        left = [place for place in left if situation.candidates[place].get("group") not in closed]
        if left and len(chosen) < policy.max_sends_per_decision:
            standing = stand(situation, scorer, policy, [*transactional, *chosen])
    return chosen


def send_probabilities(policy: Policy, eligible: Sequence[int], chosen: Sequence[int]) -> dict[int, float]:
    """The exact chance with which each eligible candidate is let out now.

    With probability ε (`exploration`) the choice is replaced: by nothing, or with the same chance
    by one eligible candidate drawn uniformly. So it is (1 − ε)·chosen + ε / (2·eligible).
    """
    share = policy.exploration
    return {place: (1.0 - share) * (place in chosen) + share / (2.0 * len(eligible)) for place in eligible}


def explored(policy: Policy, decision_id: str, eligible: Sequence[int], chosen: Sequence[int]) -> list[int]:
    """What goes out after the draw, by place; the draw depends on the decision id alone."""
    if not eligible or uniform(decision_id, "explore") >= policy.exploration:
        return list(chosen)
    if uniform(decision_id, "arm") < 0.5:
        return []
    return [eligible[int(uniform(decision_id, "candidate") * len(eligible))]]


def worth_reason(standing: Standing, place: int) -> Reason:
    """Why a message goes: what it is expected to change."""
    chances = standing.chances
    return value_reason(
        "worth_it",
        float(chances.lift_helps[place, 0]),
        float(chances.lift_interrupts[place, 0]),
        float(chances.price[place, 0]),
    )


def general_notes(situation: Situation, scorer: CustomerScorer) -> list[Reason]:
    """What holds for every candidate of this answer."""
    notes = []
    if scorer.bundle.observational:
        notes.append(reason("observational"))
    if situation.is_new:
        notes.append(reason("new_customer"))
    return notes


def _groups(situation: Situation, places: Sequence[int]) -> set[str]:
    return {group for place in places if (group := situation.candidates[place].get("group")) is not None}
