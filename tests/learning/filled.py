"""A planted company's touchpoints and decisions in a real store, as a service would have left them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import pandas as pd

from data_contracts.times import HOUR
from features.packing import TouchpointRow
from policy.situation import Send
from serving.store import DecisionRow, Outcome, Store
from tests.training import planted

One = TypeVar("One")


def batched(items: Sequence[One], size: int) -> Iterator[Sequence[One]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


Change = Callable[[TouchpointRow], TouchpointRow | None]


def fill(store: Store, seed: int, change: Change = lambda row: row, **company: float) -> int:
    """Write a company into the store; returns the end of its data in microseconds.

    `change` sees every touchpoint, and leaves out those for which it returns None.
    """
    touchpoints, decisions = planted.company(seed, **company)  # type: ignore[arg-type]
    made = [(str(one.customer_id), touchpoint_row(one)) for one in touchpoints.itertuples()]
    rows = [(customer, row) for customer, one in made if (row := change(one)) is not None]
    for batch in batched(rows, 5_000):
        store.ingest(batch)
    logged = [decided(one) for one in decisions.itertuples()]
    for group in batched(logged, 500):
        keys = [(one.customer_id, (), one.decision_id) for one in group]
        waiting = [(one, store.snapshot(*key)) for one, key in zip(group, keys, strict=True)]
        while waiting:
            # Of several decisions about one customer in a batch the first is stored.
            done = store.commit_many(waiting)
            waiting = [
                (one, store.snapshot(one.customer_id, (), one.decision_id))
                for (one, _), stored in zip(waiting, done, strict=True)
                if stored is False
            ]
    return max(row.ingested_time for _, row in made)


def touchpoint_row(one: object) -> TouchpointRow:
    at = micros(one.event_time)  # type: ignore[attr-defined]
    given = {
        name: None if pd.isna(value) else value
        for name in ("topic", "message_id")
        for value in [getattr(one, name)]
    }
    return TouchpointRow(
        at, at, "import", one.touchpoint_id, one.department, one.channel, one.direction, one.event_type, **given  # type: ignore[attr-defined]
    )  # fmt: skip


def decided(one: object) -> Outcome:
    at = micros(one.decided_at)  # type: ignore[attr-defined]
    decision, customer, message = one.decision_id, one.customer_id, one.message_id  # type: ignore[attr-defined]
    row = DecisionRow(
        decision, customer, at, message, one.department, one.channel, one.topic, one.purpose,  # type: ignore[attr-defined]
        None, None, None, None, None, one.action, one.send_probability, one.mode, "0", 1, 0.0, None, "[]",  # type: ignore[attr-defined]
    )  # fmt: skip
    sends = (Send(message, row.department or "", row.channel or "", at, at + HOUR, "reserved"),)
    return Outcome(
        decision_id=decision,
        customer_id=customer,
        decided_at=at,
        body_digest=hashlib.sha256(decision.encode()).digest(),
        answer=b"{}",
        rows=(row,),
        reservations=sends if row.action == "send" else (),
    )


def micros(time: pd.Timestamp) -> int:
    return time.value // 1_000
