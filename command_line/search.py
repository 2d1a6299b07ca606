"""`tact search`: trials over the settings of training, judged before the test slice begins."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from data_contracts.configuration import load_configuration, tact_home
from data_contracts.errors import InvalidRequest

_HELP = """Search over the settings of training with Optuna (pip install 'tact[search]').

Each trial is a nested run in MLflow. It is fitted on the older part of the data and judged on the
calibration slice; the test slice is not read. Trials that fall behind the median are cut short. A search
that is stopped goes on where it ended when it is started again on the same data (TACT_HOME/search.db).

The first trial is the settings as they are. Put what is found into [training] of the configuration, and let
`tact train` judge it on the test slice, once.

\b
Examples:
  tact search --touchpoints touchpoints.parquet --decisions decisions.parquet --trials 30
  tact search --touchpoints t.parquet --decisions d.parquet --trials 60 --out best.toml
"""


@click.command("search", help=_HELP, short_help="Search over the settings of training.")
@click.option(
    "--touchpoints", required=True, type=click.Path(path_type=Path), help="A file, or a folder of them."
)
@click.option("--decisions", type=click.Path(path_type=Path), help="A decision log in the contract's form.")
@click.option("--trials", type=click.IntRange(1, 10_000), default=30, show_default=True, help="Trials in all.")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Configuration (TOML).")
@click.option("--experiment", default="tact", show_default=True, metavar="NAME", help="MLflow experiment.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the best settings (TOML).")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def command(
    touchpoints: Path,
    decisions: Path | None,
    trials: int,
    config: Path | None,
    experiment: str,
    out: Path | None,
    as_json: bool,
) -> None:
    configuration = load_configuration(config)
    from rich.console import Console

    from training.search import search

    console = Console(stderr=True)
    found = search(
        touchpoints,
        decisions,
        configuration,
        tact_home(),
        trials,
        experiment=experiment,
        tell=lambda text: console.print(text, highlight=False),
    )
    if out is not None:
        try:
            out.write_text(found.toml, encoding="utf-8")
        except OSError as error:
            raise InvalidRequest(f"--out: {out} can't be written: {error.strerror or error}") from None
    if as_json:
        click.echo(json.dumps(asdict(found), indent=1))
        return
    before = "" if found.default_score is None else f", the settings as they are {found.default_score:.4f}"
    click.echo(f"{found.trials} trials, {found.pruned} cut short; best score {found.score:.4f}{before}")
    click.echo(found.toml, nl=False)
