"""The observable ceiling: Tact's own features and policy with contact models fitted to the true chances.

What perfect learning could reach from what can be seen: on four times the customers, every sampled decision
teaches its true probabilities under send and under hold, its true lifts and the true price of attention, in
place of one drawn outcome under one arm. Specification and goal model are Tact's own.
"""

from __future__ import annotations

from dataclasses import replace
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
from simulation.oracle import LatentOracle
from simulation.rules import HistoricalPolicy
from simulation.snapshots import Snapper, Snapshots
from simulation.tables import decision_table, joined_decisions
from simulation.truth import true_chances
from simulation.world import Decided, World
from training.candidate_table import candidates_of_decisions

_HELD_OUT = 0.15
"""Share of the customers that stops the boosting."""


def ceiling_bundle(
    bundle: Bundle,
    company: LiveCompany,
    snapper: Snapper,
    oracle: LatentOracle,
    replicates: int,
    seed: int,
) -> Bundle:
    """`bundle` with its contact models and its price replaced.

    Parameters
    ----------
    company : after its history, other customers than those that it is tried on
    snapper : watched the history: its sample of decisions is what is learnt from
    oracle : knows the price of attention
    replicates : branches for each arm of each decision
    """
    snapshots = snapper.snapshots()
    if snapshots is None:
        raise ValueError("no decision was sampled")
    decided = joined_decisions(company.decisions)
    sent = decided.action[snapshots.row] == 0
    policy = HistoricalPolicy(company.ablations.randomise)
    true = true_chances(company.models, snapshots, sent, policy, replicates, seed)
    matrix = design_of(bundle, company, decided, snapshots)
    price = price_of_attention(company, snapshots, oracle)
    names = bundle.specification.contact_names
    categorical = [place for place, name in enumerate(names) if name in bundle.specification.categorical_names]
    late = np.random.default_rng([seed, 91]).random(company.world.state.n) < _HELD_OUT
    held_out = late[decided.pending.customer[snapshots.row]]

    def fitted(label: Floats, objective: str) -> TreeModel:
        return _fitted(matrix, label, held_out, objective, categorical, seed)

    def chance(label: Floats) -> ProbabilityModel:
        inside = np.clip(label, 0.0, 1.0)
        return ProbabilityModel(float(inside.mean()), fitted(inside, "cross_entropy"))

    contact = {
        name: OutcomeModel(
            send=chance(send), hold=chance(hold), lift=LiftModel(fitted(send - hold, "regression"))
        )
        for name, send, hold in (
            ("helps", true.helps_send, true.helps_hold),
            ("interrupts", true.interrupts_send, true.interrupts_hold),
        )
    }
    return replace(bundle, contact=contact, price=LiftModel(fitted(price, "regression")))


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
