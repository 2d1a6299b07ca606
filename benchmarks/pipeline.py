"""Wall time and peak memory of each step, from a simulated history to a trained champion.

    python -m benchmarks.pipeline --customers 1450 14500 [--out docs/pipeline.md]

Each step is the command that a user runs, as a process of its own; memory is the largest resident
size of that process and its children, as the operating system counts it.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

DAYS = 75
_HEAD = (
    "# The pipeline's time and memory",
    "",
    "Made by `python -m benchmarks.pipeline --out docs/pipeline.md`: each step is the command that a user runs,",
    "as a process of its own, imports included; memory is the largest resident size of the process.",
    "Two cores, nothing else running.",
    "",
    "| touchpoints | step | wall s | cpu s | peak MiB |",
    "|---|---|---|---|---|",
)


def main() -> None:
    """Run every step for each number of customers and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, nargs="+", default=[1_450, 14_500])
    parser.add_argument("--out", type=Path, default=None, help="write the page here (Markdown)")
    options = parser.parse_args()
    lines = list(_HEAD)
    print("\n".join(_HEAD[-2:]), flush=True)
    for customers in options.customers:
        with tempfile.TemporaryDirectory(prefix="tact-pipeline-") as folder:
            for line in steps(Path(folder), customers):
                print(line, flush=True)
                lines.append(line)
    if options.out is not None:
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def steps(folder: Path, customers: int) -> Iterator[str]:
    """Simulate, validate, train and ingest in `folder`, a line of the table each."""
    environment = os.environ | {"TACT_HOME": str(folder / "home")}
    environment.pop("MLFLOW_TRACKING_URI", None)
    touchpoints, decisions = str(folder / "touchpoints.parquet"), str(folder / "decisions.parquet")
    size = ["--customers", str(customers), "--days", str(DAYS), "--seed", "7", "--truth-rows", "0"]
    commands = {
        "simulate": ["--out", str(folder), *size],
        "validate": [touchpoints],
        "train": ["--touchpoints", touchpoints, "--decisions", decisions],
        "ingest": [touchpoints, "--database", "sqlite:///tact.db"],
    }
    for name, arguments in commands.items():
        wall, cpu, peak = measured([sys.executable, "-m", "command_line.main", name, *arguments], environment)
        rows = pq.read_metadata(touchpoints).num_rows
        yield f"| {rows:,} | {name} | {wall:.1f} | {cpu:.1f} | {peak:.0f} |"


def measured(command: list[str], environment: dict[str, str]) -> tuple[float, float, float]:
    """Wall seconds, processor seconds, and peak resident MiB of a command; raises where it fails."""
    started = time.monotonic()
    # A process of its own, so that its children's largest size is not that of an earlier step.
    child = os.fork()
    if child == 0:
        done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os._exit(done.returncode)
    _, status, usage = os.wait4(child, 0)
    if status != 0:
        raise RuntimeError(f"{' '.join(command)} failed")
    divisor = 1024 if sys.platform != "darwin" else 1024 * 1024
    return time.monotonic() - started, usage.ru_utime + usage.ru_stime, _peak(usage) / divisor


def _peak(usage: resource.struct_rusage) -> float:
    return float(usage.ru_maxrss)


if __name__ == "__main__":
    main()
