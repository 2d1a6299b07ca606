"""A bento with the champion inside is built for real, and answers."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from serving.bento import ROOT
from tests.serving.live import asked, free_port


def test_its_requirements_are_those_of_the_lock() -> None:
    locked = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pinned = (ROOT / "serving" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert pinned and set(pinned) <= set(locked)
    names = {re.split(r"[=<> ;]", line)[0] for line in pinned}
    assert {"bentoml", "numba", "msgspec", "psycopg", "lightgbm"} <= names
    assert not names & {"mlflow", "pandas", "scikit-learn", "great-expectations"}


def environment(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TACT_")}
    return kept | {
        "TACT_HOME": str(tmp_path / "home"),
        "TACT_CONFIG": os.devnull,
        "BENTOML_HOME": str(tmp_path / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "true",
        "OTEL_SDK_DISABLED": "true",
    }


@pytest.mark.slow
def test_a_built_bento_answers_with_its_champion(bundle: Path, tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "serving.bento", "--bundle", str(bundle), "--version", "1"],
        env=environment(tmp_path), cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr[-2000:]
    assert built.stdout.splitlines()[0] == "tact:1"
    folder = Path(built.stdout.splitlines()[1])
    assert (folder / "src" / "bundle" / "bundle.json").exists()
    assert not list((folder / "src").rglob("training"))

    port = free_port()
    log = (tmp_path / "log").open("wb")
    # From a folder where nothing of the project can be imported by accident.
    service = subprocess.Popen(
        [sys.executable, "-m", "bentoml", "serve", "tact:1", "--host", "127.0.0.1", "--port", str(port)],
        env=environment(tmp_path), cwd=tmp_path, stdout=log, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        until = time.monotonic() + 60
        while not _ready(port):
            assert service.poll() is None and time.monotonic() < until, (tmp_path / "log").read_text()[-3000:]
            time.sleep(0.1)
        answer = httpx.post(f"http://127.0.0.1:{port}/decide", json=asked("c-1"), timeout=10).json()
        assert answer["model_version"] == "3" and not answer["degraded"]
    finally:
        service.send_signal(signal.SIGTERM)
        service.wait(30)
        log.close()


def _ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def test_without_a_champion_it_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "serving.bento"], env=environment(tmp_path), cwd=ROOT, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1 and "has no champion" in done.stderr and len(done.stderr.splitlines()) == 1
