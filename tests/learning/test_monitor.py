"""`tact monitor` on real stores: nothing injected, drift injected, a feed that falls silent."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from command_line.main import group
from data_contracts.times import DAY, format_time
from features.packing import TouchpointRow
from learning.drift import stability
from serving.store import open_store
from tests.learning.filled import Change, fill
from tests.serving.live import toml
from tests.training import planted

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow and Great Expectations warn about one another

DATABASE = "sqlite:///tact.db"
TRAINED_UNTIL = planted.START + 45 * DAY
END = planted.START + 60 * DAY


def configuration(home: Path) -> Path:
    raw = planted.CONFIGURATION.model_dump(mode="json")
    sections: dict[str, Any] = {
        "goals": {"horizon_hours": 24, **raw["goals"]["items"]},
        "outcomes": raw["outcomes"],
        "training": {"rounds": 30, "minimum_rows": 200, "minimum_positives": 30},
    }
    file = home / "tact.toml"
    file.write_text(toml(sections), encoding="utf-8")
    return file


def run(home: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    monkeypatch.setenv("TACT_HOME", str(home))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    given = [*arguments, "--database", DATABASE, "--config", str(configuration(home))]
    done = CliRunner().invoke(group, given, standalone_mode=False)
    code = getattr(done.exception, "exit_code", done.return_value or 0)
    if done.exception is not None and not hasattr(done.exception, "exit_code"):
        raise done.exception
    return int(code), done.stdout


@pytest.fixture(scope="module")
def champion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A champion's folder, trained on the first 45 days of a company."""
    home = tmp_path_factory.mktemp("trained")
    store = open_store(DATABASE, home)
    fill(store, 5, customers=220, decisions=20)
    store.close()
    with pytest.MonkeyPatch.context() as patched:
        code, said = run(home, patched, "retrain", "--until", format_time(TRAINED_UNTIL), "--promote", "always")
    assert code == 0, said
    return home / "champion"


def watched(
    home: Path, champion: Path, monkeypatch: pytest.MonkeyPatch, change: Change, seed: int = 5
) -> tuple[int, dict[str, Any], str]:
    """Exit code, JSON and Prometheus text of `tact monitor` at the end of a company's life."""
    shutil.copytree(champion, home / "champion")
    store = open_store(DATABASE, home)
    fill(store, seed, change, customers=220, decisions=20)
    store.close()
    page = home / "monitor.html"
    code, said = run(home, monkeypatch, "monitor", "--out", str(page), "--until", format_time(END))
    assert "breach" in said and "Against the training period" in page.read_text()
    return code, json.loads(page.with_suffix(".json").read_text()), page.with_suffix(".prom").read_text()


@pytest.mark.slow
def test_nothing_injected_is_no_breach(champion: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, seen, gauges = watched(tmp_path, champion, monkeypatch, lambda row: row)
    assert code == 0 and seen["breaches"] == []
    assert seen["fresh_rows"] > 300 and seen["settled_rows"] > 300
    groups = {one["group"] for one in seen["findings"] if one["judged"]}
    assert groups == {"features", "goals", "scores", "outcomes", "calibration", "sources"}
    assert "tact_monitor_breaches 0.0" in gauges
    assert re.search(r'tact_monitor_feed_silent\{feed="product",kind="department"\} 0\.0', gauges)


@pytest.mark.slow
def test_injected_drift_is_found(champion: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody_buys(row: TouchpointRow) -> TouchpointRow | None:
        late = row.event_time > TRAINED_UNTIL
        if late and row.event_type == "pricing_viewed":
            return row._replace(event_type="cancelled")
        return None if late and row.event_type in ("purchased", "message_clicked") else row

    code, seen, gauges = watched(tmp_path, champion, monkeypatch, nobody_buys)
    assert code == 1
    breached = {(one["group"], one["name"]) for one in seen["findings"] if one["breached"]}
    assert {("outcomes", "helps"), ("calibration", "helps"), ("goals", "came")} <= breached
    assert not any(feed["silent"] for feed in seen["feeds"])
    assert 'tact_monitor_breach{group="outcomes",name="helps"} 1.0' in gauges


@pytest.mark.slow
def test_a_feed_that_falls_silent_is_found(
    champion: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_marketing(row: TouchpointRow) -> TouchpointRow | None:
        row = row._replace(source="mailer") if row.department == "marketing" else row
        return None if row.source == "mailer" and row.event_time > END - 2 * DAY else row

    code, seen, gauges = watched(tmp_path, champion, monkeypatch, no_marketing)
    silent = {(feed["kind"], feed["name"]) for feed in seen["feeds"] if feed["silent"]}
    assert code == 1 and silent == {("source", "mailer"), ("department", "marketing")}
    assert 'tact_monitor_feed_silent{feed="mailer",kind="source"} 1.0' in gauges


def test_without_a_champion_feeds_are_watched_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(DATABASE, tmp_path)
    fill(store, 5, customers=40)
    store.close()
    code, said = run(tmp_path, monkeypatch, "monitor", "--until", format_time(planted.START + 40 * DAY))
    assert code == 0 and "There is no champion yet" in said


def test_the_stability_index_is_nought_without_drift_and_its_noise_is_as_told() -> None:
    draw = np.random.default_rng(4)
    shares = np.asarray([0.4, 0.3, 0.2, 0.1])
    assert stability(shares, shares, (500, 500))[0] == 0.0
    found = [
        stability(draw.multinomial(400, shares) / 400, draw.multinomial(200, shares) / 200, (400, 200))
        for _ in range(500)
    ]
    assert np.mean([value for value, _ in found]) == pytest.approx(found[0][1], rel=0.1)
    assert stability(shares, shares[::-1].copy(), (500, 500))[0] > 0.5
