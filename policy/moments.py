"""The search for a better moment: when would this message be worth most within its life?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from data_contracts.times import HOUR
from features.columns import Int64
from policy.situation import life_end
from policy.standing import Standing

GRID_HOURS = (3.0, 8.0, 24.0, 48.0, 72.0, 120.0, 168.0, 336.0)
"""How far ahead a better moment is looked for; quiet hours and caps move each one later."""
MAX_SCORED = 160
"""Candidate-moments that are scored in one look ahead, so that a long request stays quick."""


class Moment(NamedTuple):
    """A later moment (microseconds) and what a message is worth then."""

    time: int
    worth: float


def best_moments(standing: Standing, places: Sequence[int]) -> dict[int, Moment]:
    """For each candidate (by place) its best later moment; no entry where none is allowed."""
    if not places or standing.policy.horizon_hours == 0:
        return {}
    count = int(np.clip(MAX_SCORED // len(places), 2, len(GRID_HOURS)))
    # Messages of one sender on one channel with one life share their moments.
    shared: dict[tuple[object, ...], list[int]] = {}
    allowed: dict[int, list[int]] = {}
    for place in places:
        candidate = standing.situation.candidates[place]
        end = life_end(candidate, standing.situation, standing.policy.horizon_hours)
        key = (candidate["department"], candidate["channel"], candidate.get("not_before"), end)
        if key not in shared:
            shared[key] = later_moments(standing, place, count)
        allowed[place] = shared[key]
    union: Int64 = np.unique(np.asarray([time for times in allowed.values() for time in times], dtype=np.int64))
    if not len(union):
        return {}
    worth = standing.worth_at(union, np.asarray(places, dtype=np.int64))
    result = {}
    for row, place in enumerate(places):
        columns = np.searchsorted(union, np.asarray(allowed[place], dtype=np.int64))
        if len(columns):
            best = columns[int(np.argmax(worth[row, columns]))]
            result[place] = Moment(int(union[best]), float(worth[row, best]))
    return result


def later_moments(standing: Standing, place: int, count: int = len(GRID_HOURS)) -> list[int]:
    """Allowed moments of one candidate within the horizon, ascending, at most `count`.

    The first one is when the rules that hold it back now end, where any do.
    """
    now = standing.situation.now
    horizon = now + round(standing.policy.horizon_hours * HOUR)
    first = standing.allowed(place, now + 1)
    if first is None or first > horizon:
        return []
    held_back = first > now + 1
    found = [first] if held_back else []
    for hours in GRID_HOURS:
        moment = now + round(hours * HOUR)
        if moment > horizon or len(found) >= count:
            break
        time = standing.allowed(place, max(moment, first))
        if time is not None and time <= horizon and time not in found:
            found.append(time)
    # A message with an hour to live has no grid moment left: half of its life is the last try.
    if not found:
        end = standing.situation.candidates[place].get("expires_at") or horizon
        time = standing.allowed(place, now + (end - now) // 2)
        found = [time] if time is not None and time <= horizon else []
    return found
