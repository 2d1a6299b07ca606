"""`tact replay`: a logged decision asked again, from the store and with the model that decided it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from command_line.decide import show_answer
from data_contracts.configuration import load_configuration, tact_home
from data_contracts.errors import BundleUnusable

if TYPE_CHECKING:
    from models.bundle import Bundle

_SHOWN = 40

_HELP = """Ask a logged decision again, and say whether it comes out the same.

The request comes from the log, from the store the touchpoints that had come in by then, and the model is the
version that decided (the champion's folders in TACT_HOME, then the registry; where it is gone, today's
champion). The answer is compared field by field, the features bit for bit. Differences have their reasons:
another configuration or model, rows or decisions that were changed or erased since.

Exit status: 0 the same, 1 it differs, 2 there is no such decision or it was not logged in full.

\b
Examples:
  tact replay 0199f4a6-7f2e-7c55-b7a4-2f0f5e9d6a11
  tact replay spring-offer-c-1042-1 --database postgresql://tact@db/tact
  tact replay spring-offer-c-1042-1 --json
"""


@click.command("replay", help=_HELP, short_help="Ask a logged decision again and say what differs.")
@click.argument("decision_id")
@click.option("--database", metavar="URL", help="The database  [default: service.database]")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Configuration (TOML).")
@click.option("--json", "as_json", is_flag=True, help="Print the answer and the differences as JSON.")
def command(decision_id: str, database: str | None, config: Path | None, as_json: bool) -> None:
    from serving.asking_again import ask_again, logged_features
    from serving.history import HistoryBounds
    from serving.store import open_store

    configuration = load_configuration(config)
    home = tact_home()
    bounds = HistoryBounds.of(configuration)
    store = open_store(database or configuration.service.database, home, bounds)
    try:
        stored = store.decision(decision_id)
        bundle = _bundle(home, logged_features(stored).model_version)
        again = ask_again(stored, store, bundle, configuration)
    finally:
        store.close()
    same = not again.differences
    if as_json:
        differences = [
            {"field": one.field, "logged": one.logged, "found": one.found} for one in again.differences
        ]
        told = {"decision_id": decision_id, "same": same, "differences": differences, "answer": again.answer}
        click.echo(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        rows: dict[Any, dict[str, Any]] = {row.message_id: row._asdict() for row in stored.rows}
        show_answer(again.answer, rows)
        if same:
            click.echo("the same answer, from the same features bit for bit")
        else:
            click.echo(f"{len(again.differences)} fields differ:")
            for one in again.differences[:_SHOWN]:
                click.echo(f"  {one.field}: logged {one.logged!r}, now {one.found!r}")
            if len(again.differences) > _SHOWN:
                click.echo(f"  and {len(again.differences) - _SHOWN} more; --json names them all")
    if not same:
        raise click.exceptions.Exit(1)


def _bundle(home: Path, version: str) -> Bundle:
    """The bundle of a version: in use, used before, registered; else the one in use."""
    from models.bundle import load_bundle
    from serving.champion import find_bundle

    place = find_bundle(home)
    folders = [] if place is None else [place.folder]
    folders += sorted((home / "champion").glob(f"{version}-*"))
    current: Bundle | None = None
    for folder in folders:
        try:
            found = load_bundle(folder)
        except BundleUnusable:
            continue
        if found.version == version:
            return found
        current = current or found
    if os.environ.get("MLFLOW_TRACKING_URI") or (home / "mlflow.db").exists():
        from training.registry import registered_bundle

        registered = registered_bundle(home, version)
        if registered is not None:
            return registered[1]
    if current is None:
        raise BundleUnusable(f"model version {version} is not in {home}, nor is any champion")
    return current
