"""A real `tact serve` on a free port, with a small real bundle, for tests to call."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from data_contracts.configuration import Configuration, configuration_from
from features.fitting import fit_specification
from features.packing import columns_of_rows
from tests.features.seeded import random_rows
from tests.models.tiny import tiny_bundle

START_SECONDS = 90


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def write_bundle(folder: Path, version: str = "3") -> Path:
    """A bundle with the default configuration's goals, fitted on random features."""
    columns = columns_of_rows(random_rows(999, 300))
    until = int(columns.event_time.max()) + 1
    specification = fit_specification(columns, Configuration(), until)
    tiny_bundle(specification, version).save(folder)
    return folder


def promote(home: Path, bundle: Path, version: str) -> None:
    """Point the champion at a folder, as training does: a new file, then one rename."""
    target = home / "champion"
    target.mkdir(parents=True, exist_ok=True)
    new = target / ".current.json"
    new.write_text(json.dumps({"version": version, "folder": os.path.relpath(bundle, target)}))
    new.replace(target / "current.json")


def toml(sections: Mapping[str, Mapping[str, Any]]) -> str:
    """Plain tables as TOML; values are written as JSON, which TOML reads the same."""
    configuration_from(sections)
    lines = []
    for name, table in sections.items():
        lines.append(f"[{name}]")
        for key, value in table.items():
            lines.append(f"{key} = {_value(value)}")
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(one)}" for key, one in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value)


class LiveService:
    """A running service in a home of its own; `post` and `get` call it."""

    def __init__(
        self,
        home: Path,
        configuration: Mapping[str, Mapping[str, Any]] | None = None,
        environment: Mapping[str, str] | None = None,
        arguments: tuple[str, ...] = (),
        wait_for: str = "/readyz",
    ) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.configuration = home / "tact.toml"
        self.configuration.write_text(toml(configuration or {}), encoding="utf-8")
        self.log = home / "serve.log"
        self._arguments = arguments
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TACT_")},
            "TACT_HOME": str(home),
            "MLFLOW_TRACKING_URI": "",
            "OMP_NUM_THREADS": "1",
            **(environment or {}),
        }
        self.http = httpx.Client(base_url=self.url, timeout=30)
        self.start(wait_for)

    def start(self, wait_for: str = "/readyz") -> None:
        """Start it, and wait until a page answers 200."""
        command = ["serve", "--port", str(self.port), "--config", str(self.configuration), *self._arguments]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "command_line.main", *command],
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.home,
            )
        self.wait_for(wait_for)

    def wait_for(self, page: str, status: int = 200, seconds: float = START_SECONDS) -> None:
        """Poll a page until it answers with a status; fails with the end of the log."""
        until = time.monotonic() + seconds
        last: object = None
        while time.monotonic() < until and self.process.poll() is None:
            try:
                last = httpx.get(self.url + page, timeout=5).status_code
                if last == status:
                    return
            except httpx.HTTPError as error:
                last = error
            time.sleep(0.05)
        raise AssertionError(f"{page}: {last!r}\n{self.log.read_text()[-3000:]}")

    def post(self, path: str, body: Any, **more: Any) -> httpx.Response:
        if isinstance(body, (bytes, str)):
            headers = {"content-type": "application/json", **more.pop("headers", {})}
            return self.http.post(path, content=body, headers=headers, **more)
        return self.http.post(path, json=body, **more)

    def get(self, path: str) -> httpx.Response:
        return self.http.get(path)

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        self.http.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def kill(self) -> None:
        """End the supervisor as kill -9 does, and wait until its workers have noticed."""
        self.process.kill()
        self.process.wait()
        until = time.monotonic() + 30
        while self.answers():
            if time.monotonic() > until:
                raise AssertionError("a worker outlived its supervisor")
            time.sleep(0.05)

    def answers(self) -> bool:
        """Whether anything listens on the port."""
        try:
            httpx.get(f"{self.url}/livez", timeout=2)
        except httpx.TransportError:
            return False
        return True

    def restart(self) -> None:
        """Stop and start it on the same port and home."""
        self.stop()
        self.http = httpx.Client(base_url=self.url, timeout=30)
        self.start()


def candidate(message_id: str = "m-1", **fields: Any) -> dict[str, Any]:
    """A candidate as a sender writes it."""
    return {"message_id": message_id, "department": "marketing", "channel": "email", "topic": "upsell"} | fields


def asked(customer: str, *candidates: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A decide request."""
    return {"customer_id": customer, "candidates": list(candidates) or [candidate()]} | fields


def touchpoint(name: str, customer: str = "c-1", **fields: Any) -> dict[str, Any]:
    """A touchpoint in its JSON form."""
    return {
        "touchpoint_id": name, "source": "test", "customer_id": customer, "event_time": "2026-03-01T09:00:00Z",
        "department": "product", "channel": "web", "direction": "inbound", "event_type": "logged_in",
    } | fields  # fmt: skip


def until(check: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for something that happens by itself."""
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
