"""What one contact does to one customer: chances first, then what the dice make of them.

A contact's effects are the product of what it is about and what the customer is trying to do (tables of the
kind), of the moment (their rhythm, night), of what they can still take (fatigue over tolerance), of the channel
and of an open case. It can bring a linked answer at once (positive or negative), raise or lower the customer's
rate of progress events for about a day (`boost`), provoke harm (`provoked`), soothe, and it always costs
attention.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from data_contracts.vocabulary import CHANNELS
from simulation.clock import WINDOW_STEPS, Bools, Floats, Ints, Moment
from simulation.kinds import GOAL, PROGRESS_KINDS, CompanyKind
from simulation.messages import MessageTable
from simulation.state import State

#                              email  sms  push in_app web phone chat post social
_OPEN: Final = np.array([0.42, 0.75, 0.5, 0.6, 0.5, 0.55, 0.7, 0.4, 0.3])
_INTRUSION: Final = np.array([1.0, 1.5, 1.3, 0.9, 0.8, 1.7, 1.0, 0.7, 0.8])
_COST: Final = np.array([0.8, 1.1, 1.0, 0.6, 0.5, 1.6, 0.8, 0.5, 0.5])
_IN_APP: Final = CHANNELS.index("in_app")
_NEGATIVE: Final = ("message_dismissed", "unsubscribed", "complained")
#                     by channel: dismissed, unsubscribed, complained
_NEGATIVE_SHARES: Final = np.array(
    [
        [0.25, 0.55, 0.2],
        [0.1, 0.6, 0.3],
        [0.75, 0.2, 0.05],
        [0.93, 0.02, 0.05],
        [0.9, 0.0, 0.1],
        [0.5, 0.1, 0.4],
        [0.8, 0.0, 0.2],
        [0.6, 0.2, 0.2],
        [0.7, 0.2, 0.1],
    ]
)
_DISCHARGE_HOURS: Final = 18.0
DISCHARGE: Final = -np.expm1(-2.0 / _DISCHARGE_HOURS)
"""Share of `boost` and `provoked` that comes out in one step."""


@dataclass(frozen=True, slots=True)
class Chances:
    """The chances of one contact each, shape (n,), given the latent state right before it.

    `opened`, `positive_if_opened`, `negative` are probabilities of linked answers, independent given the state;
    `complaint_share` is the part of `negative` that is a complaint (a harm event of the customer as well).
    `progress` is the expected number of extra progress events if it is opened (negative: fewer), `harm` the
    expected number of provoked harm events.
    """

    opened: Floats
    positive_if_opened: Floats
    negative: Floats
    complaint_share: Floats
    progress: Floats
    harm: Floats
    fatigue: Floats
    satisfaction: Floats

    @property
    def positive(self) -> Floats:
        return self.opened * self.positive_if_opened


class ContactModel:
    """The effects of contacts in a company; `scale` 0 plants contacts without any effect."""

    def __init__(self, kind: CompanyKind, table: MessageTable, scale: float = 1.0) -> None:
        self.attention = kind.attention
        self.table = table
        self.scale = scale
        self.sharpness = kind.rhythm.sharpness
        self.onboarding_steps = kind.onboarding.steps
        self.good_answer = kind.cases.good_answer

    def receptive(self, state: State, moment: Moment, who: Ints) -> Floats:
        """How good the hour is for the customer, in (0, 1]."""
        angle = 2 * np.pi * (moment.local_hour[who] - state.rhythm[who]) / 24.0
        return np.asarray(np.exp(self.sharpness * (np.cos(angle) - 1.0)), dtype=np.float64)

    def chances(
        self, state: State, moment: Moment, who: Ints, kind: Ints, channel: Ints, offer: Floats
    ) -> Chances:
        """The chances of sending message type `kind` on `channel` to `who` now; all shape (n,)."""
        table, cost = self.table, self.attention
        goal = state.goal[who]
        strain = state.fatigue[who] / state.tolerance[who]
        receptive = self.receptive(state, moment, who)
        calm = np.exp(-cost.help_loss * strain)
        fits = np.where(state.preferred_channel[who] == channel, 1.25, 0.85)
        about_case = table.about_case[kind]
        in_case = state.case_open[who]
        off_topic = in_case & ~about_case & ~table.transactional[kind]
        # Somebody who waits for an answer looks at everything that comes in.
        curiosity = np.where(in_case, 1.35, 1.0)
        awake = np.where(channel == _IN_APP, 0.25 + 0.75 * receptive, 0.55 + 0.45 * receptive)
        opened = _OPEN[channel] * state.responsiveness[who] ** 0.5 * awake * calm * fits * curiosity
        opened = np.clip(opened, 0.0, 0.95)
        buys = table.progress[kind] == 0
        drawn = np.where(buys, state.interest[who], 1.0)
        positive = table.click[kind, goal] * state.responsiveness[who] * calm * drawn**0.5
        positive = np.clip(positive * (1 + 0.03 * offer), 0.0, 0.9)
        progress = table.helps[kind, goal] * calm * (0.5 + 0.5 * receptive) * (1 + 0.025 * offer) * fits
        progress = progress * np.where(buys, drawn, 1.0)
        # A stuck customer gains most from help with the set-up, and nobody gains who is done.
        onboards = table.progress[kind] == 1
        progress = progress * np.where(onboards, np.where(state.stuck[who], 1.3, 0.5), 1.0)
        progress = progress * np.where(onboards & (state.onboarding[who] >= self.onboarding_steps), 0.0, 1.0)
        renews = table.progress[kind] == 2
        days_left = (state.contract_step[who] - moment.step[who]) / 12.0
        near = np.exp(-np.clip(days_left, 0.0, None) / 12.0)
        progress = progress * np.where(renews, near, 1.0)
        hands = 1 + 0.4 * state.case_hand_offs[who] + 0.5 * state.case_escalated[who]
        worse = 1 + cost.harm_gain * strain + cost.case_gain * off_topic * hands
        worse = worse * (1 + cost.night_gain * moment.night[who] * (_INTRUSION[channel] >= 1.0))
        worse = worse * _INTRUSION[channel] * np.exp(-0.25 * state.satisfaction[who])
        annoyance = table.annoyance[kind, goal] * worse / state.tolerance[who] ** 0.5
        annoyance = np.where(renews, annoyance * np.exp(np.clip(days_left - 20.0, 0.0, 60.0) / 40.0), annoyance)
        negative = -np.expm1(-annoyance)
        shares = _NEGATIVE_SHARES[channel]
        fatigue = _COST[channel] * np.where(table.transactional[kind], 0.35, 1.0) * (1 + 0.7 * off_topic)
        pleased = np.clip(progress, 0.0, None) + 0.05 * table.soothes[kind] * in_case
        return Chances(
            opened=opened * self.scale,
            positive_if_opened=positive * self.scale,
            negative=negative * self.scale,
            complaint_share=shares[:, 2],
            progress=progress * self.scale,
            harm=table.harm_share[kind] * annoyance * self.scale,
            fatigue=fatigue * self.scale,
            satisfaction=(0.15 * pleased - 0.8 * annoyance) * self.scale,
        )

    def apply(
        self,
        state: State,
        moment: Moment,
        who: Ints,
        kind: Ints,
        channel: Ints,
        offer: Floats,
        luck: dict[str, Floats],
        message: Ints,
    ) -> Answers:
        """Send to `who` (each customer at most once in a call) and change their state."""
        table = self.table
        chances = self.chances(state, moment, who, kind, channel, offer)
        read = luck["open"] < chances.opened
        positive = read & (luck["positive"] < chances.positive_if_opened)
        negative = luck["negative"] < chances.negative
        opened = read | (negative & (channel != _IN_APP))
        shares = np.cumsum(_NEGATIVE_SHARES[channel], axis=1)
        how = np.asarray((luck["kind"][:, None] >= shares[:, :2]).sum(axis=1), dtype=np.int64)
        for index in range(len(PROGRESS_KINDS)):
            chosen = read & (table.progress[kind] == index)
            state.boost[who[chosen], index] += chances.progress[chosen]
        state.provoked[who] += chances.harm
        state.fatigue[who] += chances.fatigue
        state.satisfaction[who] = np.clip(state.satisfaction[who] + chances.satisfaction, -2.5, 2.5)
        gone = negative & (how == 1)
        state.consent[who[gone], channel[gone]] = False
        answered = table.about_case[kind] & table.transactional[kind] & state.case_open[who]
        state.case_word[who[answered]] = moment.step[who[answered]]
        state.case_answered[who[answered]] = True
        state.case_good[who[answered]] = luck["good"][answered] < self.good_answer
        if self.scale > 0:
            self._lasting(state, moment, who, kind, luck, message, read, positive)
        return Answers(chances, opened, positive, negative, how)

    def _lasting(
        self,
        state: State,
        moment: Moment,
        who: Ints,
        kind: Ints,
        luck: dict[str, Floats],
        message: Ints,
        read: Bools,
        positive: Bools,
    ) -> None:
        """What a contact changes beside feelings: goals, surveys that wait, late payments, waiting cases."""
        table = self.table
        drawn = positive & (table.leads_to[kind] >= 0) & (state.goal[who] != GOAL["get_help"])
        state.goal[who[drawn]] = table.leads_to[kind[drawn]]
        asked = table.asks_nps[kind]
        state.nps_left[who[asked]] = WINDOW_STEPS
        state.nps_message[who[asked]] = message[asked]
        paid = read & (luck["good"] < 0.5) & table.soothes[kind] & ~table.about_case[kind]
        state.overdue[who[paid]] = False
        spoke = table.about_case[kind] & table.soothes[kind] & state.case_open[who]
        state.case_word[who[spoke]] = moment.step[who[spoke]]


@dataclass(frozen=True, slots=True)
class Answers:
    """What came back, shape (n,) each; `how` indexes NEGATIVE_EVENTS where `negative`."""

    chances: Chances
    opened: Bools
    positive: Bools
    negative: Bools
    how: Ints


NEGATIVE_EVENTS: Final = _NEGATIVE
COMPLAINED: Final = 2
