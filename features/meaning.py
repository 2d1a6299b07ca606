"""What event types mean: roles, outcomes and goals as rules, and the compiled pass that applies them."""

from __future__ import annotations

from collections.abc import Iterable

import numba
import numpy as np
import numpy.typing as npt

from data_contracts.configuration import Goals, Outcomes, Vocabulary
from data_contracts.items import parse_item
from features.columns import Float64, Int16, Int32, Int64

INBOUND, OUTBOUND, INTERNAL = 0, 1, 2
DIRECTIONS = {"inbound": INBOUND, "outbound": OUTBOUND, "internal": INTERNAL}

FLAGS = (
    "contact",
    "positive",
    "negative",
    "weak_response",
    "delivery_fault",
    "case_opened",
    "case_replied",
    "case_resolved",
    "case_escalated",
    "handed_off",
    "nps",
    "csat",
    "gate",
    "quote_revised",
    "contact_unanswered",
    "purchase",
    "onboarding_step",
    "progress",
    "harm",
)
FLAG = {name: 1 << place for place, name in enumerate(FLAGS)}
_ROLES = tuple(name for name in FLAGS if name not in ("positive", "negative", "progress", "harm"))
_COMPARISONS = {None: 0.0, ">=": 1.0, "<=": 2.0, ">": 3.0, "<": 4.0, "==": 5.0, "!=": 6.0}
_NO_GOAL = 32_000

Rule = tuple[float, float, float, float]
"""Comparison code, limit, flags to set, goal code (or 32,000 for none)."""


def rules_of(goals: Goals, outcomes: Outcomes, vocabulary: Vocabulary) -> dict[str, list[Rule]]:
    """For each event type that means something, its rules."""
    result: dict[str, list[Rule]] = {}

    def add(texts: Iterable[str], flags: int, goal: int) -> None:
        for item in map(parse_item, texts):
            rule = (_COMPARISONS[item.comparison], item.limit or 0.0, float(flags), float(goal))
            result.setdefault(item.event_type, []).append(rule)

    for role in _ROLES:
        add(vocabulary.role(role), FLAG[role], _NO_GOAL)
    add(outcomes.helped_linked, FLAG["positive"], _NO_GOAL)
    add(outcomes.interrupted_linked, FLAG["negative"], _NO_GOAL)
    add(outcomes.progress, FLAG["progress"], _NO_GOAL)
    add(outcomes.harm, FLAG["harm"], _NO_GOAL)
    for code, items in enumerate(goals.items.values()):
        add(items, 0, code)
    return result


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def encode_rows(
    department: Int32,
    channel: Int32,
    topic: Int32,
    source: Int32,
    event_type: Int32,
    direction: Int32,
    value: Float64,
    word_codes: Int16,
    rule_start: Int64,
    rules: Float64,
) -> tuple[Int16, Int16, Int16, Int16, Int16, npt.NDArray[np.int8], Int16, Int64]:
    """Codes, direction, goal and flags of each row, all of shape (n,).

    `word_codes` has shape (words + 1, 6): department, channel, topic, source, event type,
    direction; `rules` has shape (rules, 4), those of word w in rule_start[w]:rule_start[w + 1].
    Of several goals that list an event the first one has it. A contact is outbound.
    """
    n = len(department)
    departments, channels = np.empty(n, np.int16), np.empty(n, np.int16)
    topics, sources = np.empty(n, np.int16), np.empty(n, np.int16)
    event_types, goals = np.empty(n, np.int16), np.empty(n, np.int16)
    directions, flags = np.empty(n, np.int8), np.empty(n, np.int64)
    for row in range(n):
        departments[row] = word_codes[department[row], 0]
        channels[row] = word_codes[channel[row], 1]
        topics[row] = word_codes[topic[row], 2]
        sources[row] = word_codes[source[row], 3]
        event_types[row] = word_codes[event_type[row], 4]
        directions[row] = word_codes[direction[row], 5]
        found, goal = np.int64(0), _NO_GOAL
        word = event_type[row]
        for rule in range(rule_start[word], rule_start[word + 1]):
            comparison, limit, number = rules[rule, 0], rules[rule, 1], value[row]
            holds = (
                comparison == 0.0
                or (comparison == 1.0 and number >= limit)
                or (comparison == 2.0 and number <= limit)
                or (comparison == 3.0 and number > limit)
                or (comparison == 4.0 and number < limit)
                or (comparison == 5.0 and number == limit)
                or (comparison == 6.0 and not np.isnan(number) and number != limit)
            )
            if holds:
                found |= np.int64(rules[rule, 2])
                goal = min(goal, int(rules[rule, 3]))
        if directions[row] != OUTBOUND:
            found &= ~np.int64(1)
        flags[row] = found
        goals[row] = goal if directions[row] == INBOUND and goal != _NO_GOAL else -1
    return departments, channels, topics, sources, event_types, directions, goals, flags
