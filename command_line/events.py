"""Files of another system's events as a file of touchpoints, which everything else reads as it is."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data_contracts.adapters.formats import adapted
from data_contracts.errors import InvalidRequest, UnreadableInput


@contextmanager
def as_touchpoints(path: Path, format_name: str | None) -> Iterator[tuple[Path, list[str]]]:
    """A file of touchpoints for the length of a block, and why events were left out.

    Without a format it is `path` itself. Raises UnreadableInput for what is not JSON, InvalidRequest
    where no event is a touchpoint.
    """
    if format_name is None:
        yield path, []
        return
    ignored: list[str] = []
    rows = 0
    with tempfile.TemporaryDirectory(prefix="tact-events-") as folder:
        file = Path(folder) / "touchpoints.jsonl"
        with file.open("w", encoding="utf-8") as lines:
            for place, payload in _payloads(path):
                found = adapted(format_name, payload)
                ignored += [f"{place}: {reason}" for reason in found.ignored]
                for row in found.touchpoints:
                    lines.write(json.dumps(row) + "\n")
                rows += len(found.touchpoints)
        if not rows:
            why = f": {ignored[0]}" if ignored else ""
            raise InvalidRequest(f"{path}: no event in it is a touchpoint of {format_name}{why}")
        yield file, ignored


def _payloads(path: Path) -> Iterator[tuple[str, Any]]:
    """(where, payload): the whole file where it is one JSON value, else its lines."""
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise UnreadableInput(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    try:
        yield path.name, json.loads(text)
        return
    except ValueError:
        pass
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield f"line {number}", json.loads(line)
            except ValueError as error:
                raise UnreadableInput(f"{path}, line {number}: not valid JSON: {error}") from None
