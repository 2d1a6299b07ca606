"""The next event of a group after a moment, for millions of (group, moment) pairs at once."""

from __future__ import annotations

import numpy as np

from features.columns import Int64


def next_event(event_group: Int64, event_time: Int64, query_group: Int64, query_time: Int64) -> Int64:
    """Place of each query's first event with `event_time > query_time` in the same group, or -1.

    Events keep their order within a group and a moment, so a tie goes to the earlier row. Groups are
    small non-negative integers; times are microseconds. Shapes: (events,), (events,), (queries,),
    (queries,) → (queries,).
    """
    if not len(event_time) or not len(query_time):
        return np.full(len(query_time), -1, np.int64)
    # Times become ranks, so that group and time fit into one sortable integer without overflow.
    moments, ranks = np.unique(np.concatenate([event_time, query_time]), return_inverse=True)
    width = np.int64(len(moments) + 1)
    event_key = event_group * width + ranks[: len(event_time)]
    query_key = query_group * width + ranks[len(event_time) :]
    order = np.argsort(event_key, kind="stable")
    place = np.searchsorted(event_key[order], query_key, side="right")
    inside = place < len(order)
    found = order[np.where(inside, place, 0)]
    same = inside & (event_group[found] == query_group)
    return np.where(same, found, -1).astype(np.int64)


def pair_groups(
    event_first: Int64, event_second: Int64, query_first: Int64, query_second: Int64
) -> tuple[Int64, Int64]:
    """Number the pairs (first, second) so that equal pairs of events and queries share a group."""
    _, second = np.unique(np.concatenate([event_second, query_second]), return_inverse=True)
    first = np.concatenate([event_first, query_first])
    pairs = first * np.int64(second.max(initial=0) + 1) + second
    _, groups = np.unique(pairs, return_inverse=True)
    groups = groups.astype(np.int64)
    return groups[: len(event_first)], groups[len(event_first) :]
