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
_SHORTEST_LIFE = HOUR // 2
"""With less of its life left a message is not asked about again."""
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
    # Messages that use up the same caps and have the same life share their moments.
    sharing: dict[tuple[object, ...], list[int]] = {}
    for row, place in enumerate(places):
        candidate = standing.situation.candidates[place]
        end = life_end(candidate, standing.situation, standing.policy.horizon_hours)
        caps = standing.ledger.applying(candidate["department"], candidate["channel"])
        sharing.setdefault((caps, candidate.get("not_before"), candidate.get("expires_at"), end), []).append(
            row
        )
    allowed = [(rows, later_moments(standing, places[rows[0]], count)) for rows in sharing.values()]
    union: Int64 = np.unique(np.asarray([time for _, times in allowed for time in times], dtype=np.int64))
    if not len(union):
        return {}
    worth = standing.worth_at(union, np.asarray(places, dtype=np.int64))
    result = {}
    for rows, times in allowed:
        if not times:
            continue
        columns = np.searchsorted(union, np.asarray(times, dtype=np.int64))
        among = worth[rows][:, columns]
        best = among.argmax(axis=1)
        for row, column, value in zip(rows, columns[best].tolist(), among.max(axis=1).tolist(), strict=True):
            result[places[row]] = Moment(int(union[column]), value)
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
    # A message with an hour to live has no grid moment left: half of its life is the next try, and the
    # last one where that is too short to be worth another call.
    end = standing.situation.candidates[place].get("expires_at") or horizon
    if not found and end - now >= _SHORTEST_LIFE:
        time = standing.allowed(place, now + (end - now) // 2)
        found = [time] if time is not None and time <= horizon else []
    return found
