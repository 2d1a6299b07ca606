"""The contract's outcomes (section 3, defaults, 72 hours) from touchpoint rows: the labels, not the truth."""

from __future__ import annotations

import numpy as np

from data_contracts import vocabulary
from data_contracts.items import parse_item
from data_contracts.times import HOUR
from simulation.clock import STEP, Bools, Ints
from simulation.company import Company
from simulation.records import EVENT, Rows
from simulation.world import Decided

WINDOW = 72 * HOUR


def realised_outcomes(company: Company, decided: Decided, rows: Rows, end: int) -> tuple[Bools, Bools, Bools]:
    """For each decision: helped, interrupted, and whether its window was over by `end` (microseconds) and
    before the customer's observation ended."""
    who, at = decided.pending.customer, decided.decided_at
    state = company.world.state
    until = np.minimum(end, company.start + state.observed_until[who] * STEP + state.phase[who])
    helped = _any_event(rows, vocabulary.PROGRESS, who, at) | _answered(
        rows, vocabulary.HELPED_LINKED, decided, at
    )
    interrupted = _any_event(rows, vocabulary.HARM, who, at) | _answered(
        rows, vocabulary.INTERRUPTED_LINKED, decided, at
    )
    return helped, interrupted, np.asarray(at + WINDOW <= until, dtype=np.bool_)


def _any_event(rows: Rows, items: tuple[str, ...], who: Ints, at: Ints) -> Bools:
    counts = np.zeros(rows.n, dtype=np.bool_)
    for item in map(parse_item, items):
        counts |= (rows.event_type == EVENT[item.event_type]) & item.holds(rows.value)
    first = int(min(rows.event_time.min(initial=0), at.min(initial=0)))
    span = int(max(rows.event_time.max(initial=0), at.max(initial=0))) - first + WINDOW + 2
    keys = np.sort(rows.customer[counts] * span + rows.event_time[counts] - first)
    begin = who * span + at - first
    result = np.searchsorted(keys, begin + WINDOW, "right") > np.searchsorted(keys, begin, "right")
    return np.asarray(result, dtype=np.bool_)


def _answered(rows: Rows, event_types: tuple[str, ...], decided: Decided, at: Ints) -> Bools:
    chosen = np.isin(rows.event_type, [EVENT[name] for name in event_types]) & (rows.message >= 0)
    message, time = rows.message[chosen], rows.event_time[chosen]
    order = np.argsort(message, kind="stable")
    message, time = message[order], time[order]
    wanted = decided.pending.message
    result = np.zeros(wanted.size, dtype=np.bool_)
    # A message has at most a few such answers; look at each of them.
    place = np.searchsorted(message, wanted, "left")
    while True:
        inside = place < message.size
        same = np.zeros(wanted.size, dtype=np.bool_)
        same[inside] = message[place[inside]] == wanted[inside]
        if not same.any():
            return result
        hit = np.flatnonzero(same)
        result[hit] |= (time[place[hit]] > at[hit]) & (time[place[hit]] <= at[hit] + WINDOW)
        place = place + 1
