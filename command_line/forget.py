"""`tact forget`: everything that is stored about a customer, erased."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from data_contracts.configuration import load_configuration, tact_home
from data_contracts.times import format_time

_HELP = """Erase everything that is stored about a customer: touchpoints and the packed history, decisions with
what they saw, reservations, confirmations, and the ids under which answers can be asked for again.

A record stays that it was done: a salted hash of the id, when, and how many rows of each table. Whoever
comes back later is a new customer, and the same keys of touchpoints are new ones. Files, trained models and
copies of the database are not touched. A decision that is under way in a running service at that very moment
may still be stored: let senders stop first, or erase once more. POST /forget of the service does the same.

\b
Examples:
  tact forget --customer c-1042
  tact forget --customer c-1042 --database postgresql://tact@db/tact --json
"""


@click.command("forget", help=_HELP, short_help="Erase everything that is stored about a customer.")
@click.option("--customer", metavar="ID", required=True, help="The customer.")
@click.option("--database", metavar="URL", help="The database  [default: service.database]")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Configuration (TOML).")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
def command(customer: str, database: str | None, config: Path | None, as_json: bool) -> None:
    from serving.store import open_store

    configuration = load_configuration(config)
    store = open_store(database or configuration.service.database, tact_home())
    now = time.time_ns() // 1_000
    try:
        rows = store.forget(customer, now)
    finally:
        store.close()
    if as_json:
        click.echo(json.dumps({"erased_at": format_time(now), "rows": rows}, indent=1))
        return
    if not any(rows.values()):
        click.echo("nothing was stored about this customer; that they were asked for is recorded")
        return
    for table, number in rows.items():
        if number:
            click.echo(f"{number:>8,}  {table}")
    click.echo(f"erased at {format_time(now)}, and recorded without the id")
