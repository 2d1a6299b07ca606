"""`tact retrain`: the service's own log → a challenger that is promoted if nothing guarded gets worse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from command_line.consoles import table_console
from command_line.train import parsed_time, print_outcome, summary
from data_contracts.configuration import load_configuration, tact_home

if TYPE_CHECKING:
    from learning.retrain import Retrained
    from training.gates import Promote

NOT_PROMOTED, NOTHING_NEW = 3, 5
_WIDTH = 132

_HELP = """Train on the service's own log, and promote the new model if nothing guarded gets worse.

Exports touchpoints and decisions from the database (in bounded memory, with the logged send
probabilities; what was not sent is the control group), compares a sample of logged features with what
history says, trains a challenger, and evaluates champion and challenger on the newest rows: log losses,
calibration, the rule's value, and the same by department, by goal and for new customers.

One run at a time in a TACT_HOME. A run that dies leaves its finished export to the next one.

\b
Exit status, for schedulers:
  0  a new champion was promoted
  1  a check failed: too little data, rows that break the contract, features that history does not confirm
  2  bad input: an option, the configuration, a database that can't be read as one
  3  trained, and the champion stays: the reason is the last line
  4  another run is at it
  5  nothing new since the last run

\b
Examples:
  tact retrain --database sqlite:///tact.db
  tact retrain --database postgresql://tact@db/tact --config tact.toml --promote never
  tact retrain --database sqlite:///tact.db --until 2026-03-01T00:00:00Z --json | jq .reason
"""


@click.command("retrain", help=_HELP, short_help="Train on the service's own log against the champion.")
@click.option("--database", metavar="URL", help="sqlite:///… or postgresql://…  [default: service.database]")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Configuration (TOML).")
@click.option("--experiment", default="tact", show_default=True, metavar="NAME", help="MLflow experiment.")
@click.option(
    "--promote", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True,
    help="Who decides about the champion.",
)  # fmt: skip
@click.option("--until", metavar="TIME", help="End of the data.  [default: the last full hour]")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(
    database: str | None,
    config: Path | None,
    experiment: str,
    promote: str,
    until: str | None,
    as_json: bool,
) -> None:
    configuration = load_configuration(config)
    end = parsed_time(until)
    # LightGBM, pandas and MLflow take seconds to import, so what can be wrong above is told first.
    from rich.console import Console

    from learning.retrain import retrain
    from training.progress import ConsoleStages

    done = retrain(
        database or configuration.service.database,
        configuration,
        tact_home(),
        experiment=experiment,
        promote=cast("Promote", promote),
        until=end,
        stages=ConsoleStages(Console(stderr=True)),
    )
    if as_json:
        click.echo(json.dumps(_summary(done), indent=2))
    else:
        if done.outcome is not None:
            print_outcome(table_console(_WIDTH), done.outcome)
        click.echo(f"retrain: {done.told}")
    if done.outcome is None:
        raise click.exceptions.Exit(NOTHING_NEW)
    if not done.outcome.gate.promoted:
        raise click.exceptions.Exit(NOT_PROMOTED)


def _summary(done: Retrained) -> dict[str, Any]:
    from data_contracts.times import format_time

    return {
        "promoted": bool(done.outcome and done.outcome.gate.promoted),
        "reason": done.told,
        "data_end": format_time(done.export.data_end) if done.export.data_end else None,
        "touchpoints": done.export.touchpoints,
        "decisions": done.export.decisions,
        "customers_share": done.export.share,
        "unreported_sends": done.export.unreported,
        "released_sends": done.export.released,
        "reused_export": done.reused_export,
        "feature_parity": None if done.parity is None else done.parity.as_dict(),
        "training": None if done.outcome is None else summary(done.outcome),
    }
