"""What came of a moment: helped, interrupted, the goal, and whether it is over yet (contract, section 3).

A window is half-open to the left: `(t, t + window]`. Events count when they happened, not when they
became known: labels look back from the end of the data.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from data_contracts.configuration import Goals, Outcomes, Vocabulary
from data_contracts.items import MICROSECONDS_PER_HOUR, Item, parse_item
from features.columns import Int64, TouchpointColumns
from features.encoding import rows_of_items
from training.ordered_search import next_event, pair_groups

Bools = npt.NDArray[np.bool_]


class OutcomeLabels(NamedTuple):
    """Outcomes of queries, each of shape (queries,).

    `*_linked` are the answers to the query's own message alone; `helped` and `interrupted` add the
    customer's progress and harm events.
    """

    helped: Bools
    interrupted: Bools
    helped_linked: Bools
    interrupted_linked: Bools


def observed_until(columns: TouchpointColumns, vocabulary: Vocabulary, until: int | None = None) -> Int64:
    """Where what is known of each customer ends, shape (customers,), microseconds.

    That is the end of the data (`until`, else the latest `ingested_time`), or the customer's first
    `observation_ended`, where that is earlier.
    """
    end = until if until is not None else int(columns.ingested_time.max(initial=0))
    ends = np.full(columns.n_customers, end, np.int64)
    items = tuple(Item(name) for name in vocabulary.role("observation_ended"))
    rows = np.flatnonzero(rows_of_items(columns, items))
    np.minimum.at(ends, customer_of_rows(columns)[rows], columns.event_time[rows])
    return ends


def customer_of_rows(columns: TouchpointColumns) -> Int64:
    """Place of the customer of each touchpoint, shape (rows,)."""
    return np.repeat(np.arange(columns.n_customers, dtype=np.int64), np.diff(columns.start))


def longest_window(outcomes: Outcomes) -> int:
    """The longest window among the outcome items, in microseconds."""
    texts = (
        *outcomes.helped_linked,
        *outcomes.interrupted_linked,
        *outcomes.progress,
        *outcomes.harm,
    )
    hours = [parse_item(text).within_hours or outcomes.window_hours for text in texts]
    return _microseconds(max(hours, default=outcomes.window_hours))


def longest_horizon(goals: Goals) -> int:
    """The longest window among the goal items, in microseconds."""
    hours = [item.within_hours or goals.horizon_hours for items in goals.parsed.values() for item in items]
    return _microseconds(max(hours, default=goals.horizon_hours))


def outcome_labels(
    columns: TouchpointColumns, outcomes: Outcomes, customer: Int64, moment: Int64, message: Int64
) -> OutcomeLabels:
    """Label each (customer, moment, message), all of shape (queries,); message is a hash, 0 for none."""
    window = outcomes.window_hours
    helped_linked = _linked(columns, outcomes.helped_linked, window, customer, moment, message)
    interrupted_linked = _linked(columns, outcomes.interrupted_linked, window, customer, moment, message)
    return OutcomeLabels(
        helped=helped_linked | _any_event(columns, outcomes.progress, window, customer, moment),
        interrupted=interrupted_linked | _any_event(columns, outcomes.harm, window, customer, moment),
        helped_linked=helped_linked,
        interrupted_linked=interrupted_linked,
    )


def goal_labels(columns: TouchpointColumns, goals: Goals, customer: Int64, moment: Int64) -> Int64:
    """The goal of the customer's first own goal event in the horizon, as a place in `goals.names`.

    The first goal that lists an event has it; without any goal event it is `none`, the last place.
    """
    places = {word: place for place, word in enumerate(columns.strings)}
    inbound = columns.direction == places.get("inbound", -2)
    none = len(goals.items)
    label = np.full(len(moment), none, np.int64)
    nearest = np.full(len(moment), len(columns), np.int64)
    for code, items in enumerate(goals.parsed.values()):
        for item in items:
            found = _next_row(columns, item, inbound, customer, moment)
            hit = (found >= 0) & (
                columns.event_time[found] <= moment + _microseconds(item.within_hours or goals.horizon_hours)
            )
            # Rows are in the total order, so the smaller row is the earlier event. A row that two
            # goals list is met twice; the goal that was there first keeps it.
            earlier = hit & (found < nearest)
            nearest[earlier] = found[earlier]
            label[earlier] = code
    return label


def _linked(
    columns: TouchpointColumns,
    texts: tuple[str, ...],
    window_hours: float,
    customer: Int64,
    moment: Int64,
    message: Int64,
) -> Bools:
    result = np.zeros(len(moment), np.bool_)
    asked = np.flatnonzero(message != 0)
    if not len(asked):
        return result
    customers = customer_of_rows(columns)
    for item in map(parse_item, texts):
        rows = np.flatnonzero(rows_of_items(columns, (item,)) & (columns.message != 0))
        if not len(rows):
            continue
        event_group, query_group = pair_groups(
            customers[rows], columns.message[rows], customer[asked], message[asked]
        )
        found = next_event(event_group, columns.event_time[rows], query_group, moment[asked])
        last = moment[asked] + _microseconds(item.within_hours or window_hours)
        result[asked] |= (found >= 0) & (columns.event_time[rows][found] <= last)
    return result


def _any_event(
    columns: TouchpointColumns, texts: tuple[str, ...], window_hours: float, customer: Int64, moment: Int64
) -> Bools:
    result = np.zeros(len(moment), np.bool_)
    everything = np.ones(len(columns), np.bool_)
    for item in map(parse_item, texts):
        found = _next_row(columns, item, everything, customer, moment)
        last = moment + _microseconds(item.within_hours or window_hours)
        result |= (found >= 0) & (columns.event_time[found] <= last)
    return result


def _next_row(columns: TouchpointColumns, item: Item, among: Bools, customer: Int64, moment: Int64) -> Int64:
    """The first row after each moment that the item matches, -1 for none."""
    rows = np.flatnonzero(rows_of_items(columns, (item,)) & among)
    if not len(rows):
        return np.full(len(moment), -1, np.int64)
    found = next_event(customer_of_rows(columns)[rows], columns.event_time[rows], customer, moment)
    return np.where(found >= 0, rows[found], -1)


def _microseconds(hours: float) -> int:
    return round(hours * MICROSECONDS_PER_HOUR)
