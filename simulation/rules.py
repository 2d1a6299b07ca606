"""Policies: who decides what goes out. The company's own until today, and the two extremes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

import numpy as np

from simulation.clock import STEPS_PER_DAY, Bools, Floats, Ints
from simulation.messages import Pool

if TYPE_CHECKING:
    from simulation.company import Company
    from simulation.world import World

SEND: Final = 0
WAIT: Final = 1
SUPPRESS: Final = 2


@dataclass(slots=True)
class Actions:
    """An answer for every pending message, shape (n,): the contract's three actions.

    `wait_until` counts where `action` is WAIT: the step of the customer's clock at which it is asked again.
    `send_probability` is what the decision log says; NaN where a policy doesn't randomise, which the company
    writes as 1 or 0. `recheck`: a bit for each event type (its index in EVENT_TYPES) upon which a waiting
    message is to be asked for sooner.
    """

    action: Ints
    wait_until: Ints
    send_probability: Floats
    recheck: Ints

    @staticmethod
    def of(action: Ints, wait_until: Ints | None = None, send_probability: Floats | None = None) -> Actions:
        """Actions; without anything else there is no waiting and no randomisation."""
        n = action.size
        return Actions(
            action=action,
            wait_until=np.zeros(n, dtype=np.int64) if wait_until is None else wait_until,
            send_probability=np.full(n, np.nan) if send_probability is None else send_probability,
            recheck=np.zeros(n, dtype=np.int64),
        )


class Policy(Protocol):
    """Answers for all pending messages of a step at once.

    Transactional messages are asked as well, so that a policy can count them, but always go out; opted-out
    channels stay closed to everything else, whatever the policy says.
    """

    def decide(self, pending: Pool, world: World) -> Actions: ...


@runtime_checkable
class Observer(Protocol):
    """A policy that looks at the company before it decides, as one that learns from touchpoints does."""

    def observe(self, company: Company) -> None:
        """Called once a step before `decide`; `company.news` holds what has become known since."""
        ...


class SendAll:
    """Everything that any department wants to send."""

    def decide(self, pending: Pool, world: World) -> Actions:
        return Actions.of(np.full(pending.n, SEND, dtype=np.int64))


class NeverSend:
    """Transactional messages only."""

    def decide(self, pending: Pool, world: World) -> Actions:
        return Actions.of(np.full(pending.n, SUPPRESS, dtype=np.int64))


class HistoricalPolicy:
    """Caps over all departments, and a random share held back, as the kind's `rules` have it.

    Held back for good, so that a row that was held back is a control for its whole window; capped ones are
    either dropped or asked again a day later, with a send probability of 0.
    """

    def __init__(self, randomise: bool = True, quiet_during_cases: bool = False) -> None:
        self.randomise = randomise
        self.quiet_during_cases = quiet_during_cases

    def decide(self, pending: Pool, world: World) -> Actions:
        state, table, rules = world.state, world.table, world.kind.rules
        n, kind = pending.n, pending.kind
        key = state.key[pending.customer]
        step = world.step[pending.customer]
        luck = world.draws.keyed(key, step, kind, "hold")
        holdback = table.holdback[kind] if self.randomise else np.zeros(n)
        free = table.transactional[kind]
        open_channel = state.consent[pending.customer, pending.channel]
        eligible = ~free & open_channel & (pending.variant == 0)
        if self.quiet_during_cases:
            eligible &= ~state.case_open[pending.customer] | table.about_case[kind]
        held = eligible & (luck < holdback)
        capped = np.zeros(n, dtype=np.bool_)
        today, week = state.sent_today.copy(), state.sent_this_week.copy()
        for wave in waves(pending.customer):
            who = pending.customer[wave]
            full = (today[who] >= rules.daily_cap) | (week[who] >= rules.weekly_cap)
            capped[wave] = eligible[wave] & full
            sends = eligible[wave] & ~full & ~held[wave]
            today[who] += sends
            week[who] += sends
        action = np.full(n, SUPPRESS, dtype=np.int64)
        action[free | (eligible & ~held & ~capped)] = SEND
        again = capped & (world.draws.keyed(key, step, kind, "joint") < rules.retry_share)
        again &= step + STEPS_PER_DAY < pending.expires
        action[again] = WAIT
        probability = np.where(eligible & ~capped, 1.0 - holdback, 0.0)
        probability[free] = 1.0
        return Actions.of(action, step + STEPS_PER_DAY, probability)


def waves(customer: Ints) -> list[Ints]:
    """Indices grouped so that no customer comes twice in a group; a customer's entries keep their order."""
    if customer.size < 2:
        return [np.arange(customer.size)]
    order = np.argsort(customer, kind="stable")
    ordered = customer[order]
    first: Bools = np.r_[True, ordered[1:] != ordered[:-1]]
    start = np.maximum.accumulate(np.where(first, np.arange(customer.size), 0))
    rank = np.arange(customer.size) - start
    return [order[rank == place] for place in range(int(rank.max()) + 1)]
