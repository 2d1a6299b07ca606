"""The true chances of logged decisions, by branching: what would have followed, sent and held.

For a decision at *t* the customer's latent state right before it is copied, once for each replicate and arm. In
one arm the message is sent, in the other it never is; whatever else went out to the customer in that step goes
out in both, and from then on the company lives on under its own policy for 72 hours (36 steps). Both arms of
a replicate meet the same luck, so that lifts are far more precise than either chance.

Instead of counting 0/1 outcomes, each branch adds up the *chances* of a first event: with N the step of the
first helpful event and h_k the chance of one in step k given the state at its beginning, the sum of h_k up to
min(N, 36) has the same expectation as the outcome (it is its compensator; Brémaud 1981, II.2) and for rare
outcomes a small fraction of its variance. The mean over replicates is thus unbiased; its standard error is
reported beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data_contracts import vocabulary
from simulation.clock import WINDOW_STEPS, Bools, Floats, Ints
from simulation.company import Company
from simulation.draws import Block, Draws
from simulation.messages import Pool
from simulation.records import EVENT, MISSING
from simulation.rules import SEND, Policy
from simulation.state import State
from simulation.world import Decided, Models, World

HOLD_ARM, SEND_ARM = 0, 1
_ELEMENTS = 60_000
_GOAL_NAMES = (*vocabulary.GOALS, vocabulary.NO_GOAL)


@dataclass(slots=True)
class Snapshots:
    """Sampled rows with the world right before them: `state` one entry a row, `also` what else was sent to
    the customer in that step and `later` what still waited, both with the row's number as `customer`."""

    luck: Floats
    row: Ints
    step: Ints
    state: State
    own: Pool
    also: Pool
    later: Pool


class Snapper:
    """Watches a company and keeps a random sample of its decision rows (those with the lowest of uniform
    numbers; `n_rows` None keeps all of them)."""

    def __init__(self, n_rows: int | None, seed: int) -> None:
        self._wanted = n_rows
        self._draws = Draws(seed, stream=77)
        self._limit = 1.0
        self._parts: list[Snapshots] = []
        self._kept = 0
        self._seen = 0

    def __call__(self, company: Company, decided: Decided) -> None:
        world, pending = company.world, decided.pending
        first = self._seen
        self._seen += pending.n
        if not pending.n or self._wanted == 0:
            return
        luck = self._draws.keyed(
            pending.customer, pending.created * 3 + pending.asked, pending.kind, "hold"
        )
        chosen = np.flatnonzero(luck < self._limit)
        if not chosen.size:
            return
        own = pending.take(chosen)
        sent = pending.take(decided.action == SEND)
        self._parts.append(
            Snapshots(
                luck=luck[chosen],
                row=first + chosen,
                step=world.step[own.customer],
                state=world.state.take(own.customer),
                own=_numbered(own, np.arange(own.n)),
                also=_others(sent, own),
                later=_others(world.pool, own),
            )
        )
        self._kept += chosen.size
        if self._wanted is not None and self._kept > 3 * self._wanted + 1000:
            self._thin()

    def snapshots(self) -> Snapshots | None:
        """The sample, ordered by row number; None where there is none."""
        if self._parts:
            self._thin()
        return self._parts[0] if self._parts else None

    def _thin(self) -> None:
        everything = _joined(self._parts)
        keep = np.arange(everything.row.size)
        if self._wanted is not None and keep.size > self._wanted:
            keep = np.sort(np.argsort(everything.luck, kind="stable")[: self._wanted])
            self._limit = float(everything.luck[keep].max())
        self._parts = [_chosen(everything, keep)]
        self._kept = keep.size


def _numbered(pool: Pool, numbers: Ints) -> Pool:
    result = pool.take(np.arange(pool.n))
    result.customer = numbers
    return result


def _others(pool: Pool, own: Pool) -> Pool:
    """Messages of `pool` to the customers of `own`, without the own one, numbered by the rows of `own`."""
    if not pool.n:
        return pool.take(np.zeros(0, dtype=np.int64))
    order = np.argsort(pool.customer, kind="stable")
    ordered = pool.customer[order]
    begin = np.searchsorted(ordered, own.customer, "left")
    count = np.searchsorted(ordered, own.customer, "right") - begin
    row = np.repeat(np.arange(own.n), count)
    place = np.arange(row.size) - np.repeat(np.cumsum(count) - count, count) + np.repeat(begin, count)
    chosen = order[place]
    different = pool.message[chosen] != own.message[row]
    return _numbered(pool.take(chosen[different]), row[different])


def _joined(parts: list[Snapshots]) -> Snapshots:
    begin = np.cumsum([0, *(part.row.size for part in parts)])

    def shifted(name: str) -> Pool:
        pools = [getattr(part, name) for part in parts]
        return Pool.concatenate(
            [_numbered(pool, pool.customer + at) for pool, at in zip(pools, begin[:-1], strict=True)]
        )

    return Snapshots(
        luck=np.concatenate([part.luck for part in parts]),
        row=np.concatenate([part.row for part in parts]),
        step=np.concatenate([part.step for part in parts]),
        state=State.concatenate([part.state for part in parts]),
        own=shifted("own"),
        also=shifted("also"),
        later=shifted("later"),
    )


def _chosen(snapshots: Snapshots, keep: Ints) -> Snapshots:
    place = np.full(snapshots.row.size, -1)
    place[keep] = np.arange(keep.size)

    def kept(pool: Pool) -> Pool:
        inside = place[pool.customer] >= 0
        return _numbered(pool.take(inside), place[pool.customer[inside]])

    return Snapshots(
        snapshots.luck[keep],
        snapshots.row[keep],
        snapshots.step[keep],
        snapshots.state.take(keep),
        kept(snapshots.own),
        kept(snapshots.also),
        kept(snapshots.later),
    )


class PairedDraws(Draws):
    """The same luck for both arms: the first and the second half of the customers."""

    def block(self, step: int, n_customers: int, n_triggers: int) -> Block:
        half = super().block(step, n_customers // 2, n_triggers)
        return half.twice()


class FirstGoal:
    """Watches the rows of a branch for each customer's first goal event that they start themselves."""

    def __init__(self, n: int) -> None:
        self.time = np.full(n, np.iinfo(np.int64).max)
        self.goal = np.full(n, len(vocabulary.GOALS), dtype=np.int64)
        self._goal_of = np.full(len(EVENT), -1, dtype=np.int64)
        for index, names in enumerate(vocabulary.GOALS.values()):
            self._goal_of[[EVENT[name] for name in names]] = index

    def add(
        self,
        state: State,
        who: Ints,
        time: Ints,
        event_type: str | Ints,
        department: str | Ints,
        channel: str | Ints,
        direction: str = "inbound",
        *,
        source: str | None = None,
        topic: int | Ints = MISSING,
        message: Ints | None = None,
        campaign: Ints | None = None,
        case: Ints | None = None,
        decision: Ints | None = None,
        value: Floats | None = None,
        sentiment: Floats | None = None,
        properties: Ints | None = None,
    ) -> None:
        """See Sink."""
        if direction != "inbound" or not who.size:
            return
        codes = EVENT[event_type] if isinstance(event_type, str) else event_type
        goal = np.broadcast_to(self._goal_of[codes], who.shape)
        first = (goal >= 0) & (time < self.time[who])
        self.time[who[first]] = time[first]
        self.goal[who[first]] = goal[first]


@dataclass(frozen=True, slots=True)
class TrueChances:
    """True chances of `row` numbers, shape (n,) each; arms are named `send` and `hold`.

    `errors` holds the Monte-Carlo standard errors of the four chances and of the two lifts, in the order
    helps_send, helps_hold, interrupts_send, interrupts_hold, lift_helps, lift_interrupts: shape (n, 6).
    `goals`: shape (n, 8), the chance of each goal of `_GOAL_NAMES` in 72 hours under what was done.
    """

    row: Ints
    helps_send: Floats
    helps_hold: Floats
    interrupts_send: Floats
    interrupts_hold: Floats
    errors: Floats
    goals: Floats


def true_chances(
    models: Models,
    snapshots: Snapshots,
    was_sent: Bools,
    policy: Policy,
    replicates: int,
    seed: int,
    progress: Callable[[int], None] | None = None,
) -> TrueChances:
    """Branch from every snapshot, `replicates` times for each arm.

    `was_sent`, shape (n,): what was done, whose goal distribution is wanted. `progress` gets the number of
    rows done.
    """
    parts = []
    size = max(1, _ELEMENTS // (2 * replicates))
    for begin in range(0, snapshots.row.size, size):
        keep = np.arange(begin, min(begin + size, snapshots.row.size))
        chunk = _chosen(snapshots, keep)
        parts.append(_branch(models, chunk, was_sent[keep], policy, replicates, seed, begin))
        if progress is not None:
            progress(keep.size)
    return TrueChances(
        row=snapshots.row,
        **{
            name: np.concatenate([part[name] for part in parts])
            for name in (
                "helps_send",
                "helps_hold",
                "interrupts_send",
                "interrupts_hold",
                "errors",
                "goals",
            )
        },
    )


def _branch(
    models: Models,
    chunk: Snapshots,
    was_sent: Bools,
    policy: Policy,
    replicates: int,
    seed: int,
    begin: int,
) -> dict[str, npt.NDArray[np.float64]]:
    n = chunk.row.size
    half = n * replicates
    elements = np.tile(np.repeat(np.arange(n), replicates), 2)
    state = chunk.state.take(elements)
    state.key = np.tile(np.arange(half) + begin * replicates, 2)
    sending = np.r_[np.zeros(half, dtype=np.bool_), np.ones(half, dtype=np.bool_)]

    def spread(pool: Pool, where: Bools) -> Pool:
        """Messages for the elements of their rows."""
        copies = [
            _numbered(pool, pool.customer * replicates + replicate + arm * half)
            for arm in (HOLD_ARM, SEND_ARM)
            for replicate in range(replicates)
        ]
        everything = Pool.concatenate(copies)
        return everything.take(where[everything.customer])

    always = np.ones(2 * half, dtype=np.bool_)
    own = spread(chunk.own, sending)
    also = spread(chunk.also, always)
    world = World(
        models,
        state,
        spread(chunk.later, always),
        PairedDraws(seed, stream=1000 + begin),
        chunk.step[elements],
    )
    goals = FirstGoal(2 * half)
    sums = np.zeros((2, 2 * half))
    open_ = np.ones((2, 2 * half), dtype=np.bool_)
    for place in range(WINDOW_STEPS):
        block = world.next_block()
        moment = world.moment()
        if place == 0:
            messages = Pool.concatenate([own, also])
            mine = np.arange(messages.n) < own.n
        else:
            pending = world.ask(moment, block)
            actions = world.decide(pending, policy)
            messages, mine = pending.take(actions.action == SEND), None
        answers = world.send(moment, messages)
        if mine is not None:
            for wave, reply in answers:
                rows = wave[mine[wave]]
                who = messages.customer[rows]
                inside = mine[wave]
                for side, chance, came in (
                    (0, reply.chances.positive, reply.positive),
                    (1, reply.chances.negative, reply.negative),
                ):
                    sums[side, who] += chance[inside]
                    open_[side, who] &= ~came[inside]
        complaint, complained = world.complaints(messages, answers, mine)
        result = world.live(moment, block, complaint, complained, goals)
        for side, chance, came in (
            (0, result.expected.recorded_progress, result.came.recorded_progress),
            (1, result.expected.recorded_harm, result.came.recorded_harm),
        ):
            sums[side] += np.where(open_[side], chance, 0.0)
            open_[side] &= came < 0.5
    values = sums.reshape(2, 2, n, replicates)
    means = values.mean(axis=3)
    lifts = values[:, SEND_ARM] - values[:, HOLD_ARM]
    root = np.sqrt(replicates)
    errors = values.std(axis=3, ddof=1 if replicates > 1 else 0) / root
    lift_errors = lifts.std(axis=2, ddof=1 if replicates > 1 else 0) / root
    seen = goals.goal.reshape(2, n, replicates)[was_sent.astype(np.int64), np.arange(n)]
    shares = np.stack([(seen == index).mean(axis=1) for index in range(len(_GOAL_NAMES))], axis=1)
    return {
        "helps_send": means[0, SEND_ARM],
        "helps_hold": means[0, HOLD_ARM],
        "interrupts_send": means[1, SEND_ARM],
        "interrupts_hold": means[1, HOLD_ARM],
        "errors": np.stack(
            [
                errors[0, SEND_ARM],
                errors[0, HOLD_ARM],
                errors[1, SEND_ARM],
                errors[1, HOLD_ARM],
                lift_errors[0],
                lift_errors[1],
            ],
            axis=1,
        ),
        "goals": shares,
    }
