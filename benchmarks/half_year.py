"""Half a year of a simulated company with Tact in front of its messages, learning from its own log.

Every month: live under the service's own code on a real store, `tact monitor`, `tact retrain`. In month
four the company drifts: messages annoy more and help less, and more goes wrong. In month five the
helpdesk's feed falls silent for ten days; then its rows arrive late, all at once. Values are the true
ones of the simulation, on the same customers with the same luck as the company's own rules and as
never sending.

    python -m benchmarks.half_year --quick      # under two minutes
    python -m benchmarks.half_year --out docs/half-year.md
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.half_year_page import Month, tables, write_page
from benchmarks.store_policy import StorePolicy, rows_of
from benchmarks.training_files import benchmark_configuration, write_history
from data_contracts.configuration import Configuration
from data_contracts.errors import TactError
from data_contracts.times import DAY, HOUR, parse_time
from features.packing import TouchpointRow
from learning.monitor import Monitored, monitor, watch_feeds
from learning.retrain import Retrained, retrain
from serving.metrics import Metrics
from simulation.account import Account
from simulation.companies import KINDS, kind_named
from simulation.company import Company
from simulation.contact import ContactModel
from simulation.life import Life
from simulation.messages import MessageTable
from simulation.rules import HistoricalPolicy, NeverSend, Policy
from training.run import train

START = parse_time("2025-01-06T00:00:00Z")
DATABASE = "sqlite:///tact.db"
INTERRUPTS_WEIGHT = 2.0
SILENT_SOURCE = "helpdesk"


@dataclass(frozen=True)
class Plan:
    """The size of a run; months are numbered from 1. `rounds` and `goal_rows` bound each training."""

    kind: str = "subscription"
    customers: int = 400
    seed: int = 11
    history_days: int = 60
    month_days: int = 30
    months: int = 6
    drift_month: int = 4
    silent_month: int = 5
    rounds: int = 120
    goal_rows: int = 20_000

    @property
    def silent_from(self) -> int:
        """When the feed falls silent, microseconds."""
        return self.begin(self.silent_month) + self.month_days * DAY // 3

    @property
    def silent_until(self) -> int:
        return self.silent_from + self.month_days * DAY // 3

    def begin(self, month: int) -> int:
        return START + (self.history_days + (month - 1) * self.month_days) * DAY


class HalfYear:
    """The company, its service, and what each month came to."""

    def __init__(self, plan: Plan, home: Path) -> None:
        self.plan, self.home = plan, home
        self.configuration = _configuration(plan)
        days = plan.history_days + plan.months * plan.month_days
        # Customers arrive all the time, and the company does not run dry.
        self.company = Company(
            kind_named(plan.kind), plan.customers, plan.seed, start=START, days=days + 2, history_days=days
        )
        self.held_back: list[tuple[str, TouchpointRow]] = []

    def run(self) -> list[Month]:
        """Live through all months."""
        _tell(f"history of {self.plan.history_days} days under the company's own rules")
        self.company.run(self.plan.history_days)
        self._first_model()
        policy = StorePolicy(self.home, DATABASE, self.configuration, Metrics())
        policy.ingest(rows_of(self.company, self.company.touchpoints(START + self.plan.history_days * DAY)))
        try:
            return [self._month(number, policy) for number in range(1, self.plan.months + 1)]
        finally:
            policy.close()

    def _first_model(self) -> None:
        """What a company starts with: a model of its own history."""
        end = START + self.plan.history_days * DAY
        with tempfile.TemporaryDirectory(prefix="tact-half-year-") as name:
            write_history(self.company, end, Path(name))
            outcome = train(
                Path(name) / "touchpoints.parquet",
                Path(name) / "decisions.parquet",
                self.configuration,
                self.home,
                promote="always",
            )
        _tell(f"first model: {outcome.gate.reason}")

    def _month(self, number: int, policy: StorePolicy) -> Month:
        plan, begun = self.plan, time.perf_counter()
        if number == plan.drift_month:
            _drift(self.company)
        rivals: dict[str, Policy] = {"never": NeverSend(), "rules": HistoricalPolicy()}
        accounts = {name: self._rival(rule) for name, rule in rivals.items()}
        before = _copied(self.company.account)
        asked, sent = policy.asked, policy.sent
        found_after = self._live(number, policy)
        mine = _difference(self.company.account, before)
        lived = time.perf_counter() - begun
        end = plan.begin(number + 1)
        seen = monitor(DATABASE, self.configuration, self.home, until=end)
        watched = time.perf_counter() - begun - lived
        for one in seen.findings:
            if one.group in ("outcomes", "calibration", "goals"):
                _tell(f"  {one.group}{'' if one.judged else ' (few rows)'}: {one.told}")
        done, told = self._learn(end)
        policy.champion.poll()
        trained = time.perf_counter() - begun - lived - watched
        month = _summary(number, mine, accounts, seen, done, told, found_after)
        month = replace(
            month,
            asked=policy.asked - asked,
            sent=policy.sent - sent,
            seconds=(lived, watched, trained),
        )
        _tell(
            f"month {number}: over never {month.over_never}, over the rules {month.over_rules}; "
            f"{told}; {len(month.breaches)} breaches; {lived:.0f} + {watched:.0f} + {trained:.0f} s"
        )
        return month

    def _learn(self, end: int) -> tuple[Retrained | None, str]:
        """Retrain on the service's own log; what a scheduler would see where it is refused."""
        try:
            done = retrain(DATABASE, self.configuration, self.home, until=end)
        except TactError as error:
            return None, f"exit status {error.exit_code}: {error.detail}"
        return done, done.told

    def _rival(self, policy: Policy) -> Account:
        twin = self.company.fork()
        twin.run(self.plan.month_days, policy)
        return twin.account

    def _live(self, number: int, policy: StorePolicy) -> tuple[float, float] | None:
        """Live a month; returns the hours after which a feed that fell silent was found, and its usual gap."""
        plan = self.plan
        if number != plan.silent_month:
            self.company.run(plan.month_days, policy)
            return None
        third = plan.month_days // 3
        self.company.run(third, policy)
        policy.feed = self._without_the_source
        found: tuple[float, float] | None = None
        for hour in range(0, third * 24, 6):
            self.company.run(0.25, policy)
            now = plan.silent_from + (hour + 6) * HOUR
            if found is None:
                usual = _found(watch_feeds(DATABASE, self.configuration, self.home, until=now))
                found = None if usual is None else (hour + 6.0, usual)
        policy.feed = lambda customer, row: True
        # The feed is mended: everything comes at once, and says when it came.
        arrived = plan.silent_until
        policy.ingest([(who, row._replace(ingested_time=arrived)) for who, row in self.held_back])
        self.company.run(plan.month_days - 2 * third, policy)
        return found

    def _without_the_source(self, customer: str, row: TouchpointRow) -> bool:
        if row.source == SILENT_SOURCE:
            self.held_back.append((customer, row))
        return row.source != SILENT_SOURCE


def _configuration(plan: Plan) -> Configuration:
    base = benchmark_configuration()
    return base.model_copy(
        update={
            # A tenth of the decisions is drawn: what they are worth stays measurable in a small company.
            "policy": base.policy.model_copy(update={"exploration": 0.1}),
            "training": base.training.model_copy(
                update={"rounds": plan.rounds, "max_goal_rows": plan.goal_rows, "minimum_rows": 200}
            ),
            # What was decided two months ago is half of what is learnt from: a changed company is met sooner.
            "retraining": base.retraining.model_copy(update={"decision_days": 2.0 * plan.month_days}),
            "service": base.service.model_copy(update={"request_clock": True}),
            "monitoring": base.monitoring.model_copy(update={"recent_days": min(14.0, plan.month_days / 2)}),
        }
    )


def _drift(company: Company) -> None:
    """Messages annoy two and a half times as much and help half as much; three times as many cases."""
    kind = company.kind
    messages = tuple(
        one
        if one.transactional
        else replace(one, annoyance=2.5 * one.annoyance, helps=0.5 * one.helps, click=0.5 * one.click)
        for one in kind.messages
    )
    cases = replace(kind.cases, daily_rate=3.0 * kind.cases.daily_rate)
    changed = replace(kind, messages=messages, cases=cases)
    models, table = company.models, MessageTable(changed)
    models.contact = ContactModel(changed, table)
    models.life = Life(changed, table, models.contact, models.clock)


def _found(seen: Monitored) -> float | None:
    """The usual gap of the source that fell silent, in hours, where it is found to be silent."""
    for feed in seen.feeds:
        if feed.silent and feed.name == SILENT_SOURCE:
            return feed.usual_hours
    return None


def _copied(account: Account) -> Account:
    return Account(**{name: getattr(account, name).copy() for name in account.__slots__})


def _difference(after: Account, before: Account) -> Account:
    return Account(**{name: getattr(after, name) - getattr(before, name) for name in after.__slots__})


def _net(account: Account) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Expected helps less twice the expected interruptions, by customer: the truth, with little noise."""
    return np.asarray(account.expected_helps - INTERRUPTS_WEIGHT * account.expected_interruptions)


def _over(mine: Account, other: Account) -> tuple[float, float, float]:
    """Mean difference a customer with its 95 % interval, on the same customers with the same luck."""
    difference = _net(mine) - _net(other)
    mean = float(difference.mean())
    margin = 1.96 * float(difference.std(ddof=1) / np.sqrt(len(difference)))
    return mean, mean - margin, mean + margin


def _summary(
    number: int,
    mine: Account,
    rivals: dict[str, Account],
    seen: Monitored,
    done: Retrained | None,
    told: str,
    found_after: tuple[float, float] | None,
) -> Month:
    metrics = {} if done is None or done.outcome is None else done.outcome.evaluation.metrics
    return Month(
        number=number,
        over_never=_over(mine, rivals["never"]),
        over_rules=_over(mine, rivals["rules"]),
        rules_over_never=_over(rivals["rules"], rivals["never"]),
        contacts=float(mine.contacts.mean()),
        contacts_of_rules=float(rivals["rules"].contacts.mean()),
        measured=tuple(metrics.get(f"policy_gain_rule{end}", float("nan")) for end in ("", "_low", "_high")),
        told=told,
        promoted=bool(done and done.outcome and done.outcome.gate.promoted),
        breaches=tuple(seen.breaches),
        false_feeds=sum(feed.silent for feed in seen.feeds),
        found_after=found_after,
        parity=(seen.parity.compared, seen.parity.differing),
        touchpoints=0 if done is None else done.export.touchpoints,
        decisions=0 if done is None else done.export.decisions,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 0 when both faults were caught and no logged feature differed, 1 otherwise."""
    options = _options(arguments)
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    plan = Plan(kind=options.kind, customers=options.customers, seed=options.seed)
    if options.quick:
        plan = replace(plan, customers=160, month_days=12, history_days=40, rounds=40, goal_rows=4_000)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="tact-half-year-") as name:
        months = HalfYear(plan, Path(name)).run()
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    given = arguments if arguments is not None else sys.argv[1:]
    command = " ".join(["python -m benchmarks.half_year", *given])
    text = tables(plan.drift_month, plan.silent_month, months, command, seconds, peak, asdict(plan))
    print(text)
    if options.out:
        write_page(Path(options.out), text)
    drift = months[plan.drift_month - 1].breaches
    silent = months[plan.silent_month - 1].found_after
    clean = all(month.parity[1] == 0 for month in months)
    return 0 if drift and silent is not None and clean else 1


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.half_year",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--kind", choices=list(KINDS), default=Plan.kind)
    parser.add_argument("--customers", type=int, default=Plan.customers)
    parser.add_argument("--seed", type=int, default=Plan.seed)
    parser.add_argument("--quick", action="store_true", help="a small company with short months")
    parser.add_argument("--out", help="a page to write the tables into, as docs/half-year.md")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
