"""`tact monitor`: recent days against the training period, and feeds that have gone silent."""

from __future__ import annotations

import json
from pathlib import Path

import click

from command_line.train import parsed_time
from data_contracts.configuration import load_configuration, tact_home

_HELP = """Hold the recent days against the training period of the champion.

Features, goals, scores, outcomes, calibration and sources are compared with what the champion was tested
on; each source and department is held against its own usual gap; logged features are recomputed from
history. Limits are in the section [monitoring] of the configuration; docs/monitoring.md says what they mean.

Exit status: 0 all is well, 1 a breach (each in one line), 2 bad input.

\b
Examples:
  tact monitor --database sqlite:///tact.db
  tact monitor --database postgresql://tact@db/tact --out monitor.html
  tact monitor --feeds-only
  tact monitor --textfile /var/lib/node_exporter/tact.prom --json | jq .breaches
"""


@click.command("monitor", help=_HELP, short_help="Recent days against the training period; silent feeds.")
@click.option("--database", metavar="URL", help="sqlite:///… or postgresql://…  [default: service.database]")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Configuration (TOML).")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="A page, with its JSON beside it.")
@click.option(
    "--textfile", type=click.Path(path_type=Path, dir_okay=False),
    help="Gauges for Prometheus.  [default: beside --out, as .prom]",
)  # fmt: skip
@click.option("--until", metavar="TIME", help="Look as of then.  [default: now]")
@click.option("--feeds-only", is_flag=True, help="Look for silent feeds alone, in one quick pass.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(
    database: str | None,
    config: Path | None,
    out: Path | None,
    textfile: Path | None,
    until: str | None,
    feeds_only: bool,
    as_json: bool,
) -> None:
    configuration = load_configuration(config)
    end = parsed_time(until)
    from rich.console import Console

    from learning.monitor import monitor, watch_feeds
    from learning.monitor_files import write_gauges, write_page
    from training.progress import ConsoleStages

    url, home = database or configuration.service.database, tact_home()
    if feeds_only:
        seen = watch_feeds(url, configuration, home, until=end)
    else:
        seen = monitor(url, configuration, home, until=end, stages=ConsoleStages(Console(stderr=True)))
    gauges = textfile or (out.with_suffix(".prom") if out is not None else None)
    if out is not None:
        write_page(seen, out)
    if gauges is not None:
        write_gauges(seen, gauges)
    breaches = seen.breaches
    if as_json:
        click.echo(json.dumps(seen.as_dict(), indent=1, ensure_ascii=False, allow_nan=False))
    else:
        for one in breaches:
            click.echo(f"breach: {one}")
        for note in seen.notes:
            click.echo(note)
        click.echo(f"{len(breaches)} breaches" if breaches else "no breach")
    if breaches:
        raise click.exceptions.Exit(1)
