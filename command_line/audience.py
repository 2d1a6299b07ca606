"""A whole audience: requests from a file, asked in batches, answered line by line, resumable."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from command_line.client import Client
from data_contracts.errors import UnreadableInput

BATCH = 500
AT_ONCE = 4
"""Batches on their way at the same time, so that every worker of the service has something to do."""
_BLOCK = 1 << 20


def ask_audience(client: Client, requests: Path, out: Path) -> None:
    """Ask every request of a JSON Lines file that `out` does not answer yet; exit 1 if any failed."""
    total = _count_lines(requests)
    done = _answered(out)
    console = Console(stderr=True)
    if done:
        console.print(f"{out} already answers {done:,} of {total:,} requests: going on from there")
    run = out.with_name(f"{out.name}.run")
    counts: Counter[str] = Counter()
    columns = (TextColumn("asking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        out.open("a", encoding="utf-8") as file,
        Progress(*columns, console=console, disable=not console.is_terminal) as progress,
    ):
        task = progress.add_task("", total=total, completed=done)
        for answers in _in_order(client, batches(requests, done, _token(run))):
            _write(file, answers)
            for answer in answers:
                counts["errors"] += "decisions" not in answer
                counts.update(one["action"] for one in answer.get("decisions", ()))
            progress.advance(task, len(answers))
    run.unlink(missing_ok=True)
    console.print(
        f"{total - done:,} requests asked: {counts['send']:,} send, {counts['wait']:,} wait, "
        f"{counts['suppress']:,} suppress, {counts['errors']:,} errors; answers in {out}"
    )
    if counts["errors"]:
        raise click.exceptions.Exit(1)


def batches(file: Path, skip: int, run: str) -> Iterator[list[dict[str, Any]]]:
    """Requests in batches, after the first `skip`.

    A request without a decision id gets one from the run, its place and its text: a run that goes on
    asks again under the same ids, and another run over the same file asks anew.
    """
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
                text = f"{run}:{number}:{line.strip()}".encode()
                request["decision_id"] = f"audience-{hashlib.blake2b(text, digest_size=12).hexdigest()}"
            batch.append(request)
            if len(batch) == BATCH:
                yield batch
                batch = []
    if batch:
        yield batch


def _in_order(client: Client, asked: Iterator[list[dict[str, Any]]]) -> Iterator[list[dict[str, Any]]]:
    """Answers in the order of the batches, with some batches on their way ahead."""

    def ask(batch: list[dict[str, Any]]) -> list[dict[str, Any]]:
        parts = client.post_list("/decide_batch", "requests", batch)
        return [answer for part in parts for answer in part["answers"]]

    ahead: deque[Future[list[dict[str, Any]]]] = deque()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for batch in asked:
            ahead.append(pool.submit(ask, batch))
            if len(ahead) == AT_ONCE:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _token(file: Path) -> str:
    """The run's own token, kept beside the answers until the run is complete."""
    try:
        kept = file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        kept = ""
    if not kept:
        kept = secrets.token_hex(8)
        file.write_text(kept, encoding="utf-8")
    return kept


def _count_lines(file: Path) -> int:
    try:
        with file.open("rb") as opened:
            return sum(1 for line in opened if line.strip())
    except OSError as error:
        raise UnreadableInput(f"{file}: {error.strerror or error}") from None


def _answered(out: Path) -> int:
    """Whole lines of earlier answers; a torn last line, of a run that was killed, is cut off."""
    if not out.exists():
        return 0
    lines = end = at = 0
    with out.open("rb+") as file:
        while block := file.read(_BLOCK):
            lines += block.count(b"\n")
            last = block.rfind(b"\n")
            end = at + last + 1 if last >= 0 else end
            at += len(block)
        if end != at:
            file.truncate(end)
    return lines


def _write(file: IO[str], answers: list[dict[str, Any]]) -> None:
    file.write(
        "".join(json.dumps(answer, ensure_ascii=False, separators=(",", ":")) + "\n" for answer in answers)
    )
    file.flush()
