"""`tact rollback`: an earlier champion again, in the registry and in the folder that the service watches."""

from __future__ import annotations

import json

import click

from data_contracts.configuration import tact_home

_HELP = """Make an earlier version champion again.

Moves the alias `champion` in the registry and exports that version's bundle; a running service takes it
within seconds, without a restart. Without --to it is the newest version below the champion that once was
champion. The version that is left is tagged `rolled_back_at`. If the bundle can't be read, nothing moves.

\b
Examples:
  tact rollback
  tact rollback --to 7
  tact rollback --json | jq .champion
"""


@click.command("rollback", help=_HELP, short_help="Make an earlier version champion again.")
@click.option("--to", metavar="VERSION", help="The version to go back (or forward) to.")
@click.option("--json", "as_json", is_flag=True, help="Print the two versions as JSON.")
def command(to: str | None, as_json: bool) -> None:
    # MLflow takes seconds to import.
    from training.registry import roll_back

    before, after = roll_back(tact_home(), to)
    if as_json:
        click.echo(json.dumps({"champion": after, "left": before}))
    else:
        click.echo(f"champion is version {after} again; version {before} was left")
