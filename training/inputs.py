"""The files → columns and a decision table, cut off at `until`, with a digest of what was read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from data_contracts.configuration import Configuration
from data_contracts.errors import TooLittleData
from data_contracts.reports import ReadReport
from data_contracts.sources import find_sources
from data_contracts.tables import validated
from data_contracts.times import format_time
from features.columns import TouchpointColumns
from training.history import columns_of_table, microseconds


@dataclass(frozen=True)
class Input:
    """What is known of one input: where it came from, its digest, what the contract said about it."""

    path: str
    digest: str
    report: ReadReport
    rows: int


@dataclass(frozen=True)
class Inputs:
    """Everything that training reads.

    `customers` are the ids by place of `columns`; `decisions` is None where there is no log.
    `until` is the end of the data in microseconds.
    """

    columns: TouchpointColumns
    customers: list[str]
    decisions: pd.DataFrame | None
    until: int
    touchpoints_input: Input
    decisions_input: Input | None


def read_inputs(
    touchpoints: Path, decisions: Path | None, configuration: Configuration, until: int | None
) -> Inputs:
    """Read and validate; rows that were not known by `until` (microseconds) are left out.

    Raises UnreadableInput and ContractViolation as `validated` does, and TooLittleData where nothing
    was known by `until`.
    """
    read = validated(touchpoints, "touchpoints", configuration)
    frame = read.frame
    if until is not None:
        frame = frame[microseconds(frame["ingested_time"]) <= until].reset_index(drop=True)
        if not len(frame):
            raise TooLittleData(f"{touchpoints}: no touchpoint was known by {format_time(until)}")
    log, log_input = None, None
    also: tuple[str, ...] = ()
    if decisions is not None:
        read_log = validated(decisions, "decisions", configuration)
        log = read_log.frame
        if until is not None:
            log = log[microseconds(log["decided_at"]) <= until].reset_index(drop=True)
        also = tuple(map(str, log["customer_id"].unique()))
        log_input = Input(str(decisions), digest_of(decisions), read_log.report, len(log))
    columns, customers = columns_of_table(frame, also, ordered=True)
    end = int(columns.ingested_time.max()) if until is None else until
    return Inputs(
        columns=columns,
        customers=customers,
        decisions=log,
        until=end,
        touchpoints_input=Input(str(touchpoints), digest_of(touchpoints), read.report, len(frame)),
        decisions_input=log_input,
    )


def digest_of(path: Path) -> str:
    """SHA-256 over the files of an input, in the order in which they are read; 16 hex digits."""
    digest = hashlib.sha256()
    for source in find_sources(path)[0]:
        with Path(source.path).open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:16]


def span(times: np.ndarray) -> tuple[str, str]:
    """First and last of times in microseconds, ISO 8601."""
    return format_time(int(times.min())), format_time(int(times.max()))
