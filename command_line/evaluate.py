"""`tact evaluate`: what policies would be worth, from a log that was randomised."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from command_line.consoles import table_console
from data_contracts.configuration import Configuration, Policy, load_configuration, tact_home
from data_contracts.errors import InvalidRequest, TooLittleData
from data_contracts.times import parse_time

if TYPE_CHECKING:
    from rich.console import Console

    from evaluation.evaluate import Evaluated
    from evaluation.study import Model
    from training.metrics import Estimate

_WIDTH = 118
_FIGURES = (".png", ".svg", ".pdf")

_HELP = """Value policies from a decision log whose sends were drawn at random.

For every logged message the reward is helps_weight · helped − interrupts_weight · interrupted within the outcome
window. Valued are: never, send all, caps, caps while no case is open, and the model under its own policy; with
--policy also what another [policy] section would do. Estimators: inverse propensities (ips), self-normalised
(snips), doubly robust (dr) and switch-DR, whose outcome models have not seen the row's customer. Intervals are
95 %, by customer.

A value is one step deep: what a policy does now, along the touches that were logged. It does not count what a
waiting message brings later, nor what today's send costs next week beyond the outcome window.

Rows with send_probability 0 or 1 measure nothing. Where the log can't tell what a policy is worth, its value is
refused with what would be needed, and the command exits with 1.

\b
Examples:
  tact evaluate --decisions decisions.parquet --touchpoints touchpoints.parquet
  tact evaluate --decisions log/ --touchpoints exports/ --policy bolder.toml --out values.png
  tact evaluate --decisions d.csv --touchpoints t.csv --model champion --model challenger --json
"""


@click.command("evaluate", help=_HELP, short_help="Value policies from a randomised log.")
@click.option("--decisions", required=True, type=click.Path(path_type=Path), help="The decision log.")
@click.option(
    "--touchpoints", required=True, type=click.Path(path_type=Path), help="A file, or a folder of them."
)
@click.option(
    "--policy", type=click.Path(path_type=Path, dir_okay=False), help="TOML with another [policy] to value."
)
@click.option(
    "--config", type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration (TOML): outcomes and weights of the reward.  [default: the usual file, else the model's]",
)  # fmt: skip
@click.option(
    "--model", "names", multiple=True, metavar="VERSION|ALIAS",
    help="Model to value; may be given again; `none`: rules alone.  [default: champion, where there is one]",
)  # fmt: skip
@click.option(
    "--since", metavar="TIME",
    help="Value rows from then on.  [default: where the model's learning ended]",
)  # fmt: skip
@click.option(
    "--experiment", default="evaluation", show_default=True, metavar="NAME", help="MLflow experiment."
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False),
    help="Write the figure (.png, .svg, .pdf) or all values (.json) there.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the values as JSON.")
def command(
    decisions: Path,
    touchpoints: Path,
    policy: Path | None,
    config: Path | None,
    names: tuple[str, ...],
    since: str | None,
    experiment: str,
    out: Path | None,
    as_json: bool,
) -> None:
    begin = time_of(since)
    other = None if policy is None else (policy.name, _policy_of(policy))
    given = load_configuration(config)
    if out is not None and out.suffix not in (*_FIGURES, ".json"):
        raise InvalidRequest(f"--out: {out.name} ends in none of {', '.join((*_FIGURES, '.json'))}")
    # LightGBM, pandas and MLflow take seconds to import, so what can be wrong above is told first.
    from rich.console import Console

    from evaluation.evaluate import evaluate, track
    from evaluation.figures import values_figure
    from training.inputs import read_inputs
    from training.progress import ConsoleStages

    home, stages = tact_home(), ConsoleStages(Console(stderr=True))
    models = models_named(home, names)
    configuration = configuration_for(given, config, models)
    with stages.stage("read and validate") as stage:
        inputs = read_inputs(touchpoints, decisions, configuration, None)
        stage.told(f"{len(inputs.columns):,} touchpoints, {inputs.decisions_input.rows:,} decisions")  # type: ignore[union-attr]
    evaluated = evaluate(inputs, configuration, models, other, begin, stages)
    figure = values_figure(evaluated)
    with stages.stage("MLflow run") as stage:
        ids = track(evaluated, inputs, configuration, home, experiment, {"values": figure})
        stage.told(f"run {ids.run_id[:8]} of experiment {experiment}")
    raw = evaluated.as_dict() | {"run_id": ids.run_id, "experiment": experiment}
    if out is not None and out.suffix == ".json":
        out.write_text(json.dumps(raw, indent=2) + "\n", encoding="utf-8")
    elif out is not None:
        figure.savefig(out, dpi=140)
    if as_json:
        click.echo(json.dumps(raw, indent=2))
    else:
        _print(table_console(_WIDTH), evaluated)
    refused = {
        one.name: one.support.refusal
        for one in evaluated.policies
        if one.support.refusal and (one.contender.asked or not models)
    }
    if refused:
        raise TooLittleData("; ".join(f"no value of {name}: {why}" for name, why in refused.items()))


def _policy_of(file: Path) -> Policy:
    """The [policy] of a file; raises InvalidRequest where it has none, since that would be the defaults."""
    found = load_configuration(file).policy
    if not found.model_fields_set:
        raise InvalidRequest(f"--policy: {file} has no [policy] section with anything in it")
    return found


def time_of(text: str | None) -> int | None:
    """Microseconds of --since; raises InvalidRequest for what is no time."""
    if text is None:
        return None
    try:
        return parse_time(text)
    except ValueError as error:
        raise InvalidRequest(f"--since: {error}") from None


def models_named(home: Path, names: tuple[str, ...]) -> tuple[Model, ...]:
    """The registered models of --model; without any the champion, where there is one."""
    from evaluation.evaluate import has_champion, registered_models

    if "none" in names:
        if len(names) > 1:
            raise InvalidRequest("--model: `none` stands alone")
        return ()
    if not names:
        names = ("champion",) if has_champion(home) else ()
    return registered_models(home, names)


def configuration_for(given: Configuration, config: Path | None, models: tuple[Model, ...]) -> Configuration:
    """The configuration that was given; where none was, the first model's own."""
    chosen = config or os.environ.get("TACT_CONFIG") or Path("tact.toml").exists()
    return models[0].bundle.configuration if models and not chosen else given


def _print(console: Console, evaluated: Evaluated) -> None:
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    from evaluation.estimators import CHIEF

    table = Table(
        "policy", "sent", "effective rows", "over never (dr)", "over what was done (dr)", "ips", "snips", "switch-dr",
        box=SIMPLE, pad_edge=False,
    )  # fmt: skip
    for one in evaluated.policies:
        cells = [one.name, f"{one.support.sends:.0%}", f"{one.support.effective_rows:,.0f}"]
        if one.support.refusal is not None:
            cells.append("refused, see below")
        elif one.values:
            chief = one.values[CHIEF]
            cells += [per_hundred(chief.over_never), per_hundred(chief.over_done)]
            cells += [
                f"{100 * one.values[name].over_never.value:+.2f}" for name in ("ips", "snips", "switch_dr")
            ]
        table.add_row(*map(Text, cells))
    weights = evaluated.weights
    console.print(
        Text(
            f"{weights.helps_weight:g} · helped − {weights.interrupts_weight:g} · interrupted, per 100 rows "
            f"(what was done: {100 * evaluated.done.value:.2f})"
        )
    )
    console.print(table)
    _print_departments(console, evaluated)
    for name, why in evaluated.refusals.items():
        console.print(Text(f"- {name}: refused: {why}."))
    for note in evaluated.notes:
        console.print(Text(f"- {note}"))


def _print_departments(console: Console, evaluated: Evaluated) -> None:
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    valued = [one for one in evaluated.policies if one.departments]
    if not valued:
        return
    names: dict[str, Any] = dict.fromkeys(name for one in valued for name in one.departments)
    table = Table("over never, by department", *(one.name for one in valued), box=SIMPLE, pad_edge=False)
    for name in names:
        table.add_row(
            Text(name),
            *(Text(per_hundred(one.departments[name], 1)) for one in valued if name in one.departments),
        )
    console.print(table)


def per_hundred(estimate: Estimate, digits: int = 2) -> str:
    """An estimate a row as one for 100 rows."""
    value, low, high = (round(100 * number, digits) + 0.0 for number in estimate)
    return f"{value:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"
