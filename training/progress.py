"""Stages of a long command, each with its time and counts: live on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rich.console import Console


class Stage(Protocol):
    """One stage while it runs."""

    def told(self, text: str) -> None:
        """Say what came of it; the newest text stands."""


class Stages(Protocol):
    """What the pipeline reports to."""

    def stage(self, name: str) -> AbstractContextManager[Stage]: ...


class _Note:
    def __init__(self) -> None:
        self.text = ""

    def told(self, text: str) -> None:
        self.text = text


class SilentStages:
    """Keeps the times and texts, shows nothing."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.texts: dict[str, str] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        begun, note = time.perf_counter(), _Note()
        yield note
        self.seconds[name] = time.perf_counter() - begun
        self.texts[name] = note.text


class ConsoleStages(SilentStages):
    """Shows each stage: a spinner while it runs where the console is a terminal, then one line."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        if self._console.is_terminal:
            with self._console.status(f"{name} …"), super().stage(name) as note:
                yield note
        else:
            with super().stage(name) as note:
                yield note
        self._console.print(
            f"{name:<22} {self.seconds[name]:>7.1f} s  {self.texts[name]}", highlight=False, soft_wrap=True
        )
