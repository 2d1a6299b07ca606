"""Decisions from the spool into the store, each once."""

from __future__ import annotations

from data_contracts.errors import Conflict, StoreUnavailable
from serving.store import Outcome, Store

_ATTEMPTS = 12


def store_spooled(store: Store, outcome: Outcome) -> None:
    """Store one spooled decision unless it is there; another answer under its id goes beside it.

    What was let out must be in the log, whatever else was answered under its id: then it is stored
    as `<id>~spooled`. Raises StoreUnavailable.
    """
    ids = list(outcome.first_asked)
    for _ in range(_ATTEMPTS):
        snapshot = store.snapshot(outcome.customer_id, ids, outcome.decision_id)
        earlier = snapshot.earlier
        if earlier is not None:
            if earlier.answer == outcome.answer:
                return
            outcome = renamed(outcome, f"{outcome.decision_id}~spooled")
            continue
        try:
            if store.commit(outcome, snapshot):
                return
        except Conflict:
            continue
    raise StoreUnavailable("A spooled decision could not be stored.")


def renamed(outcome: Outcome, decision_id: str) -> Outcome:
    """The same decision under another id."""
    return Outcome(
        decision_id=decision_id,
        customer_id=outcome.customer_id,
        decided_at=outcome.decided_at,
        body_digest=outcome.body_digest,
        answer=outcome.answer,
        rows=tuple(row._replace(decision_id=decision_id) for row in outcome.rows),
        reservations=outcome.reservations,
        features=outcome.features,
        first_asked=outcome.first_asked,
    )
