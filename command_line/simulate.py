"""`tact simulate`: a company whose true answers are known."""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import click

from data_contracts.errors import InvalidRequest
from data_contracts.times import parse_time, to_microseconds

_EXAMPLES = """
\b
Examples:
  tact simulate --out history
  tact simulate --out shop --kind retail --customers 5000 --days 120 --seed 3
  tact simulate --out small --customers 200 --days 30 --truth-rows 500 --json
"""


@click.command(epilog=_EXAMPLES)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the files.")
@click.option("--customers", type=int, default=2000, show_default=True, help="Number of customers.")
@click.option("--days", type=int, default=90, show_default=True, help="Length of the history in days.")
@click.option("--seed", type=int, default=7, show_default=True, help="The same seed gives the same files.")
@click.option("--kind", default="subscription", show_default=True, help="subscription, retail or telecoms.")
@click.option("--start", default=None, help="First day, as in 2025-01-06 (UTC).  [default: 2025-01-06]")
@click.option(
    "--truth-rows",
    type=int,
    default=2000,
    show_default=True,
    help="Decisions whose true chances are computed (drawn at random); -1: all of them, which takes long.",
)
@click.option(
    "--truth-replicates", type=int, default=32, show_default=True, help="Branches for each of their arms."
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(
    out: Path,
    customers: int,
    days: int,
    seed: int,
    kind: str,
    start: str | None,
    truth_rows: int,
    truth_replicates: int,
    as_json: bool,
) -> None:
    """Write a simulated company's history: touchpoints, decisions and the true answers.

    The company's departments act blind to one another; its rules were caps and random hold-backs. The files
    are touchpoints.parquet, decisions.parquet and truth.parquet; simulation/README.md explains the columns of
    the last one.
    """
    # Imported here, so that `tact --help` stays quick.
    from simulation.companies import kind_named
    from simulation.dataset import DEFAULT_START, simulate

    if truth_rows < -1:
        raise InvalidRequest(f"--truth-rows: {truth_rows} is not -1, 0 or more")
    chosen = kind_named(kind)
    begin = parse_time(DEFAULT_START) if start is None else _start(start)
    with _Shown(quiet=as_json) as shown:
        summary = simulate(
            out,
            chosen,
            customers=customers,
            days=days,
            seed=seed,
            start=begin,
            truth_rows=None if truth_rows == -1 else truth_rows,
            truth_replicates=truth_replicates,
            progress=shown.tell,
        )
    if as_json:
        click.echo(json.dumps(summary.as_dict()))
        return
    share = summary.sent / max(1, summary.decisions)
    click.echo(f"A {summary.kind} company from {summary.start} to {summary.end}, seed {seed}")
    click.echo(f"  customers    {summary.customers:>10,}")
    click.echo(f"  touchpoints  {summary.touchpoints:>10,}")
    click.echo(
        f"  decisions    {summary.decisions:>10,}   {share:.0%} sent, {summary.held:,} held back at random"
    )
    click.echo("  within 72 hours of a randomised decision      sent    held")
    for name, sent, held in (
        ("helped", summary.helped_share_sent, summary.helped_share_held),
        ("interrupted", summary.interrupted_share_sent, summary.interrupted_share_held),
    ):
        click.echo(f"    {name:<40} {_percent(sent)} {_percent(held)}")
    click.echo(f"  true chances {summary.true_rows:>10,}   rows, by {truth_replicates} branches an arm")
    click.echo(f"Written to {summary.directory}: touchpoints.parquet, decisions.parquet, truth.parquet")


def _percent(share: float | None) -> str:
    return f"{'-':>7}" if share is None else f"{share:>7.1%}"


def _start(text: str) -> int:
    """The first moment of a day; raises InvalidRequest for what is no date between 1971 and 2199."""
    try:
        day = date.fromisoformat(text)
        return to_microseconds(datetime(day.year, day.month, day.day, tzinfo=UTC))
    except ValueError as error:
        raise InvalidRequest(f"--start: {text!r} is not a day as in 2025-01-06: {error}") from None


class _Shown:
    """A progress bar on a terminal, nothing elsewhere."""

    _TITLES = {"history": "living through the history", "truth": "branching for the true chances"}  # noqa: RUF012

    def __init__(self, quiet: bool) -> None:
        self._on = not quiet and sys.stderr.isatty()

    def __enter__(self) -> _Shown:
        if self._on:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

            self._bar = Progress(
                TextColumn("{task.description:<32}"),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f}%"),
                TimeElapsedColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._tasks: dict[str, TaskID] = {}
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._on:
            self._bar.stop()

    def tell(self, phase: str, share: float) -> None:
        """Show `share` (0 to 1) of `phase` as done."""
        if not self._on:
            return
        if phase not in self._tasks:
            self._tasks[phase] = self._bar.add_task(self._TITLES.get(phase, phase), total=1.0)
        self._bar.update(self._tasks[phase], completed=share)
