"""`tact demo`: the whole path in one command, from touchpoints to a served, explained decision.

It runs the same commands that a user runs, in a folder of its own, and shows each one before it
runs. Everything it starts it stops, unless asked to keep it.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import httpx
from rich.console import Console
from rich.rule import Rule

from data_contracts.errors import GateFailed, UnreadableInput

_START_SECONDS = 90


@click.command(
    epilog="""\b
Examples:
  tact demo                 the whole path, under three minutes
  tact demo --keep          and leave the service and the MLflow UI running
"""
)
@click.option("--out", type=click.Path(path_type=Path), default=None, help="Folder [default: TACT_HOME/demo].")
@click.option("--customers", type=click.IntRange(200), default=1000, show_default=True)
@click.option("--days", type=click.IntRange(45), default=70, show_default=True)
@click.option("--seed", type=int, default=7, show_default=True)
@click.option("--keep", is_flag=True, help="Leave the service and the MLflow UI running until Ctrl-C.")
def command(out: Path | None, customers: int, days: int, seed: int, keep: bool) -> None:
    """Show the main job end to end on a simulated company and on real data."""
    from data_contracts.configuration import tact_home

    folder = (out or tact_home() / "demo").absolute()
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    _Demo(folder, customers, days, seed, keep).run()


class _Demo:
    def __init__(self, folder: Path, customers: int, days: int, seed: int, keep: bool) -> None:
        self.folder, self.keep = folder, keep
        self.customers, self.days, self.seed = customers, days, seed
        self.console = Console()
        self.started = time.monotonic()
        self.configuration = folder / "tact.toml"
        self.environment = os.environ | {"TACT_HOME": str(folder / "home")}
        self.environment.pop("MLFLOW_TRACKING_URI", None)
        self.environment.pop("TACT_CONFIG", None)

    def run(self) -> None:
        """Every step in order."""
        self._title("1 · A company's history: six departments, none of which sees the others")
        data = self.folder / "company"
        size = ["--customers", str(self.customers), "--days", str(self.days), "--seed", str(self.seed)]
        self._tact("simulate", "--out", str(data), *size, "--truth-rows", "0")
        self.configuration.write_text(_CONFIGURATION, encoding="utf-8")

        self._title("2 · The data contract: every row is checked, what is rejected says why")
        self._tact("validate", str(data / "touchpoints.parquet"))

        self._title("3 · Real people: HeartSteps, 37 persons, each message randomised")
        real = heartsteps_folder()
        tables = [
            "--touchpoints",
            str(real / "touchpoints.parquet"),
            "--decisions",
            str(real / "decisions.parquet"),
        ]
        home = {"TACT_HOME": str(self.folder / "heartsteps")}
        self._tact(
            "train", *tables, "--config", str(real / "tact.toml"), "--experiment", "heartsteps", more=home
        )

        self._title("4 · Training on the company: goal, help and interruption, against sending nothing")
        tables = [
            "--touchpoints",
            str(data / "touchpoints.parquet"),
            "--decisions",
            str(data / "decisions.parquet"),
        ]
        self._tact("train", *tables, "--config", str(self.configuration), "--experiment", "demo")

        self._title("5 · The service")
        port = free_port()
        service = self._start("serve", "--port", str(port), "--config", str(self.configuration))
        try:
            url = f"http://127.0.0.1:{port}"
            self._wait_until_ready(url, service)
            self.console.print(f"ready at {url}")
            self._title("6 · The story: a $12 charge, five departments, one customer")
            self._ask(url)
            self._where_to_look(url, data)
            if self.keep:
                self._stay(service)
        finally:
            stop(service)

    def _ask(self, url: str) -> None:
        from simulation.story import story

        now = datetime.now(UTC)
        told = story(now)
        history = self.folder / "story.jsonl"
        history.write_text("\n".join(json.dumps(row) for row in told.touchpoints) + "\n", encoding="utf-8")
        asked = self.folder / "candidates.json"
        asked.write_text(json.dumps(told.candidates, indent=1), encoding="utf-8")
        self._tact("ingest", str(history), "--url", url)
        self._tact("decide", "--customer", told.customer_id, "--candidates", str(asked), "--url", url)

    def _where_to_look(self, url: str, data: Path) -> None:
        spent = time.monotonic() - self.started
        home = self.environment["TACT_HOME"]
        self._title(f"Done in {spent:.0f} s. Where to look")
        self.console.print(
            f"  the service     {url} (interactive docs), {url}/metrics  [while it runs: --keep]"
        )
        self.console.print(f"  the experiments TACT_HOME={home} tact ui")
        docs = data / "touchpoints.validated" / "data_docs" / "index.html"
        self.console.print(f"  the data docs   {docs}", soft_wrap=True)
        self.console.print(
            f"  the answer      {self.folder / 'candidates.json'} asked again: tact decide --help"
        )

    def _stay(self, service: subprocess.Popen[bytes]) -> None:
        port = free_port()
        ui = self._start("ui", "--port", str(port))
        try:
            self.console.print(f"  MLflow UI at http://127.0.0.1:{port}; Ctrl-C stops everything")
            service.wait()
        except KeyboardInterrupt:
            self.console.print("stopping")
        finally:
            stop(ui)

    # ---- the commands, as a user would type them

    def _tact(self, *arguments: str, more: dict[str, str] | None = None) -> None:
        shown = " ".join(_short(argument) for argument in arguments)
        self.console.print(f"[bold]$ tact {shown}[/bold]", highlight=False, soft_wrap=True)
        finished = subprocess.run(
            [sys.executable, "-m", "command_line.main", *arguments],
            env=self.environment | (more or {}),
            check=False,
        )
        if finished.returncode != 0:
            raise GateFailed(f"the demo stopped: `tact {arguments[0]}` exited with {finished.returncode}")

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        self.console.print(
            f"[bold]$ tact {' '.join(_short(one) for one in arguments)} &[/bold]", highlight=False
        )
        log = (self.folder / f"{arguments[0]}.log").open("wb")
        return subprocess.Popen(
            [sys.executable, "-m", "command_line.main", *arguments],
            env=self.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )

    def _wait_until_ready(self, url: str, service: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            if service.poll() is not None:
                break
            if _ready(url):
                return
            time.sleep(0.2)
        log = (self.folder / "serve.log").read_text(encoding="utf-8", errors="replace")
        raise GateFailed(f"the service did not become ready; the end of its log: {log[-800:]}")

    def _title(self, text: str) -> None:
        self.console.print()
        self.console.print(Rule(text, align="left", style="dim"))


def heartsteps_folder() -> Path:
    """The real data that the repository carries."""
    folder = Path(__file__).resolve().parent.parent / "examples" / "heartsteps"
    if not (folder / "touchpoints.parquet").exists():
        raise UnreadableInput(f"{folder} is missing: run the demo from a clone of the repository")
    return folder


def free_port() -> int:
    """A port of the loopback interface that nothing listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def stop(process: subprocess.Popen[Any]) -> None:
    """Ask a process that was started here to end, and make it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def _short(argument: str) -> str:
    path = Path(argument)
    if path.is_absolute():
        try:
            return str(path.relative_to(Path.cwd()))
        except ValueError:
            return argument
    return argument


_CONFIGURATION = """\
# The demo's configuration; docs/tact.sample.toml shows every key.
[attributes]
customer = { plan = "category", segment = "category", tenure_days = "number" }
candidate = { discount = "number" }

[policy]
exploration = 0.0   # so that the story's answer is the same for everybody
quiet_hours = false # so that the demo tells the same story at night
"""
