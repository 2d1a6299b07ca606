"""`tact evaluate` as it is called: table, JSON, figure, run, refusals."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.training.planted import company, write

CONFIG = """
[goals]
horizon_hours = 24
buy = ["purchased"]
[outcomes]
window_hours = 24
helped_linked = ["message_clicked"]
interrupted_linked = ["message_dismissed"]
progress = ["purchased"]
harm = ["cancelled"]
[policy]
caps = []
quiet_hours = false
"""


def tact(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"TACT_HOME": str(home)}
    environment.pop("MLFLOW_TRACKING_URI", None)
    run = [sys.executable, "-m", "command_line.main", *arguments]
    return subprocess.run(run, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    folder = tmp_path_factory.mktemp("planted")
    touchpoints, decisions = write(folder, *company(2, 80))
    (folder / "tact.toml").write_text(CONFIG)
    (folder / "empty.toml").write_text("[goals]\nhorizon_hours = 24\n")
    (folder / "capped.toml").write_text("[policy]\ncaps = [{ window_hours = 100, sends = 1 }]\n")
    tables = ["--touchpoints", str(touchpoints), "--decisions", str(decisions)]
    return folder, [*tables, "--config", str(folder / "tact.toml")]


@pytest.mark.slow
def test_it_values_prints_draws_and_tracks(files: tuple[Path, list[str]]) -> None:
    folder, arguments = files
    out = folder / "values.svg"
    capped = str(folder / "capped.toml")
    done = tact(folder / "home", "evaluate", *arguments, "--policy", capped, "--out", str(out), "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    by_name = {one["policy"]: one for one in told["policies"]}
    assert set(by_name) == {"never", "send all", "caps", "caps, no case", "caps, capped.toml"}
    assert by_name["caps, capped.toml"]["sends"] < 0.7 < by_name["caps"]["sends"] == 1.0
    everything = by_name["send all"]["values"]
    assert set(everything) == {"ips", "snips", "dr", "switch_dr"}
    value, low, high = everything["dr"]["over_never"]
    # By hand: offers (60 %) add 0.25 on average, nags (40 %) take twice 0.147.
    assert low < value < high and abs(value - (0.6 * 0.21 - 0.4 * 2 * 0.147)) < 0.08
    assert out.read_text().startswith("<?xml")
    # The store is read as it lies there: MLflow's own client warns about its SQL library.
    with sqlite3.connect(folder / "home" / "mlflow.db") as store:
        logged = dict(
            store.execute("select key, value from latest_metrics where run_uuid = ?", [told["run_id"]])
        )
        tags = dict(store.execute("select key, value from tags where run_uuid = ?", [told["run_id"]]))
    assert logged["send_all_dr_over_never"] == pytest.approx(value)
    assert tags["kind"] == "evaluation" and tags["refused"] == "none"
    artifacts = {file.name for file in (folder / "home" / "mlartifacts").rglob("*") if file.is_file()}
    assert artifacts >= {"values.png", "evaluation.json"}


@pytest.mark.slow
def test_what_can_not_be_told_is_refused_in_one_line(files: tuple[Path, list[str]], tmp_path: Path) -> None:
    folder, arguments = files
    touchpoints, decisions = company(2, 40)
    decisions["send_probability"] = np.where(decisions["action"] == "send", 1.0, 0.0)
    _, certain = write(tmp_path, touchpoints, decisions)
    refused = tact(
        folder / "home", "evaluate", "--touchpoints", arguments[1], "--decisions", str(certain), *arguments[4:]
    )
    assert refused.returncode == 1 and "held back at random" in refused.stderr and not refused.stdout
    wrong = tact(folder / "home", "evaluate", *arguments, "--model", "7")
    assert wrong.returncode == 2 and "version 7" in wrong.stderr and "Traceback" not in wrong.stderr


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--out", "values.bmp"], "values.bmp"),
        (["--since", "yesterday"], "--since"),
        (["--policy", "nothing.toml"], "nothing.toml"),
        (["--policy", "empty.toml"], "no [policy] section"),
        (["--model", "none", "--model", "champion"], "stands alone"),
    ],
)
def test_bad_arguments_are_named(files: tuple[Path, list[str]], more: list[str], told: str) -> None:
    folder, arguments = files
    more = [str(folder / one) if one.endswith(".toml") else one for one in more]
    done = tact(folder / "home", "evaluate", *arguments, *more)
    assert done.returncode == 2 and told in done.stderr and "Traceback" not in done.stderr
