"""A step in customers' lives: progress, harm, sessions, cases, feelings, goals, in this order.

Every progress and harm event of a step is drawn independently given the state at the step's beginning, so that
the chance of at least one of them in the step is known exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from data_contracts.times import SECOND
from simulation.cases import Cases
from simulation.clock import STEP_HOURS, STEPS_PER_DAY, Bools, Clock, Floats, Moment, per_step
from simulation.contact import DISCHARGE, ContactModel
from simulation.draws import Block, logistic, sigmoid
from simulation.goals import GoalProcess
from simulation.kinds import GOAL, PROGRESS_KINDS, CompanyKind
from simulation.messages import MessageTable
from simulation.outcome_rows import OutcomeRows
from simulation.outcomes import Chance, Did, Sides, sides
from simulation.records import Sink
from simulation.sessions import Sessions
from simulation.state import State

_NPS_SCALE: Final = 1.0
_CSAT_SCALE: Final = 0.55
_BASE_MOOD, _MOOD_DAYS = 0.25, 25.0
_DRAWN: Final = (
    "purchase", "onboarding", "renewal", "referral", "cancel", "downgrade", "gone", "escalation",
    "provoked_leave", "provoked_case",
)  # fmt: skip
_TIMES: Final = ("time", "second_time", "third_time", "progress_time", "harm_time", "case_time")


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step held: `expected` chances from the state at its beginning, `came` and `did` what came true.

    `revenue` has shape (n,), `resolved` says where a case was closed.
    """

    expected: Sides
    came: Sides
    did: Did
    revenue: Floats
    resolved: Bools


class Life:
    """Moves customers on by one step."""

    def __init__(self, kind: CompanyKind, table: MessageTable, contact: ContactModel, clock: Clock) -> None:
        self.kind = kind
        self.table = table
        self.contact = contact
        self.clock = clock
        self.cases = Cases(kind, table)
        self.sessions = Sessions(kind, table)
        self.goals = GoalProcess(kind)
        self.rows = OutcomeRows(kind, table)
        self._weekdays = np.array(kind.rhythm.weekdays)
        # The mean of exp(κ (cos x − 1)) over a day, so that `about` is 1 on average.
        self._mean = float(np.i0(kind.rhythm.sharpness) * np.exp(-kind.rhythm.sharpness))
        self._fatigue_left = float(np.exp(-STEP_HOURS / 24 / kind.attention.fatigue_days))

    def about(self, state: State, moment: Moment) -> Floats:
        """How much each customer is about at this hour and weekday; 1 on average."""
        hour = self.contact.receptive(state, moment, np.arange(state.n)) / self._mean
        return np.asarray(hour * self._weekdays[moment.weekday], dtype=np.float64)

    def chances(self, state: State, moment: Moment, about: Floats) -> Chance:
        """The chance of every outcome in this step but complaints, which contacts bring."""
        kind, goal, mood = self.kind, state.goal, state.satisfaction
        boost = state.boost * DISCHARGE

        def arrives(daily_rate: Floats, extra: Floats | float, where: Bools) -> Floats:
            expected = np.maximum(daily_rate / STEPS_PER_DAY + extra, 0.0)
            return np.where(state.active & where, -np.expm1(-expected), 0.0)

        everyone = np.ones(state.n, dtype=np.bool_)
        getting_started = np.where(goal == GOAL["get_started"], 1.0, 0.06) * np.where(state.stuck, 0.08, 1.0)
        left = state.contract_step - moment.step
        near = (left > 0) & (left <= 14 * STEPS_PER_DAY) & ~state.leaving
        stays = kind.contract.automatic + 1.3 * mood - 1.5 * (goal == GOAL["leave"]) - 3.0 * state.leaving
        ends = state.active & (left <= 0)
        leaves = (goal == GOAL["leave"]) & ~state.leaving
        temper = about * np.exp(-0.5 * mood)
        provoked = np.maximum(state.provoked * DISCHARGE, 0.0)
        csat = np.where(state.active & (state.csat_left > 0), 0.03 * np.minimum(state.responsiveness, 3.0), 0.0)
        strain = np.minimum(state.fatigue / state.tolerance, 6.0)
        nps = 0.012 * np.minimum(state.responsiveness, 3.0) * np.minimum(about, 2.0) * np.exp(-0.1 * strain)
        nps = np.where(state.active & (state.nps_left > 0), nps, 0.0)
        nps_mean = self.nps_mean(state)
        return {
            "purchase": arrives(
                kind.purchases.daily_rate * (goal == GOAL["buy"]) * about, boost[:, 0], everyone
            ),
            "onboarding": arrives(
                kind.onboarding.daily_rate * about * getting_started,
                boost[:, 1],
                state.onboarding < kind.onboarding.steps,
            ),
            "renewal": arrives(kind.contract.early_daily_rate * np.exp(0.5 * mood) * about, boost[:, 2], near),
            "referral": arrives(0.06 * (goal == GOAL["advocate"]) * about, boost[:, 3], everyone),
            "contract_renewed": np.where(ends, sigmoid(stays), 0.0),
            "contract_cancelled": np.where(ends, sigmoid(-stays), 0.0),
            "cancel": arrives(kind.leaving.cancel_daily_rate * temper, 0.0, leaves),
            "downgrade": arrives(
                kind.leaving.downgrade_daily_rate * leaves * temper + 0.04 * state.overdue, 0.0, everyone
            ),
            "provoked_leave": arrives(np.zeros(state.n), provoked, ~state.case_open),
            "provoked_case": arrives(np.zeros(state.n), provoked, state.case_open),
            "gone": arrives(kind.leaving.gone_daily_rate * about, 0.0, state.leaving),
            "escalation": np.where(state.active, self.cases.escalation(state, moment), 0.0),
            "csat_answer": csat,
            "csat_good": csat * sigmoid((state.csat_mood - 3.5) / _CSAT_SCALE),
            "csat_bad": csat * sigmoid((2.5 - state.csat_mood) / _CSAT_SCALE),
            "nps_answer": nps,
            "promoter": nps * sigmoid((nps_mean - 8.5) / _NPS_SCALE),
            "detractor": nps * sigmoid((6.5 - nps_mean) / _NPS_SCALE),
        }

    @staticmethod
    def nps_mean(state: State) -> Floats:
        """The mean of the score that each customer would give now."""
        strain = np.minimum(state.fatigue / state.tolerance, 6.0)
        case = np.where(state.case_open, 1.6 + 0.5 * state.case_hand_offs, 0.0)
        return np.asarray(7.7 + 1.4 * state.satisfaction - case - 0.2 * strain, dtype=np.float64)

    def step(
        self,
        state: State,
        moment: Moment,
        block: Block,
        complaint: Floats,
        complained: Bools,
        record: Sink | None,
    ) -> StepResult:
        """One step for everyone.

        `complaint` is the chance that a contact of this step was complained about, from before it was known;
        `complained` says where it was.
        """
        about = self.about(state, moment)
        chance = self.chances(state, moment, about)
        chance["complaint"] = complaint
        expected = sides(state, chance)
        grid = self.clock.time(moment.step, state.phase)
        times = {name: grid + (600 + 6480 * block[name]).astype(np.int64) * SECOND for name in _TIMES}
        did = self._draw(state, block, chance)
        did["complaint"] = complained
        revenue = np.where(did["purchase"], self._revenue(state, block), 0.0)
        session = self.sessions.draw(state, about, block)
        trouble = state.active & (block["trouble"] < self._trouble(state, moment, about))
        if record is not None:
            csat, nps = self._scores(state, block)
            self.rows.write(state, did, revenue, csat, nps, times, record)
        self.sessions.step(state, moment, block, session, times, record)
        resolved = self.cases.step(
            state,
            moment,
            block,
            did["escalation"] | did["provoked_case"],
            trouble,
            session,
            times["case_time"],
            record,
        )
        self._settle(state, moment, block, did)
        self.goals.step(state, moment, block, about, trouble)
        self._time_passes(state, moment, block)
        return StepResult(expected, sides(state, did), revenue=revenue, did=did, resolved=resolved)

    def _draw(self, state: State, block: Block, chance: Chance) -> Did:
        luck = {**{name: block[name] for name in _DRAWN if not name.startswith("provoked")}}
        luck["provoked_leave"] = luck["provoked_case"] = block["provoked"]
        did = {name: luck[name] < chance[name] for name in _DRAWN}
        did["contract_renewed"] = block["contract"] < chance["contract_renewed"]
        did["contract_cancelled"] = (chance["contract_cancelled"] > 0) & ~did["contract_renewed"]
        csat = block["csat"] < chance["csat_answer"]
        nps = block["nps"] < chance["nps_answer"]
        csat_score, nps_score = self._scores(state, block)
        did["csat_answer"], did["nps_answer"] = csat, nps
        did["csat_good"], did["csat_bad"] = csat & (csat_score >= 4), csat & (csat_score <= 2)
        did["promoter"], did["detractor"] = nps & (nps_score >= 9), nps & (nps_score <= 6)
        return did

    def _scores(self, state: State, block: Block) -> tuple[Floats, Floats]:
        csat = np.clip(np.rint(state.csat_mood + _CSAT_SCALE * logistic(block["csat_value"])), 1, 5)
        nps = np.clip(np.rint(self.nps_mean(state) + _NPS_SCALE * logistic(block["nps_value"])), 0, 10)
        return csat, nps

    def _revenue(self, state: State, block: Block) -> Floats:
        spread = np.exp(0.35 * logistic(block["second"]).clip(-4, 4))
        return np.round(self.kind.purchases.revenue * (1 + 0.6 * state.plan) * spread, 2)

    def _trouble(self, state: State, moment: Moment, about: Floats) -> Floats:
        cases = self.kind.cases
        billed = (self.kind.contract.invoice_every_days - 4) * STEPS_PER_DAY
        fresh = state.invoice_step - moment.step > billed
        if not self.kind.contract.invoice_every_days:
            fresh = np.zeros(state.n, dtype=np.bool_)
        return per_step(
            cases.daily_rate * np.where(fresh, cases.after_invoice_factor, 1.0) * (0.4 + 0.6 * about)
        )

    def _settle(self, state: State, moment: Moment, block: Block, did: Did) -> None:
        """What the step's events change for the customer."""
        bought, step = did["purchase"], did["onboarding"]
        state.last_purchase[bought] = moment.step[bought]
        state.onboarding += step
        state.stuck &= ~step
        renewed = did["renewal"] | did["contract_renewed"]
        state.contract_step[renewed] += state.contract_days[renewed] * STEPS_PER_DAY
        for index, name in enumerate(PROGRESS_KINDS):
            # What was brought about has come.
            state.boost[did[name], index] *= 0.5
        state.leaving |= did["cancel"] | did["provoked_leave"]
        state.csat_left[did["csat_answer"]] = 0
        state.nps_left[did["nps_answer"]] = 0
        done = np.flatnonzero(bought | did["renewal"] | did["referral"])
        state.goal[done] = np.where(block["goal"][done] < 0.5, GOAL["use"], GOAL["none"])
        state.satisfaction += 0.1 * (step | bought) - 0.1 * (did["downgrade"] | did["complaint"])
        gone = did["gone"] | did["contract_cancelled"]
        state.active &= ~gone
        state.case_open &= ~gone

    def _time_passes(self, state: State, moment: Moment, block: Block) -> None:
        kind = self.kind
        state.fatigue *= self._fatigue_left
        state.boost *= 1 - DISCHARGE
        state.provoked *= 1 - DISCHARGE
        state.satisfaction += (_BASE_MOOD - state.satisfaction) / (_MOOD_DAYS * STEPS_PER_DAY)
        np.clip(state.satisfaction, -2.5, 2.5, out=state.satisfaction)
        np.maximum(state.csat_left - 1, 0, out=state.csat_left)
        np.maximum(state.nps_left - 1, 0, out=state.nps_left)
        luck = block["stuck"]
        unfinished = state.active & (state.onboarding < kind.onboarding.steps)
        freed = state.stuck & (luck < per_step(kind.onboarding.unstuck_daily_rate))
        stuck = unfinished & ~state.stuck & (luck < per_step(kind.onboarding.stuck_daily_rate))
        state.stuck = (state.stuck & ~freed) | stuck
        saved = state.leaving & (luck > 1 - per_step(kind.leaving.saved_daily_rate))
        state.leaving &= ~saved
        if kind.contract.invoice_every_days:
            billed = state.active & (moment.step >= state.invoice_step)
            state.overdue |= billed & (block["payment"] < kind.contract.payment_fails)
            state.invoice_step[billed] = moment.step[billed] + kind.contract.invoice_every_days * STEPS_PER_DAY
            paid = state.overdue & ~billed & (block["payment"] < per_step(0.06))
            state.overdue &= ~paid
