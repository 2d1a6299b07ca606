"""`tact ui`: the MLflow UI on the store that `tact train` writes to."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys

import click

from data_contracts.configuration import tact_home


@click.command(
    "ui",
    short_help="Open the MLflow UI on the same tracking store.",
    epilog="""\b
Examples:
  tact ui
  tact ui --port 5050
  MLFLOW_TRACKING_URI=http://mlflow.internal:5000 tact ui    (says where that server's UI is)
""",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65_535), default=5000, show_default=True)
def command(host: str, port: int) -> None:
    """Start the MLflow UI on MLFLOW_TRACKING_URI, or on the tracking store in TACT_HOME."""
    from training.registry import tracking_uri

    home = tact_home()
    home.mkdir(parents=True, exist_ok=True)
    store = tracking_uri(home)
    if store.startswith(("http://", "https://")):
        click.echo(f"the tracking store is a server of its own; its UI is at {store}")
        return
    click.echo(f"MLflow UI at http://{host}:{port} on {store}; Ctrl-C stops it")
    arguments = ["--backend-store-uri", store, "--host", host, "--port", str(port)]
    server = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "ui", *arguments],
        env=os.environ | _ENVIRONMENT,
        # A group of its own: the server's workers must end with it, whatever ends this command.
        start_new_session=True,
    )
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = server.wait()
    except KeyboardInterrupt:
        code = 0
    finally:
        _end(server)
    raise click.exceptions.Exit(max(code, 0))


_ENVIRONMENT = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
"""Tact gives MLflow no jobs to run, so its job workers need not be there."""
_PATIENCE_SECONDS = 10


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _end(server: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(timeout=_PATIENCE_SECONDS)
            return
