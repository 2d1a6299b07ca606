"""The benchmark of values from logs: the truth goes with the right rows, and the table counts right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.evaluation import Found, lived, report, true_lifts
from benchmarks.training_files import benchmark_configuration
from evaluation.study import study_of
from training.metrics import Estimate
from training.progress import SilentStages


@pytest.mark.slow
def test_each_row_has_its_own_truth(tmp_path: Path) -> None:
    configuration = benchmark_configuration()
    inputs = lived(tmp_path, "retail", 50, 40, 3, 2, configuration)
    study = study_of(inputs, configuration, (), 0, SilentStages())
    lift = true_lifts(study, tmp_path, inputs, configuration)
    rows = study.logged.rows.take(study.randomised)
    assert len(lift) == len(rows) and np.isfinite(lift).all() and np.ptp(lift) > 0.01
    # The same by a join on what a person would join on, for the decisions of one message at a moment.
    log, truth = pd.read_parquet(tmp_path / "decisions.parquet"), pd.read_parquet(tmp_path / "truth.parquet")
    both = log.merge(truth, on=["decision_id", "message_id"], suffixes=("", "_t"))
    both["lift"] = (both["p_helps_send"] - both["p_helps_hold"]) - 2 * (
        both["p_interrupts_send"] - both["p_interrupts_hold"]
    )
    drawn = both[both["send_probability"].between(0, 1, inclusive="neither")]
    sums = drawn.groupby(["customer_id", "decided_at"])["lift"].agg(["sum", "count"])
    times = pd.to_datetime(rows.moment, unit="us", utc=True)
    compared = 0
    for place, found in enumerate(lift):
        total, count = sums.loc[(inputs.customers[rows.customer[place]], times[place])]
        if count == 1:
            compared += 1
            assert found == pytest.approx(total)
    assert compared > 0.8 * len(lift)


def test_the_table_counts_errors_and_coverage() -> None:
    found = [
        Found("caps", "dr", 0.01, Estimate(0.02, 0.0, 0.04)),
        Found("caps", "dr", 0.01, Estimate(0.04, 0.02, 0.06)),
    ]
    found += [
        Found("caps", name, 0.01, Estimate(0.01, 0.0, 0.02))
        for name in ("ips", "snips", "switch_dr")
        for _ in "ab"
    ]
    table = report(found, 2, 10, 20)
    assert "| caps | +1.00 | dr | +2.00 ± 1.00 | 2.24 | 2.00 | 1 of 2 |" in table
    assert "| caps | +1.00 | ips | +0.00 ± 0.00 | 0.00 | 1.00 | 2 of 2 |" in table
