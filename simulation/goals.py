"""The latent goal: when it ends, and what customers want to do next."""

from __future__ import annotations

import numpy as np

from simulation.clock import STEP_HOURS, STEPS_PER_DAY, Bools, Floats, Moment
from simulation.draws import Block, choose
from simulation.kinds import GOAL, CompanyKind
from simulation.state import State


class GoalProcess:
    """A Markov process whose weights depend on the customer's situation."""

    def __init__(self, kind: CompanyKind) -> None:
        self.kind = kind
        self._weights = np.array(kind.goals.weights)
        self._ends = float(-np.expm1(-STEP_HOURS / kind.goals.hours))

    def step(self, state: State, moment: Moment, block: Block, about: Floats, trouble: Bools) -> None:
        """Trouble makes everybody look for help; else a goal ends by chance, rather while they are about."""
        ends = state.active & (block["switch"] < self._ends * (0.4 + 0.6 * np.minimum(about, 2.5)))
        # Somebody with an open case rarely thinks of anything else.
        ends &= ~(state.case_open & (state.goal == GOAL["get_help"]) & (block["switch"] > 0.2 * self._ends))
        who = np.flatnonzero(ends)
        if who.size:
            state.goal[who] = choose(block["goal"][who], self._next_weights(state, moment)[who])
        state.goal[trouble] = GOAL["get_help"]

    def _next_weights(self, state: State, moment: Moment) -> Floats:
        """Weights of the next goal, shape (n, 8)."""
        kind = self.kind
        weights = np.broadcast_to(self._weights, (state.n, self._weights.size)).copy()
        satisfaction = state.satisfaction
        days_left = (state.contract_step - moment.step) / STEPS_PER_DAY
        near = np.exp(-np.clip(days_left, 0.0, None) / 10.0) if kind.contract.days else np.zeros(state.n)
        unfinished = state.onboarding < kind.onboarding.steps
        weights[:, GOAL["get_help"]] *= np.where(state.case_open, 40.0, 1.0)
        weights[:, GOAL["get_started"]] *= np.where(unfinished, np.where(state.stuck, 4.0, 8.0), 0.0)
        weights[:, GOAL["evaluate"]] *= state.interest * (1 + 1.5 * near)
        weights[:, GOAL["buy"]] *= state.interest * (1 + 2.0 * near)
        if kind.purchases.cycle_days:
            since = (moment.step - state.last_purchase) / STEPS_PER_DAY / kind.purchases.cycle_days
            weights[:, GOAL["buy"]] *= np.clip(since, 0.05, 2.0) ** 1.5
        weights[:, GOAL["leave"]] *= np.exp(-0.9 * satisfaction) * (1 + 4.0 * near)
        weights[:, GOAL["advocate"]] *= np.exp(0.8 * satisfaction)
        return weights
