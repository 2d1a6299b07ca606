"""The mapping that the README teaches gives a clean table."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from data_contracts.configuration import Configuration
from data_contracts.tables import validated
from training.fitting import fit
from training.inputs import read_inputs
from training.progress import SilentStages

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_data"


def test_the_mapped_exports_are_clean(tmp_path: Path) -> None:
    for name in ("map.py", "helpdesk.csv", "mailings.csv"):
        shutil.copy(EXAMPLE / name, tmp_path / name)
    subprocess.run([sys.executable, str(tmp_path / "map.py")], check=True, capture_output=True)
    table = validated(tmp_path / "touchpoints.csv", "touchpoints", Configuration())
    assert table.report.rows_rejected == 0 and table.report.rows_kept == 6117
    assert set(table.frame["direction"].cat.categories) == {"inbound", "outbound", "internal"}


@pytest.mark.slow
def test_they_are_enough_to_learn_from_and_call_themselves_observational(tmp_path: Path) -> None:
    for name in ("map.py", "helpdesk.csv", "mailings.csv"):
        shutil.copy(EXAMPLE / name, tmp_path / name)
    subprocess.run([sys.executable, str(tmp_path / "map.py")], check=True, capture_output=True)
    configuration = Configuration()
    inputs = read_inputs(tmp_path / "touchpoints.csv", None, configuration, None)
    fitted = fit(inputs, configuration, 1, SilentStages())
    assert fitted.bundle.observational
    assert fitted.bundle.price is None
    assert "randomised" in fitted.price.note
