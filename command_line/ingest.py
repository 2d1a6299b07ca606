"""`tact ingest`: touchpoints from files into a running service, or straight into its database."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from command_line.client import DEFAULT_URL, Client
from command_line.events import as_touchpoints
from data_contracts.adapters.formats import FORMATS
from data_contracts.columns import TOUCHPOINTS
from data_contracts.configuration import Configuration, load_configuration, tact_home
from data_contracts.times import format_time

if TYPE_CHECKING:
    import pandas as pd

BATCH = 2_000
_SHOWN = 5
_TIMES = ("event_time", "ingested_time")

_HELP = """Send touchpoints to a running service, or write them into its database.

PATH is a Parquet, CSV or JSON Lines file (each also with .gz), or a folder of them. Rows that break the
contract are left out and counted, with their reasons; `tact validate` keeps them in a file. Every row has
an idempotency key (source, touchpoint_id), so a run may be repeated: what is there already counts as a
duplicate.

With --format the file holds events as another system writes them (JSON, or JSON Lines, also with .gz): they
are read by the same adapters as signed webhooks (docs/webhooks.md).

Exit status: 0 all rows are in, 1 some rows were rejected, 2 the input can't be read.

\b
Examples:
  tact ingest touchpoints.parquet
  tact ingest exports/ --url http://tact.internal:3000
  tact ingest history.csv.gz --database postgresql://tact@db/tact
  tact ingest segment-export.jsonl.gz --format segment
"""


@click.command("ingest", help=_HELP, short_help="Send touchpoints to the service or into its database.")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--url", default=DEFAULT_URL, show_default=True, help="The running service.")
@click.option(
    "--database", metavar="URL", help="Write into this database instead: sqlite:///… or postgresql://…"
)
@click.option("--format", "format_name", type=click.Choice(FORMATS), help="Events of another system.")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Configuration (TOML).")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
def command(
    path: Path,
    url: str,
    database: str | None,
    format_name: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    from data_contracts.tables import read_table

    started = time.monotonic()
    configuration = load_configuration(config)
    with as_touchpoints(path, format_name) as (file, ignored):
        table = read_table(file, "touchpoints", configuration=configuration)
    send: Send = _Database(database, configuration) if database else _Service(url)
    counts: dict[str, Any] = {"accepted": 0, "duplicates": 0, "rejected": table.report.rows_rejected}
    if format_name is not None:
        counts["ignored"] = len(ignored)
    reasons = [f"{finding.code}: {finding.example}" for finding in table.report.findings if finding.rows]
    console = Console(stderr=True)
    columns = (TextColumn("ingesting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(table.frame))
        rows = rows_of(table.frame)
        while batch := list(islice(rows, BATCH)):
            accepted, duplicates, rejected = send(batch)
            counts["accepted"] += accepted
            counts["duplicates"] += duplicates
            counts["rejected"] += len(rejected)
            reasons += rejected[:_SHOWN]
            progress.advance(task, len(batch))
    send.finish()
    counts["duplicates"] += table.report.rows_repeated
    counts["seconds"] = round(time.monotonic() - started, 2)
    if as_json:
        click.echo(json.dumps({**counts, "reasons": reasons[:_SHOWN]}, indent=1))
    else:
        click.echo(
            f"{counts['accepted']:,} accepted, {counts['duplicates']:,} duplicates, "
            f"{counts['rejected']:,} rejected in {counts['seconds']} s"
        )
        for told in reasons[:_SHOWN] if counts["rejected"] else ():
            click.echo(f"  {told}")
        if ignored:
            click.echo(f"{len(ignored):,} events are no touchpoints:")
            for told in ignored[:_SHOWN]:
                click.echo(f"  {told}")
    if counts["rejected"]:
        raise click.exceptions.Exit(1)


Row = dict[str, Any]


class Send(Protocol):
    """Where rows go: how many were accepted and known already, and what was rejected."""

    def __call__(self, batch: Sequence[Row]) -> tuple[int, int, list[str]]: ...

    def finish(self) -> None:
        """All rows have been sent."""


def rows_of(frame: pd.DataFrame) -> Iterator[Row]:
    """The rows of a clean table in the contract's JSON form, empty values left out."""
    names = [column.name for column in TOUCHPOINTS]
    for start in range(0, len(frame), BATCH):
        part = frame.iloc[start : start + BATCH]
        lists = []
        for name in names:
            if name in _TIMES:
                lists.append([format_time(int(time)) for time in part[name].astype("int64")])
            else:
                lists.append(part[name].astype(object).where(part[name].notna(), None).tolist())
        for values in zip(*lists, strict=True):
            row = {name: value for name, value in zip(names, values, strict=True) if value is not None}
            if "properties" in row:
                row["properties"] = json.loads(row["properties"])
            yield row


class _Service:
    def __init__(self, url: str) -> None:
        self._client = Client(url)

    def __call__(self, batch: Sequence[Row]) -> tuple[int, int, list[str]]:
        accepted = duplicates = 0
        rejected: list[str] = []
        for answer in self._client.post_list("/ingest", "touchpoints", batch):
            accepted += answer["accepted"]
            duplicates += answer["duplicates"]
            for one in answer["rejected"]:
                told = "; ".join(f"{error['field']}: {error['message']}" for error in one["errors"])
                rejected.append(f"{one['touchpoint_id']}: {told}")
        return accepted, duplicates, rejected

    def finish(self) -> None:
        pass


class _Database:
    def __init__(self, url: str, configuration: Configuration) -> None:
        from serving.history import HistoryBounds
        from serving.store import open_store

        self._store = open_store(url, tact_home(), HistoryBounds.of(configuration))
        self._customers: set[str] = set()

    def __call__(self, batch: Sequence[Row]) -> tuple[int, int, list[str]]:
        from data_contracts.times import parse_time
        from features.packing import TouchpointRow

        rows = []
        for row in batch:
            fields = {name: value for name, value in row.items() if name != "customer_id"}
            times = {name: parse_time(row[name]) for name in _TIMES}
            rows.append((row["customer_id"], TouchpointRow(**(fields | times))))
        accepted = self._store.ingest(rows)
        self._customers.update(customer for customer, _ in rows)
        return sum(accepted), len(accepted) - sum(accepted), []

    def finish(self) -> None:
        """Pack the histories, which the first decisions would do otherwise."""
        self._store.compact(sorted(self._customers))
        self._store.close()
