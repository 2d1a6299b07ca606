"""`tact decide`: ask about one customer's messages, or about a whole audience."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from command_line.audience import ask_audience
from command_line.client import DEFAULT_URL, Client
from data_contracts.errors import InvalidRequest, UnreadableInput

_STYLES = {"send": "bold green", "wait": "yellow", "suppress": "red"}

_HELP = """Ask which messages to send to a customer now, and print the ranked answer.

CANDIDATES is a JSON file: a list of messages (see docs/sending.md), or an object with `candidates`.
With --requests a JSON Lines file of whole requests is asked for in batches, and answered line by line
into --out; a run that was interrupted goes on where it stopped when it is started again.

\b
Examples:
  tact decide --customer c-1042 --candidates candidates.json
  tact decide --customer c-1042 --candidates candidates.json --explain --json
  tact decide --requests audience.jsonl --out answers.jsonl
"""


@click.command("decide", help=_HELP, short_help="Ask about messages and print the ranked answer.")
@click.option("--customer", metavar="ID", help="The customer.")
@click.option("--candidates", type=click.Path(path_type=Path), metavar="FILE", help="The messages, as JSON.")
@click.option(
    "--requests", type=click.Path(path_type=Path), metavar="FILE", help="A whole audience, JSON Lines."
)
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Where its answers go.")
@click.option("--url", default=DEFAULT_URL, show_default=True, help="The running service.")
@click.option("--decision-id", metavar="ID", help="Idempotency key; the same one gives the same answer.")
@click.option("--mode", type=click.Choice(["enforce", "shadow"]), default="enforce", show_default=True)
@click.option("--now", metavar="TIME", help="The moment to answer for (needs service.request_clock).")
@click.option("--explain", is_flag=True, help="Show the models' strongest signals (TreeSHAP).")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def command(
    customer: str | None,
    candidates: Path | None,
    requests: Path | None,
    out: Path | None,
    url: str,
    decision_id: str | None,
    mode: str,
    now: str | None,
    explain: bool,
    as_json: bool,
) -> None:
    client = Client(url)
    if requests is not None:
        if out is None or customer or candidates:
            raise InvalidRequest("--requests goes with --out, and without --customer and --candidates")
        ask_audience(client, requests, out)
        return
    if customer is None or candidates is None:
        raise InvalidRequest("give --customer and --candidates, or --requests and --out")
    messages = _read_candidates(candidates)
    asked = {
        "customer_id": customer,
        "candidates": messages,
        "decision_id": decision_id,
        "mode": mode,
        "now": now,
        "explain": explain,
    }
    answer = client.post("/decide", asked)
    if as_json:
        click.echo(json.dumps(answer, indent=1, ensure_ascii=False))
    else:
        show_answer(answer, {one.get("message_id"): one for one in messages})


def _read_candidates(file: Path) -> list[dict[str, Any]]:
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnreadableInput(f"{file}: {error.strerror or error}") from None
    except (UnicodeDecodeError, ValueError) as error:
        raise UnreadableInput(f"{file}: not valid JSON: {error}") from None
    found = raw.get("candidates") if isinstance(raw, dict) else raw
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise InvalidRequest(f"{file}: expected a list of messages, or an object with `candidates`")
    return found


# ---- one answer, for people


def show_answer(answer: dict[str, Any], candidates: dict[Any, dict[str, Any]]) -> None:
    """Print the ranked table and the reasons; `candidates` by message id say who sends them."""
    console = Console(highlight=False)
    goal = answer["goal"]
    if goal["name"] is not None:
        likely = ", ".join(
            f"{name} {chance:.0%}"
            for name, chance in sorted(goal["probabilities"].items(), key=lambda pair: -pair[1])[:4]
        )
        console.print(f"[bold]{answer['customer_id']}[/bold] is most likely here to: {likely}")
    if answer["degraded"]:
        console.print("[bold red]degraded[/bold red]: see the reasons")
    console.print()
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for name in ("#", "action", "message", "helps", "interrupts", "net value"):
        table.add_column(name, justify="right" if name in ("#", "helps", "interrupts", "net value") else "left")
    for one in answer["decisions"]:
        table.add_row(
            str(one["rank"]),
            f"[{_STYLES[one['action']]}]{one['action']}[/]",
            one["message_id"],
            _chance(one["p_helps"], one["lift_helps"]),
            _chance(one["p_interrupts"], one["lift_interrupts"]),
            "–" if one["net_value"] is None else f"{one['net_value']:+.3f}",
        )
    console.print(table)
    console.print(
        "[dim]helps, interrupts: the chance if sent now (and by how many points sending changes it)[/dim]"
    )
    for one in answer["decisions"]:
        asked = candidates.get(one["message_id"], {})
        sender = ", ".join(
            str(asked[key]) for key in ("department", "channel", "topic", "purpose") if asked.get(key)
        )
        until = f" until {one['wait_until'][:16].replace('T', ' ')} UTC" if one["wait_until"] else ""
        recheck = f", or when {' or '.join(one['recheck_on'])} arrives" if one["recheck_on"] else ""
        style = _STYLES[one["action"]]
        console.print()
        console.print(
            f"[bold]{one['rank']} · {one['message_id']}[/bold] [dim]{sender}[/dim]: "
            f"[{style}]{one['action']}[/]{until}{recheck}"
        )
        for told in one["reasons"]:
            console.print(Padding(f"{told['text']} [dim]{told['code']}[/dim]", (0, 0, 0, 4)))
        for signal in one.get("signals") or ():
            text = f"{signal['feature']} = {signal['value']} moves {signal['outcome']} by {signal['contribution']:+.2f}"
            console.print(Padding(f"[dim]{text}[/dim]", (0, 0, 0, 4)))
    console.print(f"\n[dim]decision {answer['decision_id']} · model version {answer['model_version']}[/dim]")


def _chance(probability: float | None, lift: float | None) -> str:
    if probability is None or lift is None:
        return "–"
    return f"{probability:.0%} ({100 * lift:+.1f})"
