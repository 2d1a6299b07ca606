"""How things stand once some of the request's messages have gone out: ledger, scores, worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data_contracts.configuration import Policy
from features.columns import Float64, Int64
from models.scoring import Chances, CustomerScorer
from policy.contact_rules import Ledger, after_quiet, earliest_allowed
from policy.situation import Situation, contact_row, life_end


@dataclass(frozen=True, slots=True)
class Standing:
    """The customer at `situation.now`, as if the messages `sent` (by place) had just gone out.

    `chances` has shape (candidates, 1), for a send now; `net` and `worth` have shape
    (candidates,): worth is the net value less the price of attention, and is what is compared.
    """

    situation: Situation
    policy: Policy
    scorer: CustomerScorer
    ledger: Ledger
    chances: Chances
    net: Float64
    worth: Float64
    awake: int | None
    """The first moment from now on that is not quiet; None where it always is in one of the zones."""

    def worth_at(self, moments: Int64, places: Int64) -> Float64:
        """Worth of candidates at later moments, shape (places, moments)."""
        chances = self.scorer.score(moments, places)
        return net_value(chances, _values(self.situation)[places], self.policy) - chances.price

    def allowed(self, place: int, moment: int) -> int | None:
        """The first moment from `moment` on at which every rule lets the candidate out; None if none.

        It lies after now and before the end of the message's life.
        """
        candidate = self.situation.candidates[place]
        found = earliest_allowed(moment, candidate, self.ledger, self.situation.zones, self.policy.quiet_hours)
        end = life_end(candidate, self.situation, self.policy.horizon_hours)
        return found if found is not None and self.situation.now < found < end else None


def stand(situation: Situation, scorer: CustomerScorer, policy: Policy, sent: Sequence[int]) -> Standing:
    """Score every candidate as if those in `sent` had gone out a moment ago."""
    now = situation.now
    ledger = Ledger(policy.caps)
    for touch in situation.touches:
        ledger.add(touch.time, touch.department, touch.channel)
    contact_type = scorer.bundle.specification.vocabulary.role("contact")[0]
    rows = []
    for place in sent:
        candidate = situation.candidates[place]
        rows.append(contact_row(candidate, now - 1, contact_type))
        if candidate["message_id"] not in situation.reserved:
            ledger.add(now, candidate["department"], candidate["channel"])
    seen = scorer.with_rows(rows) if rows else scorer
    everyone = np.arange(len(situation.candidates), dtype=np.int64)
    chances = seen.score(np.asarray([now], np.int64), everyone)
    net = net_value(chances, _values(situation), policy)[:, 0]
    awake = after_quiet(now, situation.zones, policy.quiet_hours)
    return Standing(situation, policy, seen, ledger, chances, net, net - chances.price[:, 0], awake)


def net_value(chances: Chances, values: Float64, policy: Policy) -> Float64:
    """helps_weight · lift_helps − interrupts_weight · lift_interrupts + balance · value · p_helps.

    `values` are the senders' own, shape (candidates,), 0 where a sender gave none; the result has
    the chances' shape.
    """
    own = policy.balance * values[:, None] * chances.p_helps
    return policy.helps_weight * chances.lift_helps - policy.interrupts_weight * chances.lift_interrupts + own


def _values(situation: Situation) -> Float64:
    return np.asarray([one.get("value") or 0.0 for one in situation.candidates], dtype=np.float64)
