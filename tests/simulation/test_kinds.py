"""The three kinds are different companies, and parameters make others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data_contracts import vocabulary
from data_contracts.errors import InvalidRequest
from data_contracts.vocabulary import CHANNELS, DEPARTMENTS, EVENT_TYPES, PURPOSES
from simulation.companies import KINDS, kind_named
from simulation.company import Company
from simulation.kinds import GOALS, CompanyKind
from simulation.oracle import LatentOracle, OraclePolicy
from simulation.records import EVENT
from simulation.rules import HistoricalPolicy, NeverSend, SendAll
from tests.simulation.small import START, company


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_a_kind_speaks_the_contract_s_language(kind: CompanyKind) -> None:
    assert set(GOALS) == {*vocabulary.GOALS, vocabulary.NO_GOAL}
    assert {item.department for item in kind.messages} >= {"marketing", "product", "success", "support"}
    assert len({item.department for item in kind.messages}) >= 6
    assert len({item.name for item in kind.messages}) == len(kind.messages)
    for item in kind.messages:
        assert item.department in DEPARTMENTS
        assert item.purpose in PURPOSES
        assert set(item.channels) <= set(CHANNELS)
        for table in (item.click_by_goal, item.helps_by_goal, item.annoyance_by_goal):
            assert set(table) <= set(GOALS)
        assert 0 <= kind.rules.holdback[item.department] < 1
    assert set(kind.goals.events) == set(GOALS)
    for goal, events in kind.goals.events.items():
        assert set(events) <= set(EVENT_TYPES)
        if goal != vocabulary.NO_GOAL:
            # Most of what shows in a session is the goal's own.
            own = sum(weight for name, weight in events.items() if name in vocabulary.GOALS[goal])
            assert own >= 0.25 * sum(events.values())


def test_the_kinds_differ_materially() -> None:
    shares = {}
    for name in KINDS:
        item = company(name, customers=250, days=21)
        item.run(21)
        rows = item.touchpoints()
        per_customer_month = rows.n / 250 / 21 * 30
        assert 15 < per_customer_month < 45, name
        counts = np.bincount(rows.event_type, minlength=len(EVENT_TYPES))
        shares[name] = {event: counts[code] / rows.n for event, code in EVENT.items()}
    for event, most in (
        ("onboarding_step_completed", "subscription"),
        ("purchased", "retail"),
        ("handed_off", "telecoms"),
        ("call_started", "telecoms"),
    ):
        others = [shares[name][event] for name in KINDS if name != most]
        assert shares[most][event] > 1.5 * max(others), event
    assert shares["retail"]["onboarding_step_completed"] == shares["retail"]["renewed"] == 0


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_knowing_the_state_is_worth_something(kind: str) -> None:
    base = company(kind, customers=250, days=25)
    base.run(12)
    oracle = OraclePolicy(LatentOracle(base.experience))
    net = {}
    for name, policy in (
        ("oracle", oracle), ("never", NeverSend()), ("all", SendAll()), ("rules", HistoricalPolicy(False)),
    ):  # fmt: skip
        item = base.fork()
        item.run(10, policy)
        net[name] = (item.account.expected_helps - 2 * item.account.expected_interruptions).sum()
    assert net["oracle"] > max(net["never"], net["all"], net["rules"]) + 10


def test_another_company_is_a_matter_of_parameters() -> None:
    shop = replace(KINDS["retail"], name="corner shop", messages=KINDS["retail"].messages[:4])
    item = Company(shop, 50, 1, start=START, days=5)
    item.run(5)
    assert item.touchpoints().n > 50
    with pytest.raises(InvalidRequest, match="0 message types; between 1 and 32"):
        Company(replace(shop, messages=()), 5, 1, start=START, days=1)
    with pytest.raises(
        InvalidRequest, match="'bank' is not a kind of company; choose one of subscription, retail"
    ):
        kind_named("bank")
