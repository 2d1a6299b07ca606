"""`make bench`: the real service beside an empty BentoML endpoint with the same bodies, in one run.

A company is simulated and trained on, `tact serve` runs its champion on SQLite, and customers with a
given number of touchpoints are ingested. Every figure stands beside its floor and is a ratio, since
absolute times are those of the machine.

    python -m benchmarks.service [--quick] [--out docs/performance.md]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from benchmarks.load import Measured, load
from benchmarks.process import running_service
from command_line.client import Client
from command_line.demo import free_port, stop

CONNECTIONS = 8
_CONFIGURATION = "[policy]\nquiet_hours = false\n"
_EVENTS = ("logged_in", "feature_used", "message_sent", "message_opened", "help_viewed", "pricing_viewed")
_DEPARTMENTS = ("marketing", "sales", "product", "success", "support")


def main() -> None:
    """Measure, print the tables, and write the page where one is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the requests")
    parser.add_argument("--out", type=Path, default=None, help="write the page here (Markdown)")
    options = parser.parse_args()
    scale = 0.1 if options.quick else 1.0
    lines: list[str] = []

    def tell(line: str = "") -> None:
        print(line, flush=True)
        lines.append(line)

    with tempfile.TemporaryDirectory(prefix="tact-bench-") as name:
        _measure(Path(name), scale, tell)
    if options.out is not None:
        options.out.write_text("\n".join(_PAGE_HEAD + lines) + "\n", encoding="utf-8")


def _measure(folder: Path, scale: float, tell: Any) -> None:
    environment = os.environ | {"TACT_HOME": str(folder / "home")}
    environment.pop("MLFLOW_TRACKING_URI", None)
    (folder / "tact.toml").write_text(_CONFIGURATION, encoding="utf-8")
    _trained(folder, environment)
    with running_service(environment, "--config", str(folder / "tact.toml")) as url:
        client = Client(url)
        _ingest(client, tell, scale)
        answer = client.post("/decide", next(_asked("c200", 25, 200)))
        ready = folder / "answer.json"
        ready.write_text(json.dumps(answer), encoding="utf-8")
        with _empty(ready) as floor:
            _beside_the_floor(url, floor, tell, scale)
        _growth(url, tell, scale)
        _stages(url, tell)


def _trained(folder: Path, environment: dict[str, str]) -> None:
    for command in (
        ["simulate", "--out", str(folder), "--customers", "800", "--days", "70", "--truth-rows", "0"],
        [
            "train",
            "--touchpoints",
            str(folder / "touchpoints.parquet"),
            "--decisions",
            str(folder / "decisions.parquet"),
        ],
    ):
        print(f"$ tact {command[0]}", flush=True)
        run = [sys.executable, "-m", "command_line.main", *command]
        subprocess.run(run, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _ingest(client: Client, tell: Any, scale: float) -> None:
    """Customers of 10, 200, 1,000 and 5,000 touchpoints, and the rate at which they went in."""
    wanted = {10: 200, 200: max(int(200 * scale), 40), 1_000: 10, 5_000: 4}
    rows = [
        row
        for size, customers in wanted.items()
        for number in range(customers)
        for row in _history(size, number)
    ]
    batches = [
        json.dumps({"touchpoints": rows[start : start + 1_000]}).encode()
        for start in range(0, len(rows), 1_000)
    ]
    found = load(client.url, "/ingest", iter(batches), len(batches), 4)
    tell(
        f"\n`/ingest` in batches of 1,000 over 4 connections: **{len(rows) / found.seconds:,.0f} touchpoints/s**\n"
    )


def _history(size: int, number: int) -> Iterator[dict[str, Any]]:
    start = datetime.now(UTC) - timedelta(days=80)
    for place in range(size):
        kind = _EVENTS[(place * 7 + number) % len(_EVENTS)]
        time_ = start + timedelta(days=79 * place / size, seconds=number)
        yield {
            "touchpoint_id": f"{size}-{number}-{place}",
            "customer_id": f"c{size}-{number}",
            "event_time": time_.isoformat(),
            "department": _DEPARTMENTS[place % len(_DEPARTMENTS)],
            "channel": "email" if kind.startswith("message") else "web",
            "direction": "outbound" if kind == "message_sent" else "inbound",
            "event_type": kind,
            "topic": "upsell" if place % 3 else "onboarding",
            "message_id": f"m-{place - (kind == 'message_opened')}" if kind.startswith("message") else None,
        }


def _asked(prefix: str, candidates: int, customers: int, run: str = "x") -> Iterator[dict[str, Any]]:
    """Requests for customers in turn; every one names new messages and its own decision id."""
    number = 0
    while True:
        number += 1
        yield {
            "customer_id": f"{prefix}-{number % customers}",
            "candidates": [
                {
                    "message_id": f"{run}-{number}-{place}",
                    "department": _DEPARTMENTS[place % len(_DEPARTMENTS)],
                    "channel": "email",
                    "topic": "upsell",
                    "purpose": "promotional",
                    "value": 1.0,
                }
                for place in range(candidates)
            ],
        }


@contextmanager
def _empty(answer: Path) -> Iterator[str]:
    port = free_port()
    environment = os.environ | {
        "TACT_BENCH_ANSWER": str(answer),
        "BENTOML_DO_NOT_TRACK": "true",
        "OTEL_SDK_DISABLED": "true",
    }
    run = [sys.executable, "-m", "bentoml", "serve", "benchmarks.empty_service:Empty", "--port", str(port)]
    process = subprocess.Popen(run, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                if httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2).status_code == 200:
                    break
            except httpx.HTTPError:
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(process)


def _beside_the_floor(url: str, floor: str, tell: Any, scale: float) -> None:
    tell("| 8 connections, 1 worker, SQLite | requests/s | p50 ms | p99 ms |")
    tell("|---|---|---|---|")
    count = int(3_000 * scale)
    found: dict[tuple[str, int], Measured] = {}
    for candidates in (25, 5):
        for name, address in (("empty", floor), ("tact", url)):
            load(address, "/decide", _asked("c200", candidates, 200, "warm"), 100, CONNECTIONS)
            bodies = _asked("c200", candidates, 200, f"{name}{candidates}")
            one = load(address, "/decide", bodies, count, CONNECTIONS)
            found[name, candidates] = one
            label = "an empty BentoML endpoint" if name == "empty" else "**`/decide`**"
            tell(
                f"| {label}, {candidates} candidates, 200 touchpoints | {one.rate:,.0f} | "
                f"{one.quantile(0.5):.2f} | {one.quantile(0.99):.2f} |"
            )
            if one.errors:
                raise RuntimeError(f"{one.errors} answers of {name} were errors")
    one, base = found["tact", 25], found["empty", 25]
    tell(
        f"\nWith 25 candidates, all connections busy: p50 **{one.quantile(0.5) / base.quantile(0.5):.2f}×**, "
        f"p99 **{one.quantile(0.99) / base.quantile(0.99):.2f}×** the empty endpoint's. With 5 candidates: "
        f"**{found['tact', 5].rate:,.0f} decisions/s** on one worker."
    )
    rate = one.rate / 2
    half = {
        name: load(address, "/decide", _asked("c200", 25, 200, f"half-{name}"), count // 2, CONNECTIONS, rate)
        for name, address in (("empty", floor), ("tact", url))
    }
    tell(
        f"At half of that load ({rate:,.0f} a second): `/decide` p50 {half['tact'].quantile(0.5):.2f} ms, p99 "
        f"{half['tact'].quantile(0.99):.2f} ms; empty p50 {half['empty'].quantile(0.5):.2f} ms, p99 "
        f"{half['empty'].quantile(0.99):.2f} ms: "
        f"**{half['tact'].quantile(0.5) / half['empty'].quantile(0.5):.2f}×** and "
        f"**{half['tact'].quantile(0.99) / half['empty'].quantile(0.99):.2f}×**.\n"
    )


def _growth(url: str, tell: Any, scale: float) -> None:
    tell("| one connection | p50 ms | p99 ms |\n|---|---|---|")
    count = max(int(400 * scale), 40)
    for prefix, customers, candidates in (
        ("c200", 40, 1),
        ("c200", 40, 25),
        ("c200", 40, 100),
        ("c200", 40, 300),
        ("c10", 200, 25),
        ("c1000", 10, 25),
        ("c5000", 4, 25),
    ):
        one = load(url, "/decide", _asked(prefix, candidates, customers, f"g{candidates}"), count, 1)
        label = f"{candidates} candidates, {int(prefix[1:]):,} touchpoints"
        tell(f"| {label} | {one.quantile(0.5):.2f} | {one.quantile(0.99):.2f} |")


def _stages(url: str, tell: Any) -> None:
    """Mean time of each stage, from the service's own metrics."""
    sums: dict[str, float] = {}
    counts: dict[str, float] = {}
    for line in httpx.get(f"{url}/metrics", timeout=10).text.splitlines():
        if line.startswith("tact_stage_seconds_") and "stage=" in line:
            stage = line.split('stage="')[1].split('"')[0]
            value = float(line.rsplit(" ", 1)[1])
            if line.startswith("tact_stage_seconds_sum"):
                sums[stage] = sums.get(stage, 0.0) + value
            elif line.startswith("tact_stage_seconds_count"):
                counts[stage] = counts.get(stage, 0.0) + value
    if sums:
        tell("\n| stage (mean over this run) | ms |\n|---|---|")
        for stage, total in sums.items():
            tell(f"| {stage} | {1000 * total / max(counts.get(stage, 1.0), 1.0):.3f} |")


_PAGE_HEAD = [
    "# Performance",
    "",
    "Made by `python -m benchmarks.service --out docs/performance.md` (`make bench` prints it). The service is the",
    "real one, with logging and reservations, on SQLite; the load comes from the same machine. Read the ratios.",
]


if __name__ == "__main__":
    main()
