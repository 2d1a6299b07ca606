"""Candidates of many rows equal the service's own way of reading one request."""

from __future__ import annotations

import json
import random

import numpy as np
import pandas as pd

from features.builder import NO_EXPIRY, candidate_arrays
from tests.features.seeded import CHANNELS, DEPARTMENTS, START, TOPICS, random_rows
from tests.features.seeded import specification as specification_of
from training.candidate_table import candidates_of_decisions, concatenated


def candidates(seed: int, n: int) -> list[dict[str, object]]:
    rng = random.Random(seed)
    return [
        {
            "message_id": f"m-{number}",
            "department": rng.choice([*DEPARTMENTS, None]),
            "channel": rng.choice([*CHANNELS, None]),
            "topic": rng.choice(TOPICS),
            "purpose": rng.choice(["service", "survey", "unheard of", None]),
            "campaign_id": rng.choice(["spring", "autumn", None]),
            "value": rng.choice([None, 1.5]),
            "expires_at": rng.choice([None, START + number]),
            "attributes": rng.choice(
                [{}, {"discount": 10}, {"style": "bold", "discount": None}, {"unknown": 1}]
            ),
        }
        for number in range(n)
    ]


def table_of(rows: list[dict[str, object]]) -> pd.DataFrame:
    table = pd.DataFrame(rows)
    table["attributes"] = [json.dumps(row["attributes"]) if row["attributes"] else None for row in rows]
    table["value"] = table["value"].astype(float)
    table["expires_at"] = pd.to_datetime(table["expires_at"].astype("Int64"), unit="us", utc=True)
    return table


def test_columns_equal_the_request_path() -> None:
    specification = specification_of(random_rows(1, 80))
    rows = candidates(3, 60)
    found = candidates_of_decisions(table_of(rows)).arrays(specification)
    wanted = candidate_arrays(rows, specification)
    for name in wanted._fields:
        assert np.array_equal(getattr(found, name), getattr(wanted, name), equal_nan=name == "attributes"), name


def test_tables_put_together_and_taken_apart_are_the_same() -> None:
    specification = specification_of(random_rows(1, 80))
    rows = candidates(4, 40)
    whole = candidates_of_decisions(table_of(rows))
    parts = concatenated(
        [candidates_of_decisions(table_of(rows[:15])), candidates_of_decisions(table_of(rows[15:]))]
    )
    for taken in (parts, parts.take(np.arange(40)), whole.take(np.ones(40, np.bool_))):
        for one, other in zip(taken.arrays(specification), whole.arrays(specification), strict=True):
            assert np.array_equal(one, other, equal_nan=one.dtype == np.float64)


def test_gaps_are_told_by_field() -> None:
    table = candidates_of_decisions(
        table_of(
            [
                {"message_id": "1", "department": "sales", "channel": "email", "topic": None, "purpose": None,
                 "campaign_id": None, "value": None, "expires_at": None, "attributes": {}},
                {"message_id": "2", "department": "sales", "channel": "email", "topic": "upsell", "purpose": "survey",
                 "campaign_id": "x", "value": 2.0, "expires_at": START, "attributes": {"discount": 5}},
            ]
        )
    )  # fmt: skip
    for field in ("topic", "purpose", "campaign_id", "value", "expires_at", "attributes.discount"):
        assert table.missing(field).tolist() == [True, False], field
    assert not table.missing("department").any()
    assert table.expires_at[0] == NO_EXPIRY
