"""A small company after its history, shared by the tests of the benchmark."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from benchmarks.figures import figures_of
from benchmarks.live import LiveCompany, history_of, panel_of, run_live
from benchmarks.training_files import benchmark_configuration
from data_contracts.times import parse_time
from features.fitting import fit_specification
from models.bundle import Bundle, OutcomeModel, ProbabilityModel
from simulation.clock import Floats
from simulation.companies import KINDS
from simulation.company import Ablations
from simulation.rules import Policy

START = parse_time("2025-01-06T00:00:00Z")
HISTORY_DAYS, LIVE_DAYS = 16, 8


@lru_cache
def company(kind: str = "subscription", customers: int = 120, effects: float = 1.0) -> LiveCompany:
    """After its history; policies run on forks of it, so it never changes."""
    return history_of(
        KINDS[kind],
        customers,
        3,
        start=START,
        history_days=HISTORY_DAYS,
        live_days=LIVE_DAYS,
        ablations=Ablations(effects=effects),
    )


def live(policy: Policy, where: LiveCompany) -> tuple[dict[str, Floats], LiveCompany]:
    """Figures of the whole panel, and the company at the end."""
    panel = panel_of(where, 1_000)
    account, end = run_live(where, policy, LIVE_DAYS, panel)
    return figures_of(account, panel), end


def plain_bundle(where: LiveCompany, helps: float, held: float) -> Bundle:
    """A bundle without boosters: everybody is helped with these chances, sent and held."""
    configuration = benchmark_configuration()
    columns = where.known.columns(np.arange(where.world.state.n, dtype=np.int64))
    n_goals = len(configuration.goals.names)
    return Bundle(
        specification=fit_specification(columns, configuration, int(columns.ingested_time.max())),
        configuration=configuration,
        goal=None,
        goal_prior=tuple([1.0 / n_goals] * n_goals),
        goal_temperature=1.0,
        contact={
            "helps": OutcomeModel(ProbabilityModel(helps), ProbabilityModel(held)),
            "interrupts": OutcomeModel(ProbabilityModel(0.05), ProbabilityModel(0.05)),
        },
    )
