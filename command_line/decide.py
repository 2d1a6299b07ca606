"""`tact decide`: ask about one customer's messages, or about a whole audience."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import click
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

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
        _audience(client, requests, out)
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
        _show(answer, {one.get("message_id"): one for one in messages})


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


def _show(answer: dict[str, Any], candidates: dict[Any, dict[str, Any]]) -> None:
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


# ---- a whole audience

_BATCH = 1_000


def _audience(client: Client, requests: Path, out: Path) -> None:
    if not requests.exists():
        raise UnreadableInput(f"{requests}: No such file")
    total = _count_lines(requests)
    done = _answered(out)
    console = Console(stderr=True)
    if done:
        console.print(f"{out} already answers {done:,} of {total:,} requests: going on from there")
    columns = (TextColumn("asking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    counts = {"send": 0, "wait": 0, "suppress": 0, "errors": 0}
    with (
        out.open("a", encoding="utf-8") as file,
        Progress(*columns, console=console, disable=not console.is_terminal) as progress,
    ):
        task = progress.add_task("", total=total, completed=done)
        for batch in _batches(requests, done):
            answers = client.post("/decide_batch", {"requests": batch})["answers"]
            _write(file, answers)
            for answer in answers:
                if "decisions" not in answer:
                    counts["errors"] += 1
                for one in answer.get("decisions", ()):
                    counts[one["action"]] += 1
            progress.advance(task, len(batch))
    console.print(
        f"{total - done:,} requests asked: {counts['send']:,} send, {counts['wait']:,} wait, "
        f"{counts['suppress']:,} suppress, {counts['errors']:,} errors; answers in {out}"
    )
    if counts["errors"]:
        raise click.exceptions.Exit(1)


def _count_lines(file: Path) -> int:
    with file.open("rb") as opened:
        return sum(1 for line in opened if line.strip())


def _answered(out: Path) -> int:
    """Whole lines of earlier answers; a torn last line, of a run that was killed, is cut off."""
    if not out.exists():
        return 0
    with out.open("rb+") as file:
        content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole != len(content):
            file.truncate(whole)
        return content[:whole].count(b"\n")


def _batches(file: Path, skip: int) -> Iterator[list[dict[str, Any]]]:
    """Requests in batches, after the first `skip`; each gets a decision id that a repeat gets again."""
    batch: list[dict[str, Any]] = []
    number = -1
    with file.open("r", encoding="utf-8") as lines:
        for line in lines:
            if not line.strip():
                continue
            number += 1
            if number < skip:
                continue
            try:
                request = json.loads(line)
            except ValueError as error:
                raise UnreadableInput(f"{file}: request {number + 1} is not valid JSON: {error}") from None
            if not isinstance(request, dict):
                raise UnreadableInput(f"{file}: request {number + 1} is not a JSON object")
            if request.get("decision_id") is None:
                digest = hashlib.blake2b(f"{number}:{line.strip()}".encode(), digest_size=12).hexdigest()
                request["decision_id"] = f"audience-{digest}"
            batch.append(request)
            if len(batch) == _BATCH:
                yield batch
                batch = []
    if batch:
        yield batch


def _write(file: IO[str], answers: list[dict[str, Any]]) -> None:
    file.write(
        "".join(json.dumps(answer, ensure_ascii=False, separators=(",", ":")) + "\n" for answer in answers)
    )
    file.flush()
