"""Whether the chances mean what they say: over all candidates asked and over those chosen, and the goal.

The true chances come from branching at a sample of the live decisions, with the company's own rules for what
comes later, as in the history that the models were fitted on. The realised outcomes are those of the run.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.live import LiveCompany
from benchmarks.tact_policy import Asked
from data_contracts.configuration import Goals
from data_contracts.times import HOUR
from features.builder import states
from features.encoding import encode
from features.specification import FeatureSpecification
from simulation.clock import Bools, Floats, Ints
from simulation.company import Company
from simulation.labels import realised_outcomes
from simulation.rules import SEND, HistoricalPolicy
from simulation.snapshots import Snapper
from simulation.tables import joined_decisions
from simulation.truth import true_chances
from simulation.world import Decided
from training.labels import goal_labels

_REPORTED = 12 * HOUR
"""Goal events have been reported by then."""


class Watch:
    """Keeps a sample of a panel's decisions, to branch from."""

    def __init__(self, rows: int, seed: int, panel: Ints, n_customers: int) -> None:
        self.snapper = Snapper(rows, seed)
        self.inside = np.zeros(n_customers, np.bool_)
        self.inside[panel] = True
        self.parts: list[Decided] = []

    def __call__(self, company: Company, decided: Decided) -> None:
        rows = np.flatnonzero(
            self.inside[decided.pending.customer] & ~company.models.table.transactional[decided.pending.kind]
        )
        part = Decided(
            pending=decided.pending.take(rows),
            action=decided.action[rows],
            send_probability=decided.send_probability[rows],
            decided_at=decided.decided_at[rows],
            decision=decided.decision[rows],
        )
        self.parts.append(part)
        self.snapper(company, part)


@dataclass(frozen=True)
class Checked:
    """Estimates beside the truth, shape (n,) each: a sample of the candidates asked, and all that were sent.

    `estimated`, `true`: columns p_helps, p_interrupts, lift_helps, lift_interrupts. `sent_estimated` and
    `sent_outcome` have the columns p_helps, p_interrupts and helped, interrupted. `goal_…`: places of goals
    at distinct moments; `best_goal` is the likeliest by the latent truth, −1 where it was not sampled.
    """

    estimated: Floats
    true: Floats
    chosen: Bools
    price: Floats
    sent_estimated: Floats
    sent_outcome: Floats
    goal_predicted: Ints
    goal_probability: Floats
    goal_realised: Ints
    goal_last: Ints
    goal_best: Ints


def check(
    company: LiveCompany,
    watch: Watch,
    asked: Asked,
    specification: FeatureSpecification,
    goals: Goals,
    replicates: int,
    seed: int,
) -> Checked:
    """Compare what was answered in a live run, at whose end `company` is, with the truth."""
    decided = joined_decisions(watch.parts)
    numbers = np.asarray(asked.numbers, dtype=np.float64).reshape(-1, 5)
    place = {key: row for row, key in enumerate(zip(asked.message, asked.times_asked, strict=True))}
    keys = zip(decided.pending.message.tolist(), decided.pending.asked.tolist(), strict=True)
    answer = np.asarray([place.get(key, -1) for key in keys], dtype=np.int64)

    snapshots = watch.snapper.snapshots()
    if snapshots is None:
        raise ValueError("no decision was sampled")
    sent = decided.action[snapshots.row] == SEND
    true = true_chances(company.models, snapshots, sent, HistoricalPolicy(), replicates, seed)
    known = answer[true.row] >= 0
    rows = answer[true.row[known]]
    truth = np.stack(
        [
            true.helps_send,
            true.interrupts_send,
            true.helps_send - true.helps_hold,
            true.interrupts_send - true.interrupts_hold,
        ],
        axis=1,
    )[known]

    end = int(company.now.min())
    helped, interrupted, over = realised_outcomes(company, decided, company.touchpoints(), end)
    counted = np.flatnonzero((decided.action == SEND) & over & (answer >= 0))
    goal = _goals(company, asked, specification, goals, end)
    best = {
        (asked.customer[row], asked.moment[row]): int(np.argmax(shares))
        for row, shares in zip(rows.tolist(), true.goals[known], strict=True)
    }
    return Checked(
        estimated=numbers[rows, :4],
        true=truth,
        chosen=sent[known],
        price=numbers[rows, 4],
        sent_estimated=numbers[answer[counted], :2],
        sent_outcome=np.stack([helped[counted], interrupted[counted]], axis=1).astype(np.float64),
        goal_best=np.asarray([best.get(key, -1) for key in goal.keys], dtype=np.int64),
        goal_predicted=goal.predicted,
        goal_probability=goal.probability,
        goal_realised=goal.realised,
        goal_last=goal.last,
    )


@dataclass(frozen=True)
class _GoalMoments:
    keys: list[tuple[int, int]]
    predicted: Ints
    probability: Floats
    realised: Ints
    last: Ints


def _goals(
    company: LiveCompany, asked: Asked, specification: FeatureSpecification, goals: Goals, end: int
) -> _GoalMoments:
    """Predicted, realised and last goals at the distinct moments whose horizon is over."""
    horizon = round(goals.horizon_hours * HOUR) + _REPORTED
    first: dict[tuple[int, int], int] = {}
    for row, key in enumerate(zip(asked.customer, asked.moment, strict=True)):
        if key[1] + horizon <= end:
            first.setdefault(key, row)
    keys = list(first)
    probabilities = np.asarray([asked.goals[row] for row in first.values()], dtype=np.float64)
    everyone = np.unique(np.asarray([key[0] for key in keys], dtype=np.int64))
    columns = company.known.columns(everyone)
    customer = np.searchsorted(everyone, [key[0] for key in keys]).astype(np.int64)
    moment = np.asarray([key[1] for key in keys], dtype=np.int64)
    state = states(encode(columns, specification), specification, customer, moment)
    last = state.matrix[:, specification.state_names.index("goal_last")]
    none = len(goals.items)
    return _GoalMoments(
        keys=keys,
        predicted=probabilities.argmax(axis=1).astype(np.int64),
        probability=probabilities.max(axis=1),
        realised=goal_labels(columns, goals, customer, moment),
        last=np.where(np.isnan(last), none, last).astype(np.int64),
    )


def calibration_error(estimated: Floats, target: Floats, bins: int = 10) -> float:
    """Expected calibration error (Naeini et al. 2015) in bins of equal counts; NaN where nothing is there."""
    if not len(estimated):
        return float("nan")
    order = np.argsort(estimated, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return float(
        sum(len(part) * abs(estimated[part].mean() - target[part].mean()) for part in parts) / len(order)
    )


def noise_floor(estimated: Floats, seed: int = 0, draws: int = 50) -> float:
    """The calibration error that outcomes drawn from the estimates themselves would show, on average."""
    random = np.random.default_rng(seed)
    return float(
        np.mean(
            [
                calibration_error(estimated, (random.random(len(estimated)) < estimated).astype(float))
                for _ in range(draws)
            ]
        )
    )
