"""`tact serve`: the service with the champion, its workers, and a watch on the registry."""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import sys
import threading
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import httpx

from command_line.registry_watch import Registry
from data_contracts.configuration import Configuration, load_configuration, tact_home
from data_contracts.errors import ConfigurationError, InvalidRequest

_CHECK_SECONDS = 1.0
"""How soon a worker that died is replaced (BentoML's own default is 10)."""
_FIRST_SECONDS = 120.0
_PORT_SECONDS = 3.0

_HELP = """Run the service with the champion on this machine.

Without a champion it runs all the same and answers degraded: transactional messages are sent, all else
waits; as soon as `tact train` promotes a model, or the alias is moved in the MLflow UI, it is picked up
without a restart. Without service.api_keys it listens on this machine only.

\b
Examples:
  tact serve
  tact serve --port 8080 --workers 2
  tact serve --host 0.0.0.0 --config production.toml
"""


@click.command("serve", help=_HELP, short_help="Run the service with the champion.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65_535), default=3000, show_default=True)
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Worker processes.")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Configuration (TOML).")
def command(host: str, port: int, workers: int, config: Path | None) -> None:
    configuration = load_configuration(config)
    address = _address(host, configuration)
    _check_free(address, port)
    home = tact_home()
    home.mkdir(parents=True, exist_ok=True)
    _set_environment(home, config, workers, port)
    registry = Registry(home)
    if not (home / "champion" / "current.json").exists() and not os.environ.get("TACT_BUNDLE"):
        registry.export()
    threading.Thread(target=registry.follow, name="registry", daemon=True).start()
    url = f"http://{f'[{address}]' if ':' in address else address}:{port}"
    threading.Thread(target=_announce, args=(url, home, configuration), name="announce", daemon=True).start()
    _serve(address, port, workers)
    click.echo("stopped")


def _address(host: str, configuration: Configuration) -> str:
    from serving.access import is_loopback

    try:
        address = str(ipaddress.ip_address(host))
    except ValueError:
        try:
            address = socket.gethostbyname(host)
        except OSError:
            raise InvalidRequest(f"--host {host}: this name is not known") from None
    if not is_loopback(address) and not configuration.service.api_keys:
        raise ConfigurationError(
            f"--host {host}: without API keys only this machine may call; configure service.api_keys "
            "(docs/sending.md says how), or leave --host at 127.0.0.1"
        )
    return address


def _check_free(address: str, port: int) -> None:
    """Raise InvalidRequest for a port that is taken and stays so.

    Workers whose supervisor was killed end within a second or two, and free theirs.
    """
    until = time.monotonic() + _PORT_SECONDS
    while (error := _bind_error(address, port)) is not None:
        if time.monotonic() > until:
            raise InvalidRequest(
                f"port {port} of {address} can't be used ({error.strerror}); choose another with --port"
            )
        time.sleep(0.1)


def _bind_error(address: str, port: int) -> OSError | None:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address, port))
        except OSError as error:
            return error
    return None


def _set_environment(home: Path, config: Path | None, workers: int, port: int) -> None:
    """What the workers, which start in another folder, need to know; before BentoML is imported."""
    chosen = config or os.environ.get("TACT_CONFIG") or ("tact.toml" if Path("tact.toml").exists() else None)
    os.environ["TACT_HOME"] = str(home)
    os.environ["TACT_CONFIG"] = str(Path(chosen).absolute()) if chosen else os.devnull
    os.environ["TACT_WORKERS"] = str(workers)
    os.environ["TACT_SUPERVISOR"] = str(os.getpid())
    if os.environ.get("TACT_BUNDLE"):
        os.environ["TACT_BUNDLE"] = str(Path(os.environ["TACT_BUNDLE"]).absolute())
    # Two services on one machine must not share folders of BentoML: one clears the other's metrics.
    os.environ.setdefault("BENTOML_HOME", str(home / "bentoml"))
    os.environ["TACT_METRICS"] = str(home / "metrics" / str(port))
    os.environ["BENTOML_DO_NOT_TRACK"] = "true"
    tracing = ("OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    if not any(os.environ.get(name) for name in tracing):
        os.environ.setdefault("OTEL_SDK_DISABLED", "true")
    # A worker computes on one thread; more would only fight over the cores.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def _serve(address: str, port: int, workers: int) -> None:
    """Run BentoML's supervisor in this process until a signal ends it."""
    import bentoml._internal.utils.circus as supervisor
    from _bentoml_impl.server import serve_http
    from bentoml._internal.container import BentoMLContainer

    from serving import service
    from serving.logs import configure_logs

    configure_logs()
    tact: Any = service.Tact
    tact.config["workers"] = workers
    tact.inject_config()
    BentoMLContainer.prometheus_multiproc_dir.set(os.environ["TACT_METRICS"])
    original = supervisor.create_standalone_arbiter
    supervisor.create_standalone_arbiter = lambda *given, **named: original(
        *given, **{**named, "check_delay": _CHECK_SECONDS}
    )
    try:
        serve_http(
            "serving.service:Tact",
            working_dir=str(Path(__file__).resolve().parent.parent),
            host=address,
            port=port,
        )
    finally:
        supervisor.create_standalone_arbiter = original


def _announce(url: str, home: Path, configuration: Configuration) -> None:
    """Say where the service is once it answers, and once it is ready."""
    until = time.monotonic() + _FIRST_SECONDS
    alive = False
    while time.monotonic() < until:
        try:
            alive = alive or httpx.get(f"{url}/livez", timeout=2).status_code == 200
            if alive:
                break
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    if not alive:
        click.echo("tact: the service does not answer; see its log above", err=True)
        return
    try:
        ready = httpx.get(f"{url}/readyz", timeout=10).status_code == 200
    except httpx.HTTPError:
        ready = False
    model = _model(home)
    if model is None:
        model = "none yet: answers are degraded until `tact train` promotes one"
    elif not ready:
        model += " (not ready: see the log)"
    lines = (
        f"Tact {version('tact')} listens on {url}",
        f"  API        {url}/ (interactive), {url}/docs.json",
        f"  metrics    {url}/metrics",
        f"  database   {_shown(configuration.service.database)}",
        f"  model      {model}",
        "  Ctrl-C stops it",
    )
    click.echo("\n".join(lines))
    sys.stdout.flush()


def _model(home: Path) -> str | None:
    from serving.champion import find_bundle

    try:
        place = find_bundle(home)
        if place is None:
            return None
        told = json.loads((place.folder / "bundle.json").read_text(encoding="utf-8"))["description"]
    except Exception as error:  # the service's own log says more
        return f"unusable: {error}"
    return f"version {told.get('version', '?')}, trained {told.get('trained_at', 'at an unknown time')}"


def _shown(database: str) -> str:
    """A database's address without its password."""
    parts = urlsplit(database)
    if parts.password:
        return database.replace(f":{parts.password}@", ":…@")
    return database
