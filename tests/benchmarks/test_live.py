"""Policies meet the same luck; rules keep their caps; the oracle is the upper end."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.live import PanelOnly, panel_of, run_live
from benchmarks.rule_policies import DAILY_CAP, WEEKLY_CAP, Capped, rule_policies
from simulation.clock import STEPS_PER_DAY
from simulation.oracle import LatentOracle, OraclePolicy
from simulation.rules import SEND, NeverSend, SendAll
from simulation.tables import joined_decisions
from tests.benchmarks.companies import company, live


def test_policies_meet_the_same_luck_where_contacts_change_nothing() -> None:
    where = company(effects=0.0)
    first, _ = live(NeverSend(), where)
    assert first["helps"].sum() > 0
    for name, policy in rule_policies().items():
        figures, _ = live(policy(), where)
        for figure in ("helps", "interruptions", "gone"):
            np.testing.assert_array_equal(figures[figure], first[figure], err_msg=f"{name}: {figure}")
    everything, _ = live(SendAll(), where)
    assert everything["contacts"].sum() > 0


def test_the_same_policy_twice_is_the_same_run() -> None:
    first, _ = live(Capped(), company())
    again, _ = live(Capped(), company())
    for name, values in first.items():
        np.testing.assert_array_equal(values, again[name], err_msg=name)


def test_never_sending_contacts_nobody() -> None:
    figures, end = live(NeverSend(), company())
    assert figures["contacts"].sum() == 0
    decided = joined_decisions(end.decisions[len(company().decisions) :])
    free = end.models.table.transactional[decided.pending.kind]
    assert np.array_equal(decided.action == SEND, free)


def test_the_oracle_is_at_least_as_good_as_every_rule() -> None:
    where = company(customers=250)
    oracle, _ = live(OraclePolicy(LatentOracle(where.experience)), where)
    for name, policy in rule_policies().items():
        figures, _ = live(policy(), where)
        assert oracle["net"].mean() >= figures["net"].mean(), name


@pytest.mark.parametrize("quiet", [False, True])
def test_caps_hold_in_any_day_and_any_week(quiet: bool) -> None:
    where = company()
    _, end = live(Capped(quiet_during_cases=quiet), where)
    decided = joined_decisions(end.decisions[len(where.decisions) :])
    sent = (decided.action == SEND) & ~end.models.table.transactional[decided.pending.kind]
    step = (decided.decided_at[sent] - end.start) // 7_200_000_000
    customer = decided.pending.customer[sent]
    assert customer.size > 50
    for one in np.unique(customer):
        own = np.sort(step[customer == one])
        for length, most in ((STEPS_PER_DAY, DAILY_CAP), (7 * STEPS_PER_DAY, WEEKLY_CAP)):
            inside = [np.sum((own > at - length) & (own <= at)) for at in own]
            assert max(inside) <= most


def test_scores_choose_who_uses_up_the_caps() -> None:
    where = company()
    best = 4

    def scores(pending, world):  # type: ignore[no-untyped-def]
        return np.where(pending.kind == best, 1.0, -1.0)

    _, end = live(Capped(scores), where)
    decided = joined_decisions(end.decisions[len(where.decisions) :])
    sent = (decided.action == SEND) & ~end.models.table.transactional[decided.pending.kind]
    assert sent.any()
    assert set(decided.pending.kind[sent].tolist()) == {best}


def test_a_panel_leaves_the_others_alone() -> None:
    where = company()
    panel = panel_of(where, 30)
    account, _ = run_live(where, SendAll(), 4, panel)
    outside = np.setdiff1d(np.arange(where.world.state.n), panel)
    assert account.contacts[panel].sum() > 0
    assert account.contacts[outside].sum() == 0
    alone, _ = run_live(where, PanelOnly(NeverSend(), panel, where.world.state.n), 4, panel)
    assert alone.contacts.sum() == 0
