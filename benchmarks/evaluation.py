"""Values of policies from logs against the simulator's truth: error and coverage over many companies.

For each seed a small company lives under its historical rules, which held messages back at random. What policies
add to never sending is estimated from its log by every estimator, and worked out from the true chances of every
logged row, both arms, by branching (simulation/truth.py). The learned policy comes from another company.

    python -m benchmarks.evaluation --out docs/evaluation-benchmark.md
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.training_files import benchmark_configuration
from data_contracts.configuration import Configuration
from data_contracts.times import parse_time
from evaluation.contenders import NEVER, contenders_of
from evaluation.estimators import ESTIMATORS
from evaluation.study import Model, Study, study_of
from evaluation.values import over_never
from features.columns import Float64, identifier_hash
from models.bundle import Bundle
from simulation.companies import kind_named
from simulation.dataset import DEFAULT_START, simulate
from training.fitting import fit
from training.history import microseconds
from training.inputs import Inputs, read_inputs
from training.metrics import Estimate
from training.progress import SilentStages

KINDS = ("subscription", "retail", "telecoms")
_ANOTHER_SEED = 10_000
"""The company that the learned policy comes from."""


@dataclass(frozen=True)
class Found:
    """One policy by one estimator on one company: the true gain over never, and the estimate."""

    policy: str
    estimator: str
    true: float
    estimate: Estimate


def main() -> None:
    """Run every seed and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20, help="companies (20)")
    parser.add_argument("--first-seed", type=int, default=1, help="seed of the first (1)")
    parser.add_argument("--customers", type=int, default=150, help="customers of each (150)")
    parser.add_argument("--days", type=int, default=60, help="days of history of each (60)")
    parser.add_argument("--replicates", type=int, default=8, help="branches for each true chance (8)")
    parser.add_argument("--out", type=Path, default=None, help="write the page here (Markdown)")
    options = parser.parse_args()
    configuration = benchmark_configuration()
    bundles = {kind: another_companys_model(kind, options.days, configuration) for kind in KINDS}
    found: list[Found] = []
    begun = time.perf_counter()
    for place in range(options.seeds):
        kind, seed = KINDS[place % len(KINDS)], options.first_seed + place
        with tempfile.TemporaryDirectory(prefix="tact-evaluation-") as name:
            folder = Path(name)
            inputs = lived(
                folder, kind, options.customers, options.days, seed, options.replicates, configuration
            )
            study = study_of(inputs, configuration, (Model("model", bundles[kind]),), 0, SilentStages())
            mine = compared(
                study, true_lifts(study, folder, inputs, configuration), bundles[kind], configuration
            )
        found += mine
        print(
            f"{place + 1} of {options.seeds}: {kind}, seed {seed} ({time.perf_counter() - begun:.0f} s)",
            flush=True,
        )
    page = report(found, options.seeds, options.customers, options.days)
    print(page)
    if options.out is not None:
        options.out.write_text(page, encoding="utf-8")


def lived(
    folder: Path, kind: str, customers: int, days: int, seed: int, replicates: int, configuration: Configuration
) -> Inputs:
    """A company's history in `folder`, with the true chances of every decision where `replicates` is not 0."""
    simulate(
        folder,
        kind_named(kind),
        customers=customers,
        days=days,
        seed=seed,
        start=parse_time(DEFAULT_START),
        truth_rows=None if replicates else 0,
        truth_replicates=replicates or 2,
    )
    return read_inputs(folder / "touchpoints.parquet", folder / "decisions.parquet", configuration, None)


def another_companys_model(kind: str, days: int, configuration: Configuration, customers: int = 400) -> Bundle:
    """A model that has seen none of the companies that are valued on."""
    with tempfile.TemporaryDirectory(prefix="tact-evaluation-") as name:
        inputs = lived(Path(name), kind, customers, days, _ANOTHER_SEED, 0, configuration)
        return fit(inputs, configuration, configuration.training.seed, SilentStages()).bundle


def true_lifts(study: Study, folder: Path, inputs: Inputs, configuration: Configuration) -> Float64:
    """The true change of the net reward by sending, of every randomised row."""
    truth = pd.read_parquet(folder / "truth.parquet")
    places = {name: place for place, name in enumerate(inputs.customers)}
    policy = configuration.policy
    net = policy.helps_weight * (truth["p_helps_send"] - truth["p_helps_hold"])
    net = net - policy.interrupts_weight * (truth["p_interrupts_send"] - truth["p_interrupts_hold"])
    keys = zip(
        truth["customer_id"].map(places),
        microseconds(truth["decided_at"]).tolist(),
        map(identifier_hash, truth["message_id"]),
        strict=True,
    )
    known = dict(zip(keys, net, strict=True))
    rows = study.logged.rows.take(study.randomised)
    mine = zip(rows.customer.tolist(), rows.moment.tolist(), rows.candidates.message.tolist(), strict=True)
    return np.asarray([known[key] for key in mine])


def compared(study: Study, lift: Float64, bundle: Bundle, configuration: Configuration) -> list[Found]:
    """Every policy by every estimator beside the truth."""
    found = []
    net = study.net(configuration.policy)
    own = {"model": bundle.configuration.policy}
    for one in contenders_of(study, configuration.policy, own, None):
        if one.name == NEVER:
            continue
        sends = one.sends[study.randomised].astype(np.float64)
        for name, estimator in ESTIMATORS.items():
            estimate = over_never(net, sends, estimator, study.resampler)
            found.append(Found(one.name, name, float((sends * lift).mean()), estimate))
    return found


def report(found: list[Found], seeds: int, customers: int, days: int) -> str:
    """The table in Markdown."""
    lines = [
        "# Values from logs against the truth",
        "",
        "Made by `python -m benchmarks.evaluation --out docs/evaluation-benchmark.md`.",
        "",
        f"{seeds} simulated companies (subscription, retail and telecoms in turn) of {customers} customers over {days} "
        "days, each with its own seed. What a policy adds to never sending, per 100 randomised rows (helped − 2 · "
        "interrupted), estimated from the log and worked out from the true chances of the same rows. *bias* is the "
        "mean error with its standard error, *error* the root of the mean square, *width* half of the mean "
        "interval; *covered* counts the 95 % intervals that hold the truth.",
        "",
        "| policy | true, mean | estimator | bias | error | width | covered |",
        "|---|---|---|---|---|---|---|",
    ]
    for policy in dict.fromkeys(one.policy for one in found):
        for name in ESTIMATORS:
            mine = [one for one in found if one.policy == policy and one.estimator == name]
            true = np.asarray([one.true for one in mine])
            value, low, high = (100 * np.asarray([one.estimate[k] for one in mine]) for k in range(3))
            error = value - 100 * true
            inside = int(((low <= 100 * true) & (100 * true <= high)).sum())
            lines.append(
                f"| {policy} | {100 * true.mean():+.2f} | {name} | {error.mean():+.2f} ± "
                f"{error.std(ddof=1) / np.sqrt(len(error)):.2f} | {np.sqrt(np.square(error).mean()):.2f} | "
                f"{(high - low).mean() / 2:.2f} | {inside} of {len(mine)} |"
            )
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
