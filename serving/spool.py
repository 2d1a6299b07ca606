"""Decisions that were made while the database was away, kept on the local disk until it is back.

One file for all workers of a machine: a header line with a generation, then one JSON line for each
decision, then zeros. Its space is taken beforehand, so that a full disk does not stop it. A line is
on the disk before its answer goes out, and the same decision id gets the same answer from any worker.

Replaying is idempotent: the lines are struck out only after all of them are in the store.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import msgspec

from data_contracts.errors import Conflict, StoreUnavailable
from serving.logs import LOGGER
from serving.store import EarlierAnswer, Outcome

RESERVED_BYTES = 4 * 1024 * 1024
"""Space that is taken beforehand: enough for some thousand decisions."""
_HEADER = b'{"spool": 1, "generation": "%016d"}\n'
_HEADER_SIZE = len(_HEADER % 0)
_log = logging.getLogger(LOGGER)


class Spool:
    """The file; every method may be called from any thread and raises StoreUnavailable if it fails."""

    def __init__(self, file: Path, reserved_bytes: int = RESERVED_BYTES) -> None:
        self.file = file
        self._reserved = reserved_bytes
        self._lock = Lock()
        self._descriptor: int | None = None
        self._generation = -1
        self._end = _HEADER_SIZE
        self._answers: dict[str, EarlierAnswer] = {}

    def prepare(self) -> None:
        """Make the file and take its space."""
        with self._held():
            pass

    def is_pending(self) -> bool:
        """Whether a decision waits to be replayed; one byte is read, no lock is taken."""
        try:
            descriptor = self._descriptor
            if descriptor is None:
                with self._held() as descriptor:
                    return self._end > _HEADER_SIZE
            return os.pread(descriptor, 1, _HEADER_SIZE) not in (b"", b"\0")
        except (OSError, StoreUnavailable):
            return False

    def earlier(self, decision_id: str) -> EarlierAnswer | None:
        """What was answered under an id and not replayed yet."""
        with self._held():
            return self._answers.get(decision_id)

    def append(self, outcomes: list[Outcome]) -> list[bytes | Conflict]:
        """Keep decisions; for each the answer that counts: its own, or the one given before under its id."""
        answers: list[bytes | Conflict] = []
        with self._held() as descriptor:
            lines = []
            for outcome in outcomes:
                known = self._answers.get(outcome.decision_id)
                if known is None:
                    lines.append(msgspec.json.encode(outcome) + b"\n")
                    known = EarlierAnswer(outcome.customer_id, outcome.body_digest, outcome.answer)
                    self._answers[outcome.decision_id] = known
                    answers.append(outcome.answer)
                elif known.body_digest == outcome.body_digest and known.customer_id == outcome.customer_id:
                    answers.append(known.answer)
                else:
                    answers.append(
                        Conflict(f"decision_id {outcome.decision_id!r} was answered for another body.")
                    )
            try:
                self._write(descriptor, b"".join(lines))
            except OSError:
                # What did not reach the disk was not answered: forget it and read again next time.
                self._generation = -1
                raise
        return answers

    def replay(self, store_one: Callable[[Outcome], None]) -> int:
        """Hand every kept decision to `store_one`, then strike them out; returns how many there were.

        An error of `store_one` leaves the file as it is. Other workers' calls wait meanwhile.
        """
        if not self.is_pending():
            return 0
        with self._held() as descriptor:
            lines = os.pread(descriptor, self._end, 0)[_HEADER_SIZE : self._end].splitlines()
            for line in lines:
                try:
                    outcome = msgspec.json.decode(line, type=Outcome)
                except (msgspec.MsgspecError, UnicodeDecodeError):
                    _log.error(
                        "a damaged line of the spool is left out", extra={"fields": {"bytes": len(line)}}
                    )
                    continue
                store_one(outcome)
            # The new generation comes first: were it lost in between, the lines would be replayed again.
            used = self._end
            self._start(descriptor, self._generation + 1)
            os.pwrite(descriptor, b"\0" * (used - _HEADER_SIZE), _HEADER_SIZE)
            os.fdatasync(descriptor)
        return len(lines)

    def close(self) -> None:
        """Give back the file."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    @contextmanager
    def _held(self) -> Iterator[int]:
        """The open file under the lock of all workers, with all lines read."""
        with self._lock:
            try:
                if self._descriptor is None:
                    self.file.parent.mkdir(parents=True, exist_ok=True)
                    self._descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT, 0o600)
                descriptor = self._descriptor
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            except OSError as error:
                raise StoreUnavailable(f"{self.file}: {error.strerror or error}") from None
            try:
                self._catch_up(descriptor)
                yield descriptor
            except OSError as error:
                raise StoreUnavailable(f"{self.file}: {error.strerror or error}") from None
            finally:
                fcntl.flock(descriptor, fcntl.LOCK_UN)

    def _catch_up(self, descriptor: int) -> None:
        """Read what other workers wrote since the last time."""
        header = os.pread(descriptor, _HEADER_SIZE, 0)
        try:
            generation = int(msgspec.json.decode(header)["generation"])
        except (msgspec.MsgspecError, KeyError, TypeError, ValueError):
            if os.fstat(descriptor).st_size < self._reserved:
                os.posix_fallocate(descriptor, 0, self._reserved)
            self._start(descriptor, 0)
            return
        if generation != self._generation:
            self._generation, self._end, self._answers = generation, _HEADER_SIZE, {}
        size = os.fstat(descriptor).st_size
        while self._end < size and os.pread(descriptor, 1, self._end) not in (b"", b"\0"):
            text = os.pread(descriptor, size - self._end, self._end)
            # A line that was cut off by a crash has no end; the next one is written over it.
            whole = text[: text.find(b"\0")] if b"\0" in text else text
            whole = whole[: whole.rfind(b"\n") + 1]
            if not whole:
                break
            for line in whole.splitlines():
                self._index(line)
            self._end += len(whole)

    def _index(self, line: bytes) -> None:
        try:
            outcome = msgspec.json.decode(line, type=Outcome)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return
        self._answers[outcome.decision_id] = EarlierAnswer(
            outcome.customer_id, outcome.body_digest, outcome.answer
        )

    def _start(self, descriptor: int, generation: int) -> None:
        os.pwrite(descriptor, _HEADER % generation, 0)
        os.fdatasync(descriptor)
        self._generation, self._end, self._answers = generation, _HEADER_SIZE, {}

    def _write(self, descriptor: int, text: bytes) -> None:
        if not text:
            return
        needed = self._end + len(text) + 1
        if needed > os.fstat(descriptor).st_size:
            os.posix_fallocate(descriptor, 0, needed + self._reserved)
        done = 0
        while done < len(text):
            done += os.pwrite(descriptor, text[done:], self._end + done)
        os.fdatasync(descriptor)
        self._end += len(text)
