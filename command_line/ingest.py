"""`tact ingest`: touchpoints from files into a running service, or straight into its database."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from command_line.client import DEFAULT_URL, Client
from data_contracts.columns import TOUCHPOINTS
from data_contracts.configuration import load_configuration, tact_home
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

Exit status: 0 all rows are in, 1 some rows were rejected, 2 the input can't be read.

\b
Examples:
  tact ingest touchpoints.parquet
  tact ingest exports/ --url http://tact.internal:3000
  tact ingest history.csv.gz --database postgresql://tact@db/tact
"""


@click.command("ingest", help=_HELP, short_help="Send touchpoints to the service or into its database.")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--url", default=DEFAULT_URL, show_default=True, help="The running service.")
@click.option(
    "--database", metavar="URL", help="Write into this database instead: sqlite:///… or postgresql://…"
)
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Configuration (TOML).")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
def command(path: Path, url: str, database: str | None, config: Path | None, as_json: bool) -> None:
    from data_contracts.tables import read_table

    started = time.monotonic()
    table = read_table(path, "touchpoints", configuration=load_configuration(config))
    send = _into_database(database) if database else _to_service(url)
    counts: dict[str, Any] = {"accepted": 0, "duplicates": 0, "rejected": table.report.rows_rejected}
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
    if counts["rejected"]:
        raise click.exceptions.Exit(1)


Row = dict[str, Any]
Send = Callable[[Sequence[Row]], tuple[int, int, list[str]]]


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


def _to_service(url: str) -> Send:
    client = Client(url)

    def send(batch: Sequence[Row]) -> tuple[int, int, list[str]]:
        answer = client.post("/ingest", {"touchpoints": list(batch)})
        rejected = [
            f"{one['touchpoint_id']}: " + "; ".join(f"{e['field']}: {e['message']}" for e in one["errors"])
            for one in answer["rejected"]
        ]
        return answer["accepted"], answer["duplicates"], rejected

    return send


def _into_database(url: str) -> Send:
    from data_contracts.times import parse_time
    from features.packing import TouchpointRow
    from serving.store import open_store

    store = open_store(url, tact_home())

    def send(batch: Sequence[Row]) -> tuple[int, int, list[str]]:
        rows = []
        for row in batch:
            fields = {name: value for name, value in row.items() if name != "customer_id"}
            times = {name: parse_time(row[name]) for name in _TIMES}
            rows.append((row["customer_id"], TouchpointRow(**(fields | times))))
        accepted = store.ingest(rows)
        return sum(accepted), len(accepted) - sum(accepted), []

    return send
