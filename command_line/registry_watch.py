"""The watch on the MLflow registry: a champion alias that is moved there reaches the service."""

from __future__ import annotations

import os
import time
from pathlib import Path
from urllib.parse import urlsplit

import click

REGISTRY_SECONDS = 20.0
"""How often the alias is looked at."""


class Registry:
    """The champion alias of the MLflow registry, brought to the folder where the service looks."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._stamp: object = None
        self._told = ""

    def follow(self) -> None:
        """Look at the alias again and again; ends with the process."""
        while True:
            self.export()
            time.sleep(REGISTRY_SECONDS)

    def export(self) -> None:
        """Export the champion if the registry may have changed; an unreachable one is told once."""
        stamp = self._current_stamp()
        if stamp is None or stamp == self._stamp:
            return
        for name, value in (("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1"), ("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")):
            os.environ.setdefault(name, value)
        try:
            from training.registry import export_champion

            export_champion(self._home)
        except Exception as error:  # MLflow and its backends raise whatever they like
            told = f"the registry can't be read, the champion stays: {type(error).__name__}: {error}"
            if told != self._told:
                click.echo(f"tact: {told}".splitlines()[0], err=True)
            self._told = told
        else:
            self._stamp, self._told = stamp, ""

    def _current_stamp(self) -> object:
        """Something that differs when the registry may have changed; None where there is none at all."""
        uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{self._home / 'mlflow.db'}"
        if urlsplit(uri).scheme != "sqlite":
            return time.monotonic()
        file = Path(uri.removeprefix("sqlite:///"))
        found = []
        for part in (file, file.with_name(f"{file.name}-wal")):
            if part.exists():
                status = part.stat()
                found.append((status.st_mtime_ns, status.st_size))
        return tuple(found) or None
