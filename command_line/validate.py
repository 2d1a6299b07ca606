"""`tact validate`: check a file or a folder against the data contract."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from data_contracts.configuration import Configuration, load_configuration
from data_contracts.errors import InvalidRequest
from data_contracts.times import format_time, parse_time

if TYPE_CHECKING:
    from data_contracts.reports import Kind, ReadReport
    from data_contracts.tables import Progress, ReadTable
    from data_contracts.validation import SuiteReport

SUMMARY_FORMAT = 1
_UNKNOWN_SHOWN = 8

_HELP = """Check touchpoints or decisions against the data contract.

PATH is a Parquet, CSV or JSON Lines file (each also with .gz), or a folder of them. Beside it, in
NAME.validated/ (crm.validated/ for crm.csv), are written: clean.parquet (the good rows, in their
total order), rejected.jsonl (the others, each with its place and its reasons), summary.json, and
data_docs/index.html.

A row takes about 115 bytes of the memory limit, and the process about four times that at its peak:
2 GB of CSV with 13 million touchpoints take 1.5 GiB of the limit and peak at 5.3 GiB.

Exit status: 0 all is well, 1 a row breaks the contract, 2 the input can't be read.

\b
Examples:
  tact validate touchpoints.csv
  tact validate exports/2026/ --kind touchpoints --out checked/
  tact validate decisions.parquet --json | jq .report.findings
"""


@click.command("validate", help=_HELP, short_help="Check data against the contract.")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--kind",
    type=click.Choice(["touchpoints", "decisions"]),
    help="Which table it is. Default: by its columns.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to write. Default: NAME.validated",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration (TOML), for its event types.",
)
@click.option(
    "--now", metavar="TIME", help="A later time is an error, as 2026-03-01T09:00:00Z. Default: the clock."
)
@click.option(
    "--memory-limit",
    metavar="GIB",
    type=click.FloatRange(min=0.001),
    help="Refuse a table that takes more than this when read. Default: a quarter of the memory, at most 4.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.option("--no-docs", is_flag=True, help="Write no Data Docs.")
def command(
    path: Path,
    kind: str | None,
    out: Path | None,
    config: Path | None,
    now: str | None,
    memory_limit: float | None,
    as_json: bool,
    no_docs: bool,
) -> None:
    # pandas and pyarrow are imported late, so that `tact --help` stays quick.
    from data_contracts.quarantine import write_rejected
    from data_contracts.readers import guess_kind
    from data_contracts.sources import output_folder
    from data_contracts.tables import read_table

    begun = time.perf_counter()
    configuration = load_configuration(config)
    clock = _clock(now)
    chosen = cast("Kind", kind or guess_kind(path))
    folder = out or output_folder(path)
    limit = None if memory_limit is None else int(memory_limit * 2**30)
    with _progress(quiet=as_json) as (say, on_batch):
        say("reading")
        table = read_table(
            path,
            chosen,
            configuration=configuration,
            now=clock,
            memory_limit_bytes=limit,
            keep_received=True,
            progress=on_batch,
        )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            say("writing clean and rejected rows")
            table.frame.to_parquet(folder / "clean.parquet", index=False, compression="zstd")
            write_rejected(table.rejected, folder / "rejected.jsonl")
            say("checking expectations")
            suite = _check(table, configuration, clock, None if no_docs else folder / "data_docs")
            summary = _summary(path, table.report, suite, clock, folder, not no_docs)
            summary["seconds"] = round(time.perf_counter() - begun, 3)
            text = json.dumps(summary, indent=2, ensure_ascii=False)
            (folder / "summary.json").write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise InvalidRequest(f"{folder}: can't be written: {error.strerror or error}") from None
    if as_json:
        click.echo(text)
    else:
        _print(table.report, suite, summary)
    if not suite.passed or table.report.rows_rejected:
        click.get_current_context().exit(1)


def _clock(now: str | None) -> int:
    if now is None:
        return time.time_ns() // 1_000
    try:
        return parse_time(now)
    except ValueError as error:
        raise InvalidRequest(f"--now: {error}") from None


def _check(table: ReadTable, configuration: Configuration, now: int, docs: Path | None) -> SuiteReport:
    # Great Expectations takes about three seconds to import, so unreadable input is told before that.
    from data_contracts.validation import check_decisions, check_touchpoints

    received = table.received
    if received is None:
        raise AssertionError("the table was read without its received rows")
    if table.report.kind == "decisions":
        return check_decisions(received, now, docs)
    return check_touchpoints(received, configuration, now, docs)


def _summary(
    path: Path, report: ReadReport, suite: SuiteReport, now: int, folder: Path, with_docs: bool
) -> dict[str, Any]:
    names = ["clean.parquet", "rejected.jsonl", "summary.json"] + ["data_docs/index.html"] * with_docs
    return {
        "format": SUMMARY_FORMAT,
        "path": str(path),
        "now": format_time(now),
        "passed": suite.passed and not report.rows_rejected,
        "report": report.as_dict(),
        "expectations": suite.as_dict(),
        "written": [str(folder / name) for name in names],
    }


@contextmanager
def _progress(quiet: bool) -> Iterator[tuple[Any, Progress]]:
    """A spinner with what is being done on a terminal, nothing elsewhere."""
    from rich.console import Console

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield (lambda text: None), (lambda name, rows: None)
        return
    with console.status("starting") as status:
        yield status.update, lambda name, rows: status.update(f"reading {name}: {rows:,} rows")


def _print(report: ReadReport, suite: SuiteReport, summary: dict[str, Any]) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    counts = Table(box=None, show_header=False, pad_edge=False)
    counts.add_column()
    counts.add_column(justify="right")
    for name, rows in (
        (f"{report.kind} read", report.rows_read),
        ("kept", report.rows_kept),
        ("rejected", report.rows_rejected),
        ("repeated deliveries", report.rows_repeated),
        ("customers", report.customers),
    ):
        counts.add_row(name, f"{rows:,}")
    console.print(counts)
    if report.first:
        console.print(f"from {report.first} to {report.last}")
    if report.findings:
        findings = Table("rows", "", "for example", "at", box=SIMPLE, pad_edge=False)
        findings.columns[0].justify = "right"
        for finding in report.findings:
            what = "rejected" if finding.rejects else "kept"
            mark = Text(what, style="red" if finding.severity == "error" else "yellow")
            findings.add_row(f"{finding.rows:,}", mark, Text(finding.example), Text(finding.place))
        console.print(findings)
    for column, unknown in report.unknown.items():
        ranked = sorted(unknown.items(), key=lambda item: (-item[1], item[0]))
        told = ", ".join(f"{name} ({rows:,})" for name, rows in ranked[:_UNKNOWN_SHOWN])
        more = f" and {len(ranked) - _UNKNOWN_SHOWN} more" if len(ranked) > _UNKNOWN_SHOWN else ""
        console.print(Text(f"{column} that the vocabulary does not name, kept: {told}{more}"))
    for note in report.notes:
        console.print(Text(note))
    failed = [result for level in ("critical", "warning") for result in suite.failed(level)]
    held = sum(result.passed for result in suite.results)
    console.print(f"{held} of {len(suite.results)} expectations hold" + (", not these:" if failed else ""))
    for result in failed:
        console.print(Text(f"  {result.severity}: {result.description}"))
    console.print("written:")
    for name in summary["written"]:
        console.print(Text(f"  {name}"), soft_wrap=True)
