"""Sessions: what customers do by themselves, as far as anyone can see it."""

from __future__ import annotations

from typing import Final

import numpy as np

from data_contracts.vocabulary import CHANNELS, DEPARTMENTS, EVENT_TYPES
from simulation.clock import Bools, Floats, Ints, Moment, per_step
from simulation.draws import Block, choose
from simulation.kinds import GOAL, GOALS, CompanyKind
from simulation.messages import MessageTable
from simulation.records import CHANNEL, EVENT, MISSING, Sink
from simulation.state import State

_PLACES: Final = {
    "logged_in": ("product", "web"),
    "feature_used": ("product", "in_app"),
    "docs_viewed": ("product", "web"),
    "setup_viewed": ("product", "in_app"),
    "teammate_invited": ("product", "in_app"),
    "pricing_viewed": ("marketing", "web"),
    "content_viewed": ("marketing", "web"),
    "demo_requested": ("sales", "web"),
    "trial_started": ("product", "web"),
    "checkout_started": ("billing", "web"),
    "help_viewed": ("support", "web"),
    "error_hit": ("product", "in_app"),
    "chat_started": ("support", "chat"),
    "call_started": ("support", "phone"),
    "cancel_viewed": ("success", "web"),
    "review_posted": ("marketing", "social"),
}
"""Department and channel of what customers do in a session."""
_TOPICS: Final = {"pricing_viewed": "plan", "checkout_started": "plan", "cancel_viewed": "contract"}
_MORE: Final = ("", "second_", "third_")
_GATE, _REVISION, _NOBODY = 0.06, 0.05, 0.25
"""Shares of looking around that meet a form, of baskets that get a new quote, of calls that nobody takes."""
_CONSENT_DAILY: Final = 0.0006
_OPENINGS: Final = ("email", "sms", "push")


class Sessions:
    """Draws sessions from the latent goal and writes them down."""

    def __init__(self, kind: CompanyKind, table: MessageTable) -> None:
        self.kind = kind
        self.table = table
        self._activity = np.array(kind.goals.activity)
        events = np.zeros((len(GOALS), len(EVENT_TYPES)))
        for goal, weights in kind.goals.events.items():
            for name, weight in weights.items():
                events[GOAL[goal], EVENT[name]] = weight
        events /= events.sum(axis=1, keepdims=True)
        events = (1 - kind.goals.noise) * events + kind.goals.noise * events[GOAL["use"]]
        self._codes = np.flatnonzero(events.sum(axis=0) > 0)
        self._events = events[:, self._codes]
        places = [_PLACES.get(name, ("product", "web")) for name in EVENT_TYPES]
        self._department = np.array([DEPARTMENTS.index(department) for department, _ in places])
        self._channel = np.array([CHANNELS.index(channel) for _, channel in places])
        self._topic = np.array(
            [table.topics.index(_TOPICS[name]) if name in _TOPICS else MISSING for name in EVENT_TYPES]
        )

    def draw(self, state: State, about: Floats, block: Block) -> Bools:
        """Who has a session in this step."""
        rate = self.kind.rhythm.sessions_per_day * state.activity * self._activity[state.goal] * about
        rate = rate * np.where(state.case_open, 1.4, 1.0)
        return np.asarray(state.active & (block["session"] < per_step(rate)), dtype=np.bool_)

    def step(
        self,
        state: State,
        moment: Moment,
        block: Block,
        session: Bools,
        times: dict[str, Ints],
        record: Sink | None,
    ) -> None:
        """Events of the sessions (up to three each), and what departments will react to."""
        who = np.flatnonzero(session)
        state.last_session[who] = moment.step[who]
        for place, prefix in enumerate(_MORE):
            if place:
                who = who[block[_MORE[place].rstrip("_")][who] < (0.45, 0.4)[place - 1]]
            code = self._codes[choose(block[f"{prefix}event"][who], self._events[state.goal[who]])]
            for name, marker in (("pricing_viewed", "last_pricing"), ("checkout_started", "last_checkout")):
                seen = who[code == EVENT[name]]
                getattr(state, marker)[seen] = moment.step[seen]
            if record is None or not who.size:
                continue
            at = times[f"{prefix}time"][who]
            value, sentiment = np.full(who.size, np.nan), np.full(who.size, np.nan)
            review = code == EVENT["review_posted"]
            stars = np.clip(np.rint(4.3 + 0.5 * state.satisfaction[who]), 1, 5)
            value[review], sentiment[review] = stars[review], (stars[review] - 3) / 2
            record.add(
                state, who, at, code, self._department[code], self._channel[code],
                topic=self._topic[code], value=value, sentiment=sentiment,
            )  # fmt: skip
            if not place:
                self._friction(state, block, who, code, at, record)
        self._consent(state, block, times, record)

    def _friction(self, state: State, block: Block, who: Ints, code: Ints, at: Ints, record: Sink) -> None:
        """Forms in the way, new quotes, calls that nobody takes: seen, and slightly annoying only to see."""
        luck = block["friction"][who]
        a_minute = np.int64(60_000_000)
        asked = np.isin(code, [EVENT["content_viewed"], EVENT["demo_requested"], EVENT["pricing_viewed"]])
        gate = asked & (luck < _GATE)
        record.add(state, who[gate], at[gate] + a_minute, "gate_hit", "marketing", "web")
        revised = (code == EVENT["checkout_started"]) & (luck < _REVISION)
        record.add(state, who[revised], at[revised] + a_minute, "quote_revised", "sales", "email", "internal")
        called = np.isin(code, [EVENT["call_started"], EVENT["chat_started"]]) & (luck < _NOBODY)
        record.add(
            state, who[called], at[called] + 9 * a_minute, "contact_unanswered", "support",
            self._channel[code[called]], "internal", value=np.round(4 + 30 * luck[called], 1),
        )  # fmt: skip

    def _consent(self, state: State, block: Block, times: dict[str, Ints], record: Sink | None) -> None:
        """Opting out and in by oneself, in the settings; weariness makes it likelier."""
        strain = np.minimum(state.fatigue / state.tolerance, 8.0)
        luck = block["consent"]
        rate = per_step(_CONSENT_DAILY * (0.5 + strain))
        for index, name in enumerate(_OPENINGS):
            channel = CHANNEL[name]
            out = state.active & state.consent[:, channel] & (luck >= index * 0.3) & (luck < index * 0.3 + rate)
            back = state.active & ~state.consent[:, channel] & (luck > 0.9995 + index * 1e-4)
            back &= luck < 0.9995 + (index + 1) * 1e-4
            for changed, event_type in ((out, "opted_out"), (back, "opted_in")):
                who = np.flatnonzero(changed)
                state.consent[who, channel] = event_type == "opted_in"
                if record is not None:
                    record.add(
                        state, who, times["harm_time"][who], event_type, "marketing", name,
                    )  # fmt: skip
