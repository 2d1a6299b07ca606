"""A logged decision asked again: the same answer, or what differs, field by field.

The request comes from the log, the history from the store (the rows that had come in by then and were
known at the decision's moment), the models from the bundle that is handed in. How the sends stood then is
told by the log alone, since the store keeps only how they stand now; department and channel of each come
from the store.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from data_contracts.configuration import Configuration
from data_contracts.errors import InvalidRequest
from features.specification import FeatureSpecification
from models.bundle import Bundle
from policy.situation import Send
from serving.deciding import plan
from serving.feature_log import SeenFeatures, unpack_features
from serving.history import HistoryBounds, as_known
from serving.parsing import DecideCall, call_of
from serving.store import Snapshot, Store, StoredDecision

_MISSING = "(nothing)"


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that came out otherwise; `logged` and `found` are JSON values."""

    field: str
    logged: Any
    found: Any


@dataclass(frozen=True, slots=True)
class AskedAgain:
    """The answer that comes out now, and where it differs from the logged one (nowhere: the same)."""

    answer: dict[str, Any]
    differences: tuple[Difference, ...]


def logged_features(stored: StoredDecision) -> SeenFeatures:
    """What a decision saw; raises InvalidRequest where that was not logged."""
    if stored.features is None:
        degraded = msgspec.json.decode(stored.answer)["degraded"]
        why = (
            "was answered degraded, by rule and without the models"
            if degraded
            else "has no logged features (service.log_features was off)"
        )
        raise InvalidRequest(f"decision {stored.decision_id!r} {why}: there is nothing to ask again")
    try:
        seen = unpack_features(stored.features)
    except ValueError as error:
        raise InvalidRequest(f"decision {stored.decision_id!r}: {error}") from None
    if seen.request is None:
        raise InvalidRequest(
            f"decision {stored.decision_id!r} was logged by an older Tact, which did not keep the request"
        )
    return seen


def ask_again(stored: StoredDecision, store: Store, bundle: Bundle, configuration: Configuration) -> AskedAgain:
    """Ask a logged decision again; raises InvalidRequest where it was not logged in full."""
    seen = logged_features(stored)
    call = _call(stored, seen)
    now = stored.decided_at
    ids = [one["message_id"] for one in call.candidates]
    known = store.snapshot(stored.customer_id, ids).first_asked
    history = store.history(stored.customer_id, seen.rows)
    snapshot = Snapshot(
        stored.customer_id,
        0,
        as_known(history, now, HistoryBounds.of(configuration)),
        sends=_sends(stored, seen, store),
        first_asked={name: at for name, at in known.items() if at <= now},
    )
    planned = plan(call, snapshot, bundle, configuration, now, stored.decision_id)
    answer: dict[str, Any] = msgspec.json.decode(planned.outcome.answer)
    found = list(_in_values("", msgspec.json.decode(stored.answer), answer))
    if call.digest != stored.body_digest:
        found.append(Difference("request", stored.body_digest.hex(), call.digest.hex()))
    if planned.outcome.features is not None:
        again = unpack_features(planned.outcome.features)
        found += _in_features(seen, again, bundle.specification, ids)
        found += _in_values("situation", _in_order(seen.situation), _in_order(again.situation))
    return AskedAgain(answer, tuple(found))


def _call(stored: StoredDecision, seen: SeenFeatures) -> DecideCall:
    """The request; its digest shows whether it is the one that was asked."""
    asked = seen.request
    if asked is None:
        raise InvalidRequest("the request was not logged")
    rows = {row.message_id: row for row in stored.rows}
    groups = asked.groups or (None,) * len(asked.message_ids)
    candidates = tuple(
        {
            "message_id": row.message_id,
            "department": row.department,
            "channel": row.channel,
            "topic": row.topic,
            "purpose": row.purpose,
            "value": row.value,
            "not_before": row.not_before,
            "expires_at": row.expires_at,
            "campaign_id": row.campaign_id,
            "group": group,
            "attributes": msgspec.json.decode(row.attributes) if row.attributes else {},
        }
        for row, group in zip((rows[name] for name in asked.message_ids), groups, strict=True)
    )
    now = stored.decided_at if asked.has_now else None
    return call_of(stored.customer_id, candidates, stored.decision_id, asked.mode, now, asked.explain)


def _sends(stored: StoredDecision, seen: SeenFeatures, store: Store) -> tuple[Send, ...]:
    """The sends that the decision counted; those that a row reports are left to the row."""
    sent, reserved = seen.situation["sent"], seen.situation["reserved"]
    found = []
    for one in reversed(store.timeline(stored.customer_id).reservations):
        if one.decision_id == stored.decision_id:
            continue
        if stored.decided_at < one.reserved_until <= reserved.get(one.message_id, -1):
            state = "reserved"
        elif one.state == "sent" and one.decided_at <= sent.get(one.message_id, -1):
            state = "sent"
        else:
            continue
        found.append(
            Send(one.message_id, one.department, one.channel, one.decided_at, one.reserved_until, state)  # type: ignore[arg-type]
        )
    return tuple(found)


def _in_order(situation: dict[str, Any]) -> dict[str, Any]:
    """Touches of one moment in one order: nothing depends on it, and a database may give any."""
    return {**situation, "touches": sorted(situation["touches"])}


def _in_values(field: str, logged: Any, found: Any) -> Iterator[Difference]:
    """Leaves that differ, with their paths: `decisions[m-1].net_value`."""
    if isinstance(logged, dict) and isinstance(found, dict):
        for name in [*logged, *(name for name in found if name not in logged)]:
            path = f"{field}.{name}" if field else name
            yield from _in_values(path, logged.get(name, _MISSING), found.get(name, _MISSING))
    elif isinstance(logged, list) and isinstance(found, list):
        pairs = zip(_named(logged), _named(found), strict=False)
        for (name, one), (_, other) in pairs:
            yield from _in_values(f"{field}[{name}]", one, other)
        for name, one in _named(logged)[len(found) :]:
            yield Difference(f"{field}[{name}]", one, _MISSING)
        for name, other in _named(found)[len(logged) :]:
            yield Difference(f"{field}[{name}]", _MISSING, other)
    elif logged != found or type(logged) is not type(found):
        yield Difference(field, logged, found)


def _named(items: list[Any]) -> list[tuple[str, Any]]:
    """Items under their message's id where they have one, in its order, else under their place."""
    if items and all(isinstance(item, dict) and "message_id" in item for item in items):
        return sorted((item["message_id"], item) for item in items)
    return [(str(place), item) for place, item in enumerate(items)]


def _in_features(
    logged: SeenFeatures, found: SeenFeatures, specification: FeatureSpecification, ids: list[str]
) -> Iterator[Difference]:
    """Features whose bits differ."""
    names = specification.contact_names
    n_shared = len(names) - found.own.shape[1]
    parts = (
        ("features", logged.shared, found.shared, names[:n_shared]),
        ("features", logged.own, found.own, names[n_shared:]),
        ("goals", logged.goals[np.newaxis], found.goals[np.newaxis], specification.goals.names),
    )
    for what, then, again, columns in parts:
        if then.shape != again.shape:
            yield Difference(f"{what} (shape)", list(then.shape), list(again.shape))
            continue
        bits = f"u{then.itemsize}"
        for row, column in np.argwhere(then.view(bits) != again.view(bits)).tolist():
            of = f"[{ids[row]}]" if what == "features" and len(then) == len(ids) and then is logged.own else ""
            yield Difference(
                f"{what}{of}.{columns[column]}", float(then[row, column]), float(again[row, column])
            )
