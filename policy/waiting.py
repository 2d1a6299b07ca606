"""A message that does not go now: the moment to ask again, why, and what would change it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from data_contracts.configuration import Policy
from data_contracts.times import DAY, HOUR
from models.scoring import CustomerScorer
from policy.moments import Moment, later_moments
from policy.reasons import Reason, open_case_reason, reason, value_reason
from policy.situation import Situation, Touch, contact_row, life_end
from policy.standing import Standing
from policy.verdict import Draft, Verdict


class Decide(Protocol):
    """`policy.decision.decide`, handed in so that the two modules need not import each other."""

    def __call__(
        self,
        situation: Situation,
        scorer: CustomerScorer,
        policy: Policy,
        decision_id: str,
        *,
        counterfactuals: bool,
    ) -> list[Verdict]: ...


CASE_CHECK = 2 * DAY
"""How soon to look again at a message that an open case keeps back, if no resolution is heard of."""


@dataclass(slots=True)
class Counterfactual:
    """The same question had the open case just been resolved, asked at most once a decision.

    `drawn` (by place) went out in this decision, so the question is asked with them in the ledger: they would
    still have gone out when the resolution is heard of. `scorer` knows of none of this decision's sends.
    """

    standing: Standing
    scorer: CustomerScorer
    drawn: Sequence[int]
    decide: Decide | None
    _answers: dict[int, Verdict] | None = field(default=None, init=False)

    def once_resolved(self, place: int) -> Verdict | None:
        """The verdict for a candidate then; None where no case is open."""
        if self._answers is None:
            self._answers = self._ask()
        return self._answers.get(place)

    def _ask(self) -> dict[int, Verdict]:
        situation = self.standing.situation
        types = situation.case_resolved_types
        resolved = self.scorer.with_case_resolved(types[0]) if types and self.decide else None
        if resolved is None or self.decide is None:
            return {}
        situation, seen = self._with_drawn(situation, resolved)
        certain = self.standing.policy.model_copy(update={"exploration": 0.0})
        answers = self.decide(situation, seen, certain, "", counterfactuals=False)
        return {verdict.place: verdict for verdict in answers}

    def _with_drawn(self, situation: Situation, scorer: CustomerScorer) -> tuple[Situation, CustomerScorer]:
        """As the service would find it when it is asked again: what was drawn is reserved and a touch."""
        if not self.drawn:
            return situation, scorer
        now, sent = situation.now, [situation.candidates[place] for place in self.drawn]
        contact_type = scorer.bundle.specification.vocabulary.role("contact")[0]
        touches = tuple(Touch(now, one["department"], one["channel"]) for one in sent)
        reserved = {one["message_id"]: now + 1 for one in sent}
        situation = replace(
            situation,
            touches=(*situation.touches, *touches),
            reserved={**situation.reserved, **reserved},
        )
        return situation, scorer.with_rows([contact_row(one, now - 1, contact_type) for one in sent])


def plan_wait(
    standing: Standing,
    place: int,
    held: Sequence[Reason],
    later: Moment | None,
    counterfactual: Counterfactual,
    *,
    outranked: bool,
    drawn_back: bool,
) -> Draft:
    """Say until when a message waits, or that its life holds no good moment.

    Parameters
    ----------
    standing : how things stand after this decision's sends; a planned moment is added to its
        ledger, so that the next message waits for a moment of its own
    held : the rules that keep the message back now
    later : its best later moment, None where none is allowed
    outranked : another message goes out in this decision
    drawn_back : the message would have gone, and an exploration draw held it
    """
    minimum = standing.policy.minimum_net_value
    worth = float(standing.worth[place])
    reasons = list(held)
    recheck_on: tuple[str, ...] = ()
    case_helps = case_opens = False
    promise: tuple[Reason, Reason] | None = None
    if drawn_back:
        reasons.append(reason("exploration"))
    elif worth < minimum:
        once = counterfactual.once_resolved(place)
        case = standing.scorer.open_case()
        if once is not None and case is not None and once.net_value is not None:
            case_helps = once.net_value - (once.attention_price or 0.0) > worth
            case_opens = once.action != "suppress"
        if case_helps and case is not None and once is not None:
            told = (case.topic, case.opened_at, standing.situation.now)
            reasons.append(open_case_reason(*told, enough=once.action == "send"))
            promise = (reasons[-1], open_case_reason(*told, enough=False))
            recheck_on = standing.situation.case_resolved_types
        chances = standing.chances
        reasons.append(
            value_reason(
                "low_value",
                float(chances.lift_helps[place, 0]),
                float(chances.lift_interrupts[place, 0]),
                float(chances.price[place, 0]),
                outweighed=float(standing.net[place]) >= minimum,
            )
        )
    elif not held and outranked:
        reasons.append(reason("outranked"))

    draft = _planned(standing, place, later, reasons, recheck_on, case_opens, drawn_back)
    if promise is not None and draft.action == "suppress":
        # Nobody would ask about it again, so nothing is promised.
        draft.reasons = [promise[1] if one == promise[0] else one for one in draft.reasons]
    return draft


def _planned(
    standing: Standing,
    place: int,
    later: Moment | None,
    reasons: list[Reason],
    recheck_on: tuple[str, ...],
    case_opens: bool,
    drawn_back: bool,
) -> Draft:
    minimum = standing.policy.minimum_net_value
    if later is not None and (later.worth >= minimum or drawn_back):
        if not reasons:
            reasons.append(reason("better_moment"))
        return _settled(standing, place, later.time, reasons, recheck_on)
    if later is not None and (case_opens or _outlives_horizon(standing, place)):
        # Messages that were planned before this one may have used up every cap until its end.
        moments = later_moments(standing, place) or [later.time]
        soon = [time for time in moments if time >= standing.situation.now + CASE_CHECK]
        moment = soon[0] if case_opens and soon else moments[-1]
        return _settled(standing, place, moment, reasons, recheck_on)
    if later is not None and later.worth >= minimum - standing.policy.patience:
        moments = later_moments(standing, place)
        if moments:
            soon = [time for time in moments if time >= standing.situation.now + DAY]
            again = reason("not_yet")
            return _settled(standing, place, soon[0] if soon else moments[-1], [*reasons, again], recheck_on)
    if later is None:
        return Draft(place, "suppress", [*reasons, reason("no_moment")])
    told = "No allowed moment left in the message's life is expected to help more than it interrupts."
    return Draft(place, "suppress", [*reasons, reason("no_moment", told)])


def _settled(
    standing: Standing, place: int, moment: int, reasons: list[Reason], recheck_on: tuple[str, ...]
) -> Draft:
    # Messages that were planned before this one may have used up a cap at that moment.
    allowed = standing.allowed(place, moment)
    if allowed is None:
        return Draft(place, "suppress", [*reasons, reason("no_moment")])
    candidate = standing.situation.candidates[place]
    standing.ledger.add(allowed, candidate["department"], candidate["channel"])
    return Draft(place, "wait", reasons, wait_until=allowed, recheck_on=recheck_on)


def _outlives_horizon(standing: Standing, place: int) -> bool:
    """Whether the message still has a life where the search could not look."""
    situation, hours = standing.situation, standing.policy.horizon_hours
    end = life_end(situation.candidates[place], situation, hours)
    return end > situation.now + round(hours * HOUR)
