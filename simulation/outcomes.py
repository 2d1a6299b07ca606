"""Progress and harm: which events they are, the chance of any in a step, and which came true.

The default outcomes of the contract: progress is `purchased upgraded renewed onboarding_step_completed
referred csat_answered >= 4 nps_answered >= 9`, harm is `cancel_requested cancelled downgraded
ticket_escalated complained csat_answered <= 2 nps_answered <= 6`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from simulation.clock import Bools, Floats
from simulation.kinds import SOURCE
from simulation.state import State

Chance = dict[str, Floats]
"""Chance in this step by the name of an Outcome, shape (n,) each."""
Did = dict[str, Bools]
"""What came true in this step, by the same names."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """An event that counts. `source` None: it belongs to a message and is always reported."""

    name: str
    progress: bool
    source: str | None


OUTCOMES: Final = (
    Outcome("purchase", True, "billing_system"),
    Outcome("onboarding", True, "product_analytics"),
    Outcome("renewal", True, "billing_system"),
    Outcome("contract_renewed", True, "billing_system"),
    Outcome("referral", True, "marketing_hub"),
    Outcome("csat_good", True, "helpdesk"),
    Outcome("promoter", True, None),
    Outcome("cancel", False, "billing_system"),
    Outcome("downgrade", False, "billing_system"),
    Outcome("provoked_leave", False, "billing_system"),
    Outcome("provoked_case", False, "helpdesk"),
    Outcome("gone", False, "billing_system"),
    Outcome("contract_cancelled", False, "billing_system"),
    Outcome("escalation", False, "helpdesk"),
    Outcome("csat_bad", False, "helpdesk"),
    Outcome("detractor", False, None),
    Outcome("complaint", False, None),
)


@dataclass(frozen=True, slots=True)
class Sides:
    """Numbers for progress and harm, shape (n,) each; `recorded` leaves out what no system reports.

    As chances: of at least one such event in the step. `progress_events`, `harm_events`: expected numbers.
    """

    progress: Floats
    harm: Floats
    recorded_progress: Floats
    recorded_harm: Floats
    progress_events: Floats
    harm_events: Floats


def sides(state: State, values: Chance | Did) -> Sides:
    """Any progress and any harm of a step, from chances or from what came true."""
    one = np.ones(state.n)
    none = {True: one.copy(), False: one.copy()}
    none_recorded = {True: one.copy(), False: one.copy()}
    events = {True: np.zeros(state.n), False: np.zeros(state.n)}
    for outcome in OUTCOMES:
        part = values[outcome.name].astype(np.float64)
        side = outcome.progress
        events[side] += part
        none[side] *= 1.0 - part
        if outcome.source is not None:
            part = part * state.reports[:, SOURCE[outcome.source]]
        none_recorded[side] *= 1.0 - part
    return Sides(
        progress=1.0 - none[True],
        harm=1.0 - none[False],
        recorded_progress=1.0 - none_recorded[True],
        recorded_harm=1.0 - none_recorded[False],
        progress_events=events[True],
        harm_events=events[False],
    )
