"""Policies against one another where the truth is known: `python -m benchmarks.decisions` (`make bench-decisions`).

Every company and seed is a cell: two months of history under the company's own rules, then three weeks under
each policy on the same customers with the same luck. Cells run in as many processes as there are cores. The
page's tables are written anew between their markers, the raw figures as JSON beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, replace
from multiprocessing import get_context
from pathlib import Path

from benchmarks.cell import CellResult, run_cell
from benchmarks.page import tables, write_page
from benchmarks.plan import (
    ABLATIONS,
    BANDIT,
    MAIN,
    ORACLE,
    RULES,
    TACT,
    USUAL,
    VARIANTS,
    CellPlan,
)
from benchmarks.summary import CompanySummary, summarise
from simulation.companies import KINDS

_ROBUSTNESS_POLICIES = (*RULES, BANDIT, TACT, ORACLE)
_QUICK = {
    "customers": 500,
    "panel": 120,
    "ablation_panel": 80,
    "ceiling_factor": 2,
    "truth_rows": 4_000,
    "truth_replicates": 4,
    "trial_customers": 80,
    "checked_rows": 500,
    "checked_replicates": 8,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 0 when every cell is done."""
    options = _options(arguments)
    # Cells share the cores among themselves: more threads in each would only wait for one another.
    os.environ["OMP_THREAD_LIMIT"] = "1"
    os.environ["OMP_NUM_THREADS"] = "1"
    begun = time.perf_counter()
    plans = plans_of(options)
    print(f"{len(plans)} cells in {options.processes} processes", flush=True)
    command = " ".join(
        ["python -m benchmarks.decisions", *(arguments if arguments is not None else sys.argv[1:])]
    )
    out, text = Path(options.out), ""
    for results in _run(plans, options.processes):
        # After each cell, so that a run that is stopped leaves what it has found.
        minutes = (time.perf_counter() - begun) / 60
        summaries = summaries_of(results)
        some = "" if len(results) == len(plans) else f" ({len(results)} of {len(plans)} cells so far)"
        text = tables(summaries, command + some, minutes)
        write_page(out, text)
        raw = {
            "command": command,
            "minutes": round(minutes, 1),
            "companies": [asdict(one) for one in summaries],
            "cells": [{"plan": asdict(one.plan), "seconds": one.seconds} for one in results],
        }
        out.with_suffix(".json").write_text(json.dumps(raw, indent=1) + "\n", encoding="utf-8")
    print(text)
    print(f"written: {out}, {out.with_suffix('.json')}")
    return 0


def plans_of(options: argparse.Namespace) -> list[CellPlan]:
    """The cells of the command's options: all kinds and seeds as usual, then the variants on the first seeds."""
    base = {"customers": options.customers, "panel": options.panel, "live_days": options.days}
    if options.quick:
        base |= _QUICK
    seeds = options.seeds[:1] if options.quick else options.seeds
    kinds = options.kinds
    policies = tuple(options.policies)
    plans = [CellPlan(kind, seed, policies=policies, **base) for seed in seeds for kind in kinds]
    fewer = tuple(name for name in _ROBUSTNESS_POLICIES if name in policies)
    variants = [] if options.quick else [name for name in VARIANTS if name != USUAL]
    plans += [
        replace(CellPlan(kind, seed, policies=fewer, **base), variant=variant, checked_rows=0)
        for variant in variants
        for seed in seeds[: options.robustness_seeds]
        for kind in kinds
    ]
    return plans


def summaries_of(results: Sequence[CellResult]) -> list[CompanySummary]:
    """One summary for each kind and variant, in the order in which they first come."""
    groups: dict[tuple[str, str], list[CellResult]] = {}
    for result in results:
        groups.setdefault((result.plan.variant, result.plan.kind), []).append(result)
    return [summarise(group) for group in groups.values()]


def _run(plans: Sequence[CellPlan], processes: int) -> Iterator[list[CellResult]]:
    """All results so far, in the order of the plans, each time that one more is there."""
    done: dict[int, CellResult] = {}
    if processes == 1:
        for place, plan in enumerate(plans):
            done[place] = run_cell(plan, _tell)
            yield list(done.values())
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        waiting = {pool.submit(run_cell, plan, _tell): place for place, plan in enumerate(plans)}
        for future in as_completed(waiting):
            place = waiting[future]
            done[place] = future.result()
            seconds = sum(done[place].seconds.values())
            _tell(f"{plans[place].name}: done in {seconds:.0f} s ({len(done)} of {len(plans)})")
            yield [done[one] for one in sorted(done)]


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    names = [*MAIN, *ABLATIONS]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.decisions",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[11, 12, 13])
    parser.add_argument(
        "--customers", type=int, default=CellPlan.customers, help="whose history is learnt from"
    )
    parser.add_argument("--panel", type=int, default=CellPlan.panel, help="customers whom the policies run for")
    parser.add_argument("--days", type=int, default=CellPlan.live_days, help="live days")
    parser.add_argument(
        "--policies", nargs="+", choices=names, default=names, metavar="POLICY", help=", ".join(names)
    )
    parser.add_argument("--robustness-seeds", type=int, default=1, help="seeds of the variants; 0: none")
    parser.add_argument("--processes", type=int, default=min(os.cpu_count() or 1, 8))
    parser.add_argument("--quick", action="store_true", help="small companies, one seed: in under four minutes")
    parser.add_argument("--out", default="docs/decisions-benchmark.md")
    options = parser.parse_args(arguments)
    if "never send" not in options.policies:
        options.policies = ["never send", *options.policies]
    return options


if __name__ == "__main__":
    sys.exit(main())
