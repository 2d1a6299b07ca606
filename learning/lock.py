"""One run at a time in a home folder: a lock that the system itself frees when its holder dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data_contracts.errors import AlreadyRunning


@contextmanager
def only_run(file: Path) -> Iterator[None]:
    """Hold the lock of `file` for a block.

    It is an advisory lock of the open file (flock): a killed process frees it, a stale file means
    nothing. Raises AlreadyRunning, with the holder's process id, where another process has it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+", encoding="ascii") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            opened.seek(0)
            holder = opened.read().strip() or "unknown"
            raise AlreadyRunning(
                f"another run (process {holder}) holds {file}; wait for it, or end that process"
            ) from None
        opened.truncate(0)
        opened.write(f"{os.getpid()}\n")
        opened.flush()
        yield
