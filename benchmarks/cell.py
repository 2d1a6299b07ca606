"""One company at one seed: every policy of the plan, live on the same customers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.checks import Checked, Watch, check
from benchmarks.figures import figures_of
from benchmarks.live import panel_of, run_live
from benchmarks.plan import CEILING, TACT, CellPlan
from benchmarks.tact_policy import TactPolicy
from benchmarks.workshop import Workshop
from simulation.clock import Floats


@dataclass
class CellResult:
    """What came of a plan.

    `figures`: by policy and name, shape (customers,) each, the customers of the panel in the same order; a
    smaller panel is the beginning of a larger one. `checked`: by policy, the chances beside the truth.
    `seconds`: what learning and running took. `observational`: Tact's lifts rest on no randomisation.
    """

    plan: CellPlan
    figures: dict[str, dict[str, Floats]] = field(default_factory=dict)
    checked: dict[str, Checked] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    observational: bool = False


def run_cell(plan: CellPlan, tell: Callable[[str], None] = lambda text: None) -> CellResult:
    """Run a plan; `tell` gets a line when a policy is done."""
    workshop = Workshop(plan)
    company = workshop.company
    result = CellResult(plan)
    for name in plan.policies:
        policy = workshop.policy(name)
        panel = panel_of(company, plan.panel_of(name))
        watched = name in (TACT, CEILING) and plan.checked_rows > 0
        watch = Watch(plan.checked_rows, plan.seed, panel, company.world.state.n) if watched else None
        begun = time.perf_counter()
        account, end = run_live(company, policy, plan.live_days, panel, watch)
        result.seconds[f"live: {name}"] = time.perf_counter() - begun
        result.figures[name] = figures_of(account, panel)
        if watch is not None and isinstance(policy, TactPolicy) and policy.asked is not None:
            result.checked[name] = check(
                end,
                watch,
                policy.asked,
                policy.bundle.specification,
                workshop.configuration.goals,
                plan.checked_replicates,
                plan.seed,
            )
        if name == TACT:
            result.observational = workshop.bundle.observational
        tell(f"{plan.name}: {name} ({result.seconds[f'live: {name}']:.0f} s)")
    result.seconds |= workshop.seconds
    return result
