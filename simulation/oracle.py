"""What somebody would do who can look into customers: the upper end of the scale that policies are measured on.

`LatentOracle.values` gives, from the latent state, what sending a pending message brings and costs: its own
linked answers, progress and harm brought about, and the price of attention (what the fatigue takes from later
messages of all departments, while it lasts). `OraclePolicy` sends what is worth more now than at any later
moment of the message's life, or never.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from simulation.clock import STEP_HOURS, STEPS_PER_DAY, WINDOW_STEPS, Floats, Ints, Moment
from simulation.contact import DISCHARGE, Chances
from simulation.draws import Draws, sigmoid
from simulation.messages import Pool
from simulation.rules import SEND, SUPPRESS, WAIT, Actions
from simulation.world import World

if TYPE_CHECKING:
    from simulation.company import Company

_HORIZON_DAYS = 14.0
_LOOKS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 18, 24, 30, 36, 48, 60, 72)
"""Steps ahead at which the oracle looks for a better moment."""


@dataclass(frozen=True, slots=True)
class Values:
    """What sending brings about, shape (n,) each.

    `helps`, `interrupts`: lifts of the two outcomes in 72 hours from this contact alone (before what happens
    anyway is taken off). `price`: expected later loss, in net helps, from the fatigue it leaves.
    """

    helps: Floats
    interrupts: Floats
    price: Floats


class Experience:
    """How often each message type is sent and what it does on average: what a later message stands to lose."""

    def __init__(self, n_types: int) -> None:
        self.customer_days = 0.0
        self.sent = np.zeros(n_types)
        self.gains = np.zeros(n_types)
        self.pains = np.zeros(n_types)

    def add(self, kind: Ints, chances: Chances) -> None:
        """Count contacts with the chances that they had."""
        n = self.sent.size
        gains = chances.positive + chances.opened * np.maximum(chances.progress, 0.0)
        self.sent += np.bincount(kind, minlength=n)
        self.gains += np.bincount(kind, weights=gains, minlength=n)
        self.pains += np.bincount(kind, weights=chances.negative + chances.harm, minlength=n)


class LatentOracle:
    """The value of contacts from the latent state, in closed form.

    Its price of attention is first order: with contacts at rate r, gains g and pains b each, fatigue that
    decays over T days, and a share l (k) of gains (pains) lost (won) per unit of fatigue over tolerance, a
    contact that adds f costs (f / tolerance) · T (1 − e^(−14/T)) · r · (2 l g + weight · k b).
    """

    def __init__(self, experience: Experience, interrupts_weight: float = 2.0) -> None:
        self.experience = experience
        self.interrupts_weight = interrupts_weight

    def values(self, pending: Pool, world: World, moment: Moment, ahead: int = 0) -> Values:
        """Values of sending at `moment` (which may be `ahead` steps later than the state)."""
        contact = world.models.contact
        state, table = world.state, world.table
        who, kind = pending.customer, pending.kind
        if ahead:
            left = np.exp(-ahead * STEP_HOURS / 24 / world.kind.attention.fatigue_days)
            state = replace(state, fatigue=state.fatigue * left)
        chances = contact.chances(state, moment, who, kind, pending.channel, pending.offer)
        inside = 1 - (1 - DISCHARGE) ** WINDOW_STEPS
        progress = chances.opened * chances.progress * inside
        renews = table.progress[kind] == 2
        left = state.contract_step[who] - moment.step[who]
        possible = (left > 0) & (left <= 14 * STEPS_PER_DAY + 12) & ~state.leaving[who]
        progress = np.where(renews & ~possible, 0.0, progress)
        helps = 1 - (1 - chances.positive) * np.exp(-np.maximum(progress, 0.0)) + np.minimum(progress, 0.0)
        interrupts = 1 - (1 - chances.negative) * np.exp(-chances.harm * inside)
        if contact.scale > 0:
            good, bad = self._survey(pending, world)
            helps = helps + good
            interrupts = interrupts + bad - self._relief(pending, world, moment)
        return Values(helps, interrupts, self._price(chances, state.tolerance[who], state.fatigue[who], world))

    def _price(self, chances: Chances, tolerance: Floats, fatigue: Floats, world: World) -> Floats:
        cost, seen = world.kind.attention, self.experience
        if seen.customer_days <= 0:
            return np.zeros(tolerance.size)
        days = cost.fatigue_days * -np.expm1(-_HORIZON_DAYS / cost.fatigue_days)
        lost = 2 * cost.help_loss * seen.gains.sum()
        strain = fatigue / tolerance
        won = cost.harm_gain / (1 + cost.harm_gain * strain) * seen.pains.sum()
        per_day = (lost + self.interrupts_weight * won) / seen.customer_days
        return np.asarray(chances.fatigue / tolerance * days * per_day, dtype=np.float64)

    def _survey(self, pending: Pool, world: World) -> tuple[Floats, Floats]:
        """Chances that an NPS survey is answered by a promoter, and by a detractor."""
        state, who = world.state, pending.customer
        asks = world.table.asks_nps[pending.kind]
        mean = world.models.life.nps_mean(state)[who]
        strain = np.minimum(state.fatigue[who] / state.tolerance[who], 6.0)
        rate = 0.012 * np.minimum(state.responsiveness[who], 3.0) * np.exp(-0.1 * strain)
        answers = asks * -np.expm1(-rate * WINDOW_STEPS)
        return answers * sigmoid(mean - 8.5), answers * sigmoid(6.5 - mean)

    def _relief(self, pending: Pool, world: World, moment: Moment) -> Floats:
        """Escalations that word about an open case prevents."""
        state, table, who = world.state, world.table, pending.customer
        speaks = table.about_case[pending.kind] & table.soothes[pending.kind] & state.case_open[who]
        if not speaks.any():
            return np.zeros(who.size)
        hazard = world.models.life.cases.escalation(state, moment)[who]
        waited = np.maximum((moment.step - state.case_word)[who] / STEPS_PER_DAY, 0.1)
        # The hazard grows with the waiting, which starts again; looked at over a day.
        saved = hazard * STEPS_PER_DAY * (1 - np.minimum(1.0, 0.5 / waited))
        return np.where(speaks, np.clip(saved, 0.0, 0.5), 0.0)


class OraclePolicy:
    """Sends what is worth it, at the best moment that it can foresee, one message a step and customer.

    `charge` scales the price of attention (0: for free); without `waits` it sends now or looks again later.
    """

    def __init__(self, oracle: LatentOracle, charge: float = 1.0, waits: bool = True) -> None:
        self.oracle = oracle
        self.charge = charge
        self.waits = waits

    def decide(self, pending: Pool, world: World) -> Actions:
        n = pending.n
        step = world.step[pending.customer]
        looks = _LOOKS if self.waits else (0,)
        worth = np.full((len(looks), n), -np.inf)
        stays = np.exp(-np.array(looks) * STEP_HOURS / world.kind.goals.hours)
        for row, ahead in enumerate(looks):
            there = step + ahead < pending.expires
            if not there.any():
                break
            moment = world.models.clock.moment(world.step + ahead, world.state.zone, world.state.phase)
            values = self.oracle.values(pending, world, moment, ahead)
            net = values.helps - self.oracle.interrupts_weight * values.interrupts - self.charge * values.price
            # What is known now wears off with the goal; a later moment is worth less for that.
            worth[row, there] = net[there] * np.where(net[there] > 0, stays[row], 1.0)
        best = worth.argmax(axis=0)
        value = worth.max(axis=0)
        action = np.where(value <= 0, WAIT, np.where(best == 0, SEND, WAIT)).astype(np.int64)
        wait = np.array(looks, dtype=np.int64)[best]
        # Nothing good in sight: look again tomorrow, as long as the message lives.
        wait = np.where(value <= 0, 2, np.maximum(wait, 1))
        action[(action == WAIT) & (step + wait >= pending.expires)] = SUPPRESS
        # One a step: the second is worth less once the first has gone out.
        sends = np.flatnonzero(action == SEND)
        order = sends[np.lexsort((-value[sends], pending.customer[sends]))]
        second = np.r_[False, pending.customer[order][1:] == pending.customer[order][:-1]] if order.size else []
        later = order[np.asarray(second, dtype=np.bool_)]
        action[later] = np.where(step[later] + 1 < pending.expires[later], WAIT, SUPPRESS)
        wait[later] = 1
        return Actions.of(action, step + wait)


def settled_oracle(company: Company, days: float = 14.0, rounds: int = 2) -> LatentOracle:
    """An oracle that charges for the contacts which it will itself let out.

    The price of attention depends on what comes later. So the oracle is tried on a twin of the company with
    other luck, where it learns how much it sends and what that does.
    """
    experience = company.experience
    for turn in range(rounds):
        twin = company.fork()
        twin.world.draws = Draws(company.seed, stream=500 + turn)
        twin.experience = Experience(experience.sent.size)
        twin.run(days, OraclePolicy(LatentOracle(experience)))
        experience = twin.experience
    return LatentOracle(experience)
