"""`tact report`: what the departments' touches add up to for the customers, as one page."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from data_contracts.configuration import load_configuration
from data_contracts.errors import InvalidRequest

_HELP = """Make the page for the people who run the departments.

From touchpoints alone it shows each department's figures beside what the same customers went through. With a
decision log, effects are against sending nothing, and the page adds what Tact changed and the suppression
ledger. Beside the page: NAME.json and NAME-figures/*.csv hold every figure.

\b
Examples:
  tact report --touchpoints touchpoints.parquet --out report.html
  tact report --touchpoints exports/ --decisions decisions.parquet --config tact.toml --out report.html
  tact report --touchpoints touchpoints.csv --targets targets.toml --out report.html --json
"""


@click.command("report", help=_HELP, short_help="What the touches add up to for the customers.")
@click.option(
    "--touchpoints", type=click.Path(path_type=Path), required=True, help="A file, or a folder of them."
)
@click.option("--decisions", type=click.Path(path_type=Path), help="The decision log, where there is one.")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Configuration (TOML).")
@click.option(
    "--targets",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Your departments' targets (TOML: name = number) in the place of rules of thumb.",
)
@click.option(
    "--salt", help="Text that the customers' pseudonyms depend on.  [default: one that comes from the data]"
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The page to write."
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def command(
    touchpoints: Path,
    decisions: Path | None,
    config: Path | None,
    targets: Path | None,
    salt: str | None,
    out: Path,
    as_json: bool,
) -> None:
    # pandas and numba are imported late, so that `tact --help` stays quick.
    from rich.console import Console

    from data_contracts.tables import validated
    from reporting.files import write_report
    from reporting.report import report_of
    from reporting.targets import load_targets

    begun = time.perf_counter()
    configuration, held_to = load_configuration(config), load_targets(targets)
    if salt is not None and not salt:
        raise InvalidRequest("--salt: an empty text protects nobody; give a secret, or leave the option out")
    console = Console(stderr=True)
    with console.status("reading touchpoints") as status:

        def tell(text: str) -> None:
            status.update(f"working out: {text}")

        table = validated(touchpoints, "touchpoints", configuration)
        log = None if decisions is None else validated(decisions, "decisions", configuration)
        reports = [table.report] + ([] if log is None else [log.report])
        notes = tuple(
            f"{one.kind.capitalize()}: {one.rows_rejected:,} rows broke the contract and {one.rows_repeated:,} were "
            f"repeated deliveries; they are left out. {' '.join(f'{note}.' for note in one.notes)}"
            for one in reports
            if one.rows_rejected or one.rows_repeated or one.notes
        )
        made = report_of(
            table.frame,
            None if log is None else log.frame,
            configuration,
            held_to,
            salt=salt,
            notes=notes,
            tell=tell,
        )
        written = write_report(made, out)
    if as_json:
        click.echo(json.dumps(made.as_dict(), ensure_ascii=False, allow_nan=False))
        return
    click.echo(f"{made.customers:,} customers, {made.messages:,} messages, {made.since} to {made.until}")
    click.echo(
        f"{out}, {written[1].name} and {len(written) - 2} CSV files in {time.perf_counter() - begun:.1f} s"
    )
