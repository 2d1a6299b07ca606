"""`tact retrain` and `tact rollback` for real: a filled store, a tracking store, a champion's folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from command_line.main import group
from data_contracts.times import HOUR, format_time
from learning import retrain as retraining
from learning.lock import only_run
from serving.champion import find_bundle
from serving.store import open_store
from tests.learning.filled import fill
from tests.serving.live import toml
from tests.training import planted

# MLflow and Great Expectations run inside these tests and warn about one another's packages.
pytestmark = pytest.mark.filterwarnings("ignore")

DATABASE = "sqlite:///tact.db"


class Shop:
    """A home with a database, and the commands run on it."""

    def __init__(self, home: Path, end: int) -> None:
        self.home, self.end = home, end
        raw = planted.CONFIGURATION.model_dump(mode="json")
        goals = {"horizon_hours": 24, **raw["goals"]["items"]}
        training = {"rounds": 40, "minimum_rows": 200, "minimum_positives": 30}
        self.sections: dict[str, Any] = {"goals": goals, "outcomes": raw["outcomes"], "training": training}

    def run(self, *arguments: str, **training: Any) -> tuple[int, dict[str, Any], str]:
        """Exit code, the JSON that was printed, and what was said."""
        config = self.home / "tact.toml"
        sections = {**self.sections, "training": self.sections["training"] | training}
        config.write_text(toml(sections), encoding="utf-8")
        options = ("--config", str(config)) if arguments[0] == "retrain" else ()
        done = CliRunner().invoke(group, [*arguments, *options, "--json"], standalone_mode=False)
        if done.exception is not None and not hasattr(done.exception, "exit_code"):
            raise done.exception
        code = getattr(done.exception, "exit_code", done.return_value or 0)
        printed = json.loads(done.stdout) if done.stdout.strip().startswith("{") else {}
        return code, printed, str(getattr(done.exception, "detail", ""))

    def retrain(self, *more: str, **training: Any) -> tuple[int, dict[str, Any], str]:
        return self.run("retrain", "--database", DATABASE, "--until", format_time(self.end), *more, **training)

    def serving(self) -> str:
        """The version that a running service would take."""
        place = find_bundle(self.home)
        assert place is not None
        return str(json.loads((place.folder / "bundle.json").read_text())["description"]["version"])


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setenv("TACT_HOME", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    store = open_store(DATABASE, tmp_path)
    end = fill(store, 5, customers=200, decisions=14)
    store.close()
    return Shop(tmp_path, end)


@pytest.mark.slow
def test_promoted_refused_and_rolled_back(shop: Shop) -> None:
    code, first, _ = shop.retrain(rounds=2, leaves=2)
    assert code == 0 and first["promoted"] and first["reason"].startswith("version 1 promoted: the first")
    assert first["training"]["observational"] is False and first["decisions"] == 2_800
    assert not list((shop.home / "retraining" / "exports").iterdir()), "no customers' data stays behind"

    code, again, _ = shop.retrain(rounds=2, leaves=2)
    assert code == 5 and "nothing new since version 1" in again["reason"]

    store = open_store(DATABASE, shop.home)
    one = store.timeline("c-0001").touchpoints[0]
    shop.end += 2 * HOUR
    store.ingest([("c-0001", one._replace(touchpoint_id="new", event_time=shop.end, ingested_time=shop.end))])
    code, better, _ = shop.retrain()
    assert code == 0 and shop.serving() == "2", better["reason"]
    assert better["reason"].startswith("version 2 promoted: no worse than champion 1")
    change = better["training"]["metrics"]
    assert change["helps_send_change_high"] < 0 and change["segments_guarded"] >= 4
    assert change["segments_worse"] == 0

    shop.end += 2 * HOUR
    store.ingest([("c-0001", one._replace(touchpoint_id="newer", event_time=shop.end, ingested_time=shop.end))])
    store.close()
    code, worse, _ = shop.retrain(rounds=2, leaves=2)
    assert code == 3 and not worse["promoted"] and shop.serving() == "2"
    assert "helps_send is worse than the champion" in worse["reason"]
    assert "department:marketing" in worse["reason"] and "\n" not in worse["reason"]
    reviewed(shop.home, worse["training"]["run_id"])

    code, told, _ = shop.run("rollback")
    assert code == 0 and told == {"champion": "1", "left": "2"} and shop.serving() == "1"
    code, _, said = shop.run("rollback")
    assert code == 2 and "no version before champion 1 was ever champion" in said
    assert shop.run("rollback", "--to", "2")[0] == 0 and shop.serving() == "2"
    code, _, said = shop.run("rollback", "--to", "99")
    assert code == 2 and "no such version" in said


def reviewed(home: Path, run_id: str) -> None:
    """What a reviewer finds in the run of a refused challenger."""
    from training.registry import client

    registry = client(home)
    run = registry.get_run(run_id)
    assert run.data.tags["gate"].startswith("not promoted") and run.data.tags["against_champion"] == "2"
    assert run.info.run_name.startswith("retrain ") and run.data.metrics["segments_worse"] >= 1
    assert {"champion_vs_challenger.html", "model_card.md"} <= {
        one.path for one in registry.list_artifacts(run_id)
    }
    page = Path(registry.download_artifacts(run_id, "champion_vs_challenger.html")).read_text()
    told = registry.get_registered_model("tact").description
    assert "not made for credit" in told and "**Champion 2:** promoted" in told and "Where it is weak" in told
    assert "new customers" in page and 'class="worse"' in page and "goal:none" in page


@pytest.mark.slow
def test_a_dead_run_leaves_its_export_and_its_lock_to_the_next(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object, **__: object) -> None:
        raise MemoryError("the machine took the process")

    with monkeypatch.context() as patched:
        patched.setattr(retraining, "train", die)
        with pytest.raises(MemoryError):
            shop.retrain()
    made = list((shop.home / "retraining" / "exports").iterdir())
    assert len(made) == 1
    with only_run(shop.home / "retraining" / "lock"):
        code, _, said = shop.retrain()
        assert code == 4 and "another run" in said
    with monkeypatch.context() as patched:
        patched.setattr(retraining, "make_export", die)
        code, done, _ = shop.retrain("--promote", "never")
    assert code == 3 and done["reused_export"] and "as asked" in done["reason"]


def test_nothing_is_trained_on_features_that_history_does_not_confirm(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from learning.parity import Difference, Parity

    found = Parity(
        compared=10, differing=1, features={"tenure_hours": Difference(mismatch=1)}, examples=["d-9"]
    )
    monkeypatch.setattr(retraining, "compare_features", lambda *_: found)
    code, _, said = shop.retrain()
    assert code == 1 and "1 of 10 decisions differ" in said and "tenure_hours" in said and "d-9" in said


def test_an_empty_store_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TACT_HOME", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    empty = Shop(tmp_path, 1_767_225_600_000_000)
    code, _, said = empty.retrain()
    assert code == 2 and "there is no file" in said and not (tmp_path / "tact.db").exists()
    store = open_store(DATABASE, tmp_path)
    store.health()
    store.close()
    code, _, said = empty.retrain()
    assert code == 1 and "holds no touchpoint that was known by 2026-01-01" in said
