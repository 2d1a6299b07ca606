"""What a check of the data contract can find, and the findings of one read as plain data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Severity = Literal["error", "warning"]
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Check:
    """A kind of finding: how bad it is, and whether the row is kept out of the clean table."""

    severity: Severity
    rejects: bool


_ERROR = Check("error", rejects=True)

CHECKS: dict[str, Check] = {
    "row_malformed": _ERROR,
    "text_undecodable": _ERROR,
    "wrong_type": _ERROR,
    "number_unreadable": _ERROR,
    "time_unreadable": _ERROR,
    "time_without_zone": _ERROR,
    "time_out_of_range": _ERROR,
    "json_invalid": _ERROR,
    "required_missing": _ERROR,
    "text_too_long": _ERROR,
    "text_control_character": _ERROR,
    "text_placeholder": _ERROR,
    "json_too_long": _ERROR,
    "not_allowed": _ERROR,
    "number_not_finite": _ERROR,
    "number_out_of_range": _ERROR,
    "time_in_future": _ERROR,
    "ingested_before_event": _ERROR,
    "decision_conflict": _ERROR,
    # Delivery is at least once, so a repeated key is a normal case: the row goes, nothing is wrong.
    "duplicate_key": Check("warning", rejects=True),
    "answer_out_of_range": Check("warning", rejects=False),
    "time_zone_unknown": Check("warning", rejects=False),
    "expires_before_decision": Check("warning", rejects=False),
}
"""Every check by its code; the codes are stable names that other programs may rely on."""

CODES = tuple(CHECKS)


@dataclass(frozen=True, slots=True)
class Finding:
    """How often one check found something in one field, with one example and its place."""

    code: str
    field: str
    rows: int
    example: str
    place: str

    @property
    def severity(self) -> Severity:
        return CHECKS[self.code].severity

    @property
    def rejects(self) -> bool:
        return CHECKS[self.code].rejects

    def as_dict(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "field": self.field,
            "severity": self.severity,
            "rejects": self.rejects,
            "rows": self.rows,
            "example": self.example,
            "place": self.place,
        }


@dataclass(slots=True)
class Problems:
    """The problems of one batch of `rows` rows, each with the text that says what was expected."""

    rows: int
    entries: list[tuple[str, str, Positions, list[str]]] = field(default_factory=list)
    # An entry: code, field, positions of the rows, and a text for each of them.

    def add(self, code: str, name: str, positions: Positions, texts: Iterable[str]) -> None:
        """Add a problem of the field `name` for each row in `positions`, in their order."""
        if positions.size:
            self.entries.append((code, name, positions, list(texts)))

    def rejections(self) -> npt.NDArray[np.int8]:
        """For each row the first check that rejects it, as its place in CODES, or -1; shape (rows,)."""
        first = np.full(self.rows, -1, dtype=np.int8)
        for code, _, positions, _ in reversed(self.entries):
            if CHECKS[code].rejects:
                first[positions] = CODES.index(code)
        return first

    def reasons(self) -> tuple[Positions, npt.NDArray[np.int8], list[str]]:
        """What rows were rejected for: position, place in CODES and text, by position, as three columns."""
        chosen = [entry for entry in self.entries if CHECKS[entry[0]].rejects]
        if not chosen:
            return np.empty(0, np.int64), np.empty(0, np.int8), []
        positions = np.concatenate([found for _, _, found, _ in chosen])
        codes = np.repeat(
            np.array([CODES.index(code) for code, _, _, _ in chosen], dtype=np.int8),
            [found.size for _, _, found, _ in chosen],
        )
        texts = [text for _, _, _, told in chosen for text in told]
        order = np.argsort(positions, kind="stable")
        return positions[order], codes[order], [texts[place] for place in order.tolist()]


@dataclass(slots=True)
class FindingCounts:
    """Findings added up over batches: a count and the first example for each check and field."""

    counted: dict[tuple[str, str], tuple[int, str, str]] = field(default_factory=dict)

    def add(self, problems: Problems, place: Callable[[int], str]) -> None:
        """Add a batch; `place` names where a position of the batch stands in the input."""
        for code, name, positions, texts in problems.entries:
            rows, example, where = self.counted.get((code, name), (0, "", ""))
            if not rows:
                example, where = texts[0], place(int(positions[0]))
            self.counted[code, name] = (rows + len(positions), example, where)

    def findings(self) -> tuple[Finding, ...]:
        """All findings, errors first, then by the number of rows."""
        found = [
            Finding(code, name, rows, example, place)
            for (code, name), (rows, example, place) in self.counted.items()
        ]
        return tuple(sorted(found, key=lambda f: (f.severity, -f.rows, f.code, f.field)))


def shown(value: Any) -> str:
    """A value as a reason shows it: quoted where it is text, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 63 else f"{text[:60]}…"
