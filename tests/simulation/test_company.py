"""A live company: the same luck for every policy, and rules that no policy can break."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from data_contracts.vocabulary import EVENT_TYPES
from simulation.clock import STEPS_PER_DAY
from simulation.companies import KINDS
from simulation.company import Ablations, Company
from simulation.messages import Pool
from simulation.rules import SEND, SUPPRESS, WAIT, Actions, HistoricalPolicy, NeverSend, SendAll, waves
from simulation.tables import joined_decisions
from simulation.world import Decided, World
from tests.simulation.small import START, company, own_doing


def same(left: object, right: object) -> None:
    for item in fields(left):  # type: ignore[arg-type] # both are dataclasses of arrays
        np.testing.assert_array_equal(getattr(left, item.name), getattr(right, item.name), err_msg=item.name)


def test_the_same_seed_gives_the_same_company() -> None:
    first, again, other = company(), company(), company(seed=4)
    for item in (first, again, other):
        item.run(12)
    same(first.touchpoints(), again.touchpoints())
    same(joined_decisions(first.decisions).pending, joined_decisions(again.decisions).pending)
    assert first.touchpoints().n != other.touchpoints().n


def test_without_effects_two_policies_see_the_same_customers() -> None:
    base = company(ablations=Ablations(effects=0))
    base.run(6)
    never, everything = base.fork(), base.fork()
    never.run(8, NeverSend())
    everything.run(8, SendAll())
    np.testing.assert_array_equal(own_doing(never.touchpoints()), own_doing(everything.touchpoints()))
    assert everything.account.contacts.sum() > 100 > never.account.contacts.sum() == 0
    np.testing.assert_array_equal(never.account.expected_helps, everything.account.expected_helps)


def test_customers_without_contacts_are_untouched_by_the_policy_for_others() -> None:
    """With effects on, luck is still each customer's own: who gets nothing lives as under silence."""
    base = company(customers=200)
    base.run(6)
    never, everything = base.fork(), base.fork()
    never.run(4, NeverSend())
    everything.run(4, SendAll())
    alone = np.flatnonzero(everything.account.contacts == 0)
    assert 10 < alone.size < 190
    left, right = (own_doing(item.touchpoints()) for item in (never, everything))
    np.testing.assert_array_equal(left[np.isin(left[:, 0], alone)], right[np.isin(right[:, 0], alone)])
    assert not np.array_equal(left, right)


def test_a_fork_lives_on_by_itself() -> None:
    base = company()
    base.run(5)
    rows = base.touchpoints().n
    state = base.world.state.take(np.arange(base.world.state.n))
    twin = base.fork()
    twin.run(3, SendAll())
    assert base.touchpoints().n == rows
    same(base.world.state, state)
    assert base.experience.sent.sum() < twin.experience.sent.sum()


class _NothingGoesWhereItMayNot:
    def __init__(self) -> None:
        self.closed = 0

    def __call__(self, item: Company, decided: Decided) -> None:
        pending = decided.pending
        closed = ~item.world.state.consent[pending.customer, pending.channel]
        closed &= ~item.models.table.transactional[pending.kind]
        assert (decided.action[closed] == SUPPRESS).all()
        assert (decided.send_probability[closed] == 0).all()
        self.closed += int(closed.sum())


def test_transactional_messages_go_out_and_closed_channels_stay_closed() -> None:
    item = company(customers=300)
    item.run(4, NeverSend())
    decided = joined_decisions(item.decisions)
    free = item.models.table.transactional[decided.pending.kind]
    assert free.sum() > 10
    assert (decided.action[free] == SEND).all()
    assert (decided.send_probability[free] == 1).all()
    assert (decided.action[~free] == SUPPRESS).all()
    item = company(customers=300)
    item.world.state.consent[:, 0] = False
    item.watch = _NothingGoesWhereItMayNot()
    item.run(4, SendAll())
    assert item.watch.closed > 50


def test_the_historical_rules_keep_their_caps_and_log_their_chances() -> None:
    tight = replace(
        KINDS["subscription"], rules=replace(KINDS["subscription"].rules, daily_cap=1, weekly_cap=2)
    )
    item = Company(tight, 300, 5, start=START, days=21)
    item.run(21)
    decided = joined_decisions(item.decisions)
    table, kind = item.models.table, decided.pending.kind
    counted = (decided.action == SEND) & ~table.transactional[kind]
    step = (decided.decision >> 6) & 0xFFFF
    for length, most in ((STEPS_PER_DAY, 1), (7 * STEPS_PER_DAY, 2)):
        buckets = decided.pending.customer[counted] * 10_000 + step[counted] // length
        assert np.unique(buckets, return_counts=True)[1].max() == most
    randomised = (decided.send_probability > 0) & (decided.send_probability < 1)
    expected = 1 - table.holdback[kind[randomised]]
    np.testing.assert_allclose(decided.send_probability[randomised], expected)
    sent = decided.action[randomised] == SEND
    # Sent as often as logged: within four standard errors.
    error = np.sqrt((expected * (1 - expected)).sum()) / expected.size
    assert abs(sent.mean() - expected.mean()) < 4 * error
    assert set(np.unique(decided.action)) == {SEND, WAIT, SUPPRESS}
    assert (decided.action[decided.send_probability == 0] != SEND).all()


def test_a_history_without_hold_backs_has_none() -> None:
    item = company(ablations=Ablations(randomise=False))
    item.run(8)
    assert set(np.unique(joined_decisions(item.decisions).send_probability)) <= {0.0, 1.0}


class _WaitsForLogin:
    """Puts everything off to the end of its life, or until the customer logs in."""

    def __init__(self, recheck: bool) -> None:
        self.bits = np.int64(1) << EVENT_TYPES.index("logged_in") if recheck else np.int64(0)
        self.asked: list[tuple[int, int, int]] = []
        self.logins: set[tuple[int, int]] = set()

    def observe(self, seen: Company) -> None:
        logins = seen.news.take(seen.news.event_type == EVENT_TYPES.index("logged_in"))
        self.logins |= {(int(who), seen.step_number) for who in logins.customer}
        assert (seen.news.ingested_time <= seen.now[seen.news.customer]).all()

    def decide(self, pending: Pool, world: World) -> Actions:
        step = world.step[pending.customer]
        early = step < pending.expires - 1
        again = zip(pending.customer[early], step[early], pending.asked[early], strict=True)
        self.asked += [(int(who), int(at), int(times)) for who, at, times in again]
        actions = Actions.of(np.full(pending.n, WAIT), pending.expires - 1)
        actions.recheck[:] = self.bits
        return actions


def test_a_waiting_message_comes_back_when_its_event_is_known() -> None:
    base = company(customers=150)
    for recheck in (True, False):
        item, policy = base.fork(), _WaitsForLogin(recheck)
        item.run(4, policy)
        back = [(who, at) for who, at, times in policy.asked if times]
        assert bool(back) == recheck
        assert set(back) <= policy.logins


def test_of_a_group_one_goes() -> None:
    item = company(customers=150, ablations=Ablations(alternatives=True))
    item.run(6, SendAll())
    decided = joined_decisions(item.decisions)
    assert (decided.pending.variant > 0).sum() > 50
    sent = decided.pending.take(decided.action == SEND)
    assert np.unique(sent.group).size == sent.n
    assert (
        np.unique(decided.pending.message).size
        == np.unique(np.stack([decided.pending.group, decided.pending.variant]), axis=1).shape[1]
    )


def test_expected_and_realised_accounts_agree() -> None:
    item = company(customers=600, days=24)
    item.run(24, HistoricalPolicy())
    account = item.account
    for expected, realised in (
        (account.expected_helps, account.helps),
        (account.expected_interruptions, account.interruptions),
    ):
        difference = realised - expected
        assert realised.sum() > 150
        assert abs(difference.sum()) < 4 * np.sqrt((difference**2).sum())


def test_waves_never_hold_a_customer_twice_and_keep_their_order() -> None:
    customer = np.array([4, 2, 4, 4, 1, 2])
    assert [list(wave) for wave in waves(customer)] == [[4, 1, 0], [5, 2], [3]]
    assert [list(wave) for wave in waves(np.array([9]))] == [[0]]
