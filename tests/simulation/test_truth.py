"""The stated chances are true: outcomes come as often as they say, sent and held."""

from __future__ import annotations

import numpy as np
import pytest

from simulation.companies import KINDS
from simulation.company import Ablations
from simulation.labels import realised_outcomes
from simulation.oracle import LatentOracle
from simulation.rules import SEND, HistoricalPolicy, NeverSend
from simulation.snapshots import Snapper
from simulation.tables import joined_decisions
from simulation.truth import true_chances, true_chances_now
from tests.simulation.small import company, end

DAYS = 34


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_outcomes_come_as_often_as_the_true_chances_say(kind: str) -> None:
    item = company(kind, customers=700, days=DAYS, seed=21)
    snapper = Snapper(2_500, seed=1)
    item.watch = snapper
    item.run(DAYS)
    snapshots = snapper.snapshots()
    assert snapshots is not None
    assert snapshots.row.size == 2_500
    decided = joined_decisions(item.decisions)
    sent = (decided.action == SEND)[snapshots.row]
    true = true_chances(item.models, snapshots, sent, HistoricalPolicy(), 8, seed=2)
    helped, interrupted, complete = (
        values[snapshots.row] for values in realised_outcomes(item, decided, item.touchpoints(), end(DAYS))
    )
    customer = decided.pending.customer[snapshots.row]
    randomised = (decided.send_probability > 0)[snapshots.row]
    for came, if_sent, if_held in (
        (helped, true.helps_send, true.helps_hold),
        (interrupted, true.interrupts_send, true.interrupts_hold),
    ):
        assert ((if_sent >= 0) & (if_held >= 0)).all()
        for arm, chance in ((sent, if_sent), (~sent & randomised, if_held)):
            rows = arm & complete
            assert rows.sum() > 200
            off = came[rows] - chance[rows]
            # Windows of one customer overlap: errors are added up by customer.
            error = np.sqrt((np.bincount(customer[rows], weights=off) ** 2).sum())
            assert abs(off.sum()) < 3.5 * error
            # They tell rows apart as well: the upper half of the chances holds most of the outcomes.
            upper = chance[rows] > np.median(chance[rows])
            assert came[rows][upper].mean() > 1.5 * came[rows][~upper].mean()


def test_stated_errors_are_the_spread_between_seeds() -> None:
    item = company(customers=300, days=20)
    snapper = Snapper(150, seed=1)
    item.watch = snapper
    item.run(20)
    snapshots = snapper.snapshots()
    assert snapshots is not None
    sent = np.ones(snapshots.row.size, dtype=np.bool_)
    runs = [true_chances(item.models, snapshots, sent, HistoricalPolicy(), 8, seed=s) for s in range(6)]
    for name, column in (("helps_hold", 1), ("interrupts_send", 2)):
        between = np.stack([getattr(run, name) for run in runs]).var(axis=0, ddof=1).mean()
        stated = (np.stack([run.errors[:, column] for run in runs]) ** 2).mean()
        assert 0.8 < stated / between < 1.25
    np.testing.assert_allclose(runs[0].goals.sum(axis=1), 1.0)


def test_planted_zero_effect_has_no_lift_at_all() -> None:
    item = company(customers=300, days=15, ablations=Ablations(effects=0))
    snapper = Snapper(300, seed=1)
    item.watch = snapper
    item.run(15)
    snapshots = snapper.snapshots()
    assert snapshots is not None
    chosen = ~item.models.table.transactional[snapshots.own.kind]
    sent = np.zeros(snapshots.row.size, dtype=np.bool_)
    true = true_chances(item.models, snapshots, sent, HistoricalPolicy(), 4, seed=2)
    assert chosen.sum() > 150
    np.testing.assert_array_equal(true.helps_send[chosen], true.helps_hold[chosen])
    np.testing.assert_array_equal(true.interrupts_send[chosen], true.interrupts_hold[chosen])
    assert true.helps_hold.max() > 0.1


def test_effects_go_in_both_directions() -> None:
    item = company(customers=500, days=20)
    snapper = Snapper(1_200, seed=1)
    item.watch = snapper
    item.run(20)
    snapshots = snapper.snapshots()
    assert snapshots is not None
    sent = np.zeros(snapshots.row.size, dtype=np.bool_)
    true = true_chances(item.models, snapshots, sent, HistoricalPolicy(), 16, seed=2)
    lift = true.helps_send - true.helps_hold - 2 * (true.interrupts_send - true.interrupts_hold)
    error = np.hypot(true.errors[:, 4], 2 * true.errors[:, 5])
    assert (lift > 3 * error + 0.02).mean() > 0.1
    assert (lift < -3 * error - 0.02).mean() > 0.1
    in_case = snapshots.state.case_open & (item.models.table.purpose[snapshots.own.kind] == 3)
    free = ~snapshots.state.case_open & (item.models.table.purpose[snapshots.own.kind] == 3)
    harm = true.interrupts_send - true.interrupts_hold
    # Promotions in the middle of a case are what customers complain of.
    assert harm[in_case].mean() > 2.5 * harm[free].mean()


def test_the_oracle_in_closed_form_agrees_with_branching() -> None:
    item = company(customers=900, days=20)
    item.run(18.5)
    world = item.world
    pending = world.ask(world.moment(), world.next_block())
    pending = pending.take(~item.models.table.transactional[pending.kind])
    true = true_chances_now(world, pending, NeverSend(), replicates=64)
    values = LatentOracle(item.experience).values(pending, world, world.moment())
    assert pending.n > 30
    assert (values.price > 0).all()
    for closed, branched in (
        (values.helps, true.helps_send - true.helps_hold),
        (values.interrupts, true.interrupts_send - true.interrupts_hold),
    ):
        assert np.corrcoef(closed, branched)[0, 1] > 0.85
        # Closed forms leave out what happens anyway, so they are a little too large.
        assert 0.75 < branched.sum() / closed.sum() < 1.1
