"""Logged features, recomputed from history and compared: what training sees must be what was decided on.

A decision logged the numbers that it saw. The same numbers must come out of what the store holds now,
seen with the decision's two clocks: rows that happened before it and were known by it. Where they
don't, something is known now as if it had been known then (a row that came late and says it was known
earlier), or something that was known is gone, or the code has changed; training on such rows learns
from what the service will never have.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Protocol

import numpy as np

from data_contracts.configuration import Configuration
from data_contracts.errors import NotFound
from features.builder import HISTORY_LIMIT, Matrix
from features.packing import columns_of_rows
from models.bundle import Bundle
from models.scoring import CustomerScorer
from policy.draws import uniform
from policy.situation import Send, columns_with_sends
from serving.feature_log import SeenFeatures, unpack_features
from serving.history import HistoryBounds, bounded
from serving.store import DecisionRow, StoredDecision, Timeline

_EXAMPLES = 10


class Source(Protocol):
    """What of a store is read."""

    def export_decisions(self, batch_size: int = ...) -> Iterator[list[DecisionRow]]: ...
    def decision(self, decision_id: str) -> StoredDecision: ...
    def timeline(self, customer_id: str, limit: int | None = ...) -> Timeline: ...


@dataclass
class Difference:
    """How often one feature differed: another number, one that is missing now, one that was not there."""

    mismatch: int = 0
    missing: int = 0
    extra: int = 0


@dataclass
class Parity:
    """What came of the comparison.

    `differing` decisions have at least one number that differs; `skipped` counts, by reason, decisions
    that could not be compared; `features` holds those that differ.
    """

    compared: int = 0
    numbers: int = 0
    differing: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    features: dict[str, Difference] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)

    @property
    def differing_share(self) -> float:
        return self.differing / self.compared if self.compared else 0.0

    def told(self) -> str:
        """One line."""
        skipped = "".join(f"; {count:,} not compared: {why}" for why, count in self.skipped.items())
        if not self.differing:
            return f"{self.compared:,} decisions, {self.numbers:,} numbers, 0 differ{skipped}"
        worst = sorted(self.features.items(), key=lambda one: -_total(one[1]))[:3]
        named = ", ".join(
            f"{name} ({one.mismatch} other, {one.missing} missing, {one.extra} extra)" for name, one in worst
        )
        return (
            f"{self.differing:,} of {self.compared:,} decisions differ from what history says: {named}; "
            f"for instance decision {self.examples[0]}{skipped}"
        )

    def as_dict(self) -> dict[str, Any]:
        return {
            "compared": self.compared,
            "numbers": self.numbers,
            "differing": self.differing,
            "skipped": self.skipped,
            "features": {name: vars(one) for name, one in sorted(self.features.items())},
            "examples": self.examples,
        }


def sampled_decisions(store: Source, count: int, since: int, until: int) -> list[str]:
    """Ids of at most `count` decisions of [since, until], in microseconds, drawn by a hash of the id.

    One pass over the log that holds no more than the sample. Degraded decisions saw no features.
    """
    if count <= 0:
        return []
    rows = (row for batch in store.export_decisions() for row in batch)
    drawn = (
        (uniform("parity", decision), decision)
        for decision, group in groupby(rows, key=lambda row: row.decision_id)
        if since <= next(group).decided_at <= until
    )
    return [decision for _, decision in heapq.nsmallest(count, drawn)]


def compare_features(
    store: Source,
    decisions: Sequence[str],
    bundle_of: Callable[[str], Bundle | None],
    configuration: Configuration,
) -> Parity:
    """Recompute the features of logged decisions; `bundle_of` gives the bundle of a model version."""
    result, bounds = Parity(), HistoryBounds.of(configuration)
    for decision_id in decisions:
        try:
            stored = store.decision(decision_id)
        except NotFound:
            # A customer may have been erased between the sampling and now.
            _skip(result, "no longer in the log")
            continue
        if stored.features is None:
            _skip(result, "no features were logged")
            continue
        try:
            seen = unpack_features(stored.features)
        except ValueError:
            _count(result, decision_id, {"the logged features": Difference(mismatch=1)}, 1)
            continue
        bundle = bundle_of(seen.model_version)
        if bundle is None:
            _skip(result, f"the bundle of version {seen.model_version} is gone")
            continue
        shared, own = recomputed(stored, seen, store.timeline(stored.customer_id), bundle, bounds)
        specification = bundle.specification
        wide = len(specification.state_names) + len(specification.goal_probability_names)
        found: dict[str, Difference] = {}
        _compare(found, specification.contact_names[:wide], seen.shared, shared)
        _compare(found, specification.contact_names[wide:], seen.own, own)
        _count(result, decision_id, found, shared.size + own.size)
    return result


def recomputed(
    stored: StoredDecision, seen: SeenFeatures, timeline: Timeline, bundle: Bundle, bounds: HistoryBounds
) -> tuple[Matrix, Matrix]:
    """The two parts of a decision's design matrix, from what was known when it was made.

    What stood in for sends that no row reported yet is told by the log; the sends are the ledger's.
    """
    now = stored.decided_at
    rows = [row for row in timeline.touchpoints if row.ingested_time <= now]
    columns, _ = bounded(columns_of_rows(rows), bounds)
    unreported = {*seen.situation["sent"], *seen.situation["reserved"]}
    sends = [
        Send(one.message_id, one.department, one.channel, one.decided_at, one.reserved_until, "sent")
        for one in timeline.reservations
        if one.message_id in unreported and one.decided_at <= now and one.decision_id != stored.decision_id
    ]
    contact_type = bundle.specification.vocabulary.role("contact")[0]
    scorer = CustomerScorer(
        bundle,
        columns_with_sends(columns, sends, now, contact_type),
        candidates_in_order(stored, seen),
        now,
        HISTORY_LIMIT,
    )
    design = scorer.design_now()
    return design.shared, design.own


def candidates_in_order(stored: StoredDecision, seen: SeenFeatures) -> list[dict[str, Any]]:
    """The request's candidates as the log has them, in the order of the request.

    The log ranks its rows; the order in which messages were asked stands with the features.
    """
    rows = {row.message_id: row for row in stored.rows}
    return [
        {
            "message_id": row.message_id,
            "department": row.department,
            "channel": row.channel,
            "topic": row.topic,
            "purpose": row.purpose,
            "campaign_id": row.campaign_id,
            "value": row.value,
            "not_before": row.not_before,
            "expires_at": row.expires_at,
            "attributes": json.loads(row.attributes) if row.attributes else {},
        }
        for row in (rows[name] for name in seen.situation["first_asked"] if name in rows)
    ]


def _compare(found: dict[str, Difference], names: Sequence[str], logged: Matrix, now: Matrix) -> None:
    """Add the differences of two matrices with the same columns; shapes that differ differ in every number."""
    if logged.shape != now.shape:
        for name in names[: max(logged.shape[1], now.shape[1])] or ("columns",):
            one = found.setdefault(name, Difference())
            one.missing += max(len(logged) - len(now), 0) or int(logged.shape[1] != now.shape[1])
            one.extra += max(len(now) - len(logged), 0)
        return
    was, is_now = ~np.isnan(logged), ~np.isnan(now)
    differs = np.where(was & is_now, logged != now, was != is_now)
    for column in np.flatnonzero(differs.any(axis=0)).tolist():
        one = found.setdefault(names[column], Difference())
        both = was[:, column] & is_now[:, column]
        one.mismatch += int((differs[:, column] & both).sum())
        one.missing += int((was[:, column] & ~is_now[:, column]).sum())
        one.extra += int((~was[:, column] & is_now[:, column]).sum())


def _count(result: Parity, decision_id: str, found: dict[str, Difference], numbers: int) -> None:
    result.compared += 1
    result.numbers += numbers
    if not found:
        return
    result.differing += 1
    if len(result.examples) < _EXAMPLES:
        result.examples.append(decision_id)
    for name, one in found.items():
        total = result.features.setdefault(name, Difference())
        total.mismatch += one.mismatch
        total.missing += one.missing
        total.extra += one.extra


def _skip(result: Parity, reason: str) -> None:
    result.skipped[reason] = result.skipped.get(reason, 0) + 1


def _total(one: Difference) -> int:
    return one.mismatch + one.missing + one.extra
