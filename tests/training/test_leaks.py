"""Nothing that happens later changes what was learnt from earlier: on the whole fit, byte for byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.columns import Int64
from models.bundle import Bundle
from tests.training.planted import CONFIGURATION, HOUR, company, write
from training.fitting import Fitted, fit
from training.inputs import read_inputs
from training.progress import SilentStages
from training.splits import Cuts, cuts_of

LEARNT = ("goal", "helps_send", "helps_hold", "interrupts_send", "interrupts_hold")


def test_slices_are_apart_by_an_outcome_window() -> None:
    moment: Int64 = np.random.default_rng(5).integers(0, 10_000, 3_000).astype(np.int64)
    cuts, window = cuts_of(moment, CONFIGURATION.training), 700
    train, later, test = cuts.train(moment, window), cuts.calibrate(moment, window), cuts.tested(moment)
    assert not (train & later).any() and not (later & test).any() and not (train & test).any()
    assert moment[train].max() + window <= moment[later].min()
    assert moment[later].max() + window <= moment[test].min()
    assert min(train.sum(), later.sum(), test.sum()) > 100


@pytest.fixture(scope="module")
def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    return company(11, customers=220, decisions=14)


@pytest.fixture(scope="module")
def whole(tables: tuple[pd.DataFrame, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return fitted(tmp_path_factory.mktemp("whole"), *tables)


def fitted(folder: Path, touchpoints: pd.DataFrame, decisions: pd.DataFrame) -> Fitted:
    paths = write(folder, touchpoints, decisions)
    return fit(read_inputs(*paths, CONFIGURATION, None), CONFIGURATION, 3, SilentStages())


def files(bundle: Bundle, folder: Path) -> dict[str, str]:
    bundle.save(folder)
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def changed_after(touchpoints: pd.DataFrame, cut: int, types: list[str], to: str) -> pd.DataFrame:
    """The same customers, but from `cut` on all events of these types are of another type."""
    late = touchpoints["event_time"] >= pd.Timestamp(cut, unit="us", tz="UTC")
    own = touchpoints["event_type"].isin(types)
    changed = touchpoints.copy()
    changed.loc[late & own, "event_type"] = to
    assert (late & own).sum() > 20
    return changed


@pytest.mark.slow
def test_what_happens_in_the_test_slice_changes_no_byte_of_the_bundle(
    whole: Fitted, tables: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path
) -> None:
    cuts: Cuts = whole.cuts
    own = ["message_clicked", "purchased", "cancelled", "pricing_viewed"]
    other = fitted(tmp_path / "data", changed_after(tables[0], cuts.test, own, "pricing_viewed"), tables[1])
    assert other.cuts == cuts
    assert files(other.bundle, tmp_path / "other") == files(whole.bundle, tmp_path / "whole")
    assert other.test.labels["helps"].sum() < whole.test.labels["helps"].sum()


@pytest.mark.slow
def test_what_happens_in_the_calibration_slice_changes_no_model_but_the_calibration(
    tables: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The goal's temperature is a figure of the calibration slice, and goal chances are features.
    monkeypatch.setattr("training.goal_model.temperature", lambda probabilities, label: 1.3)
    mine = fitted(tmp_path / "mine", *tables)
    late = changed_after(tables[0], mine.cuts.calibration, ["message_clicked"], "message_opened")
    theirs = fitted(tmp_path / "theirs", late, tables[1])
    one, other = files(mine.bundle, tmp_path / "one"), files(theirs.bundle, tmp_path / "other")
    for name in LEARNT:
        assert other.get(f"{name}.txt") == one.get(f"{name}.txt"), name
    assert mine.bundle.contact["helps"].send.calibrator != theirs.bundle.contact["helps"].send.calibrator


@pytest.mark.slow
def test_labels_of_calibration_rows_are_never_of_the_future(whole: Fitted) -> None:
    window = CONFIGURATION.outcomes.window_hours * HOUR
    assert (whole.test.moment >= whole.cuts.test).all()
    ended = whole.table["window_end"].dt.as_unit("us").astype("int64")
    known = whole.table["observed_until"].dt.as_unit("us").astype("int64")
    assert (ended <= known).all()
    assert (ended - whole.table["decided_at"].dt.as_unit("us").astype("int64") == window).all()
