"""The mapping that the README teaches gives a clean table."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from data_contracts.configuration import Configuration
from data_contracts.tables import validated

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_data"


def test_the_mapped_exports_are_clean(tmp_path: Path) -> None:
    for name in ("map.py", "helpdesk.csv", "mailings.csv"):
        shutil.copy(EXAMPLE / name, tmp_path / name)
    subprocess.run([sys.executable, str(tmp_path / "map.py")], check=True, capture_output=True)
    table = validated(tmp_path / "touchpoints.csv", "touchpoints", Configuration())
    assert table.report.rows_rejected == 0 and table.report.rows_kept == 479
    assert set(table.frame["direction"].cat.categories) == {"inbound", "outbound", "internal"}
