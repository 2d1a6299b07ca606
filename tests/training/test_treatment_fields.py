"""The trap of a field that is filled in only when something goes out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.builder import NO_EXPIRY
from tests.features.seeded import random_rows
from tests.features.seeded import specification as specification_of
from training.candidate_table import CandidateTable
from training.treatment_fields import features_of_field, masked_places, treatment_fields

N = 3_000


def table(topic: np.ndarray) -> CandidateTable:
    none = np.full(N, -1, np.int32)
    return CandidateTable(
        words={"department": ("sales",), "channel": ("email",), "topic": ("a", "b"), "purpose": ()},
        codes={
            "department": np.zeros(N, np.int32),
            "channel": np.zeros(N, np.int32),
            "topic": topic.astype(np.int32),
            "purpose": none,
        },
        message=np.arange(1, N + 1),
        campaign=np.zeros(N, np.int64),
        expires_at=np.full(N, NO_EXPIRY, np.int64),
        value=np.full(N, np.nan),
        attribute_sets=({}, {"text": "known"}),
        attribute_code=np.zeros(N, np.int32),
    )


def test_a_topic_that_is_known_only_of_sent_rows_is_named() -> None:
    draw = np.random.default_rng(1)
    sent = draw.random(N) < 0.6
    found = treatment_fields(table(np.where(sent, draw.integers(0, 2, N), -1)), sent, np.full(N, 0.6))
    assert [one.name for one in found] == ["topic"]
    assert found[0].missing_sent == 0.0 and found[0].missing_held == pytest.approx(1.0)


def test_so_is_an_attribute_and_a_field_that_only_mostly_tells() -> None:
    draw = np.random.default_rng(2)
    sent = draw.random(N) < 0.5
    mostly = np.where(sent & (draw.random(N) < 0.4), 1, 0)
    given = replace(table(np.zeros(N)), attribute_code=mostly.astype(np.int32))
    assert [one.name for one in treatment_fields(given, sent, np.full(N, 0.5))] == ["attributes.text"]


def test_unequal_chances_alone_are_no_trap() -> None:
    draw = np.random.default_rng(3)
    has_topic = draw.random(N) < 0.5
    propensity = np.where(has_topic, 0.9, 0.2)
    sent = draw.random(N) < propensity
    candidates = table(np.where(has_topic, 0, -1))
    assert abs(has_topic[sent].mean() - has_topic[~sent].mean()) > 0.5, "a plain comparison would see one"
    assert treatment_fields(candidates, sent, propensity) == ()


def test_without_a_draw_only_a_field_that_gives_the_arm_away_is_named() -> None:
    draw = np.random.default_rng(4)
    sent = draw.random(N) < 0.5
    often = table(np.where(sent | (draw.random(N) < 0.5), 0, -1))
    assert treatment_fields(often, sent, None) == ()
    assert [one.name for one in treatment_fields(table(np.where(sent, 0, -1)), sent, None)] == ["topic"]


def test_all_that_is_made_from_a_field_is_hidden() -> None:
    specification = specification_of(random_rows(1, 80))
    names = features_of_field(specification, "topic")
    assert {"candidate_topic", "own_topic_positive_rate", "topic_matches_open_case"} <= set(names)
    assert not any("department" in name or "channel" in name for name in names)
    assert features_of_field(specification, "attributes.discount") == ("candidate_discount",)
    draw = np.random.default_rng(5)
    sent = draw.random(N) < 0.5
    found = treatment_fields(table(np.where(sent, 0, -1)), sent, np.full(N, 0.5))
    hidden = masked_places(specification, found)
    assert {specification.contact_names[place] for place in hidden} == set(names)
