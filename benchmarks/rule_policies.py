"""The policies that companies have: never, all, caps, and caps that the messages with the best scores use up.

A message that a cap holds back is dropped, as the suites do it. All of them see the customer's open case as the
help desk does, and none sends a transactional message: those always go.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simulation.clock import STEPS_PER_DAY, Bools, Floats
from simulation.messages import Pool
from simulation.rules import SEND, SUPPRESS, Actions, NeverSend, SendAll
from simulation.world import World

Scores = Callable[[Pool, World], Floats]
"""What each pending message is worth to the policy, shape (n,): only positive ones go, the best first."""

DAILY_CAP, WEEKLY_CAP = 1, 3


class Capped:
    """At most one message a day and three in any seven days, over all departments.

    Parameters
    ----------
    scores : which messages go first, and which do not go at all; None: in the order in which they came up
    quiet_during_cases : nothing but word about the case goes to somebody with an open one
    """

    def __init__(self, scores: Scores | None = None, *, quiet_during_cases: bool = False) -> None:
        self._scores = scores
        self._quiet = quiet_during_cases
        self._sent: dict[int, list[int]] = {}

    def decide(self, pending: Pool, world: World) -> Actions:
        state, table = world.state, world.table
        free = table.transactional[pending.kind]
        eligible: Bools = ~free & state.consent[pending.customer, pending.channel]
        if self._quiet:
            eligible &= ~state.case_open[pending.customer] | table.about_case[pending.kind]
        scores = np.ones(pending.n) if self._scores is None else self._scores(pending, world)
        action = np.where(free, SEND, SUPPRESS).astype(np.int64)
        chosen = np.flatnonzero(eligible & (scores > 0))
        for row in chosen[np.lexsort((chosen, -scores[chosen]))].tolist():
            customer = int(pending.customer[row])
            if self._has_room(customer, int(world.step[customer])):
                self._sent.setdefault(customer, []).append(int(world.step[customer]))
                action[row] = SEND
        return Actions.of(action)

    def _has_room(self, customer: int, step: int) -> bool:
        sent = [at for at in self._sent.get(customer, ()) if at > step - 7 * STEPS_PER_DAY]
        self._sent[customer] = sent
        today = sum(at > step - STEPS_PER_DAY for at in sent)
        return today < DAILY_CAP and len(sent) < WEEKLY_CAP


def rule_policies() -> dict[str, Callable[[], NeverSend | SendAll | Capped]]:
    """The policies that need no learning, by name."""
    return {
        "never send": NeverSend,
        "send all": SendAll,
        "caps": Capped,
        "caps, not while a case is open": lambda: Capped(quiet_during_cases=True),
    }
