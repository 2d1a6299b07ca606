"""Labels against a slow, obvious oracle: half-open windows, item windows, links, ties, order."""

from __future__ import annotations

import random

import numpy as np
import pytest

from data_contracts.configuration import configuration_from
from data_contracts.items import parse_item
from features.columns import identifier_hash
from features.packing import TouchpointRow
from tests.features.oracle import item_matches
from tests.features.seeded import HOUR, START, join, random_rows
from training.labels import goal_labels, longest_window, observed_until, outcome_labels

CONFIGURATION = configuration_from(
    {
        "goals": {
            "horizon_hours": 48,
            "help": ["ticket_opened", "csat_answered <= 4"],
            "use": ["logged_in", "ticket_opened", "purchased within 5h"],
        },
        "outcomes": {
            "window_hours": 30,
            "progress": ["purchased", "csat_answered >= 4 within 100h"],
            "harm": ["cancelled within 1h", "nps_answered < 7"],
        },
    }
)


def within(row: TouchpointRow, moment: int, item: str, hours: float) -> bool:
    window = parse_item(item).within_hours or hours
    return item_matches(item, row) and moment < row.event_time <= moment + window * HOUR


def slow_outcome(
    rows: list[TouchpointRow], moment: int, message: str, linked: str, events: str
) -> tuple[bool, bool]:
    outcomes = CONFIGURATION.outcomes
    answered = any(
        within(row, moment, item, outcomes.window_hours) and row.message_id == message
        for row in rows
        for item in getattr(outcomes, linked)
    )
    happened = any(
        within(row, moment, item, outcomes.window_hours) for row in rows for item in getattr(outcomes, events)
    )
    return answered or happened, answered


def slow_goal(rows: list[TouchpointRow], moment: int) -> int:
    for row in sorted(rows, key=lambda one: one[:4]):
        for code, items in enumerate(CONFIGURATION.goals.items.values()):
            if row.direction == "inbound" and any(within(row, moment, item, 48) for item in items):
                return code
    return len(CONFIGURATION.goals.items)


@pytest.mark.parametrize("seed", range(6))
def test_labels_equal_the_oracle(seed: int) -> None:
    rng = random.Random(seed)
    histories = [random_rows(seed * 10 + number, 120, hours=24 * 40) for number in range(3)]
    customer = [rng.randrange(3) for _ in range(150)]
    # Half of the moments lie exactly on an event or exactly a window before one.
    moment = [
        rng.choice(histories[one]).event_time - rng.choice([0, 0, 1, 5, 30, 48, 100]) * HOUR
        if rng.random() < 0.7
        else START + rng.randrange(24 * 40) * HOUR
        for one in customer
    ]
    message = [f"m-{rng.randrange(20)}" for _ in customer]
    columns = join(histories)
    found = outcome_labels(
        columns,
        CONFIGURATION.outcomes,
        np.asarray(customer, np.int64),
        np.asarray(moment, np.int64),
        np.asarray([identifier_hash(one) for one in message], np.int64),
    )
    goals = goal_labels(
        columns, CONFIGURATION.goals, np.asarray(customer, np.int64), np.asarray(moment, np.int64)
    )
    for number, (who, when, what) in enumerate(zip(customer, moment, message, strict=True)):
        rows = histories[who]
        helped = slow_outcome(rows, when, what, "helped_linked", "progress")
        interrupted = slow_outcome(rows, when, what, "interrupted_linked", "harm")
        assert (found.helped[number], found.helped_linked[number]) == helped
        assert (found.interrupted[number], found.interrupted_linked[number]) == interrupted
        assert goals[number] == slow_goal(rows, when)


def test_the_longest_item_window_ends_a_row() -> None:
    assert longest_window(CONFIGURATION.outcomes) == 100 * HOUR


def test_what_is_known_of_a_customer_ends_with_the_observation() -> None:
    base = random_rows(1, 30, late_share=0.0)
    ended = TouchpointRow(
        START + 5 * HOUR, START + 5 * HOUR, "crm", "end", "support", "email", "internal", "observation_ended"
    )
    columns = join([base, [*random_rows(2, 30, late_share=0.0), ended]])
    until = observed_until(columns, CONFIGURATION.vocabulary)
    assert until[0] == columns.ingested_time.max()
    assert until[1] <= START + 5 * HOUR
