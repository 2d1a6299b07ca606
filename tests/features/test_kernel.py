"""The kernel equals the slow oracle exactly, and never looks at or after the moment."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.builder import candidate_arrays, matches, states
from features.columns import TouchpointColumns, empty_columns
from features.encoding import encode
from features.packing import TouchpointRow, columns_of_rows
from features.specification import FeatureSpecification
from tests.features.oracle import Oracle
from tests.features.seeded import HOUR, START, join, random_candidate, random_rows, specification


def online(
    columns: TouchpointColumns,
    spec: FeatureSpecification,
    moments: list[int],
    candidates: list[dict],
    as_of: list[int] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Features of one customer at moments, one candidate a moment."""
    encoded = encode(columns, spec)
    moment = np.asarray(moments, np.int64)
    seen = moment if as_of is None else np.asarray(as_of, np.int64)
    zeros, places = np.zeros(len(moment), np.int64), np.arange(len(moment), dtype=np.int64)
    state = states(encoded, spec, zeros, moment, seen)
    matched = matches(
        encoded, spec, candidate_arrays(candidates, spec), places, state, places, zeros, moment, seen
    )
    return state.matrix, matched


def check_against_oracle(
    spec: FeatureSpecification,
    rows: list[TouchpointRow],
    moments: list[int],
    candidates: list[dict],
    as_of: list[int],
) -> None:
    matrix, matched = online(columns_of_rows(rows), spec, moments, candidates, as_of)
    for number, (moment, seen, candidate) in enumerate(zip(moments, as_of, candidates, strict=True)):
        oracle = Oracle(spec, rows, moment, seen)
        for names, line, expected in (
            (spec.state_names, matrix[number], oracle.state()),
            (spec.candidate_names, matched[number], oracle.match(candidate)),
        ):
            assert set(names) == set(expected)
            wrong = [
                (name, float(line[place]), expected[name])
                for place, name in enumerate(names)
                if not np.array_equal(line[place], np.float32(expected[name]), equal_nan=True)
            ]
            assert not wrong, f"at {moment} seen from {seen}: {wrong[:5]}"


@pytest.mark.parametrize("seed", range(12))
def test_kernel_equals_oracle(seed: int) -> None:
    rng = random.Random(seed)
    rows = random_rows(seed, n=rng.choice([1, 5, 40, 160]))
    spec = specification(random_rows(999, 400))
    moments = [START + rng.randrange(24 * 150) * HOUR for _ in range(8)]
    moments += [row.event_time for row in rows[:2]] + [rows[0].event_time + 168 * HOUR]
    # Looking ahead: the history is seen from before the moment.
    as_of = [moment - rng.choice([0, 0, 5 * HOUR]) for moment in moments]
    candidates = [random_candidate(rng, moment) for moment in moments]
    check_against_oracle(spec, rows, moments, candidates, as_of)


def test_customer_without_history_is_a_normal_case() -> None:
    spec = specification(random_rows(999, 400))
    moment = START + 24 * HOUR
    candidate = random_candidate(random.Random(1), moment)
    check_against_oracle(spec, [], [moment], [candidate], [moment])
    matrix, _ = online(empty_columns(), spec, [moment], [candidate])
    assert matrix[0, spec.state_names.index("all_count_2160h")] == 0


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), shuffle=st.randoms(use_true_random=False))
def test_order_of_arrival_and_shuffles_change_nothing(seed: int, shuffle: random.Random) -> None:
    rows = random_rows(seed, 60)
    spec = specification(random_rows(999, 400))
    moments = [START + 24 * 60 * HOUR, START + 24 * 110 * HOUR]
    candidates = [random_candidate(random.Random(seed), moment) for moment in moments]
    expected = online(columns_of_rows(rows), spec, moments, candidates)
    shuffled = list(rows)
    shuffle.shuffle(shuffled)
    found = online(columns_of_rows(shuffled), spec, moments, candidates)
    for one, other in zip(expected, found, strict=True):
        assert one.tobytes() == other.tobytes()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), data=st.data())
def test_nothing_at_or_after_the_moment_is_used(seed: int, data: st.DataObject) -> None:
    rows = random_rows(seed, 80)
    spec = specification(random_rows(999, 400))
    moment = data.draw(st.sampled_from([row.event_time for row in rows]))
    candidate = random_candidate(random.Random(seed), moment)
    expected = online(columns_of_rows(rows), spec, [moment], [candidate])
    unknown_yet = [row for row in rows if row.event_time >= moment or row.ingested_time > moment]
    changed = [
        row._replace(value=99.0, event_type="ticket_opened", topic="billing", department="sales")
        if row in unknown_yet
        else row
        for row in rows
    ]
    kept = [row for row in rows if row not in unknown_yet]
    for variant in (changed, kept):
        found = online(columns_of_rows(variant), spec, [moment], [candidate])
        for one, other in zip(expected, found, strict=True):
            assert one.tobytes() == other.tobytes()


def test_offline_equals_online_bit_for_bit() -> None:
    histories = [random_rows(seed, n) for seed, n in ((1, 30), (2, 1), (3, 200), (4, 75))]
    spec = specification(random_rows(999, 400))
    everyone = join(histories)
    encoded = encode(everyone, spec)
    rng = random.Random(5)
    customer = np.asarray([rng.randrange(4) for _ in range(60)], np.int64)
    moment = np.asarray([START + rng.randrange(24 * 150) * HOUR for _ in range(60)], np.int64)
    candidates = [random_candidate(rng, int(time)) for time in moment]
    places = np.arange(60, dtype=np.int64)
    state = states(encoded, spec, customer, moment)
    matched = matches(
        encoded, spec, candidate_arrays(candidates, spec), places, state, places, customer, moment
    )
    for number in range(60):
        columns = columns_of_rows(histories[customer[number]])
        one_state, one_match = online(columns, spec, [int(moment[number])], [candidates[number]])
        assert one_state[0].tobytes() == state.matrix[number].tobytes()
        assert one_match[0].tobytes() == matched[number].tobytes()


def test_specification_survives_json() -> None:
    spec = specification(random_rows(999, 400))
    again = FeatureSpecification.from_json(spec.to_json())
    assert again == spec
    assert again.contact_names == spec.contact_names
    with pytest.raises(ValueError, match="format 2"):
        FeatureSpecification.from_json(spec.to_json().replace('"format_version": 1', '"format_version": 2'))


def test_names_are_unique_and_match_the_matrix() -> None:
    spec = specification(random_rows(999, 400))
    assert len(set(spec.contact_names)) == len(spec.contact_names)
    assert spec.categorical_names <= set(spec.contact_names)


def test_history_limit_keeps_the_newest() -> None:
    rows = random_rows(3, 120, late_share=0.0)
    spec = specification(random_rows(999, 400))
    moment = np.asarray([START + 24 * 130 * HOUR], np.int64)
    newest = sorted(rows, key=lambda row: row[:4])[-50:]
    zero = np.zeros(1, np.int64)
    limited = states(encode(columns_of_rows(rows), spec), spec, zero, moment, limit=50).matrix
    whole = states(encode(columns_of_rows(newest), spec), spec, zero, moment).matrix
    names = [
        place
        for place, name in enumerate(spec.state_names)
        # Answers and the profile are known beyond the limit; all else is not.
        if not name.startswith(("answered_", "customer_", "local_", "zone_"))
    ]
    assert limited[0, names].tobytes() == whole[0, names].tobytes()
