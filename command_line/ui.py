"""`tact ui`: the MLflow UI on the store that `tact train` writes to."""

from __future__ import annotations

import os
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
    try:
        finished = subprocess.run(
            [sys.executable, "-m", "mlflow", "ui", *arguments], env=os.environ | _ENVIRONMENT, check=False
        )
    except KeyboardInterrupt:
        return
    raise click.exceptions.Exit(finished.returncode if finished.returncode > 0 else 0)


_ENVIRONMENT = {"MLFLOW_DISABLE_TELEMETRY": "true"}
