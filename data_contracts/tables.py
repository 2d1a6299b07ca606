"""Read a table of the contract: every good row once, in the total order, and what became of the rest.

Memory: files are read in batches, so what is held is the cleaned columns and the rejected rows, about
115 bytes for a touchpoint. When these come to more than the limit the input is refused. The process
peaks at about 3 times of what is held here, and at about 4 times in `tact validate` (measured on a
CSV file of 2 GB with 13 million rows: 1.5 GiB held, 4.1 and 5.3 GiB at the peak).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from data_contracts import vocabulary
from data_contracts.columns import TABLES
from data_contracts.configuration import Configuration
from data_contracts.errors import ContractViolation, UnreadableInput
from data_contracts.findings import CHECKS, CODES
from data_contracts.frames import as_frame
from data_contracts.raw_batches import Reading
from data_contracts.readers import read_batches
from data_contracts.reports import Kind, ReadReport
from data_contracts.row_checks import RowChecks, known_event_types
from data_contracts.sources import find_sources
from data_contracts.table_builder import TableBuilder
from data_contracts.times import format_time

Progress = Callable[[str, int], None]
"""Called after each batch with the name of the file and the rows read so far."""

REJECTED_FOR = "rejected_for"
"""In `ReadTable.received`: the code of the error that a row was rejected for, or a gap."""


@dataclass(frozen=True, slots=True)
class ReadTable:
    """A table as read.

    `frame` holds the good rows in the total order: text that repeats as categories (sorted, all in
    use), other text as `str`, times as datetime64[us, UTC], numbers as float64. `rejected` holds the
    others (see Quarantine). `received`, where asked for, holds every row in the order of the input,
    as far as it could be read, with the column REJECTED_FOR.
    """

    frame: pd.DataFrame
    rejected: pa.Table
    report: ReadReport
    received: pd.DataFrame | None = None


@dataclass(frozen=True, slots=True)
class ValidatedTable:
    """A table that training may use: `frame` as in ReadTable."""

    frame: pd.DataFrame
    report: ReadReport


def validated(
    path: str | Path, kind: Kind, configuration: Configuration, now: int | None = None
) -> ValidatedTable:
    """Read a table for training.

    Parameters
    ----------
    now : microseconds UTC; a later time in the data is an error. Default: the clock.

    Raises
    ------
    UnreadableInput
        The input can't be read at all.
    ContractViolation
        A column is wrong as a whole, or a larger share of the rows is rejected than
        `training.max_rejected_share` allows.
    """
    read = read_table(path, kind, configuration=configuration, now=now)
    report, limit = read.report, configuration.training.max_rejected_share
    if report.rejected_share > limit or not report.rows_kept:
        worst = report.findings[0]
        raise ContractViolation(
            f"{path}: {report.rows_rejected:,} of {report.rows_read:,} rows ({report.rejected_share:.2%}) "
            f"break the contract; training.max_rejected_share allows {limit:.2%}. Most frequent, in "
            f"{worst.rows:,} rows: {worst.example} (at {worst.place}). `tact validate {path}` lists all"
        )
    return ValidatedTable(read.frame, report)


def read_table(
    path: str | Path,
    kind: Kind,
    *,
    configuration: Configuration | None = None,
    now: int | None = None,
    memory_limit_bytes: int | None = None,
    keep_received: bool = False,
    progress: Progress | None = None,
) -> ReadTable:
    """Read touchpoints or decisions from a file, or from a folder of files.

    Parameters
    ----------
    now : microseconds UTC; a later time in the data is an error. Default: the clock.
    memory_limit_bytes : of cleaned and rejected rows; beyond it the input is refused. Default: a
        quarter of the machine's memory, at most 4 GiB.

    Raises
    ------
    UnreadableInput
        The input can't be read at all, holds no rows, or is too large.
    ContractViolation
        A column is wrong as a whole, as times without a zone in Parquet.
    """
    begun = time.perf_counter()
    sources, notes = find_sources(path)
    table, chosen = TABLES[kind], configuration or Configuration()
    clock = time.time_ns() // 1_000 if now is None else now
    limit = default_memory_limit() if memory_limit_bytes is None else memory_limit_bytes
    builder = TableBuilder(kind, table, RowChecks(kind, table, chosen, clock))
    reading = Reading()
    for source in sources:
        for batch in read_batches(source, table, reading):
            builder.add(batch)
            if builder.held_bytes > limit:
                raise UnreadableInput(
                    f"{path}: too large: its first {builder.rows:,} rows (up to {source.name}) fill the "
                    f"limit of {limit / 2**30:.2g} GiB; split it by customer, or raise the limit"
                )
            if progress is not None:
                progress(source.name, builder.rows)
    if not builder.rows:
        raise UnreadableInput(f"{path}: there are no rows in it")
    builder.settle()
    received = _received(builder) if keep_received else None
    frame = as_frame(builder.take_ordered())
    moments = frame["event_time" if kind == "touchpoints" else "decided_at"]
    report = ReadReport(
        kind=kind,
        files=tuple(source.name for source in sources),
        rows_read=builder.rows,
        rows_kept=len(frame),
        rows_rejected=builder.count("error"),
        rows_repeated=builder.count("warning"),
        customers=len(frame["customer_id"].cat.categories),
        first=_iso(moments.min()) if len(frame) else None,
        last=_iso(moments.max()) if len(frame) else None,
        findings=builder.findings,
        unknown=_unknown(kind, frame, chosen),
        notes=(*notes, *_notes(reading)),
        seconds=time.perf_counter() - begun,
    )
    return ReadTable(frame, builder.quarantine.table(), report, received)


def default_memory_limit() -> int:
    """How many bytes of rows are held unless told otherwise: the peak is four times as much."""
    try:
        physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        # Not told on this system.
        physical = 16 << 30
    return min(physical // 4, 4 << 30)


def _received(builder: TableBuilder) -> pd.DataFrame:
    frame = as_frame(builder.columns)
    warnings = [place for place, code in enumerate(CODES) if CHECKS[code].severity == "warning"]
    errors = np.where(np.isin(builder.rejections, warnings), np.int8(-1), builder.rejections)
    frame[REJECTED_FOR] = pd.Categorical.from_codes(errors, categories=pd.Index(CODES))
    return frame


def _unknown(kind: Kind, frame: pd.DataFrame, configuration: Configuration) -> dict[str, dict[str, int]]:
    known: dict[str, frozenset[str]] = {
        "department": frozenset(vocabulary.DEPARTMENTS),
        "channel": frozenset(vocabulary.CHANNELS),
    }
    if kind == "touchpoints":
        known["event_type"] = known_event_types(configuration)
    else:
        known["purpose"] = frozenset(vocabulary.PURPOSES)
    found = {
        name: {
            str(value): int(rows) for value, rows in frame[name].value_counts().items() if value not in names
        }
        for name, names in known.items()
    }
    return {name: counts for name, counts in found.items() if counts}


def _notes(reading: Reading) -> list[str]:
    notes = []
    if reading.unknown_columns:
        names = ", ".join(sorted(reading.unknown_columns))
        notes.append(f"dropped columns that the contract does not know: {names}")
    if reading.blank_rows:
        notes.append(f"skipped {reading.blank_rows:,} blank rows")
    absent = {
        "send_probability": "send_probability is not there: training estimates it",
        "mode": "mode is not there: every decision counts as enforced",
        "ingested_time": "ingested_time is not there: rows count as known when they happened",
        "source": "source is not there: rows count as from 'import'",
    }
    return notes + [note for name, note in absent.items() if name in reading.missing_columns]


def _iso(moment: pd.Timestamp) -> str:
    return format_time(moment.value // 1_000)
