"""A real `tact serve` process for the length of a benchmark."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx

from command_line.demo import free_port, stop

_START_SECONDS = 120.0


@contextmanager
def running_service(environment: Mapping[str, str], *arguments: str) -> Iterator[str]:
    """Start `tact serve` on a free port, wait until it is ready, give its address, stop it."""
    port = free_port()
    with tempfile.TemporaryFile() as log:
        service = subprocess.Popen(
            [sys.executable, "-m", "command_line.main", "serve", "--port", str(port), *arguments],
            env=dict(environment),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait(f"http://127.0.0.1:{port}/readyz", service)
            yield f"http://127.0.0.1:{port}"
        except RuntimeError as error:
            log.seek(0)
            raise RuntimeError(f"{error}: {log.read()[-2000:].decode(errors='replace')}") from None
        finally:
            stop(service)


def _wait(url: str, service: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        if service.poll() is not None:
            raise RuntimeError(f"tact serve ended with {service.returncode}")
        try:
            if httpx.get(url, timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise RuntimeError("tact serve did not become ready")
