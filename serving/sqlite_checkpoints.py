"""Moving SQLite's log into its file, beside the requests instead of inside one."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable

_PAUSE_SECONDS = 0.25
_LONG_LOG_PAGES = 4_000
_WAIT_FOR_READERS_MS = 100
_TRIES = 50


class Checkpoints:
    """A thread that checkpoints a while after something was written; it sleeps when nothing is.

    Parameters
    ----------
    connect : opens a connection; raises sqlite3.Error
    writers : the lock that writers of this process hold
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection], writers: threading.Lock) -> None:
        self._connect, self._writers = connect, writers
        self._something, self._closed = threading.Event(), threading.Event()
        self._guard, self._running = threading.Lock(), threading.Lock()
        self._thread: threading.Thread | None = None

    def written(self) -> None:
        """Say that the log has grown."""
        if self._something.is_set():
            return
        self._something.set()
        if self._thread is None:
            with self._guard:
                if self._thread is None and not self._closed.is_set():
                    self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
                    self._thread.start()

    def run_now(self) -> None:
        """Empty the log; gives up after some tries where others hold on to it."""
        with self._writers:
            for _ in range(_TRIES):
                if self._checkpoint("TRUNCATE") == 0:
                    return
                self._closed.wait(_PAUSE_SECONDS / _TRIES)

    def close(self) -> None:
        """End the thread."""
        with self._guard:
            self._closed.set()
            thread = self._thread
        self._something.set()
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while not self._closed.is_set():
            self._something.wait()
            if self._closed.wait(_PAUSE_SECONDS):
                return
            self._something.clear()
            if self._checkpoint("PASSIVE") > _LONG_LOG_PAGES:
                # Under a steady load new pages come while the old ones are moved, and the log would
                # grow for ever: only with no writer about can the rest be moved and the log begin anew.
                with self._writers:
                    self._checkpoint("RESTART")

    def _checkpoint(self, mode: str) -> int:
        """Move what can be moved; the pages that the log still has, 0 where it can't be looked at."""
        with self._running:
            try:
                connection = self._connect()
            except sqlite3.Error:
                return 0  # whoever needs the database says so
            try:
                connection.execute(f"PRAGMA busy_timeout = {_WAIT_FOR_READERS_MS}")
                is_busy, pages, _ = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
                return max(int(pages), int(is_busy))
            except sqlite3.Error:
                return 0
            finally:
                connection.close()
