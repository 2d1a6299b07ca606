"""A simulated company's files: touchpoints, decisions, and the true answers beside them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.errors import InvalidRequest
from data_contracts.times import DAY, format_time, parse_time
from simulation.clock import STEP, Bools
from simulation.company import Ablations, Company
from simulation.kinds import CompanyKind
from simulation.labels import realised_outcomes
from simulation.rules import SEND
from simulation.snapshots import Snapper
from simulation.tables import decision_table, joined_decisions, touchpoint_table
from simulation.truth_table import LatentColumns, Progress, truth_table
from simulation.world import Decided

DEFAULT_START = "2025-01-06T00:00:00Z"
MAX_CUSTOMERS = 1_000_000
MAX_DAYS = 3_650
MAX_CUSTOMER_DAYS = 20_000_000
"""About as many touchpoints; each takes some 500 bytes while the tables are made."""
_VERSION = "historical-rules"
_LAST = parse_time("2199-12-31T00:00:00Z")


@dataclass(frozen=True, slots=True)
class Summary:
    """What was written.

    Counts are over the whole history; shares (None where there is no such row) over randomised decisions whose
    window was over, so that sent and held compare like with like. `true_rows` hold true chances.
    """

    directory: Path
    kind: str
    start: str
    end: str
    customers: int
    touchpoints: int
    decisions: int
    sent: int
    held: int
    randomised: int
    helped_share_sent: float | None
    helped_share_held: float | None
    interrupted_share_sent: float | None
    interrupted_share_held: float | None
    true_rows: int

    def as_dict(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in self.__slots__ if name != "directory"} | {
            "directory": str(self.directory)
        }


def simulate(
    directory: Path,
    kind: CompanyKind,
    *,
    customers: int = 2_000,
    days: int = 90,
    seed: int = 7,
    start: int,
    truth_rows: int | None = 2_000,
    truth_replicates: int = 32,
    ablations: Ablations | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Run a company under its historical rules and write its files into `directory`.

    Parameters
    ----------
    start : microseconds UTC.
    truth_rows : number of decision rows, drawn at random, whose true chances are computed by branching
        (None: all of them).
    truth_replicates : branches for each of their arms.

    Raises
    ------
    InvalidRequest : an argument is out of range, or `directory` can't be written.
    """
    _check(customers, days, seed, truth_rows, truth_replicates)
    if start + days * DAY >= _LAST:
        raise InvalidRequest("--start: the history ends after the year 2199")
    given = ablations or Ablations()
    tell: Progress = progress or (lambda phase, share: None)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidRequest(f"--out: {directory} can't be made: {error.strerror or error}") from None
    company = Company(kind, customers, seed, start=start, days=days, ablations=given)
    snapper = Snapper(truth_rows, seed)
    latent = LatentColumns(snapper)
    company.watch = latent
    done = 0

    def day_over() -> None:
        nonlocal done
        done += 1
        tell("history", done / days)

    company.run(days, progress=day_over)
    end = start + days * DAY
    company.observations_end(end)
    rows = company.touchpoints(end)
    decided = joined_decisions(company.decisions)
    table = touchpoint_table(rows, kind, company.recorder.properties)
    log = decision_table(decided, company.world.state, kind, company.models.clock, _VERSION)
    truth = truth_table(company, decided, log, latent, truth_replicates, tell)
    # A customer's grid may reach past the end, and nobody decides about the unobserved.
    observed = _observed(company, decided, end)
    _write(table, directory / "touchpoints.parquet")
    _write(log.filter(pa.array(observed)), directory / "decisions.parquet")
    truth = truth.filter(pa.array(observed))
    _write(truth, directory / "truth.parquet")
    helped, interrupted, complete = realised_outcomes(company, decided, rows, end)
    sent = decided.action == SEND
    randomised = (decided.send_probability > 0) & (decided.send_probability < 1)
    held = ~sent & randomised

    def share(values: Bools, where: Bools) -> float | None:
        return round(float(values[where].mean()), 4) if where.any() else None

    counted = sent & randomised & complete & observed
    control = held & complete & observed
    summary = Summary(
        directory=directory,
        kind=kind.name,
        start=format_time(start),
        end=format_time(end),
        customers=customers,
        touchpoints=table.num_rows,
        decisions=int(observed.sum()),
        sent=int((sent & observed).sum()),
        held=int((held & observed).sum()),
        randomised=int((randomised & observed).sum()),
        helped_share_sent=share(helped, counted),
        helped_share_held=share(helped, control),
        interrupted_share_sent=share(interrupted, counted),
        interrupted_share_held=share(interrupted, control),
        true_rows=truth.num_rows - truth.column("p_helps_send").null_count,
    )
    description = {**summary.as_dict(), "seed": seed, "truth_replicates": truth_replicates}
    del description["directory"]
    (directory / "simulation.json").write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
    return summary


def _check(customers: int, days: int, seed: int, truth_rows: int | None, replicates: int) -> None:
    for name, value, least, most in (
        ("--customers", customers, 1, MAX_CUSTOMERS),
        ("--days", days, 1, MAX_DAYS),
        ("--customers × --days", customers * days, 1, MAX_CUSTOMER_DAYS),
        ("--seed", seed, 0, 2**63 - 1),
        ("--truth-rows", truth_rows or 0, 0, 10**9),
        ("--truth-replicates", replicates, 2, 10_000),
    ):
        if not least <= value <= most:
            raise InvalidRequest(f"{name}: {value} is not between {least} and {most}")


def _observed(company: Company, decided: Decided, end: int) -> Bools:
    state, who = company.world.state, decided.pending.customer
    until = company.start + state.observed_until[who] * STEP + state.phase[who]
    return np.asarray((decided.decided_at <= end) & (decided.decided_at <= until), dtype=np.bool_)


def _write(table: pa.Table, path: Path) -> None:
    """Write beside and move, so that a broken run never leaves half a file under the final name."""
    part = path.with_suffix(".part")
    try:
        pq.write_table(table, part, compression="zstd")
        part.replace(path)
    except OSError as error:
        raise InvalidRequest(f"--out: {path} can't be written: {error.strerror or error}") from None
