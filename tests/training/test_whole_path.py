"""`tact train` for real: from files to a registered, promoted, exported bundle; and what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from data_contracts.times import parse_time
from models.bundle import load_bundle
from simulation.companies import kind_named
from simulation.dataset import simulate

EXAMPLE = Path(__file__).parents[2] / "examples" / "heartsteps"


def tact(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"TACT_HOME": str(home)}
    environment.pop("MLFLOW_TRACKING_URI", None)
    run = [sys.executable, "-m", "command_line.main", *arguments]
    return subprocess.run(run, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("company")
    start = parse_time("2025-01-06T00:00:00Z")
    simulate(folder, kind_named("subscription"), customers=250, days=60, seed=3, start=start, truth_rows=0)
    return folder


def trained(home: Path, folder: Path, *more: str) -> dict[str, Any]:
    tables = [
        "--touchpoints",
        str(folder / "touchpoints.parquet"),
        "--decisions",
        str(folder / "decisions.parquet"),
    ]
    done = tact(home, "train", *tables, "--json", *more)
    assert done.returncode == 0, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


@pytest.mark.slow
def test_training_is_tracked_registered_exported_and_the_same_again(company: Path, tmp_path: Path) -> None:
    first = trained(tmp_path / "one", company, "--promote", "always")
    assert first["observational"] is False and str(first["version"]) == "1"
    pointer = json.loads((tmp_path / "one" / "champion" / "current.json").read_text())
    bundle = load_bundle(tmp_path / "one" / "champion" / pointer["folder"])
    assert bundle.version == "1" == pointer["version"]
    assert bundle.specification.goals.names[-1] == "none"
    second = trained(tmp_path / "two", company, "--promote", "always")
    again = json.loads((tmp_path / "two" / "champion" / "current.json").read_text())
    for file in sorted((tmp_path / "one" / "champion" / pointer["folder"]).glob("*.txt")):
        other = tmp_path / "two" / "champion" / again["folder"] / file.name
        assert other.read_text() == file.read_text(), f"{file.name} differs for the same seed"
    timed = {"train_seconds": 0.0}
    assert {**second["metrics"], **timed} == {**first["metrics"], **timed}


@pytest.mark.slow
def test_without_a_log_the_lifts_are_observational(company: Path, tmp_path: Path) -> None:
    done = tact(tmp_path, "train", "--touchpoints", str(company / "touchpoints.parquet"), "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["observational"] is True
    assert any("quiet moments" in note for note in summary["notes"])


@pytest.mark.slow
def test_real_data_names_the_field_that_is_the_treatment(tmp_path: Path) -> None:
    tables = [
        "--touchpoints",
        str(EXAMPLE / "touchpoints.parquet"),
        "--decisions",
        str(EXAMPLE / "decisions.parquet"),
    ]
    done = tact(tmp_path, "train", *tables, "--config", str(EXAMPLE / "tact.toml"), "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert any("topic" in note and "sent" in note for note in summary["notes"])
    assert summary["metrics"]["interrupts_send_rate"] == pytest.approx(0.065, abs=0.02)


def test_too_little_data_is_refused_with_how_little(tmp_path: Path) -> None:
    touchpoints = pd.read_parquet(EXAMPLE / "touchpoints.parquet")
    few = touchpoints[touchpoints["customer_id"].isin(["hs-1", "hs-2", "hs-3"])]
    few.to_parquet(tmp_path / "few.parquet")
    done = tact(tmp_path / "home", "train", "--touchpoints", str(tmp_path / "few.parquet"))
    assert done.returncode == 1
    assert "3 customers" in done.stderr and "are needed" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_file_is_one_plain_line(tmp_path: Path) -> None:
    done = tact(tmp_path, "train", "--touchpoints", str(tmp_path / "nothing.parquet"))
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "nothing.parquet" in done.stderr
