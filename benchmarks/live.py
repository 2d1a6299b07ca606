"""A simulated company with a live audience: the same customers and the same luck under any policy.

The history is run once under the company's own rules; each policy then runs on a fork of it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.known_history import KnownHistory
from data_contracts.times import DAY
from simulation.account import Account
from simulation.clock import STEPS_PER_DAY, Ints
from simulation.company import Ablations, Company
from simulation.kinds import CompanyKind
from simulation.messages import Pool
from simulation.records import Rows
from simulation.rules import SUPPRESS, Actions, Observer, Policy
from simulation.world import Decided, World


class LiveCompany(Company):
    """A company that keeps what it has come to know."""

    def __init__(
        self,
        kind: CompanyKind,
        n_customers: int,
        seed: int,
        *,
        start: int,
        days: int,
        history_days: int,
        ablations: Ablations | None = None,
    ) -> None:
        super().__init__(
            kind, n_customers, seed, start=start, days=days, history_days=history_days, ablations=ablations
        )
        self._known = KnownHistory(kind, n_customers, start, self.recorder.properties)
        self._unread: list[Rows] = []

    @property
    def known(self) -> KnownHistory:
        """All rows that the company knows of at this step."""
        if self._unread:
            self._known.add(Rows.concatenate(self._unread))
            self._unread = []
        return self._known

    def fork(self) -> LiveCompany:
        """An independent copy at this moment; see `Company.fork`."""
        known = self.known
        twin = super().fork()
        if not isinstance(twin, LiveCompany):
            raise TypeError("a fork of a live company is a live company")
        twin._known = known.copy(twin.recorder.properties)
        twin._unread = []
        return twin

    def _reveal(self) -> None:
        super()._reveal()
        if self.news.n:
            self._unread.append(self.news)


class PanelOnly:
    """A policy for some of the customers; the others get transactional messages only.

    Customers don't meet one another, so the share of them that a slow policy runs for is a fair sample.
    """

    def __init__(self, policy: Policy, panel: Ints, n_customers: int) -> None:
        self.policy = policy
        self.inside = np.zeros(n_customers, np.bool_)
        self.inside[panel] = True

    def observe(self, company: Company) -> None:
        """See Observer."""
        if isinstance(self.policy, Observer):
            self.policy.observe(company)

    def decide(self, pending: Pool, world: World) -> Actions:
        rows = np.flatnonzero(self.inside[pending.customer])
        answer = self.policy.decide(pending.take(rows), world)
        result = Actions.of(np.full(pending.n, SUPPRESS, dtype=np.int64))
        result.action[rows] = answer.action
        result.wait_until[rows] = answer.wait_until
        result.send_probability[rows] = answer.send_probability
        result.recheck[rows] = answer.recheck
        return result


def history_of(
    kind: CompanyKind,
    n_customers: int,
    seed: int,
    *,
    start: int,
    history_days: int,
    live_days: int,
    ablations: Ablations | None = None,
) -> LiveCompany:
    """A company after its history under its own rules."""
    company = LiveCompany(
        kind,
        n_customers,
        seed,
        start=start,
        days=history_days + live_days,
        history_days=history_days,
        ablations=ablations,
    )
    company.run(history_days)
    company.observations_end(start + history_days * DAY)
    return company


def panel_of(company: LiveCompany, size: int) -> Ints:
    """The first `size` customers who are there now and stay observed until the end of the live run."""
    state = company.world.state
    last = company.step_number + 60 * STEPS_PER_DAY
    there = np.flatnonzero(state.active & (state.observed_until >= last))
    return np.asarray(there[:size], dtype=np.int64)


def run_live(
    company: LiveCompany,
    policy: Policy,
    days: float,
    panel: Ints,
    watch: Callable[[Company, Decided], None] | None = None,
) -> tuple[Account, LiveCompany]:
    """Run `policy` for `days` on a fork of `company`; the account, and the fork at its end.

    `watch` is shown every step's decisions.
    """
    twin = company.fork()
    twin.watch = watch
    twin.run(days, PanelOnly(policy, panel, twin.world.state.n))
    return twin.account, twin
