"""Departments, blind to one another: what each of them wants to send to whom in this step."""

from __future__ import annotations

import numpy as np

from simulation.clock import STEP_HOURS, STEPS_PER_DAY, Bools, Floats, Ints, Moment, per_step
from simulation.draws import Block, Draws, choose
from simulation.kinds import CompanyKind
from simulation.messages import MessageTable, Pool
from simulation.state import State

_NOT_CASE = -1


class Departments:
    """Makes candidates from triggers; what is sent is not theirs to know.

    With `alternatives`, messages come in groups: the same one on another channel, or with another offer.
    """

    def __init__(self, kind: CompanyKind, table: MessageTable, alternatives: bool = False) -> None:
        self.alternatives = alternatives
        self.kind = kind
        self.table = table
        self._triggers = tuple(dict.fromkeys(item.trigger for item in kind.messages))

    def _holds(self, trigger: str, state: State, moment: Moment) -> tuple[Bools, Floats | float]:
        """Where a trigger holds, and the factor on the daily rate there."""
        step = moment.step
        days = self.kind.onboarding.steps
        if trigger == "random":
            # Automation runs from 6 to 20 UTC, wherever the customer is: seven steps of a day.
            return (moment.utc_hour >= 6) & (moment.utc_hour < 20), STEPS_PER_DAY / 7
        if trigger == "pricing_viewed":
            return step - state.last_pricing <= 2 * STEPS_PER_DAY, 1.0
        if trigger == "checkout_abandoned":
            since = step - state.last_checkout
            return (since <= 2 * STEPS_PER_DAY) & (state.last_purchase < state.last_checkout), 1.0
        if trigger == "onboarding":
            return state.onboarding < days, np.where(state.stuck, 1.4, 0.8)
        if trigger == "contract_end":
            left = state.contract_step - step
            return (left >= 0) & (left <= 25 * STEPS_PER_DAY), 1.0
        if trigger == "inactive":
            return step - state.last_session > 9 * STEPS_PER_DAY, 1.0
        if trigger == "invoice":
            return step == state.invoice_step, np.inf
        if trigger == "payment_failed":
            return state.overdue, 1.0
        if trigger == "purchased":
            return step == state.last_purchase + 1, np.inf
        if trigger == "purchased_lately":
            since = step - state.last_purchase
            return (since >= 3 * STEPS_PER_DAY) & (since <= 9 * STEPS_PER_DAY), 1.0
        if trigger == "case_answer":
            hourly = self.kind.cases.answer_hourly_rate * np.where(moment.office, 1.0, 0.2)
            return state.case_open & ~state.case_answered, np.asarray(24.0 * hourly)
        if trigger == "case_waiting":
            waits = state.case_open & ~state.case_answered
            return waits & (step - state.case_word > 12 // STEP_HOURS), 1.0
        if trigger == "long_time_customer":
            return state.tenure_days + (step - state.arrival) / STEPS_PER_DAY > 90, 1.0
        raise ValueError(f"unknown trigger {trigger!r}")

    def candidates(self, state: State, moment: Moment, block: Block, draws: Draws) -> Pool:
        """The messages that come up in this step."""
        holds = {
            trigger: self._holds(trigger, state, moment) for trigger in self._triggers if trigger != "weekly"
        }
        found: list[tuple[Ints, int]] = []
        for index, item in enumerate(self.kind.messages):
            if item.trigger == "weekly":
                day = 1 + index % 4
                there = (moment.utc_weekday == day) & (moment.utc_hour >= 9) & (moment.utc_hour < 11)
                chance: Floats | float = item.daily_rate
            else:
                there, factor = holds[item.trigger]
                rate = factor if item.trigger == "case_answer" else item.daily_rate * factor
                chance = per_step(rate)
            there = there & state.active & (block.triggers[index] < chance)
            if item.cooldown_days:
                there &= moment.step - state.last_candidate[:, index] >= item.cooldown_days * STEPS_PER_DAY
            who = np.flatnonzero(there)
            if who.size:
                found.append((who, index))
        if not found:
            return Pool.empty()
        who = np.concatenate([item for item, _ in found])
        kind = np.concatenate([np.full(item.size, index, dtype=np.int64) for item, index in found])
        state.last_candidate[who, kind] = moment.step[who]
        pool = self._pool(state, moment, draws, who, kind)
        return self._alternatives(pool, state, draws) if self.alternatives else pool

    def _pool(self, state: State, moment: Moment, draws: Draws, who: Ints, kind: Ints) -> Pool:
        table, step = self.table, moment.step[who]
        key = state.key[who]
        channel = choose(draws.keyed(key, step, kind, "channel"), table.channels[kind])
        about = table.about_case[kind] & state.case_open[who]
        # A case is answered where it was opened.
        answers = about & table.transactional[kind] & (table.channels[kind, state.case_channel[who]] > 0)
        channel = np.where(answers, state.case_channel[who], channel)
        offer = (draws.keyed(key, step, kind, "offer") * table.n_offers[kind]).astype(np.int64)
        lifetime = np.maximum(1, table.lifetime_hours[kind] // STEP_HOURS).astype(np.int64)
        return Pool(
            customer=who,
            kind=kind,
            channel=channel,
            topic=np.where(about, table.case_topic[state.case_topic[who]], table.topic[kind]),
            case=np.where(about, state.case_opened[who], _NOT_CASE),
            offer=table.offers[kind, offer],
            variant=np.zeros(who.size, dtype=np.int64),
            created=step,
            ready=step,
            expires=step + lifetime,
            asked=np.zeros(who.size, dtype=np.int64),
            recheck=np.zeros(who.size, dtype=np.int64),
            place=np.zeros(who.size, dtype=np.int64),
        )

    def _alternatives(self, pool: Pool, state: State, draws: Draws) -> Pool:
        """The same messages on another channel (variant 1) and with another offer (variant 2)."""
        table = self.table
        rows = np.flatnonzero(~table.transactional[pool.kind])
        other = pool.take(rows)
        key = state.key[other.customer]
        weights = table.channels[other.kind].copy()
        weights[np.arange(other.n), other.channel] = 0.0
        several = weights.sum(axis=1) > 0
        elsewhere = other.take(several)
        luck = draws.keyed(key[several], elsewhere.created, elsewhere.kind, "alternative")
        elsewhere.channel = choose(luck, weights[several])
        elsewhere.variant = elsewhere.variant + 1
        offered = table.n_offers[other.kind] > 1
        cheaper = other.take(offered)
        n_offers = table.n_offers[cheaper.kind]
        luck = draws.keyed(key[offered], cheaper.created, cheaper.kind, "offer")
        cheaper.offer = table.offers[cheaper.kind, ((luck * n_offers).astype(np.int64) + 1) % n_offers]
        cheaper.variant = cheaper.variant + 2
        return Pool.concatenate([pool, elsewhere, cheaper])
