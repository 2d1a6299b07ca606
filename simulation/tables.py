"""Coded columns into the contract's tables: identifiers and texts are made once, column by column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.vocabulary import CHANNELS, DEPARTMENTS, DIRECTIONS, EVENT_TYPES, PURPOSES
from simulation.clock import Bools, Clock, Ints
from simulation.kinds import SOURCES, CompanyKind
from simulation.messages import MessageTable, Pool, message_parts
from simulation.records import Rows
from simulation.state import State
from simulation.world import Decided, campaign_number

_ACTIONS = ("send", "wait", "suppress")
_TIMESTAMP = pa.timestamp("us", tz="UTC")


def customer_id(customer: Ints) -> pa.Array:
    """`c-00042` and so on."""
    return _joined("c-", pc.utf8_lpad(_text(customer), width=5, padding="0"))


def message_id(number: Ints) -> pa.Array:
    """`m-42-310-7`: customer, step of its creation, message type. Missing where negative."""
    parts = [_text(part) for part in message_parts(np.maximum(number, 0))]
    return _where(number >= 0, _joined("m-", parts[0], "-", parts[1], "-", parts[2]))


def decision_id(number: Ints) -> pa.Array:
    """`d-42-310-7`; the last part is `j` where departments asked through one hub."""
    inside = np.maximum(number, 0)
    last = _texts([*map(str, range(63)), "j"], inside & 63)
    customer, step = _text(inside >> 22), _text((inside >> 6) & 0xFFFF)
    return _where(number >= 0, _joined("d-", customer, "-", step, "-", last))


def campaign_id(number: Ints, table: MessageTable) -> pa.Array:
    """`upsell-3`: message type and week."""
    inside = np.maximum(number, 0)
    return _where(number >= 0, _joined(_texts(table.names, inside // 10_000), "-", _text(inside % 10_000)))


def case_id(customer: Ints, opened: Ints) -> pa.Array:
    """`case-42-310`: customer and the step in which it was opened."""
    return _where(opened >= 0, _joined("case-", _text(customer), "-", _text(np.maximum(opened, 0))))


def touchpoint_table(rows: Rows, kind: CompanyKind, properties: Sequence[str]) -> pa.Table:
    """The contract's touchpoints, in its total order."""
    rows = rows.take(np.lexsort((rows.serial, rows.source, rows.ingested_time, rows.event_time, rows.customer)))
    table = MessageTable(kind)
    case = case_id(rows.customer, rows.case)
    return pa.table(
        {
            "touchpoint_id": _joined("t-", pc.utf8_lpad(_text(rows.serial), width=8, padding="0")),
            "source": _texts(SOURCES, rows.source),
            "customer_id": customer_id(rows.customer),
            "event_time": _times(rows.event_time),
            "ingested_time": _times(rows.ingested_time),
            "department": _texts(DEPARTMENTS, rows.department),
            "channel": _texts(CHANNELS, rows.channel),
            "direction": _texts(DIRECTIONS, rows.direction),
            "event_type": _texts(EVENT_TYPES, rows.event_type),
            "topic": _texts(table.topics, rows.topic),
            "message_id": message_id(rows.message),
            "campaign_id": pc.coalesce(case, campaign_id(rows.campaign, table)),
            "decision_id": decision_id(rows.decision),
            "value": _floats(rows.value),
            "sentiment": _floats(np.round(rows.sentiment, 3)),
            "properties": _texts(list(properties), rows.properties),
        }
    )


def joined_decisions(parts: Sequence[Decided]) -> Decided:
    """All decisions of a run."""
    none = np.zeros(0, dtype=np.int64)
    return Decided(
        pending=Pool.concatenate([Pool.empty(), *(part.pending for part in parts)]),
        action=np.concatenate([none, *(part.action for part in parts)]),
        send_probability=np.concatenate([np.zeros(0), *(part.send_probability for part in parts)]),
        decided_at=np.concatenate([none, *(part.decided_at for part in parts)]),
        decision=np.concatenate([none, *(part.decision for part in parts)]),
    )


def decision_table(decided: Decided, state: State, kind: CompanyKind, clock: Clock, version: str) -> pa.Table:
    """The contract's decision log, in the order of `decided`."""
    table = MessageTable(kind)
    pending = decided.pending
    phase = state.phase[pending.customer]
    case = case_id(pending.customer, pending.case)
    return pa.table(
        {
            "decision_id": decision_id(decided.decision),
            "customer_id": customer_id(pending.customer),
            "decided_at": _times(decided.decided_at),
            "message_id": message_id(pending.message),
            "department": _texts(DEPARTMENTS, table.department[pending.kind]),
            "channel": _texts(CHANNELS, pending.channel),
            "topic": _texts(table.topics, pending.topic),
            "purpose": _texts(PURPOSES, table.purpose[pending.kind]),
            "campaign_id": pc.coalesce(case, campaign_id(campaign_number(pending), table)),
            "value": pa.array(table.value[pending.kind]),
            "attributes": pa.array(attributes(pending, table)),
            "not_before": _times(clock.time(pending.created, phase)),
            "expires_at": _times(clock.time(pending.expires, phase)),
            "action": _texts(_ACTIONS, decided.action),
            "send_probability": pa.array(decided.send_probability),
            "mode": pa.array(["enforce"] * pending.n, pa.string()),
            "model_version": pa.array([version] * pending.n, pa.string()),
        }
    )


def attributes(pending: Pool, table: MessageTable) -> list[str]:
    """Candidates' attributes as JSON: the offer, where the message type comes with one."""
    offered = table.has_offer[pending.kind]
    return [
        f'{{"discount": {discount:g}}}' if has else "{}"
        for has, discount in zip(offered, pending.offer, strict=True)
    ]


def _text(numbers: Ints) -> pa.Array:
    return pc.cast(pa.array(numbers), pa.string())


def _texts(names: Sequence[str], codes: Ints) -> pa.Array:
    known = codes >= 0
    chosen = pa.array(np.where(known, codes, 0).astype(np.int32), mask=~known)
    return pa.DictionaryArray.from_arrays(chosen, pa.array(list(names) or [""], pa.string())).cast(pa.string())


def _joined(*parts: pa.Array | str) -> pa.Array:
    return pc.binary_join_element_wise(*parts, "")


def _where(known: Bools, texts: pa.Array) -> pa.Array:
    return pc.if_else(pa.array(known), texts, pa.scalar(None, pa.string()))


def _times(microseconds: Ints) -> pa.Array:
    return pa.array(microseconds, pa.int64()).cast(_TIMESTAMP)


def _floats(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))
