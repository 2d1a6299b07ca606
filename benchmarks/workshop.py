"""Makes the policies of a plan; what several of them need is learnt once, when the first one asks for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property

import numpy as np

from benchmarks.ablated import ablated
from benchmarks.bandit_policy import BanditPolicy
from benchmarks.ceiling import lessons_of, with_true_contacts, with_true_price
from benchmarks.live import LiveCompany, history_of
from benchmarks.logged_answers import LoggedAnswers, logged_answers
from benchmarks.plan import (
    ABLATIONS,
    BANDIT,
    CEILING,
    CLICK,
    CLICK_LESS_REFUSAL,
    ORACLE,
    TACT,
    VARIANTS,
    CellPlan,
)
from benchmarks.propensity_policies import AnswerPropensity, PropensityPolicy
from benchmarks.rule_policies import rule_policies
from benchmarks.tact_policy import TactPolicy
from benchmarks.training_files import benchmark_configuration, inputs_of
from data_contracts.times import parse_time
from models.bundle import Bundle
from simulation.companies import kind_named
from simulation.oracle import Experience, LatentOracle, OraclePolicy, settled_oracle
from simulation.rules import Policy
from simulation.snapshots import Snapper
from training.fitting import fit
from training.inputs import Inputs
from training.progress import SilentStages
from training.refitting import refit

START = parse_time("2025-01-06T00:00:00Z")
_CEILING_SEED = 1_000_003
"""Added to a seed: the ceiling learns from other customers than those that it is tried on."""


class Workshop:
    """See the module; `seconds` collects what each piece of learning took."""

    def __init__(self, plan: CellPlan) -> None:
        self.plan = plan
        self.seconds: dict[str, float] = {}
        self.configuration = benchmark_configuration()
        with self._timed("history"):
            self.company = history_of(
                kind_named(plan.kind),
                plan.customers,
                plan.seed,
                start=START,
                history_days=plan.history_days,
                live_days=plan.live_days,
                ablations=VARIANTS[plan.variant],
            )

    def policy(self, name: str) -> Policy:
        """A fresh policy of that name; raises ValueError where there is none."""
        rules: Mapping[str, Callable[[], Policy]] = rule_policies()
        if name in rules:
            return rules[name]()
        if name == CLICK:
            return PropensityPolicy(self.propensities[0])
        if name == CLICK_LESS_REFUSAL:
            return PropensityPolicy(*self.propensities)
        if name == BANDIT:
            return self._bandit()
        if name == ORACLE:
            return OraclePolicy(self.oracle)
        if name == TACT or name in ABLATIONS:
            bundle, configuration = ablated(name, self.bundle, self.configuration)
            return TactPolicy(bundle, configuration, self.plan.seed, keep=name == TACT)
        if name == CEILING:
            return TactPolicy(self.ceiling, self.configuration, self.plan.seed, keep=True)
        raise ValueError(f"there is no policy {name!r}")

    @cached_property
    def inputs(self) -> Inputs:
        """The history as training reads it."""
        with self._timed("reading"):
            return inputs_of(self.company, self.plan.history_days, self.configuration)

    @cached_property
    def answers(self) -> LoggedAnswers:
        """The history as the rivals learn from it."""
        inputs = self.inputs
        with self._timed("rivals"):
            return logged_answers(inputs, self.configuration)

    @cached_property
    def propensities(self) -> tuple[AnswerPropensity, AnswerPropensity]:
        """Of a click and of a refusal."""
        answers, seed = self.answers, self.plan.seed
        with self._timed("rivals"):
            click = AnswerPropensity(answers, answers.clicked, seed)
            return click, AnswerPropensity(answers, answers.refused, seed)

    @cached_property
    def bundle(self) -> Bundle:
        """What `tact train` makes of the history."""
        inputs = self.inputs
        with self._timed("training"):
            fitted = fit(inputs, self.configuration, self.plan.seed, SilentStages())
            return refit(fitted, inputs, self.configuration, self.plan.seed, SilentStages())

    @cached_property
    def oracle(self) -> LatentOracle:
        """Knows the latent state, and the price of what it sends itself."""
        with self._timed("oracle"):
            return settled_oracle(self.company)

    @cached_property
    def ceiling(self) -> Bundle:
        """Tact's bundle with contact models and a price that were fitted to the truth."""
        plan, bundle = self.plan, self.bundle
        seed = plan.seed + _CEILING_SEED
        with self._timed("ceiling"):
            larger = self._other_company(plan.customers * plan.ceiling_factor, seed)
            snapper = Snapper(plan.truth_rows, seed)
            larger.watch = snapper
            larger.run(plan.history_days)
            lessons = lessons_of(bundle, larger, snapper, plan.truth_replicates, seed)
            seeing = with_true_contacts(bundle, lessons)
            charged = with_true_price(seeing, lessons, larger.experience)
            trial = self._other_company(plan.trial_customers, seed + 1)
            trial.run(plan.live_days)
            trial.experience = Experience(trial.experience.sent.size)
            trial.run(plan.live_days, TactPolicy(charged, self.configuration, seed))
            return with_true_price(seeing, lessons, trial.experience)

    def _other_company(self, customers: int, seed: int) -> LiveCompany:
        """A company of the same kind with other customers, before its history."""
        plan = self.plan
        return LiveCompany(
            self.company.kind,
            customers,
            seed,
            start=START,
            days=plan.history_days + plan.live_days,
            history_days=plan.history_days,
            ablations=VARIANTS[plan.variant],
        )

    def _bandit(self) -> BanditPolicy:
        gains = [one.gains() for one in self.propensities]
        together = np.asarray(sum(one / max(float(one.sum()), 1e-9) for one in gains), dtype=np.float64)
        answers = self.answers
        with self._timed("bandit"):
            return BanditPolicy(answers, together, self.configuration.outcomes, self.plan.seed)

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - begun
