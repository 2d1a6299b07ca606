"""Tact live: every candidate answered by the real decision, rules kept, waits asked about again."""

from __future__ import annotations

from collections import Counter

import numpy as np

from benchmarks.ablated import ablated
from benchmarks.plan import NO_GOAL, NO_LIFT, NO_PRICE, NO_WAIT, TACT
from benchmarks.tact_policy import TactPolicy
from benchmarks.training_files import benchmark_configuration
from data_contracts.configuration import Configuration
from models.bundle import LiftModel
from simulation.rules import SEND
from tests.benchmarks.companies import company, live, plain_bundle


def configuration(**policy: object) -> Configuration:
    base = benchmark_configuration()
    return base.model_copy(update={"policy": base.policy.model_copy(update=policy)})


def test_what_helps_is_sent_within_the_caps() -> None:
    where = company()
    policy = TactPolicy(plain_bundle(where, 0.3, 0.1), configuration(exploration=0.0), 1, keep=True)
    figures, end = live(policy, where)
    asked = policy.asked
    assert asked is not None
    assert figures["contacts"].mean() > 1.0
    sent = [row for row, action in enumerate(asked.action) if action == SEND]
    free = end.models.table.transactional
    times: dict[int, list[int]] = {}
    for row in sent:
        if not free[asked.kind[row]]:
            times.setdefault(asked.customer[row], []).append(asked.moment[row])
    for moments in times.values():
        for first, third in zip(moments, moments[2:], strict=False):
            assert third - first >= 24 * 3_600_000_000
    assert max(asked.times_asked) >= 1
    assert {"quiet_hours", "worth_it"} <= set(asked.code)


def test_what_does_not_help_is_not_sent() -> None:
    where = company()
    policy = TactPolicy(plain_bundle(where, 0.1, 0.3), configuration(exploration=0.0), 1, keep=True)
    figures, _ = live(policy, where)
    assert figures["contacts"].sum() == 0


def test_a_price_above_the_lift_stops_it_and_without_the_price_it_goes() -> None:
    where = company()
    bundle = plain_bundle(where, 0.3, 0.1)
    dear = type(bundle)(**{**bundle.__dict__, "price": LiftModel(None, 1.0, 0.5)})
    settings = configuration(exploration=0.0)
    assert live(TactPolicy(dear, settings, 1), where)[0]["contacts"].sum() == 0
    cheap, _ = ablated(NO_PRICE, dear, settings)
    assert live(TactPolicy(cheap, settings, 1), where)[0]["contacts"].sum() > 0


def test_ablations_change_the_bundle_or_the_policy_and_nothing_else() -> None:
    where = company()
    bundle, settings = plain_bundle(where, 0.3, 0.1), configuration()
    assert ablated(TACT, bundle, settings) == (bundle, settings)
    rates, _ = ablated(NO_LIFT, bundle, settings)
    row = np.zeros((1, len(bundle.specification.contact_names)), np.float32)
    sent, lift = rates.contact["helps"].predict(row)
    assert (sent[0], lift[0]) == (0.3, 0.3)
    assert ablated(NO_WAIT, bundle, settings)[1].policy.horizon_hours == 0
    assert ablated(NO_GOAL, bundle, settings)[0].goal is None


def test_exploration_draws_are_repeatable() -> None:
    where = company(customers=120)
    runs = []
    for _ in range(2):
        policy = TactPolicy(plain_bundle(where, 0.1, 0.3), configuration(exploration=0.5), 1, keep=True)
        live(policy, where)
        assert policy.asked is not None
        runs.append((policy.asked.message, policy.asked.action, Counter(policy.asked.code)))
    assert runs[0] == runs[1]
    assert runs[0][2]["exploration"] > 5
