"""A simulated company that can be stepped live under any policy, with its log and its true account."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from data_contracts.times import SECOND
from simulation.account import Account
from simulation.clock import STEP, STEPS_PER_DAY, Ints
from simulation.draws import Draws
from simulation.kinds import CompanyKind
from simulation.messages import Pool
from simulation.oracle import Experience
from simulation.population import draw_population
from simulation.records import EVENT, Recorder, Rows
from simulation.rules import SEND, HistoricalPolicy, Observer, Policy
from simulation.world import Decided, Models, World

_DECISION, _PROFILE = 60, 61
"""Stand for a message type where luck is drawn for something that is no message."""
_JOINT = 63


@dataclass(frozen=True, slots=True)
class Ablations:
    """Switches for tests of what learns from the company.

    Parameters
    ----------
    effects : 0 plants contacts without any effect on anybody.
    new_share, new_days : share of customers who arrive within the history, or within its last `new_days`.
    missing : share of customers whom a source doesn't report on, in place of the kind's.
    randomise : False for a history without any random hold-backs.
    alternatives : departments offer messages on a second channel and with a second offer as well.
    """

    effects: float = 1.0
    new_share: float | None = None
    new_days: float | None = None
    missing: Mapping[str, float] = field(default_factory=dict)
    randomise: bool = True
    alternatives: bool = False


class Company:
    """Customers of one kind of company, from `start` on.

    Parameters
    ----------
    days : for how long the company is going to be run; customers arrive within the first `history_days`.
    start : microseconds UTC of the first step.

    Two companies with the same arguments meet the same luck under any two policies.
    """

    def __init__(
        self,
        kind: CompanyKind,
        n_customers: int,
        seed: int,
        *,
        start: int,
        days: int = 120,
        history_days: int | None = None,
        ablations: Ablations | None = None,
    ) -> None:
        given = ablations or Ablations()
        self.kind = kind
        self.seed = seed
        self.start = start
        self.ablations = given
        self.models = Models(kind, start, days + 30, given.effects, given.alternatives)
        state = draw_population(
            kind,
            n_customers,
            seed,
            history_days or days,
            kind.new_customer_share if given.new_share is None else given.new_share,
            given.new_days,
            {**kind.missing_sources, **given.missing},
        )
        draws = Draws(seed)
        self.world = World(self.models, state, Pool.empty(), draws, np.zeros(n_customers, dtype=np.int64))
        self.account = Account.empty(n_customers)
        self.experience = Experience(len(kind.messages))
        self.recorder = Recorder(kind, draws)
        self._rows: list[Rows] = []
        self._hidden = Rows.missing(0)
        self.decisions: list[Decided] = []
        self.news = Rows.missing(0)
        self.watch: Callable[[Company, Decided], None] | None = None

    @property
    def step_number(self) -> int:
        return int(self.world.step[0])

    @property
    def now(self) -> Ints:
        """Microseconds UTC on each customer's clock, shape (n_customers,)."""
        return self.models.clock.time(self.world.step, self.world.state.phase)

    def fork(self) -> Company:
        """An independent copy at this moment; what it meets is the same luck as this one's."""
        twin = copy.copy(self)
        twin.world = World(
            self.models,
            self.world.state.take(np.arange(self.world.state.n)),
            self.world.pool.take(np.arange(self.world.pool.n)),
            self.world.draws,
            self.world.step.copy(),
        )
        twin.world.blocks = self.world.blocks
        twin.account = Account.empty(self.world.state.n)
        twin.recorder = self.recorder.fork()
        twin._rows = list(self._rows)
        twin.decisions = list(self.decisions)
        twin.experience = copy.deepcopy(self.experience)
        return twin

    def run(
        self, days: float, policy: Policy | None = None, progress: Callable[[], None] | None = None
    ) -> None:
        """Run `days` more under `policy` (the historical one if None); `progress` is called once a day."""
        chosen = policy or HistoricalPolicy(self.ablations.randomise)
        for count in range(round(days * STEPS_PER_DAY)):
            self.step(chosen)
            if progress is not None and (count + 1) % STEPS_PER_DAY == 0:
                progress()

    def step(self, policy: Policy) -> None:
        """One step of two hours: new candidates, the policy's decisions, contacts, customers' lives."""
        world, state = self.world, self.world.state
        block = world.next_block()
        self._arrivals(world.arrive())
        moment = world.moment()
        self._reveal()
        world.wake(self.news.customer, self.news.event_type)
        if isinstance(policy, Observer):
            policy.observe(self)
        pending = world.ask(moment, block)
        decided = self._decide(pending, policy)
        chosen = decided.action == SEND
        messages = pending.take(chosen)
        sent_at = decided.decided_at[chosen] + 5 * SECOND
        if self.watch is not None:
            self.watch(self, decided)
        answers = world.send(moment, messages)
        complaint, complained = world.complaints(messages, answers)
        world.record_contacts(messages, decided.decision[chosen], sent_at, answers, self.recorder)
        result = world.live(moment, block, complaint, complained, self.recorder)
        self.account.add(messages, answers, result, self.models.table)
        for wave, reply in answers:
            self.experience.add(messages.kind[wave], reply.chances)
        self.experience.customer_days += float(state.active.sum()) / STEPS_PER_DAY
        fresh = self.recorder.flush(state, self.start)
        self._hidden = Rows.concatenate([self._hidden, fresh])
        self._rows.append(fresh)

    def _decide(self, pending: Pool, policy: Policy) -> Decided:
        world = self.world
        actions = world.decide(pending, policy)
        who, kind = pending.customer, pending.kind
        key, step = world.state.key[who], world.step[who]
        spread = (2 + 40 * world.draws.keyed(key, step, _DECISION, "delay")).astype(np.int64)
        # Some departments ask through one hub: their messages of a step share a decision.
        joint = world.draws.keyed(key, step, _DECISION, "joint") < self.kind.rules.joint_share
        decided = Decided(
            pending=pending,
            action=actions.action,
            send_probability=actions.send_probability,
            decided_at=self.now[who] + np.where(joint, spread, spread + kind % 10) * SECOND,
            decision=(who << 22) | (step << 6) | np.where(joint, _JOINT, kind),
        )
        if pending.n:
            self.decisions.append(decided)
        return decided

    def _reveal(self) -> None:
        """Rows that the company has come to know since the last step, each on its customer's clock."""
        known = self._hidden.ingested_time <= self.now[self._hidden.customer]
        self.news = self._hidden.take(known)
        self._hidden = self._hidden.take(~known)

    def _arrivals(self, who: Ints) -> None:
        """First rows of a customer: the profile, and channels that were closed before."""
        state, kind = self.world.state, self.kind
        if not who.size:
            return
        at = self.models.clock.time(self.world.step[who], state.phase[who])
        unknown = self.world.draws.keyed(state.key[who], 0, _PROFILE, "open") < kind.unknown_zone_share
        zones, plans, segments = tuple(kind.rhythm.zones), tuple(kind.plans), tuple(kind.segments)
        notes = np.zeros(who.size, dtype=np.int64)
        for place, customer in enumerate(who):
            profile: dict[str, object] = {
                "plan": plans[state.plan[customer]],
                "segment": segments[state.segment[customer]],
                "tenure_days": round(float(state.tenure_days[customer])),
            }
            if not unknown[place]:
                profile["time_zone"] = zones[state.zone[customer]]
            notes[place] = self.recorder.note(json.dumps(profile))
        self.recorder.add(
            state, who, at, "profile_updated", "sales", "web", "internal", source="crm", properties=notes
        )
        closed, channel = np.nonzero(~state.consent[who])
        self.recorder.add(
            state,
            who[closed],
            at[closed] + SECOND,
            np.full(closed.size, EVENT["opted_out"]),
            "marketing",
            channel,
        )

    def touchpoints(self, until: int | None = None) -> Rows:
        """All rows that happened and were known by `until` (microseconds; all if None), in no set order."""
        rows = Rows.concatenate(self._rows)
        return rows if until is None else rows.take((rows.ingested_time <= until) & (rows.event_time <= until))

    def observations_end(self, until: int) -> None:
        """Write `observation_ended` for the customers whose observation is over by `until`."""
        state = self.world.state
        end = self.start + state.observed_until * STEP + state.phase
        who = np.flatnonzero((end <= until) & (state.arrival < state.observed_until))
        self.recorder.add(state, who, end[who], "observation_ended", "operations", "web", "internal")
        self._rows.append(self.recorder.flush(state, self.start))
