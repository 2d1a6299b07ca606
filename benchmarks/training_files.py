"""A company's history as the files that `tact train` reads, and what training makes of them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.live import LiveCompany
from data_contracts.configuration import Attributes, Configuration
from data_contracts.times import DAY
from simulation.company import Company
from simulation.tables import decision_table, joined_decisions, touchpoint_table
from training.inputs import Inputs, read_inputs

CUSTOMER_ATTRIBUTES = {"plan": "category", "segment": "category", "tenure_days": "number"}
CANDIDATE_ATTRIBUTES = {"discount": "number"}


def benchmark_configuration() -> Configuration:
    """The defaults, with the attributes that the simulated companies give declared."""
    attributes = Attributes.model_validate({"customer": CUSTOMER_ATTRIBUTES, "candidate": CANDIDATE_ATTRIBUTES})
    return Configuration(attributes=attributes)


def inputs_of(company: LiveCompany, history_days: int, configuration: Configuration) -> Inputs:
    """Read the history's touchpoints and decisions through the contract, as `tact train` does."""
    end = company.start + history_days * DAY
    with tempfile.TemporaryDirectory(prefix="tact-bench-") as name:
        folder = Path(name)
        write_history(company, end, folder)
        return read_inputs(folder / "touchpoints.parquet", folder / "decisions.parquet", configuration, None)


def write_history(company: Company, end: int, folder: Path) -> None:
    """`touchpoints.parquet` and `decisions.parquet` of all that happened and was known by `end` (µs)."""
    rows = company.touchpoints(end)
    decided = joined_decisions(company.decisions)
    kind, state = company.kind, company.world.state
    pq.write_table(touchpoint_table(rows, kind, company.recorder.properties), folder / "touchpoints.parquet")
    log = decision_table(decided, state, kind, company.models.clock, "historical-rules")
    pq.write_table(log, folder / "decisions.parquet")
