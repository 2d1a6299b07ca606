"""`make soak`: rounds of kill -9 under load on both stores; what was acknowledged, and what was found.

In each round 32 senders ask, confirm, release and report about three customers while a worker, a whole
service, or PostgreSQL is killed at random moments. Then everything that was acknowledged is looked for
in the database, and every window of every cap is counted. Ends with exit status 1 where anything is wrong.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.serving.audit import Audit, audit
from tests.serving.databases import Server, postgres_database, sqlite_database
from tests.serving.fleet import CAPS, Fleet, fleet
from tests.serving.live import write_bundle
from tests.serving.senders import Acknowledged, storm

_LINES = (
    "rounds", "killed -9", "decisions acknowledged", "confirms acknowledged", "touchpoints acknowledged",
    "sends not released", "confirmed too late (409)", "degraded answers", "calls asked again", "lost or doubled",
    "caps broken",
)  # fmt: skip


def main() -> int:
    """Run it; 0 where nothing was lost and no cap was broken."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="on each store (default 20)")
    parser.add_argument("--seconds", type=float, default=8.0, help="of load in a round (default 8)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--store", choices=("sqlite", "postgresql", "both"), default="both")
    given = parser.parse_args()
    console = Console()
    kinds = ("sqlite", "postgresql") if given.store == "both" else (given.store,)
    table = Table("", *kinds, title="kill -9 under load: what was acknowledged is there")
    columns, faults = [], []
    for kind in kinds:
        folder = Path(tempfile.mkdtemp(prefix="soak"))
        try:
            row, found = _soaked(kind, folder, given.rounds, given.seconds, given.seed, console)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        columns.append(row)
        faults += found
    for name, *values in zip(_LINES, *columns, strict=True):
        table.add_row(name, *map(str, values))
    console.print(table)
    for fault in faults[:20]:
        console.print(f"[red]{fault}[/red]")
    return int(bool(faults))


def _soaked(
    kind: str, folder: Path, rounds: int, seconds: float, seed: int, console: Console
) -> tuple[list[object], list[str]]:
    bundle = write_bundle(folder / "bundle")
    if kind == "sqlite":
        with fleet(sqlite_database(folder), bundle, services=1, workers=2) as running:
            return _rounds(kind, running, rounds, seconds, seed, console)
    server = Server(folder / "pg")
    try:
        database = postgres_database(server.url, "tact", folder)
        with fleet(database, bundle, services=2, workers=2, server=server) as running:
            return _rounds(kind, running, rounds, seconds, seed, console)
    finally:
        server.start()
        server.server.cleanup()


def _rounds(
    kind: str, running: Fleet, rounds: int, seconds: float, seed: int, console: Console
) -> tuple[list[object], list[str]]:
    rng, told = random.Random(f"{kind}-{seed}"), Acknowledged()
    kills = {"worker": running.kill_worker, "service": running.kill_service}
    if running.server is not None:
        kills["database"] = running.kill_database
    killed: Counter[str] = Counter()
    found: Audit | None = None
    for number in range(rounds):
        with storm(f"{seed}r{number}", running.urls, told):
            for _ in range(2):
                threading.Event().wait(rng.uniform(0.2, 1.0) * seconds / 2)
                what = rng.choice(sorted(kills))
                kills[what](rng)
                killed[what] += 1
        running.settle()
        found = audit(running.database, told, CAPS)
        console.print(
            f"{kind}, round {number + 1} of {rounds}: {found.decisions:,} answers, {found.confirms:,} confirms, "
            f"{found.touchpoints:,} touchpoints; {len(found.faults)} faults (seed {seed})"
        )
        if found.faults:
            break
    if found is None:
        raise SystemExit("--rounds must be at least 1")
    row: list[object] = [
        number + 1, ", ".join(f"{times} {what}" for what, times in sorted(killed.items())),
        f"{found.decisions:,}", f"{found.confirms:,}", f"{found.touchpoints:,}", f"{found.sends:,}",
        told.counts["too late"], told.counts["degraded"], told.counts["retries"],
        len(found.faults) - found.caps_broken, found.caps_broken,
    ]  # fmt: skip
    return row, list(found.faults)


if __name__ == "__main__":
    sys.exit(main())
