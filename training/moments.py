"""Moments of customers' lives that nobody asked about: more rows for the goal model."""

from __future__ import annotations

import numpy as np

from features.columns import Int64, TouchpointColumns


def sampled_moments(
    columns: TouchpointColumns, until: Int64, horizon: int, count: int, seed: int
) -> tuple[Int64, Int64]:
    """About `count` random (customer, moment) pairs, in order; `until` has shape (customers,).

    Moments lie evenly between a customer's first touchpoint and the end of what is known of them
    less the horizon, so that each one's label is known. Longer lives have more of them.
    """
    seen = np.flatnonzero(np.diff(columns.start) > 0)
    first = columns.event_time[columns.start[seen]]
    room = np.maximum(until[seen] - horizon - first, 0)
    total = float(room.sum())
    if count <= 0 or total <= 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    generator = np.random.default_rng([seed, 4])
    picked = np.sort(generator.choice(len(seen), size=count, p=room / total))
    moment = first[picked] + (generator.random(count) * room[picked]).astype(np.int64) + 1
    order = np.lexsort((moment, seen[picked]))
    return seen[picked][order].astype(np.int64), moment[order]
