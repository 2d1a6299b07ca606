"""`tact sensitivity`: what a leadership team gives and gets when it turns the policy's settings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from command_line.consoles import table_console
from command_line.evaluate import configuration_for, models_named, per_hundred, time_of
from data_contracts.configuration import load_configuration, tact_home
from data_contracts.errors import InvalidRequest, NotFound, TooLittleData

if TYPE_CHECKING:
    from rich.console import Console

    from evaluation.sensitivity import Point, Setting

_WIDTH = 118
_FIGURES = (".png", ".svg", ".pdf")

_HELP = """Show how outcomes move with `balance`, the weight of an interruption, and the caps.

For the people who set the policy. With balance 0 Tact decides for the customer alone; the nearer it is to 1, the
more a sender's own value counts. Every department's figures can look better while the customers' outcome gets
worse: this table and its figure put both side by side, so that the balance is picked with open eyes. Every
setting is the same model under another policy, valued from a log whose sends were drawn at random (as `tact
evaluate` does, doubly robust, with 95 % intervals by customer, one step deep).

The customers' outcome is helps − 2 · interrupts over never sending. A department's own figures are the share of its
sent messages that are answered, the messages it sends, and the value that it put on those answered.

\b
Examples:
  tact sensitivity --decisions decisions.parquet --touchpoints touchpoints.parquet --out frontier.png
  tact sensitivity --decisions log/ --touchpoints exports/ --balance 0,0.5,1 --interrupts-weight 1,2 --json
"""


@click.command("sensitivity", help=_HELP, short_help="How outcomes move with balance, weights and caps.")
@click.option("--decisions", required=True, type=click.Path(path_type=Path), help="The decision log.")
@click.option(
    "--touchpoints", required=True, type=click.Path(path_type=Path), help="A file, or a folder of them."
)
@click.option(
    "--config", type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration (TOML) to turn.  [default: the usual file, else the model's]",
)  # fmt: skip
@click.option(
    "--model",
    "name",
    default="champion",
    show_default=True,
    metavar="VERSION|ALIAS",
    help="Model that decides.",
)
@click.option("--balance", help="Balances, as in 0,0.25,1.  [default: 0 to 1 in six steps]")
@click.option("--interrupts-weight", help="Weights of an interruption, as in 1,2,4.  [default: 0.5,1,2,4]")
@click.option("--caps", help="Any of half, as they are, double, none.  [default: all of them]")
@click.option("--since", metavar="TIME", help="Value rows from then on.  [default: where learning ended]")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the figure there (.png, .svg, .pdf)."
)
@click.option("--json", "as_json", is_flag=True, help="Print every setting as JSON.")
def command(
    decisions: Path,
    touchpoints: Path,
    config: Path | None,
    name: str,
    balance: str | None,
    interrupts_weight: str | None,
    caps: str | None,
    since: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    begin, given = time_of(since), load_configuration(config)
    balances = _numbers("--balance", balance, 1.0)
    weights = _numbers("--interrupts-weight", interrupts_weight, 1e6)
    if out is not None and out.suffix not in _FIGURES:
        raise InvalidRequest(f"--out: {out.name} ends in none of {', '.join(_FIGURES)}")
    # LightGBM, pandas and MLflow take seconds to import, so what can be wrong above is told first.
    from rich.console import Console

    from evaluation.frontier import frontier_figure
    from evaluation.sensitivity import BALANCES, CAPS, WEIGHTS, points_of, settings_around
    from evaluation.study import study_of
    from training.inputs import read_inputs
    from training.progress import ConsoleStages

    chosen = [one.strip() for one in caps.split(",")] if caps else list(CAPS)
    if unknown := [one for one in chosen if one not in CAPS]:
        raise InvalidRequest(f"--caps: {unknown[0]!r} is none of {', '.join(CAPS)}")
    stages = ConsoleStages(Console(stderr=True))
    models = models_named(tact_home(), (name,))
    if not models:
        raise NotFound("--model: a model is needed, since its policy is what is turned")
    configuration = configuration_for(given, config, models)
    with stages.stage("read and validate") as stage:
        inputs = read_inputs(touchpoints, decisions, configuration, None)
        stage.told(f"{len(inputs.columns):,} touchpoints of {len(inputs.customers):,} customers")
    study = study_of(inputs, configuration, models, begin, stages)
    own, settings = settings_around(configuration.policy, balances or BALANCES, weights or WEIGHTS, chosen)
    points = []
    with stages.stage("settings") as stage:
        for point in points_of(study, models[0].name, configuration.policy, settings):
            points.append(point)
            stage.told(f"{len(points)} of {len(settings)}")
    if all(one.outcome is None for one in points):
        raise TooLittleData(f"no setting can be valued: {points[0].refusal}")
    if out is not None:
        frontier_figure(points, own).savefig(out, dpi=140)
    if as_json:
        raw = {"now": own.changes(), "settings": [one.as_dict() for one in points], "notes": list(study.notes)}
        click.echo(json.dumps(_finite(raw), indent=2, allow_nan=False))
        return
    _print(table_console(_WIDTH), points, own, study.notes)


def _numbers(option: str, text: str | None, most: float) -> list[float]:
    if text is None:
        return []
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        raise InvalidRequest(f"{option}: {text!r} is not numbers with commas, as in 0,0.5,1") from None
    if not all(0.0 <= one <= most for one in found):
        raise InvalidRequest(f"{option}: every number lies between 0 and {most:g}, not {text!r}")
    return found


def _finite(raw: object) -> object:
    """The same with null for what is no number."""
    if isinstance(raw, dict):
        return {name: _finite(value) for name, value in raw.items()}
    if isinstance(raw, list):
        return [_finite(value) for value in raw]
    return None if isinstance(raw, float) and raw != raw else raw


def _print(console: Console, points: Sequence[Point], own: Setting, notes: Sequence[str]) -> None:
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    console.print(
        Text("Per 100 rows, over never sending; one setting is turned at a time, * is as it is set now.")
    )
    for turned in ("balance", "interrupts_weight", "caps"):
        table = Table(turned, "sent", "helps − 2 · interrupts", "helps", "interrupts", "senders' value",
                      box=SIMPLE, pad_edge=False)  # fmt: skip
        for one in _along(points, own, turned):
            value = getattr(one.setting, turned)
            mark = "*" if one.setting == own else ""
            cells = [f"{value:g}{mark}" if isinstance(value, float) else f"{value}{mark}", f"{one.sends:.0%}"]
            for estimate in (one.outcome, one.helps, one.interrupts, one.value):
                cells.append("refused" if estimate is None else per_hundred(estimate))
            table.add_row(*map(Text, cells))
        console.print(table)
    sweep = [one for one in _along(points, own, "balance") if one.departments]
    console.print(Text("Departments: share of the sent that is answered, sent per 100, value per 100."))
    table = Table("", *(f"balance {one.setting.balance:g}" for one in sweep), box=SIMPLE, pad_edge=False)
    for name in sweep[0].departments or {} if sweep else {}:
        cells = []
        for one in sweep:
            figures = (one.departments or {})[name]
            share = "-" if figures.sent == 0 else f"{figures.answered.value:.0%}"
            cells.append(f"{share:>3} {100 * figures.sent:>3.0f} {100 * figures.value.value:>4.1f}")
        table.add_row(*map(Text, (name, *cells)))
    console.print(table)
    console.print(Text("- Two settings whose intervals overlap by much can't be told apart from this log."))
    refused = [one.refusal for one in points if one.refusal is not None]
    if refused:
        console.print(
            Text(f"- {len(refused)} of {len(points)} settings are refused, the first one since {refused[0]}.")
        )
    for note in notes:
        console.print(Text(f"- {note}"))


def _along(points: Sequence[Point], own: Setting, turned: str) -> list[Point]:
    """The settings that differ from the present one in one thing alone."""
    return [one for one in points if replace(one.setting, **{turned: getattr(own, turned)}) == own]
