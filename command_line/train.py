"""`tact train`: touchpoints (and a decision log) → a tracked, registered and perhaps promoted model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from command_line.consoles import table_console
from data_contracts.configuration import load_configuration, tact_home
from data_contracts.errors import InvalidRequest
from data_contracts.times import parse_time

if TYPE_CHECKING:
    from rich.console import Console

    from training.gates import Promote
    from training.run import Outcome

_WIDTH = 132
"""Columns of the summary where no terminal says how many there are."""

_HELP = """Train the models, track the run, and promote the champion if it passes the gates.

Validates the input, builds the features, fits goal, contact and lift models on the older part of the
data, calibrates them on a later part and tests them on the newest. Everything is logged to MLflow
(MLFLOW_TRACKING_URI, or a file in TACT_HOME) and registered as one version of the model `tact`.

Without --decisions, sends are compared with quiet moments of the same customers and the lifts are
called observational. --promote auto lets the gates decide, always and never decide themselves.

\b
Examples:
  tact train --touchpoints touchpoints.parquet --decisions decisions.parquet
  tact train --touchpoints exports/ --until 2026-03-01T00:00:00Z --promote never
  tact train --touchpoints t.csv --config tact.toml --json | jq .gate
"""


@click.command("train", help=_HELP, short_help="Train, track and promote a model.")
@click.option(
    "--touchpoints", required=True, type=click.Path(path_type=Path), help="A file, or a folder of them."
)
@click.option("--decisions", type=click.Path(path_type=Path), help="A decision log in the contract's form.")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Configuration (TOML).")
@click.option("--experiment", default="tact", show_default=True, metavar="NAME", help="MLflow experiment.")
@click.option(
    "--promote", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True,
    help="Who decides about the champion.",
)  # fmt: skip
@click.option("--until", metavar="TIME", help="Leave out what was not known by then, as 2026-03-01T00:00:00Z.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of every random draw. Default: training.seed.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(
    touchpoints: Path,
    decisions: Path | None,
    config: Path | None,
    experiment: str,
    promote: str,
    until: str | None,
    seed: int | None,
    as_json: bool,
) -> None:
    configuration = load_configuration(config)
    if seed is not None:
        chosen = configuration.training.model_copy(update={"seed": seed})
        configuration = configuration.model_copy(update={"training": chosen})
    end = parsed_time(until)
    # LightGBM, pandas and MLflow take seconds to import, so what can be wrong above is told first.
    from rich.console import Console

    from training.progress import ConsoleStages
    from training.run import train

    outcome = train(
        touchpoints,
        decisions,
        configuration,
        tact_home(),
        experiment=experiment,
        promote=cast("Promote", promote),
        until=end,
        stages=ConsoleStages(Console(stderr=True)),
    )
    if as_json:
        click.echo(json.dumps(summary(outcome), indent=2))
    else:
        print_outcome(table_console(_WIDTH), outcome)


def parsed_time(text: str | None) -> int | None:
    """Microseconds of --until; raises InvalidRequest."""
    if text is None:
        return None
    try:
        return parse_time(text)
    except ValueError as error:
        raise InvalidRequest(f"--until: {error}") from None


def summary(outcome: Outcome) -> dict[str, Any]:
    """What --json prints."""
    from training.model_card import summary_lines

    return {
        "version": outcome.version,
        "run_id": outcome.run_id,
        "experiment": outcome.experiment,
        "tracking_uri": outcome.tracking_uri,
        "champion": outcome.champion,
        "gate": {
            "promoted": outcome.gate.promoted,
            "reason": outcome.gate.reason,
            "checks": [{"passed": check.passed, "told": check.told} for check in outcome.gate.checks],
        },
        "observational": outcome.fitted.bundle.observational,
        "used": outcome.fitted.account.used,
        "dropped": outcome.fitted.account.dropped,
        "notes": [*summary_lines(outcome.fitted), *outcome.notes],
        "metrics": outcome.evaluation.metrics,
        "seconds": outcome.seconds,
    }


def print_outcome(console: Console, outcome: Outcome) -> None:
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    from training.model_card import summary_lines

    table = Table("model", "figure", "value", "baseline", "gain [95 % interval]", box=SIMPLE, pad_edge=False)
    for line in outcome.evaluation.lines:
        table.add_row(*map(Text, (line.model, line.figure, line.value, line.baseline, line.gain)))
    console.print(table)
    for sentence in [*summary_lines(outcome.fitted), *outcome.notes]:
        console.print(Text(f"- {sentence}"))
    for reason, rows in outcome.fitted.account.dropped.items():
        console.print(Text(f"- {rows:,} rows left out: {reason}."))
    console.print()
    console.print(Text(f"Version {outcome.version} {outcome.gate.reason}."))
    console.print(Text(f"Look at the run: tact ui (experiment {outcome.experiment}, run {outcome.run_id})"))
    if outcome.champion is None:
        console.print("There is no champion yet, so there is nothing to serve.")
    else:
        console.print(Text(f"Serve champion {outcome.champion}: tact serve"))
