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

from data_contracts import vocabulary
from simulation.clock import WINDOW_STEPS, Bools, Floats, Ints
from simulation.contact import Answers
from simulation.draws import Block, Draws
from simulation.life import StepResult
from simulation.messages import Pool
from simulation.records import EVENT, MISSING
from simulation.rules import SEND, Policy
from simulation.snapshots import Snapshots, chosen_snapshots, numbered, snapshots_of
from simulation.state import State
from simulation.world import Models, World

HOLD_ARM, SEND_ARM = 0, 1
_ELEMENTS = 60_000
GOAL_NAMES = (*vocabulary.GOALS, vocabulary.NO_GOAL)


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


class Compensators:
    """Sums of the chances of a first helpful (row 0) and a first harmful (row 1) event, shape (2, n)."""

    def __init__(self, n: int) -> None:
        self.sums = np.zeros((2, n))
        self._waiting = np.ones((2, n), dtype=np.bool_)

    def add_answers(self, customer: Ints, mine: Bools, answers: list[tuple[Ints, Answers]]) -> None:
        """Linked answers to the messages in question (`mine`), sent to `customer`, shape (n_messages,)."""
        for wave, reply in answers:
            inside = mine[wave]
            who = customer[wave][inside]
            sides = ((reply.chances.positive, reply.positive), (reply.chances.negative, reply.negative))
            for side, (chance, came) in enumerate(sides):
                self.sums[side, who] += np.where(self._waiting[side, who], chance[inside], 0.0)
                self._waiting[side, who] &= ~came[inside]

    def add_step(self, result: StepResult) -> None:
        """Progress and harm of a step, as far as it is recorded."""
        expected, came = result.expected, result.came
        sides = (
            (expected.recorded_progress, came.recorded_progress),
            (expected.recorded_harm, came.recorded_harm),
        )
        for side, (chance, event) in enumerate(sides):
            self.sums[side] += np.where(self._waiting[side], chance, 0.0)
            self._waiting[side] &= event < 0.5


@dataclass(frozen=True, slots=True)
class TrueChances:
    """True chances of `row` numbers, shape (n,) each; arms are named `send` and `hold`.

    `errors` holds the Monte-Carlo standard errors of the four chances and of the two lifts, in the order
    helps_send, helps_hold, interrupts_send, interrupts_hold, lift_helps, lift_interrupts: shape (n, 6).
    `goals`: shape (n, 8), the chance of each goal of `GOAL_NAMES` in 72 hours under what was done.
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
        chunk = chosen_snapshots(snapshots, keep)
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


def true_chances_now(
    world: World, pending: Pool, policy: Policy, replicates: int = 32, seed: int = 0
) -> TrueChances:
    """True chances of pending messages at this moment, one by one, as if none of the others were sent now.

    `policy` decides about everything later within the 72 hours.
    """
    chosen = snapshots_of(world, pending, pending.take(np.zeros(0, dtype=np.int64)))
    return true_chances(world.models, chosen, np.zeros(pending.n, dtype=np.bool_), policy, replicates, seed)


def _branch(
    models: Models, chunk: Snapshots, was_sent: Bools, policy: Policy, replicates: int, seed: int, begin: int
) -> dict[str, Floats]:
    n = chunk.row.size
    half = n * replicates
    elements = np.tile(np.repeat(np.arange(n), replicates), 2)
    state = chunk.state.take(elements)
    # Keys are the luck of hashed draws: the same in both arms, different in every chunk.
    state.key = np.tile(np.arange(half) + begin * replicates, 2)

    def spread(pool: Pool, arms: tuple[int, ...]) -> Pool:
        """Messages of the rows, for every replicate of these arms."""
        return Pool.concatenate(
            [
                numbered(pool, pool.customer * replicates + replicate + arm * half)
                for arm in arms
                for replicate in range(replicates)
            ]
        )

    draws = PairedDraws(seed, stream=1000 + begin)
    both = (HOLD_ARM, SEND_ARM)
    world = World(models, state, spread(chunk.later, both), draws, chunk.step[elements])
    goals = FirstGoal(2 * half)
    outcomes = Compensators(2 * half)
    own = spread(chunk.own, (SEND_ARM,))
    messages = Pool.concatenate([own, spread(chunk.also, both)])
    order = np.argsort(messages.place, kind="stable")
    messages, mine = messages.take(order), order < own.n
    for place in range(WINDOW_STEPS):
        block, moment = world.next_block(), world.moment()
        if place:
            pending = world.ask(moment, block)
            messages = pending.take(world.decide(pending, policy).action == SEND)
            mine = np.zeros(messages.n, dtype=np.bool_)
        answers = world.send(moment, messages)
        outcomes.add_answers(messages.customer, mine, answers)
        complaint, complained = world.complaints(messages, answers, leave_out=mine)
        outcomes.add_step(world.live(moment, block, complaint, complained, goals))
    values = outcomes.sums.reshape(2, 2, n, replicates)
    means, deviations = values.mean(axis=3), values.std(axis=3, ddof=1)
    lifts = (values[:, SEND_ARM] - values[:, HOLD_ARM]).std(axis=2, ddof=1)
    errors = [*deviations[0, ::-1], *deviations[1, ::-1], *lifts]
    seen = goals.goal.reshape(2, n, replicates)[was_sent.astype(np.int64), np.arange(n)]
    return {
        "helps_send": means[0, SEND_ARM],
        "helps_hold": means[0, HOLD_ARM],
        "interrupts_send": means[1, SEND_ARM],
        "interrupts_hold": means[1, HOLD_ARM],
        "errors": np.stack(errors, axis=1) / np.sqrt(replicates),
        "goals": np.stack([(seen == index).mean(axis=1) for index in range(len(GOAL_NAMES))], axis=1),
    }
