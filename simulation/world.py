"""A step of the whole company: candidates, decisions, contacts, lives. The same code for the history, for live
runs and for the branches that the true probabilities come from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_contracts.times import HOUR, MINUTE, SECOND
from simulation.clock import STEPS_PER_DAY, Bools, Clock, Floats, Ints, Moment
from simulation.contact import COMPLAINED, NEGATIVE_EVENTS, Answers, ContactModel
from simulation.departments import Departments
from simulation.draws import Block, Draws
from simulation.kinds import CompanyKind
from simulation.life import Life, StepResult
from simulation.messages import MessageTable, Pool
from simulation.records import EVENT, Sink
from simulation.rules import SEND, SUPPRESS, WAIT, Actions, Policy, waves
from simulation.state import State


@dataclass(slots=True)
class Decided:
    """The decisions of a step, shape (n,) each."""

    pending: Pool
    action: Ints
    send_probability: Floats
    decided_at: Ints
    decision: Ints


class Models:
    """Everything about a company that never changes: shared by all worlds of it."""

    def __init__(
        self, kind: CompanyKind, start: int, days: int, effects: float = 1.0, alternatives: bool = False
    ) -> None:
        self.kind = kind
        self.table = MessageTable(kind)
        self.clock = Clock(start, tuple(kind.rhythm.zones), days)
        self.contact = ContactModel(kind, self.table, effects)
        self.departments = Departments(kind, self.table, alternatives)
        self.life = Life(kind, self.table, self.contact, self.clock)


class World:
    """Customers, what waits for them, and luck.

    `step` counts each customer's own clock, shape (n,): in the company all are equal, in branches they differ.
    """

    def __init__(self, models: Models, state: State, pool: Pool, draws: Draws, step: Ints) -> None:
        self.models = models
        self.kind = models.kind
        self.table = models.table
        self.state = state
        self.pool = pool
        self.draws = draws
        self.step = step
        self.blocks = 0

    def moment(self) -> Moment:
        """Where the customers' clocks stand."""
        return self.models.clock.moment(self.step, self.state.zone, self.state.phase)

    def next_block(self) -> Block:
        """The luck of this step; branches count their own blocks."""
        block = self.draws.block(self.blocks, self.state.n, len(self.kind.messages))
        self.blocks += 1
        return block

    def arrive(self) -> Ints:
        """Customers whose first step this is."""
        who = np.flatnonzero(self.state.arrival == self.step)
        self.state.active[who] = True
        return who

    def ask(self, moment: Moment, block: Block) -> Pool:
        """New candidates join the pool; returns those that are to be decided now."""
        new = self.models.departments.candidates(self.state, moment, block, self.draws)
        pool = Pool.concatenate([self.pool, new]) if self.pool.n and new.n else new if new.n else self.pool
        if not pool.n:
            self.pool = pool
            return pool
        now = self.step[pool.customer]
        alive = (pool.expires > now) & self.state.active[pool.customer]
        due = alive & (pool.ready <= now)
        self.pool = pool.take(alive & ~due)
        pending = pool.take(due)
        pending.place = np.arange(pending.n)
        return pending

    def decide(self, pending: Pool, policy: Policy) -> Actions:
        """Ask the policy, then enforce what no policy may change; those that wait go back to the pool."""
        actions = policy.decide(pending, self)
        table = self.table
        free = table.transactional[pending.kind]
        closed = ~free & ~self.state.consent[pending.customer, pending.channel]
        action = np.where(free, SEND, np.where(closed, SUPPRESS, actions.action))
        later = np.maximum(actions.wait_until, self.step[pending.customer] + 1)
        waits = (action == WAIT) & (later < pending.expires)
        action = np.where((action == WAIT) & ~waits, SUPPRESS, action)
        probability = np.where(np.isnan(actions.send_probability), action == SEND, actions.send_probability)
        probability = np.where(free, 1.0, np.where(closed, 0.0, probability))
        if self.models.departments.alternatives:
            action, waits = self._one_of_a_group(pending, action, waits)
        if waits.any():
            again = pending.take(waits)
            again.ready = later[waits]
            again.asked = again.asked + 1
            again.recheck = actions.recheck[waits]
            self.pool = Pool.concatenate([self.pool, again]) if self.pool.n else again
        return Actions(action, later, probability, actions.recheck)

    def _one_of_a_group(self, pending: Pool, action: Ints, waits: Bools) -> tuple[Ints, Bools]:
        """Alternatives: the first that is sent goes, and all others of its group are over."""
        group = pending.group
        sends = np.flatnonzero(action == SEND)
        first = sends[np.unique(group[sends], return_index=True)[1]]
        over = np.isin(group, group[first])
        over[first] = False
        self.pool = self.pool.take(~np.isin(self.pool.group, group[first]))
        return np.where(over, SUPPRESS, action), waits & ~over

    def wake(self, customer: Ints, event_type: Ints) -> None:
        """Events of these types became known: messages that wait for them are asked for in this step."""
        if not self.pool.n or not customer.size or not self.pool.recheck.any():
            return
        seen = np.zeros(self.state.n, dtype=np.int64)
        np.bitwise_or.at(seen, customer, np.int64(1) << event_type)
        woken = (seen[self.pool.customer] & self.pool.recheck) != 0
        now = self.step[self.pool.customer]
        self.pool.ready = np.where(woken, np.minimum(self.pool.ready, now), self.pool.ready)

    def send(self, moment: Moment, messages: Pool) -> list[tuple[Ints, Answers]]:
        """Send `messages`; returns the answers by wave, a wave being indices without a customer twice."""
        state, draws = self.state, self.draws
        answers: list[tuple[Ints, Answers]] = []
        if not messages.n:
            return answers
        number = messages.message
        for wave in waves(messages.customer):
            part = messages.take(wave)
            who, kind = part.customer, part.kind
            key = state.key[who]
            # Keyed by the message's creation, so that it meets the same luck whenever a policy sends it.
            luck = {
                name: draws.keyed(key, part.created, kind, name)
                for name in ("open", "positive", "negative", "kind", "good", "delay")
            }
            reply = self.models.contact.apply(
                state, moment, who, kind, part.channel, part.offer, luck, number[wave]
            )
            counted = ~self.table.transactional[kind]
            state.sent_today[who] += counted
            state.sent_this_week[who] += counted
            state.last_sent[who, kind] = moment.step[who]
            answers.append((wave, reply))
        return answers

    def complaints(
        self, messages: Pool, answers: list[tuple[Ints, Answers]], leave_out: Bools | None = None
    ) -> tuple[Floats, Bools]:
        """For each customer the chance, and the fact, of a complaint about any message that was just sent.

        `leave_out`, shape (messages.n,): messages that are not meant.
        """
        unharmed = np.ones(self.state.n)
        complained = np.zeros(self.state.n, dtype=np.bool_)
        for wave, reply in answers:
            who = messages.customer[wave]
            meant = np.ones(wave.size, dtype=np.bool_) if leave_out is None else ~leave_out[wave]
            unharmed[who] *= 1 - reply.chances.negative * reply.chances.complaint_share * meant
            complained[who] |= reply.negative & (reply.how == COMPLAINED) & meant
        return 1 - unharmed, complained

    def live(
        self, moment: Moment, block: Block, complaint: Floats, complained: Bools, record: Sink | None
    ) -> StepResult:
        """What customers do in this step; the clocks move on."""
        result = self.models.life.step(self.state, moment, block, complaint, complained, record)
        self.step = self.step + 1
        state = self.state
        state.sent_today[self.step % STEPS_PER_DAY == 0] = 0
        state.sent_this_week[self.step % (7 * STEPS_PER_DAY) == 0] = 0
        return result

    def record_contacts(
        self,
        messages: Pool,
        decision: Ints,
        sent_at: Ints,
        answers: list[tuple[Ints, Answers]],
        record: Sink,
    ) -> None:
        """Rows of `message_sent` and of the answers to it. Negative answers come at once, others take time."""
        if not messages.n:
            return
        table, state = self.table, self.state
        number = messages.message
        campaign = campaign_number(messages)
        case = np.where(messages.case >= 0, messages.case, -1)

        def add(
            rows: Ints, at: Ints, event_type: str | Ints, way: str, sentiment: Floats | None = None
        ) -> None:
            record.add(
                state, messages.customer[rows], at, event_type, table.department[messages.kind[rows]],
                messages.channel[rows], way, topic=messages.topic[rows], message=number[rows],
                campaign=campaign[rows], case=case[rows],
                decision=decision[rows] if way == "outbound" else None, sentiment=sentiment,
            )  # fmt: skip

        add(np.arange(messages.n), sent_at, "message_sent", "outbound")
        negative_codes = np.array([EVENT[name] for name in NEGATIVE_EVENTS])
        for wave, reply in answers:
            key, created, kind = (
                state.key[messages.customer[wave]],
                messages.created[wave],
                messages.kind[wave],
            )
            slow = self.draws.keyed(key, created, kind, "delay")
            # Exponential with a mean of five hours, within three days; nobody gets angry later than that hour.
            late = np.minimum(-np.log1p(-slow) * 5 * HOUR, 70 * HOUR).astype(np.int64)
            quick = ((2 + 50 * slow) * MINUTE).astype(np.int64)
            seconds = (20 + 180 * self.draws.keyed(key, created, kind, "kind")).astype(np.int64) * SECOND
            at = sent_at[wave] + np.where(reply.negative, quick, late) // SECOND * SECOND + MINUTE
            opened = np.flatnonzero(reply.opened)
            add(wave[opened], at[opened], "message_opened", "inbound")
            for code, chosen in (
                (EVENT["message_replied"], reply.positive & table.asks_reply[kind]),
                (EVENT["message_clicked"], reply.positive & ~table.asks_reply[kind]),
            ):
                rows = np.flatnonzero(chosen)
                add(wave[rows], at[rows] + seconds[rows], np.full(rows.size, code), "inbound")
            rows = np.flatnonzero(reply.negative)
            event = negative_codes[reply.how[rows]]
            mood = np.where(reply.how[rows] == COMPLAINED, -0.8, np.nan)
            add(wave[rows], at[rows] + seconds[rows], event, "inbound", mood)


def campaign_number(messages: Pool) -> Ints:
    """A campaign is a message type in a week."""
    return np.asarray(messages.kind * 10_000 + messages.created // (7 * STEPS_PER_DAY), dtype=np.int64)
