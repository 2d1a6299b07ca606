"""The match kernel: a candidate message against the history at a moment → the candidate features.

The order in which it writes is the order of `FeatureSpecification.candidate_names`.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from features.columns import Float64, Int16, Int64
from features.encoding import History
from features.meaning import FLAG
from features.specification import (
    COLLISION_HOURS,
    DEPARTMENT_HALF_LIFE_HOURS,
    LONG,
    MIDDLE,
    RATE_PRIOR_WEIGHT,
    SHORT,
    WINDOWS_HOURS,
    Layout,
)

_HOUR = 3_600_000_000.0
_SHORT_HOURS, _MIDDLE_HOURS, _LONG_HOURS = (float(WINDOWS_HOURS[place]) for place in (SHORT, MIDDLE, LONG))
_CONTACT = FLAG["contact"]
_NO_EXPIRY = np.iinfo(np.int64).max


class CandidateArrays(NamedTuple):
    """Candidate messages as the kernel reads them, all of shape (candidates,) but `attributes`.

    `topic` is -1 for none; `purpose` is a place in PURPOSES or -1; `message` and `campaign` are
    `identifier_hash` or 0; `expires_at` is in microseconds, the largest int64 for never;
    `attributes` has shape (candidates, declared candidate attributes), NaN for none.
    """

    department: Int16
    channel: Int16
    topic: Int16
    purpose: Int16
    message: Int64
    campaign: Int64
    expires_at: Int64
    attributes: Float64


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def match_features(
    history: History,
    layout: Layout,
    candidates: CandidateArrays,
    candidate: Int64,
    customer: Int64,
    moment: Int64,
    as_of: Int64,
    limit: int,
    open_case_topic: npt.NDArray[np.float32],
    last_goal_row: Int64,
    out: npt.NDArray[np.float32],
) -> None:
    """Write the candidate features of each query.

    `candidate`, `customer`, `moment`, `as_of`, `open_case_topic` and `last_goal_row` have shape
    (queries,); the last two come from the state kernel at the same moment. `out` has shape
    (queries, candidate features).
    """
    nan = np.nan
    contact = np.zeros((3, 3))
    inbound = np.zeros((3, 2))
    contact_age, inbound_age = np.zeros(3), np.zeros(3)
    pressure, answered = np.zeros(3), np.zeros(3)
    positive, negative = np.zeros(3), np.zeros(3)
    own = np.zeros(3, np.bool_)
    for query in range(len(candidate)):
        which = candidate[query]
        time, seen_from = moment[query], as_of[query]
        department, channel = candidates.department[which], candidates.channel[which]
        topic = candidates.topic[which]
        message, campaign = candidates.message[which], candidates.campaign[which]
        contact[:], inbound[:], contact_age[:], inbound_age[:] = 0.0, 0.0, nan, nan
        pressure[:], answered[:], positive[:], negative[:] = 0.0, 0.0, 0.0, 0.0
        others, others_age = 0.0, nan
        same_message, same_message_age = 0.0, nan
        same_campaign, same_campaign_age = 0.0, nan
        first, end = history.start[customer[query]], history.start[customer[query] + 1]
        low, high = first, end
        while low < high:
            middle = (low + high) // 2
            if history.event_time[middle] < time:
                low = middle + 1
            else:
                high = middle
        row, visible = low, 0
        while row > first and visible < limit:
            row -= 1
            if history.ingested_time[row] > seen_from:
                continue
            visible += 1
            is_contact = history.flags[row] & _CONTACT != 0
            if not is_contact and history.direction[row] != 0:
                continue
            age = (time - history.event_time[row]) / _HOUR
            own[0] = history.department[row] == department
            own[1] = topic >= 0 and history.topic[row] == topic
            own[2] = history.channel[row] == channel
            if not is_contact:
                for side in range(3):
                    if own[side]:
                        if age <= _SHORT_HOURS:
                            inbound[side, 0] += 1.0
                        if age <= _MIDDLE_HOURS:
                            inbound[side, 1] += 1.0
                        if np.isnan(inbound_age[side]):
                            inbound_age[side] = age
                continue
            closed = age >= layout.window_hours
            decayed = 0.0
            if own[0] or own[1] or own[2]:
                decayed = 0.5 ** (age / DEPARTMENT_HALF_LIFE_HOURS)
            for side in range(3):
                if own[side]:
                    if age <= _SHORT_HOURS:
                        contact[side, 0] += 1.0
                    if age <= _MIDDLE_HOURS:
                        contact[side, 1] += 1.0
                    if age <= _LONG_HOURS:
                        contact[side, 2] += 1.0
                    if np.isnan(contact_age[side]):
                        contact_age[side] = age
                    pressure[side] += decayed
                    if closed:
                        answered[side] += 1.0
                        if history.positive_known[row] <= seen_from:
                            positive[side] += 1.0
                        if history.negative_known[row] <= seen_from:
                            negative[side] += 1.0
            if not own[0]:
                if age <= COLLISION_HOURS:
                    others += 1.0
                if np.isnan(others_age):
                    others_age = age
            if message != 0 and history.message[row] == message:
                same_message += 1.0
                if np.isnan(same_message_age):
                    same_message_age = age
            if campaign != 0 and history.campaign[row] == campaign:
                same_campaign += 1.0
                if np.isnan(same_campaign_age):
                    same_campaign_age = age

        line = out[query]
        line[0], line[1] = department, channel
        line[2] = topic if topic >= 0 else nan
        line[3] = candidates.purpose[which] if candidates.purpose[which] >= 0 else nan
        at = 4
        # Rows of `rates`: overall, departments, topics, channels.
        rate_row = np.empty(3, np.int64)
        rate_row[0] = 1 + department
        rate_row[1] = 1 + layout.departments + topic if topic >= 0 else 0
        rate_row[2] = 1 + layout.departments + layout.topics + channel
        for side in range(3):
            line[at : at + 3] = contact[side]
            line[at + 3], line[at + 4] = contact_age[side], pressure[side]
            line[at + 5], line[at + 6] = inbound[side, 0], inbound[side, 1]
            line[at + 7], line[at + 8] = inbound_age[side], answered[side]
            weight = answered[side] + RATE_PRIOR_WEIGHT
            line[at + 9] = (positive[side] + RATE_PRIOR_WEIGHT * layout.rates[0, rate_row[side]]) / weight
            line[at + 10] = (negative[side] + RATE_PRIOR_WEIGHT * layout.rates[1, rate_row[side]]) / weight
            at += 11
        line[at], line[at + 1] = others, others_age
        line[at + 2], line[at + 3] = same_message, same_message_age
        line[at + 4], line[at + 5] = same_campaign, same_campaign_age
        at += 6
        line[at] = nan
        if not np.isnan(open_case_topic[query]):
            line[at] = 1.0 if open_case_topic[query] == topic else 0.0
        goal_row = last_goal_row[query]
        line[at + 1] = nan
        if goal_row >= 0 and history.topic[goal_row] >= 0:
            line[at + 1] = 1.0 if history.topic[goal_row] == topic else 0.0
        expiry = candidates.expires_at[which]
        line[at + 2] = nan if expiry == _NO_EXPIRY else max((expiry - time) / _HOUR, 0.0)
        at += 3
        for place in range(candidates.attributes.shape[1]):
            line[at + place] = candidates.attributes[which, place]
