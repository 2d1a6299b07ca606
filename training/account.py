"""What a training run used, what it left out and why, and what it could not do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Account:
    """Collected along the way and shown at the end: on the terminal, in the run, on the model card.

    `used` and `dropped` count rows by name or reason; `warnings` are plain sentences.
    """

    used: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def drop(self, reason: str, rows: int) -> None:
        if rows:
            self.dropped[reason] = self.dropped.get(reason, 0) + rows

    def warn(self, sentence: str) -> None:
        if sentence and sentence not in self.warnings:
            self.warnings.append(sentence)

    def warn_all(self, sentences: Iterable[str]) -> None:
        for sentence in sentences:
            self.warn(sentence)
