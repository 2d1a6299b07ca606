"""Connections that threads borrow and give back, the one used last first (its caches are warm)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from data_contracts.errors import StoreUnavailable

Connection = TypeVar("Connection")


class ConnectionPool(Generic[Connection]):
    """As many connections as are used at once; a thread that ends leaves none behind.

    Parameters
    ----------
    open_connection : opens one, ready for use; raises StoreUnavailable
    close_connection : closes one and never raises
    still_good : whether an idle connection can be used; looked at when it is borrowed
    pause_seconds : after a failure to open, so long the same error is raised at once: callers
        with a deadline shouldn't queue up behind a database that is away
    clock : seconds, monotonic
    """

    def __init__(
        self,
        open_connection: Callable[[], Connection],
        close_connection: Callable[[Connection], None],
        still_good: Callable[[Connection], bool] = lambda connection: True,
        pause_seconds: float = 0.2,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open, self._close, self._still_good = open_connection, close_connection, still_good
        self._pause, self._clock = pause_seconds, clock
        self._idle: list[Connection] = []
        self._guard = threading.Lock()
        self._failure: tuple[float, StoreUnavailable] | None = None
        self._closed = False

    def borrow(self) -> Connection:
        """An idle connection, or a new one; raises StoreUnavailable."""
        while True:
            with self._guard:
                if self._closed:
                    raise StoreUnavailable("the store was closed")
                idle = self._idle.pop() if self._idle else None
            if idle is None:
                return self._opened()
            if self._still_good(idle):
                return idle
            self._close(idle)

    def give_back(self, connection: Connection) -> None:
        """Return a connection that is in no transaction."""
        with self._guard:
            if not self._closed:
                self._idle.append(connection)
                return
        self._close(connection)

    def discard(self, connection: Connection) -> None:
        """Close a connection whose state is not known."""
        self._close(connection)

    def discard_idle(self) -> None:
        """Close all connections that nobody uses: the database behind them was started anew."""
        with self._guard:
            idle, self._idle = self._idle, []
        for connection in idle:
            self._close(connection)

    def close(self) -> None:
        """Close the idle connections now, and the borrowed ones as they come back."""
        with self._guard:
            self._closed = True
        self.discard_idle()

    def _opened(self) -> Connection:
        failure = self._failure
        if failure is not None and self._clock() - failure[0] < self._pause:
            # A new instance: one exception raised in many threads would collect their tracebacks.
            raise type(failure[1])(failure[1].detail)
        try:
            connection = self._open()
        except StoreUnavailable as error:
            self._failure = (self._clock(), error)
            raise
        self._failure = None
        return connection
