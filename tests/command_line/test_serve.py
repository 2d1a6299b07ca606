"""`tact serve` by itself: where it may listen, what it hands to its workers, the watch on the registry."""

from __future__ import annotations

import signal
import sys
import types
from pathlib import Path
from typing import Any

import httpx
import pytest

from command_line import serve
from command_line.registry_watch import Registry
from data_contracts.configuration import Configuration, configuration_from
from data_contracts.errors import ConfigurationError, InvalidRequest
from serving.runtime import within_deadline
from tests.serving.live import LiveService, promote, until

KEY = {"name": "all", "sha256": "0" * 64}


@pytest.mark.parametrize(
    ("host", "address"), [("127.0.0.1", "127.0.0.1"), ("localhost", "127.0.0.1"), ("::1", "::1")]
)
def test_this_machine_needs_no_keys(host: str, address: str) -> None:
    assert serve._address(host, Configuration()) == address


def test_another_address_needs_keys() -> None:
    with pytest.raises(ConfigurationError, match="without API keys"):
        serve._address("0.0.0.0", Configuration())
    keyed = configuration_from({"service": {"api_keys": [KEY]}})
    assert serve._address("0.0.0.0", keyed) == "0.0.0.0"
    with pytest.raises(InvalidRequest, match="not known"):
        serve._address("no such host.invalid", keyed)


def test_a_password_is_not_shown() -> None:
    assert serve._shown("postgresql://tact:secret@db/tact") == "postgresql://tact:…@db/tact"
    assert serve._shown("sqlite:///tact.db") == "sqlite:///tact.db"


def test_a_decision_waits_for_the_store_within_its_deadline() -> None:
    assert within_deadline("sqlite:///t.db", 1_000) == "sqlite:///t.db?timeout_ms=400"
    assert within_deadline("postgresql://h/d?sslmode=require", 500) == (
        "postgresql://h/d?sslmode=require&tact_timeout_ms=200"
    )
    assert within_deadline("sqlite:///t.db?timeout_ms=9", 1_000) == "sqlite:///t.db?timeout_ms=9"
    assert within_deadline("sqlite:///t.db", 60_000) == "sqlite:///t.db"


@pytest.fixture
def exports(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Calls of the training side's export, which a test needs no MLflow for."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    calls: list[Path] = []
    module: Any = types.ModuleType("training.registry")
    module.export_champion = calls.append
    monkeypatch.setitem(sys.modules, "training.registry", module)
    return calls


def test_the_registry_is_read_only_when_it_may_have_changed(tmp_path: Path, exports: list[Path]) -> None:
    registry = Registry(tmp_path)
    registry.export()
    assert exports == []  # no registry, so MLflow is not even imported
    (tmp_path / "mlflow.db").write_text("a database")
    registry.export()
    registry.export()
    assert exports == [tmp_path]
    (tmp_path / "mlflow.db-wal").write_text("news")
    registry.export()
    assert exports == [tmp_path] * 2


def test_a_server_is_asked_each_time(
    tmp_path: Path, exports: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.invalid")
    registry = Registry(tmp_path)
    registry.export()
    registry.export()
    assert exports == [tmp_path] * 2


def test_an_unreachable_registry_is_told_once(
    tmp_path: Path, exports: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_: Path) -> None:
        raise OSError("the registry is away")

    monkeypatch.setattr(sys.modules["training.registry"], "export_champion", fails)
    (tmp_path / "mlflow.db").write_text("a database")
    registry = Registry(tmp_path)
    registry.export()
    registry.export()
    told = capsys.readouterr().err
    assert told.splitlines() == [
        "tact: the registry can't be read, the champion stays: OSError: the registry is away"
    ]


def test_it_says_where_it_is_and_ends_cleanly(bundle: Path, tmp_path: Path) -> None:
    promote(tmp_path, bundle, "3")
    live = LiveService(tmp_path, arguments=("--workers", "2"))
    answers = [live.post("/decide", {"customer_id": "c", "candidates": []}).status_code for _ in range(4)]
    assert answers == [422] * 4
    until(lambda: "Ctrl-C stops it" in live.log.read_text())
    live.process.send_signal(signal.SIGINT)
    assert live.process.wait(30) == 0
    text = live.log.read_text()
    live.stop()
    for told in (
        f"listens on {live.url}",
        f"{live.url}/metrics",
        "database   sqlite:///tact.db",
        "model      version 3",
    ):
        assert told in text
    assert text.rstrip().endswith("stopped") and "Traceback" not in text
    with pytest.raises(httpx.TransportError):
        httpx.get(live.url + "/livez")


def test_without_a_champion_it_says_so(tmp_path: Path) -> None:
    live = LiveService(tmp_path, wait_for="/livez")
    try:
        live.wait_for("/readyz", status=503)
        until(lambda: "Ctrl-C stops it" in live.log.read_text())
        assert "model      none yet: answers are degraded" in live.log.read_text()
    finally:
        live.stop()
    assert (tmp_path / "spool").exists()
