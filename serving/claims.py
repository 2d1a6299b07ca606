"""Who may answer a request: the worker that computes it, or its deadline. Exactly one of them."""

from __future__ import annotations

from threading import Lock


class Abandoned(Exception):
    """The deadline has passed and the caller has another answer; nothing may be stored any more."""


class Claim:
    """Who answers a request: the worker that computes, or the deadline. Exactly one of them may."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._state = "open"

    def begin_commit(self) -> None:
        """The worker is about to store its answer; raises Abandoned where the deadline has passed."""
        with self._lock:
            if self._state == "abandoned":
                raise Abandoned
            self._state = "committing"

    def abandon(self) -> bool:
        """The deadline has passed; False where the worker is storing its answer already."""
        with self._lock:
            if self._state == "committing":
                return False
            self._state = "abandoned"
            return True

    @property
    def is_abandoned(self) -> bool:
        return self._state == "abandoned"
