"""What became of the rows of a table that was read: counts, findings, notes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from data_contracts.findings import Finding

Kind = Literal["touchpoints", "decisions"]


@dataclass(frozen=True, slots=True)
class ReadReport:
    """Counts are rows; the rows read are those kept, those rejected and those repeated.

    `rows_rejected` broke the contract, `rows_repeated` were left out as repeated deliveries.
    `unknown` counts, by column, the categories that the vocabulary does not name; they are kept.
    `first` and `last` are the earliest and latest event or decision, ISO 8601 in UTC.
    """

    kind: Kind
    files: tuple[str, ...]
    rows_read: int
    rows_kept: int
    rows_rejected: int
    rows_repeated: int
    customers: int
    first: str | None
    last: str | None
    findings: tuple[Finding, ...]
    unknown: dict[str, dict[str, int]]
    notes: tuple[str, ...]
    seconds: float

    @property
    def rejected_share(self) -> float:
        """Share of the rows that an error-level check rejected; repeated rows are not counted."""
        rows = self.rows_read - self.rows_repeated
        return self.rows_rejected / rows if rows else 0.0

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data for JSON and for a run's artifacts."""
        return {
            "kind": self.kind,
            "files": list(self.files),
            "rows_read": self.rows_read,
            "rows_kept": self.rows_kept,
            "rows_rejected": self.rows_rejected,
            "rows_repeated": self.rows_repeated,
            "rejected_share": self.rejected_share,
            "customers": self.customers,
            "first": self.first,
            "last": self.last,
            "findings": [finding.as_dict() for finding in self.findings],
            "unknown": self.unknown,
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
        }
