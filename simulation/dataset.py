"""A simulated company's files: touchpoints, decisions, and the true answers beside them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts import vocabulary
from data_contracts.errors import InvalidRequest
from data_contracts.times import DAY, format_time
from simulation.clock import STEP, Bools, Floats
from simulation.company import Ablations, Company
from simulation.contact import Chances
from simulation.kinds import GOALS, CompanyKind
from simulation.labels import realised_outcomes
from simulation.rules import SEND, HistoricalPolicy
from simulation.tables import decision_table, joined_decisions, touchpoint_table
from simulation.truth import Snapper, true_chances
from simulation.world import Decided

DEFAULT_START = "2025-01-06T00:00:00Z"
MAX_CUSTOMERS = 1_000_000
MAX_DAYS = 3_650
_VERSION = "historical-rules"

Progress = Callable[[str, float], None]
"""Called with the name of the phase and the share of it that is done."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What was written; counts over the whole history, rates over decisions whose window was over."""

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
    helped_share_sent: float
    helped_share_held: float
    interrupted_share_sent: float
    interrupted_share_held: float
    true_rows: int

    def as_dict(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in self.__slots__ if name != "directory"} | {
            "directory": str(self.directory)
        }


class _Latent:
    """Keeps every decision row's latent state and its contact's own chances."""

    def __init__(self, snapper: Snapper) -> None:
        self.snapper = snapper
        self.columns: dict[str, list[Floats]] = {}

    def __call__(self, company: Company, decided: Decided) -> None:
        self.snapper(company, decided)
        pending, world = decided.pending, company.world
        if not pending.n:
            return
        state, who = world.state, pending.customer
        chances: Chances = company.models.contact.chances(
            state, world.moment(), who, pending.kind, pending.channel, pending.offer
        )
        for name, values in (
            ("goal", state.goal[who]),
            ("case_open", state.case_open[who]),
            ("fatigue", state.fatigue[who]),
            ("tolerance", state.tolerance[who]),
            ("satisfaction", state.satisfaction[who]),
            ("own_opened", chances.opened),
            ("own_positive", chances.positive),
            ("own_negative", chances.negative),
            ("own_progress", chances.opened * chances.progress),
            ("own_harm", chances.harm),
            ("all_sources", state.reports[who].all(axis=1)),
        ):
            self.columns.setdefault(name, []).append(np.asarray(values))

    def column(self, name: str) -> Floats:
        return np.concatenate(self.columns[name]) if name in self.columns else np.zeros(0)


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
    given = ablations or Ablations()
    tell: Progress = progress or (lambda phase, share: None)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidRequest(f"--out: {directory} can't be made: {error.strerror or error}") from None
    company = Company(kind, customers, seed, start=start, days=days, ablations=given)
    snapper = Snapper(truth_rows, seed)
    latent = _Latent(snapper)
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
    truth, true_rows = _truth_table(company, decided, log, latent, truth_replicates, seed, tell)
    # A customer's grid may reach past the end, and nobody decides about the unobserved.
    observed = _observed(company, decided, end)
    _write(table, directory / "touchpoints.parquet")
    _write(log.filter(pa.array(observed)), directory / "decisions.parquet")
    _write(truth.filter(pa.array(observed)), directory / "truth.parquet")
    helped, interrupted, complete = realised_outcomes(company, decided, rows, end)
    sent = decided.action == SEND
    randomised = (decided.send_probability > 0) & (decided.send_probability < 1)
    held = ~sent & randomised

    def share(values: Bools, where: Bools) -> float:
        return round(float(values[where].mean()), 4) if where.any() else float("nan")

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
        true_rows=true_rows,
    )
    description = {**summary.as_dict(), "seed": seed, "truth_replicates": truth_replicates}
    del description["directory"]
    (directory / "simulation.json").write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
    return summary


def _check(customers: int, days: int, seed: int, truth_rows: int | None, replicates: int) -> None:
    for name, value, least, most in (
        ("--customers", customers, 1, MAX_CUSTOMERS),
        ("--days", days, 1, MAX_DAYS),
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


def _truth_table(
    company: Company,
    decided: Decided,
    log: pa.Table,
    latent: _Latent,
    replicates: int,
    seed: int,
    tell: Progress,
) -> tuple[pa.Table, int]:
    n = decided.pending.n
    sent = decided.action == SEND
    columns: dict[str, pa.Array] = {
        name: log.column(name)
        for name in ("decision_id", "message_id", "customer_id", "decided_at", "action")
    }
    names = pa.array(GOALS)
    columns["latent_goal"] = names.take(pa.array(latent.column("goal").astype(np.int32)))
    for name in latent.columns:
        if name != "goal":
            columns[name] = pa.array(latent.column(name))
    snapshots = latent.snapper.snapshots()
    wide = {
        name: np.full(n, np.nan)
        for name in (
            "p_helps_send", "p_helps_hold", "p_interrupts_send", "p_interrupts_hold", "se_helps_send",
            "se_helps_hold", "se_interrupts_send", "se_interrupts_hold", "se_lift_helps", "se_lift_interrupts",
            *(f"goal_{name}" for name in (*vocabulary.GOALS, vocabulary.NO_GOAL)),
        )
    }  # fmt: skip
    done = 0
    if snapshots is not None:
        total = snapshots.row.size

        def rows_done(count: int) -> None:
            nonlocal done
            done += count
            tell("truth", done / total)

        true = true_chances(
            company.models,
            snapshots,
            sent[snapshots.row],
            HistoricalPolicy(company.ablations.randomise),
            replicates,
            seed,
            rows_done,
        )
        values = np.column_stack(
            [
                true.helps_send,
                true.helps_hold,
                true.interrupts_send,
                true.interrupts_hold,
                true.errors,
                true.goals,
            ]
        )
        for place, name in enumerate(wide):
            wide[name][true.row] = values[:, place]
    for name, numbers in wide.items():
        columns[name] = pa.array(numbers, mask=np.isnan(numbers))
    return pa.table(columns), done


def _write(table: pa.Table, path: Path) -> None:
    """Write beside and move, so that a broken run never leaves half a file under the final name."""
    part = path.with_suffix(".part")
    try:
        pq.write_table(table, part, compression="zstd")
        part.replace(path)
    except OSError as error:
        raise InvalidRequest(f"--out: {path} can't be written: {error.strerror or error}") from None
