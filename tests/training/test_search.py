"""`tact search`: resumable, pruned, nested in MLflow, and blind to the test slice."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_contracts.configuration import configuration_from
from tests.training import planted
from training import search as searching
from training.account import Account
from training.history import microseconds
from training.inputs import Inputs, read_inputs
from training.labels import longest_window, observed_until
from training.row_selection import select_rows
from training.some_customers import some_customers
from training.splits import cuts_of

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow and Optuna warn about their own packages

SMALL = planted.CONFIGURATION.model_copy(
    update={
        "training": planted.CONFIGURATION.training.model_copy(
            update={"rounds": 6, "minimum_rows": 60, "minimum_positives": 15}
        )
    }
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    tables = planted.write(tmp_path_factory.mktemp("company"), *planted.company(3, 110, 12))
    assert tables[1] is not None
    return tables[0], tables[1]


def test_some_customers_keep_their_whole_histories(files: tuple[Path, Path]) -> None:
    whole = read_inputs(*files, SMALL, None)
    half, quarter = some_customers(whole, 0.5, 7), some_customers(whole, 0.25, 7)
    assert set(quarter.customers) < set(half.customers) < set(whole.customers)
    assert some_customers(whole, 1.0, 7) is whole and 40 < len(half.customers) < 70
    for place, name in list(enumerate(half.customers))[::7]:
        old = whole.customers.index(name)
        mine = slice(half.columns.start[place], half.columns.start[place + 1])
        theirs = slice(whole.columns.start[old], whole.columns.start[old + 1])
        for column in ("event_time", "event_type", "message"):
            assert np.array_equal(getattr(half.columns, column)[mine], getattr(whole.columns, column)[theirs])
    assert half.decisions is not None and set(half.decisions["customer_id"]) <= set(half.customers)


@pytest.mark.slow
def test_a_search_is_nested_taken_up_again_and_never_sees_the_test_slice(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    whole = read_inputs(*files, SMALL, None)
    known = observed_until(whole.columns, SMALL.vocabulary, whole.until)
    window = longest_window(SMALL.outcomes)
    rows = select_rows(whole, SMALL, known, window, Account(), 7).rows
    test_begins = cuts_of(rows.moment, SMALL.training).test
    seen: list[int] = []
    real = searching.fit

    def spied(inputs: Inputs, *rest: Any) -> Any:
        assert inputs.decisions is not None
        seen.append(
            int(max(inputs.columns.ingested_time.max(), microseconds(inputs.decisions["decided_at"]).max()))
        )
        return real(inputs, *rest)

    monkeypatch.setattr(searching, "fit", spied)
    told: list[str] = []
    first = searching.search(*files, SMALL, tmp_path, 1, tell=told.append)
    again = searching.search(*files, SMALL, tmp_path, 3, tell=told.append)
    assert seen and max(seen) < test_begins
    assert again.run_id == first.run_id and first.trials == 1 and again.trials == 3 and len(told) == 3
    assert again.default_score is not None and again.score <= again.default_score < 1.0
    assert again.pruned == sum("cut short" in one for one in told)
    best = tomllib.loads(again.toml)["training"]
    assert configuration_from({"training": best}).training.leaves == best["leaves"]

    from training.registry import client

    registry = client(tmp_path)
    experiment = registry.get_experiment_by_name("tact").experiment_id
    children = registry.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{first.run_id}'")
    assert len(children) == 3 and all("search_score" in one.data.metrics for one in children)
    assert {one.data.params["leaves"] for one in children} > {str(SMALL.training.leaves)}
    assert registry.get_run(first.run_id).info.status == "FINISHED"


def test_a_setting_that_falls_behind_is_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    import optuna

    study = optuna.create_study(pruner=optuna.pruners.MedianPruner(n_startup_trials=2))
    for value in (0.5, 0.6, 0.55):
        trial = study.ask()
        trial.report(value, 0)
        study.tell(trial, value)
    worse = study.ask()
    worse.report(0.9, 0)
    assert worse.should_prune()
    better = study.ask()
    better.report(0.4, 0)
    assert not better.should_prune()
