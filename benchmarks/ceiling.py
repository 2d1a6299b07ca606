"""The observable ceiling: Tact's own features and policy with contact models fitted to the true chances.

What perfect learning could reach from what can be seen: on four times the customers, every sampled decision
teaches its true probabilities under send and under hold, its true lifts and the true price of attention, in
place of one drawn outcome under one arm. Specification and goal model are Tact's own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt

from benchmarks.live import LiveCompany
from features.builder import Matrix, matches, states
from features.columns import Float64
from features.encoding import encode
from models.booster import TreeModel
from models.bundle import Bundle, LiftModel, OutcomeModel, ProbabilityModel
from models.scoring import assemble
from simulation.clock import Floats
from simulation.draws import Draws
from simulation.oracle import Experience, LatentOracle
from simulation.rules import SEND, HistoricalPolicy
from simulation.snapshots import Snapper, Snapshots
from simulation.tables import decision_table, joined_decisions
from simulation.truth import TrueChances, true_chances
from simulation.world import Decided, World
from training.candidate_table import candidates_of_decisions

_HELD_OUT = 0.15
"""Share of the customers that stops the boosting."""


@dataclass(frozen=True)
class Lessons:
    """Sampled decisions of a history: what could be seen, what was true, and the world right before them.

    `matrix` has shape (n, contact features); `held_out`, shape (n,), are the rows that stop the boosting.
    """

    company: LiveCompany
    snapshots: Snapshots
    matrix: Matrix
    true: TrueChances
    held_out: npt.NDArray[np.bool_]
    categorical: list[int]
    seed: int

    def fitted(self, label: Floats, objective: str) -> TreeModel:
        """A booster for `label`, shape (n,)."""
        return _fitted(self.matrix, label, self.held_out, objective, self.categorical, self.seed)


def lessons_of(bundle: Bundle, company: LiveCompany, snapper: Snapper, replicates: int, seed: int) -> Lessons:
    """Look at a history that `snapper` watched, with the eyes of `bundle`.

    Parameters
    ----------
    company : after its history, other customers than those that the ceiling is tried on
    replicates : branches for each arm of each decision
    """
    snapshots = snapper.snapshots()
    if snapshots is None:
        raise ValueError("no decision was sampled")
    decided = joined_decisions(company.decisions)
    sent = decided.action[snapshots.row] == SEND
    policy = HistoricalPolicy(company.ablations.randomise)
    names = bundle.specification.contact_names
    late = np.random.default_rng([seed, 91]).random(company.world.state.n) < _HELD_OUT
    return Lessons(
        company=company,
        snapshots=snapshots,
        matrix=design_of(bundle, company, decided, snapshots),
        true=true_chances(company.models, snapshots, sent, policy, replicates, seed),
        held_out=late[decided.pending.customer[snapshots.row]],
        categorical=[
            place for place, name in enumerate(names) if name in bundle.specification.categorical_names
        ],
        seed=seed,
    )


def with_true_contacts(bundle: Bundle, lessons: Lessons) -> Bundle:
    """`bundle` with contact models that were fitted to the true chances under send and hold."""

    def chance(label: Floats) -> ProbabilityModel:
        inside = np.clip(label, 0.0, 1.0)
        return ProbabilityModel(float(inside.mean()), lessons.fitted(inside, "cross_entropy"))

    true = lessons.true
    contact = {
        name: OutcomeModel(
            send=chance(send), hold=chance(hold), lift=LiftModel(lessons.fitted(send - hold, "regression"))
        )
        for name, send, hold in (
            ("helps", true.helps_send, true.helps_hold),
            ("interrupts", true.interrupts_send, true.interrupts_hold),
        )
    }
    return replace(bundle, contact=contact)


def with_true_price(bundle: Bundle, lessons: Lessons, experience: Experience) -> Bundle:
    """`bundle` with the price of attention among customers who are contacted as in `experience`."""
    price = price_of_attention(lessons.company, lessons.snapshots, LatentOracle(experience))
    return replace(bundle, price=LiftModel(lessons.fitted(price, "regression")))


def price_of_attention(company: LiveCompany, snapshots: Snapshots, oracle: LatentOracle) -> Floats:
    """What the oracle charges for sending each sampled message, in net helps, shape (n,)."""
    own = snapshots.own
    world = World(company.models, snapshots.state, own, Draws(0), snapshots.step)
    return oracle.values(own, world, world.moment()).price


def design_of(bundle: Bundle, company: LiveCompany, decided: Decided, snapshots: Snapshots) -> Matrix:
    """The contact models' matrix of the sampled decisions, at the moment of each."""
    rows = snapshots.row
    sampled = Decided(
        pending=decided.pending.take(rows),
        action=decided.action[rows],
        send_probability=decided.send_probability[rows],
        decided_at=decided.decided_at[rows],
        decision=decided.decision[rows],
    )
    state, kind = company.world.state, company.kind
    table = decision_table(sampled, state, kind, company.models.clock, "").to_pandas()
    specification = bundle.specification
    everyone = np.arange(state.n, dtype=np.int64)
    encoded = encode(company.known.columns(everyone), specification)
    customer, moment = sampled.pending.customer, sampled.decided_at
    place = np.arange(len(rows), dtype=np.int64)
    seen = states(encoded, specification, customer, moment)
    matched = matches(
        encoded,
        specification,
        candidates_of_decisions(table).arrays(specification),
        place,
        seen,
        place,
        customer,
        moment,
    )
    return assemble(seen.matrix, bundle.goal_probabilities(seen.matrix), matched)


def _fitted(
    matrix: Matrix,
    label: Float64,
    held_out: npt.NDArray[np.bool_],
    objective: str,
    categorical: list[int],
    seed: int,
) -> TreeModel:
    parameters: dict[str, Any] = {
        "objective": objective,
        "learning_rate": 0.06,
        "num_leaves": 31,
        "min_data_in_leaf": 40,
        "feature_fraction": 0.3,
        "lambda_l2": 5.0,
        "max_bin": 63,
        "cat_smooth": 20.0,
        "cat_l2": 20.0,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    train = lightgbm.Dataset(matrix[~held_out], label[~held_out], categorical_feature=categorical)
    booster = lightgbm.train(
        parameters,
        train,
        600,
        valid_sets=[lightgbm.Dataset(matrix[held_out], label[held_out], reference=train)],
        callbacks=[lightgbm.early_stopping(20, verbose=False)],
    )
    return TreeModel(booster.model_to_string(num_iteration=booster.best_iteration))
