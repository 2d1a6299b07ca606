"""The latent state of every customer, as arrays: what only the simulation knows.

All arrays have the customers as first axis, so `take` makes any sub-population or any number of replicates.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from simulation.clock import Bools, Floats, Ints


@dataclass(slots=True)
class State:
    """One entry a customer. Steps are absolute; `LONG_AGO` stands for never.

    Traits: `tolerance` (1 is usual; divides fatigue), `responsiveness`, `interest` (in buying more),
    `activity`, `rhythm` (the local hour at which they are most receptive), `preferred_channel`, `zone`,
    `plan`, `segment`.

    Feelings: `goal` (index into GOALS), `fatigue` (in contacts, decays over days), `satisfaction` (−2.5 … 2.5).
    `boost` are extra progress events still to come from contacts, in expectation, by ProgressKind; `provoked`
    the same for harm; both discharge within about a day.
    """

    key: Ints
    phase: Ints
    zone: Ints
    arrival: Ints
    tenure_days: Floats
    tolerance: Floats
    responsiveness: Floats
    interest: Floats
    activity: Floats
    rhythm: Floats
    preferred_channel: Ints
    plan: Ints
    segment: Ints
    reports: Bools
    observed_until: Ints

    active: Bools
    goal: Ints
    fatigue: Floats
    satisfaction: Floats
    boost: Floats
    provoked: Floats
    consent: Bools

    onboarding: Ints
    stuck: Bools
    contract_step: Ints
    contract_days: Ints
    invoice_step: Ints
    overdue: Bools
    leaving: Bools

    case_open: Bools
    case_topic: Ints
    case_channel: Ints
    case_opened: Ints
    case_word: Ints
    case_answered: Bools
    case_good: Bools
    case_hand_offs: Ints
    case_escalated: Bools

    csat_left: Ints
    csat_mood: Floats
    nps_left: Ints
    nps_message: Ints

    last_session: Ints
    last_pricing: Ints
    last_checkout: Ints
    last_purchase: Ints
    last_candidate: Ints
    last_sent: Ints
    sent_today: Ints
    sent_this_week: Ints

    @property
    def n(self) -> int:
        return int(self.key.size)

    def take(self, rows: Ints) -> State:
        """The customers of `rows`, in that order and as often as named; nothing is shared with this state."""
        return State(**{item.name: getattr(self, item.name)[rows] for item in fields(self)})

    @staticmethod
    def concatenate(parts: list[State]) -> State:
        """All customers of `parts`, one part after the other."""
        return State(
            **{
                item.name: np.concatenate([getattr(part, item.name) for part in parts])
                for item in fields(State)
            }
        )
