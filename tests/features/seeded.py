"""Seeded touchpoints with ties, late arrivals, unknown words and missing values."""

from __future__ import annotations

import random
from typing import Any

from data_contracts.configuration import Configuration, configuration_from
from data_contracts.vocabulary import EVENT_TYPES
from features.columns import TouchpointColumns
from features.fitting import fit_specification
from features.packing import TouchpointRow, columns_of_rows
from features.specification import FeatureSpecification

HOUR = 3_600_000_000
START = 1_767_225_600_000_000  # 2026-01-01
DEPARTMENTS = ["support", "marketing", "sales", "product", "a new one"]
CHANNELS = ["email", "push", "web", "pigeon"]
TOPICS = [None, "billing", "upsell", "onboarding", "rare"]

CONFIGURATION: Configuration = configuration_from(
    {
        "attributes": {
            "customer": {"plan": "category", "tenure": "number"},
            "candidate": {"discount": "number", "style": "category"},
        },
        "vocabulary": {"max_departments": 4, "max_channels": 3, "max_topics": 3, "max_event_types": 30},
    }
)


def random_rows(seed: int, n: int, late_share: float = 0.3, hours: int = 24 * 120) -> list[TouchpointRow]:
    """`n` rows of one customer over `hours`; whole-hour times make ties and exact window edges."""
    rng = random.Random(seed)
    messages = [f"m-{k}" for k in range(max(n // 6, 1))]
    rows = []
    for number in range(n):
        event_type = rng.choice(
            ["message_sent", "message_sent", "message_clicked", "unsubscribed", "complained", "unknown thing"]
            if rng.random() < 0.5
            else list(EVENT_TYPES)
        )
        time = START + rng.randrange(hours) * HOUR + (rng.randrange(HOUR) if rng.random() < 0.3 else 0)
        delay = rng.choice([1, HOUR, 30 * HOUR, 300 * HOUR]) if rng.random() < late_share else 0
        properties: dict[str, Any] | None = None
        if event_type == "profile_updated":
            kinds: list[dict[str, Any]] = [
                {"time_zone": "Europe/Vienna", "plan": "gold"},
                {"time_zone": "America/New_York"},
                {"time_zone": None, "tenure": 3.5},
                {"time_zone": "Mars/Olympus", "plan": "never seen before"},
                {"plan": None, "tenure": "many"},
            ]
            properties = rng.choice(kinds)
        direction = rng.choice(["inbound", "outbound", "internal"])
        if event_type == "message_sent" and rng.random() < 0.9:
            direction = "outbound"
        rows.append(
            TouchpointRow(
                event_time=time,
                ingested_time=time + delay,
                source=rng.choice(["crm", "helpdesk", "import"]),
                touchpoint_id=f"t-{number}",
                department=rng.choice(DEPARTMENTS),
                channel=rng.choice(CHANNELS),
                direction=direction,
                event_type=event_type,
                topic=rng.choice(TOPICS),
                message_id=rng.choice(messages) if "message" in event_type or rng.random() < 0.3 else None,
                campaign_id=rng.choice([None, "case-1", "case-2", "spring"]),
                value=rng.choice([None, 1.0, 4.0, 7.0, 9.5]),
                sentiment=rng.choice([None, None, -0.5, 0.25]),
                properties=properties,
            )
        )
    return rows


def random_candidate(rng: random.Random, time: int) -> dict[str, Any]:
    """A candidate message around `time` (microseconds)."""
    return {
        "message_id": f"m-{rng.randrange(40)}",
        "department": rng.choice([*DEPARTMENTS, "never seen"]),
        "channel": rng.choice([*CHANNELS, "never seen"]),
        "topic": rng.choice([*TOPICS, "never seen"]),
        "purpose": rng.choice(["promotional", "survey", "service", None]),
        "campaign_id": rng.choice([None, "spring", "case-1"]),
        "expires_at": rng.choice([None, time - HOUR, time + 7 * HOUR]),
        "attributes": rng.choice([{}, {"discount": 10, "style": "calm"}, {"style": "loud", "other": 1}]),
    }


def join(histories: list[list[TouchpointRow]]) -> TouchpointColumns:
    """Several customers' rows as one set of columns, built from the tables' side."""
    import pandas as pd

    from data_contracts.columns import TOUCHPOINTS
    from training.history import columns_of_table

    records = [
        {**row._asdict(), "customer_id": f"c-{number:03d}"}
        for number, rows in enumerate(histories)
        for row in rows
    ]
    table = pd.DataFrame.from_records(records, columns=[column.name for column in TOUCHPOINTS])
    for name in ("event_time", "ingested_time"):
        table[name] = pd.to_datetime(table[name].astype("int64"), unit="us", utc=True)
    import json

    table["properties"] = table["properties"].map(lambda one: None if one is None else json.dumps(one))
    for name in ("value", "sentiment"):
        table[name] = table[name].astype("float64")
    columns, _ = columns_of_table(table)
    return columns


def specification(rows: list[TouchpointRow]) -> FeatureSpecification:
    """A specification fitted on one customer's rows, with some words left for `other`."""
    return fit_specification(
        columns_of_rows(rows),
        CONFIGURATION,
        until=START + 24 * 200 * HOUR,
        candidate_attributes=[{"style": "calm"}, {"style": "brisk"}],
    )
