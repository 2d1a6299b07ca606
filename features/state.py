"""The state kernel: one customer's visible history at a moment → the state features.

One compiled loop serves training (every customer, every moment) and the service (one customer),
so both see the same bits. It walks back from the newest visible row; a row is visible at moment
*t*, seen from `as_of`, when `event_time < t` and `ingested_time <= as_of`. Training has
`as_of = t`; the service looks ahead with `as_of = now` and a later *t*.

The order in which `_emit` writes is the order of `FeatureSpecification.state_names`. The module is
over 250 lines because the pass and its emission must be read side by side.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from features.columns import Float64, Int64
from features.encoding import History
from features.meaning import FLAG
from features.specification import (
    COLLISION_HOURS,
    DEPARTMENT_HALF_LIFE_HOURS,
    HALF_LIVES_HOURS,
    LONG,
    LONGEST,
    MIDDLE,
    NARROW_GROUPS,
    RATE_PRIOR_WEIGHT,
    SHORT,
    TIME_NAMES,
    WIDE_GROUPS,
    WINDOWS_HOURS,
    Layout,
)

_HOUR = 3_600_000_000.0
_WINDOWS = np.asarray(WINDOWS_HOURS, dtype=np.float64)
_N_WINDOWS = len(WINDOWS_HOURS)
_N_WIDE = len(WIDE_GROUPS)
_N_NARROW = len(NARROW_GROUPS)
_NARROW_FLAGS = np.asarray([FLAG[name] for name in NARROW_GROUPS], dtype=np.int64)
_HALF_LIVES = np.asarray(HALF_LIVES_HOURS, dtype=np.float64)
_N_TIME = len(TIME_NAMES)
_MAX_CASES = 32

_CONTACT, _POSITIVE, _NEGATIVE = FLAG["contact"], FLAG["positive"], FLAG["negative"]
_WEAK = FLAG["weak_response"]
_OPENED, _REPLIED, _RESOLVED = FLAG["case_opened"], FLAG["case_replied"], FLAG["case_resolved"]
_ESCALATED, _HANDED = FLAG["case_escalated"], FLAG["handed_off"]
_CASE_ACTIVITY = _OPENED | _REPLIED | _ESCALATED | _HANDED
_NPS, _CSAT = FLAG["nps"], FLAG["csat"]
_PURCHASE, _STEP = FLAG["purchase"], FLAG["onboarding_step"]

AUXILIARY = ("zone", "open_case_row", "last_goal_row", "visible_rows")
"""What a query answers beside its features: a code of `zones` (-1 unknown) and rows (-1 none)."""

_compiled = numba.njit(cache=True)


@_compiled  # type: ignore[untyped-decorator]
def _same_case(campaign: np.int64, topic: np.int16, other_campaign: np.int64, other_topic: np.int16) -> bool:
    """Case rows belong together by campaign where both give one, else by topic, else always."""
    if campaign != 0 and other_campaign != 0:
        return bool(campaign == other_campaign)
    if topic >= 0 and other_topic >= 0:
        return bool(topic == other_topic)
    return True


@_compiled  # type: ignore[untyped-decorator]
def _last_place(history: History, first: np.int64, last: np.int64, moment: np.int64) -> np.int64:
    """The place after the last row with `event_time < moment` in rows first:last."""
    low, high = first, last
    while low < high:
        middle = (low + high) // 2
        if history.event_time[middle] < moment:
            low = middle + 1
        else:
            high = middle
    return low


@_compiled  # type: ignore[untyped-decorator]
def _window_of(age_hours: float) -> int:
    """The smallest window that holds a row of this age; `_N_WINDOWS` where none does."""
    for window in range(_N_WINDOWS):
        if age_hours <= _WINDOWS[window]:
            return window
    return _N_WINDOWS


@_compiled  # type: ignore[untyped-decorator]
def _cumulate(counts: Float64) -> None:
    """Turn counts by smallest window into counts by window, in place; shape (groups, windows + 1)."""
    for group in range(counts.shape[0]):
        for window in range(1, _N_WINDOWS):
            counts[group, window] += counts[group, window - 1]


@_compiled  # type: ignore[untyped-decorator]
def state_features(
    history: History,
    layout: Layout,
    customer: Int64,
    moment: Int64,
    as_of: Int64,
    limit: int,
    out: npt.NDArray[np.float32],
    auxiliary: Int64,
) -> None:
    """Write the state features of each query.

    Parameters
    ----------
    customer, moment, as_of : shape (queries,); places of customers, microseconds, microseconds
    limit : the newest visible rows that are looked at
    out : shape (queries, state features); the local time columns are left for the caller
    auxiliary : shape (queries, len(AUXILIARY))
    """
    nan = np.nan
    n_wide_columns = _N_WINDOWS + 1
    wide = np.zeros((_N_WIDE, n_wide_columns))
    wide_age = np.zeros(_N_WIDE)
    narrow = np.zeros((_N_NARROW, n_wide_columns))
    narrow_age = np.zeros(_N_NARROW)
    department_contact = np.zeros((layout.departments, n_wide_columns))
    department_inbound = np.zeros((layout.departments, n_wide_columns))
    department_contact_age = np.zeros(layout.departments)
    department_inbound_age = np.zeros(layout.departments)
    department_pressure = np.zeros(layout.departments)
    department_collision = np.zeros(layout.departments)
    channel_contact = np.zeros((layout.channels, n_wide_columns))
    channel_inbound = np.zeros((layout.channels, n_wide_columns))
    channel_contact_age = np.zeros(layout.channels)
    channel_inbound_age = np.zeros(layout.channels)
    topic_any = np.zeros((layout.topics, n_wide_columns))
    topic_inbound_age = np.zeros(layout.topics)
    goal_count = np.zeros((layout.goals, n_wide_columns))
    goal_age = np.zeros(layout.goals)
    event_count = np.zeros((layout.event_types, n_wide_columns))
    event_age = np.zeros(layout.event_types)
    event_last = np.zeros(layout.event_types)
    event_values = np.zeros((layout.event_types, 4))  # sum, number in 168 h; sum, number in 2160 h
    source_age = np.zeros(layout.sources)
    pressure = np.zeros(len(_HALF_LIVES))
    case_campaign = np.zeros(_MAX_CASES, np.int64)
    case_topic = np.zeros(_MAX_CASES, np.int16)
    case_oldest = np.zeros(_MAX_CASES)
    case_newest = np.zeros(_MAX_CASES)
    resolved_campaign = np.zeros(_MAX_CASES, np.int64)
    resolved_topic = np.zeros(_MAX_CASES, np.int16)
    attribute = np.zeros(layout.attributes + 1)
    attribute_set = np.zeros(layout.attributes + 1, np.bool_)
    voice = np.zeros((3, 4))  # nps, csat, sentiment: last, age, sum, number

    for query in range(len(customer)):
        time, seen_from = moment[query], as_of[query]
        first, end = history.start[customer[query]], history.start[customer[query] + 1]
        wide[:], narrow[:] = 0.0, 0.0
        wide_age[:], narrow_age[:] = nan, nan
        department_contact[:], department_inbound[:] = 0.0, 0.0
        department_contact_age[:], department_inbound_age[:] = nan, nan
        department_pressure[:], department_collision[:] = 0.0, 0.0
        channel_contact[:], channel_inbound[:] = 0.0, 0.0
        channel_contact_age[:], channel_inbound_age[:] = nan, nan
        topic_any[:], topic_inbound_age[:] = 0.0, nan
        goal_count[:], goal_age[:] = 0.0, nan
        event_count[:], event_age[:], event_last[:], event_values[:] = 0.0, nan, nan, 0.0
        source_age[:], pressure[:] = nan, 0.0
        attribute[:], attribute_set[:] = nan, False
        voice[:] = 0.0
        voice[:, 0:2] = nan
        last_goal, goal_before_last, last_goal_age, last_goal_row = -1, -1, nan, -1
        last_contact_age, contact_gap = nan, nan
        cases, resolved = 0, 0
        case_handed, case_escalated, case_waits = 0.0, 0.0, nan
        case_activity, resolved_age = nan, nan
        oldest_row = -1
        spend_long, spend_longest, spend_all, purchases = 0.0, 0.0, 0.0, 0.0
        newest_purchase_age, oldest_purchase_age = nan, nan
        answered, answered_positive, answered_negative = 0.0, 0.0, 0.0
        streak, streak_open = 0.0, True
        steps, onboarding_age = 0.0, nan
        visible, tenure = 0, nan

        row = _last_place(history, first, end, time)
        while row > first and visible < limit:
            row -= 1
            if history.ingested_time[row] > seen_from:
                continue
            visible += 1
            age = (time - history.event_time[row]) / _HOUR
            window = _window_of(age)
            flags = history.flags[row]
            direction = history.direction[row]
            department, channel = history.department[row], history.channel[row]
            topic, event_type = history.topic[row], history.event_type[row]
            is_contact = flags & _CONTACT != 0
            tenure = age

            for group in range(_N_WIDE):
                belongs = (
                    group == 0
                    or (group == 1 and direction == 0)
                    or (group == 2 and is_contact)
                    or (group == 3 and direction == 2)
                    or (group == 4 and flags & _POSITIVE != 0)
                    or (group == 5 and flags & _NEGATIVE != 0)
                    or (group == 6 and flags & _WEAK != 0)
                )
                if belongs:
                    wide[group, window] += 1.0
                    if np.isnan(wide_age[group]):
                        wide_age[group] = age
            for group in range(_N_NARROW):
                if flags & _NARROW_FLAGS[group]:
                    narrow[group, window] += 1.0
                    if np.isnan(narrow_age[group]):
                        narrow_age[group] = age

            event_count[event_type, window] += 1.0
            if np.isnan(event_age[event_type]):
                event_age[event_type] = age
            number = history.value[row]
            if layout.valued[event_type] and not np.isnan(number):
                if np.isnan(event_last[event_type]):
                    event_last[event_type] = number
                if window <= MIDDLE:
                    event_values[event_type, 0] += number
                    event_values[event_type, 1] += 1.0
                if window <= LONGEST:
                    event_values[event_type, 2] += number
                    event_values[event_type, 3] += 1.0
            source = history.source[row]
            if np.isnan(source_age[source]):
                source_age[source] = age
            if topic >= 0:
                topic_any[topic, window] += 1.0

            if is_contact:
                department_contact[department, window] += 1.0
                channel_contact[channel, window] += 1.0
                if np.isnan(department_contact_age[department]):
                    department_contact_age[department] = age
                if np.isnan(channel_contact_age[channel]):
                    channel_contact_age[channel] = age
                department_pressure[department] += 0.5 ** (age / DEPARTMENT_HALF_LIFE_HOURS)
                for place in range(len(_HALF_LIVES)):
                    pressure[place] += 0.5 ** (age / _HALF_LIVES[place])
                if age <= COLLISION_HOURS:
                    department_collision[department] += 1.0
                if np.isnan(last_contact_age):
                    last_contact_age = age
                elif np.isnan(contact_gap):
                    contact_gap = age - last_contact_age
                if age >= layout.window_hours:
                    answered += 1.0
                    if history.positive_known[row] <= seen_from:
                        answered_positive += 1.0
                    if history.negative_known[row] <= seen_from:
                        answered_negative += 1.0
                if streak_open:
                    streak += 1.0
            elif direction == 0:
                department_inbound[department, window] += 1.0
                channel_inbound[channel, window] += 1.0
                if np.isnan(department_inbound_age[department]):
                    department_inbound_age[department] = age
                if np.isnan(channel_inbound_age[channel]):
                    channel_inbound_age[channel] = age
                if topic >= 0 and np.isnan(topic_inbound_age[topic]):
                    topic_inbound_age[topic] = age
            if flags & _POSITIVE:
                streak_open = False

            goal = history.goal[row]
            if goal >= 0:
                goal_count[goal, window] += 1.0
                if np.isnan(goal_age[goal]):
                    goal_age[goal] = age
                if last_goal < 0:
                    last_goal, last_goal_age, last_goal_row = goal, age, row
                elif goal_before_last < 0 and goal != last_goal:
                    goal_before_last = goal

            if flags & _RESOLVED:
                if np.isnan(resolved_age):
                    resolved_age = age
                if resolved < _MAX_CASES:
                    resolved_campaign[resolved] = history.campaign[row]
                    resolved_topic[resolved] = topic
                    resolved += 1
            elif flags & _CASE_ACTIVITY:
                is_open = True
                for place in range(resolved):
                    if _same_case(
                        history.campaign[row], topic, resolved_campaign[place], resolved_topic[place]
                    ):
                        is_open = False
                if is_open:
                    found = -1
                    for place in range(cases):
                        if _same_case(history.campaign[row], topic, case_campaign[place], case_topic[place]):
                            found = place
                    # A case is started by its newest activity: one older than the limit has gone stale.
                    if found < 0 and age <= layout.case_days * 24.0 and cases < _MAX_CASES:
                        found = cases
                        case_campaign[found] = history.campaign[row]
                        case_topic[found] = topic
                        case_newest[found] = age
                        cases += 1
                    if found >= 0:
                        case_oldest[found] = age
                        if np.isnan(case_activity):
                            case_activity = age
                            case_waits = 1.0 if direction == 0 else 0.0
                        if case_topic[found] < 0:
                            case_topic[found] = topic
                        if flags & _HANDED:
                            case_handed += 1.0
                        if flags & _ESCALATED:
                            case_escalated += 1.0
                        oldest_row = row

            if flags & _NPS and not np.isnan(number):
                if np.isnan(voice[0, 0]):
                    voice[0, 0], voice[0, 1] = number, age
                voice[0, 2] += number
                voice[0, 3] += 1.0
            if flags & _CSAT and not np.isnan(number):
                if np.isnan(voice[1, 0]):
                    voice[1, 0], voice[1, 1] = number, age
                voice[1, 2] += number
                voice[1, 3] += 1.0
            feeling = history.sentiment[row]
            if not np.isnan(feeling):
                if np.isnan(voice[2, 0]):
                    voice[2, 0], voice[2, 1] = feeling, age
                voice[2, 2] += feeling
                voice[2, 3] += 1.0
            if flags & _PURCHASE:
                purchases += 1.0
                if np.isnan(newest_purchase_age):
                    newest_purchase_age = age
                oldest_purchase_age = age
                if not np.isnan(number):
                    spend_all += number
                    if window <= LONG:
                        spend_long += number
                    if window <= LONGEST:
                        spend_longest += number
            if flags & _STEP:
                steps += 1.0
                onboarding_age = age

        zone = -1
        profile_row = history.profile_start[customer[query] + 1]
        while profile_row > history.profile_start[customer[query]]:
            profile_row -= 1
            key = history.profile_key[profile_row]
            if (
                not attribute_set[key]
                and history.profile_event_time[profile_row] < time
                and history.profile_ingested_time[profile_row] <= seen_from
            ):
                attribute_set[key] = True
                attribute[key] = history.profile_value[profile_row]
        if not np.isnan(attribute[0]):
            zone = int(attribute[0])

        # ---- emission, in the order of FeatureSpecification.state_names
        line = out[query]
        at = 0
        _cumulate(wide)
        _cumulate(narrow)
        _cumulate(department_contact)
        _cumulate(department_inbound)
        _cumulate(channel_contact)
        _cumulate(channel_inbound)
        _cumulate(topic_any)
        _cumulate(goal_count)
        _cumulate(event_count)
        for group in range(_N_WIDE):
            line[at : at + _N_WINDOWS] = wide[group, :_N_WINDOWS]
            line[at + _N_WINDOWS] = wide_age[group]
            at += _N_WINDOWS + 1
        for group in range(_N_NARROW):
            line[at] = narrow[group, SHORT]
            line[at + 1] = narrow[group, MIDDLE]
            line[at + 2] = narrow[group, LONG]
            line[at + 3] = narrow_age[group]
            at += 4
        for place in range(layout.departments):
            line[at] = department_contact[place, SHORT]
            line[at + 1] = department_contact[place, MIDDLE]
            line[at + 2] = department_contact[place, LONG]
            line[at + 3] = department_contact_age[place]
            line[at + 4] = department_inbound[place, SHORT]
            line[at + 5] = department_inbound[place, MIDDLE]
            line[at + 6] = department_inbound[place, LONG]
            line[at + 7] = department_inbound_age[place]
            line[at + 8] = department_pressure[place]
            at += 9
        for place in range(layout.channels):
            line[at] = channel_contact[place, SHORT]
            line[at + 1] = channel_contact[place, MIDDLE]
            line[at + 2] = channel_contact[place, LONG]
            line[at + 3] = channel_contact_age[place]
            line[at + 4] = channel_inbound[place, MIDDLE]
            line[at + 5] = channel_inbound_age[place]
            at += 6
        for place in range(layout.topics):
            line[at] = topic_any[place, SHORT]
            line[at + 1] = topic_any[place, MIDDLE]
            line[at + 2] = topic_any[place, LONGEST]
            line[at + 3] = topic_inbound_age[place]
            at += 4
        for place in range(layout.goals):
            line[at] = goal_count[place, SHORT]
            line[at + 1] = goal_count[place, MIDDLE]
            line[at + 2] = goal_count[place, LONG]
            line[at + 3] = goal_age[place]
            at += 4
        line[at] = last_goal if last_goal >= 0 else nan
        line[at + 1] = last_goal_age
        line[at + 2] = goal_before_last if goal_before_last >= 0 else nan
        at += 3
        for place in range(layout.event_types):
            line[at] = event_count[place, SHORT]
            line[at + 1] = event_count[place, MIDDLE]
            line[at + 2] = event_age[place]
            at += 3
            if layout.valued[place]:
                line[at] = event_last[place]
                line[at + 1] = (
                    event_values[place, 0] / event_values[place, 1] if event_values[place, 1] else nan
                )
                line[at + 2] = (
                    event_values[place, 2] / event_values[place, 3] if event_values[place, 3] else nan
                )
                at += 3
        for place in range(len(_HALF_LIVES)):
            line[at] = pressure[place]
            at += 1
        distinct, largest = 0.0, 0.0
        for place in range(layout.departments):
            if department_collision[place] > 0:
                distinct += 1.0
            largest = max(largest, department_collision[place])
        line[at], line[at + 1], line[at + 2] = distinct, largest, contact_gap
        at += 3
        oldest, newest, open_topic = nan, nan, nan
        for place in range(cases):
            if np.isnan(oldest) or case_oldest[place] > oldest:
                oldest = case_oldest[place]
                open_topic = case_topic[place] if case_topic[place] >= 0 else nan
            if np.isnan(newest) or case_oldest[place] < newest:
                newest = case_oldest[place]
        line[at], line[at + 1], line[at + 2], line[at + 3] = cases, oldest, newest, open_topic
        line[at + 4], line[at + 5], line[at + 6] = case_handed, case_escalated, case_activity
        line[at + 7], line[at + 8] = resolved_age, case_waits
        at += 9
        for place in range(3):
            line[at], line[at + 1] = voice[place, 0], voice[place, 1]
            line[at + 2] = voice[place, 2] / voice[place, 3] if voice[place, 3] else nan
            at += 3
        line[at], line[at + 1], line[at + 2], line[at + 3] = spend_long, spend_longest, spend_all, purchases
        gap = (oldest_purchase_age - newest_purchase_age) / (purchases - 1.0) if purchases > 1.0 else nan
        line[at + 4] = gap
        line[at + 5] = newest_purchase_age / gap if purchases > 1.0 and gap > 0 else nan
        at += 6
        line[at] = answered
        line[at + 1] = (answered_positive + RATE_PRIOR_WEIGHT * layout.rates[0, 0]) / (
            answered + RATE_PRIOR_WEIGHT
        )
        line[at + 2] = (answered_negative + RATE_PRIOR_WEIGHT * layout.rates[1, 0]) / (
            answered + RATE_PRIOR_WEIGHT
        )
        line[at + 3] = streak
        at += 4
        reporting = 0.0
        for place in range(layout.sources):
            reports = not np.isnan(source_age[place])
            reporting += 1.0 if reports else 0.0
            line[at] = 1.0 if reports else 0.0
            line[at + 1] = source_age[place]
            at += 2
        line[at], line[at + 1], line[at + 2] = reporting, tenure, visible
        at += 3
        line[at], line[at + 1] = onboarding_age, steps
        line[at + 2] = steps / max(onboarding_age / 24.0, 1.0) if steps > 0 else 0.0
        at += 3
        at += _N_TIME
        for place in range(layout.attributes):
            line[at] = attribute[place + 1]
            at += 1
        auxiliary[query, 0] = zone
        auxiliary[query, 1] = oldest_row
        auxiliary[query, 2] = last_goal_row
        auxiliary[query, 3] = visible
