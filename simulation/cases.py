"""Trouble: how cases open, wander, escalate, get answered and close, and what customers say afterwards."""

from __future__ import annotations

import numpy as np

from data_contracts.vocabulary import CHANNELS
from simulation.clock import (
    STEPS_PER_DAY,
    WINDOW_STEPS,
    Bools,
    Floats,
    Ints,
    Moment,
    per_step,
)
from simulation.draws import Block, choose
from simulation.kinds import GOAL, CompanyKind
from simulation.messages import MessageTable
from simulation.records import Sink
from simulation.state import State


class Cases:
    """The life of cases in a company."""

    def __init__(self, kind: CompanyKind, table: MessageTable) -> None:
        self.kind = kind.cases
        self.table = table
        self._topics = np.array(list(kind.cases.topics.values()))
        self._channels = np.array([kind.cases.channels.get(name, 0.0) for name in CHANNELS])

    def escalation(self, state: State, moment: Moment) -> Floats:
        """Chance in this step that a customer escalates their case, shape (n,)."""
        age = (moment.step - state.case_opened) / STEPS_PER_DAY
        waiting = (moment.step - state.case_word) / STEPS_PER_DAY
        rate = (
            self.kind.escalation_daily_rate * (1 + 0.25 * np.minimum(age, 8)) * (1 + 0.7 * state.case_hand_offs)
        )
        rate = (
            rate * np.clip(waiting, 0.1, 4.0) * np.where(state.case_answered, 0.3, 1.0) / state.tolerance**0.5
        )
        return per_step(np.where(state.case_open & ~state.case_escalated, rate, 0.0))

    def step(
        self,
        state: State,
        moment: Moment,
        block: Block,
        escalates: Bools,
        trouble: Bools,
        session: Bools,
        times: Ints,
        record: Sink | None,
    ) -> Bools:
        """Move every case on by a step; returns where one was resolved.

        `escalates` was drawn with the other outcomes; `times` are the moments of the case events, shape (n,).
        """
        kind = self.kind
        was_open = state.case_open.copy()
        office = np.where(moment.office, 1.0, 0.15)
        opens = trouble & ~was_open & (block["opens_case"] < kind.opens)
        waits = was_open & ~state.case_answered
        passed = waits & (block["hand_off"] < per_step(kind.hand_off_daily_rate * office))
        replied = was_open & state.case_answered & session & (block["reply"] < 0.5)
        resolved = was_open & state.case_answered & state.case_good & (block["resolution"] < 0.12)
        unhappy = replied & ~state.case_good
        resolved |= was_open & (moment.step - state.case_opened > 30 * STEPS_PER_DAY)
        resolved &= ~escalates
        unhappy &= ~resolved
        chased = waits & session & ~passed & (block["reply"] < 0.3)
        if record is not None:
            self._record(state, moment, times, record, passed, escalates, resolved, unhappy | chased)
        state.case_hand_offs += passed
        state.case_escalated |= escalates
        state.case_answered[unhappy | escalates] = False
        state.satisfaction -= 0.35 * escalates + 0.15 * passed + 0.012 * waits
        closed = np.flatnonzero(resolved)
        days = (moment.step - state.case_opened)[closed] / STEPS_PER_DAY
        state.csat_mood[closed] = (
            4.3
            + 0.4 * state.satisfaction[closed]
            - 0.35 * state.case_hand_offs[closed]
            - 0.12 * days
            - 0.7 * state.case_escalated[closed]
        )
        state.csat_left[closed] = WINDOW_STEPS
        state.satisfaction[closed] += 0.25
        state.case_open[closed] = False
        state.goal[closed] = np.where(block["goal"][closed] < 0.5, GOAL["use"], GOAL["none"])
        self._open(state, moment, block, np.flatnonzero(opens), times, record)
        return resolved

    def _open(
        self, state: State, moment: Moment, block: Block, who: Ints, times: Ints, record: Sink | None
    ) -> None:
        topic = choose(block["case_topic"][who], self._topics)
        channel = choose(block["case_channel"][who], self._channels)
        state.case_open[who] = True
        state.case_topic[who] = topic
        state.case_channel[who] = channel
        state.case_opened[who] = moment.step[who]
        state.case_word[who] = moment.step[who]
        state.case_answered[who] = False
        state.case_hand_offs[who] = 0
        state.case_escalated[who] = False
        if record is not None:
            mood = np.clip(-0.35 + 0.2 * state.satisfaction[who] + 0.3 * (block["second"][who] - 0.5), -1, 1)
            record.add(
                state, who, times[who], "ticket_opened", "support", channel,
                topic=self.table.case_topic[topic], case=state.case_opened[who], sentiment=np.round(mood, 2),
            )  # fmt: skip

    def _record(
        self,
        state: State,
        moment: Moment,
        times: Ints,
        record: Sink,
        passed: Bools,
        escalates: Bools,
        resolved: Bools,
        replied: Bools,
    ) -> None:
        for event_type, chosen, direction in (
            ("handed_off", passed, "internal"),
            ("ticket_escalated", escalates, "inbound"),
            ("ticket_resolved", resolved, "internal"),
            ("ticket_replied", replied, "inbound"),
        ):
            who = np.flatnonzero(chosen)
            if not who.size:
                continue
            mood = None
            if direction == "inbound":
                days = (moment.step - state.case_opened)[who] / STEPS_PER_DAY
                mood = np.clip(-0.2 - 0.08 * days - 0.5 * (event_type == "ticket_escalated"), -1, 1).round(2)
            record.add(
                state, who, times[who], event_type, "support", state.case_channel[who], direction,
                topic=self.table.case_topic[state.case_topic[who]], case=state.case_opened[who], sentiment=mood,
            )  # fmt: skip
