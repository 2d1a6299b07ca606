"""Intervals against numbers from elsewhere, and against the truth that they must cover."""

from __future__ import annotations

import numpy as np
import pytest

from reporting.differences import between_customers, drawn_effect, stratified
from reporting.resampling import Resampler, share, wilson


def test_wilson_against_a_published_example() -> None:
    # Newcombe (1998), Statistics in Medicine 17, table I: 81 of 263, score method without continuity correction.
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)


def test_one_row_a_customer_is_wilsons_own() -> None:
    hits = np.array([1.0] * 15 + [0.0] * 35)
    found = share(hits, np.ones(50))
    assert (found.value, found.customers, found.rows) == (0.3, 50, 50)
    assert (found.low, found.high) == pytest.approx(wilson(0.3, 50))


def test_repeating_each_customers_row_tells_nothing_new() -> None:
    hits = np.array([1.0] * 15 + [0.0] * 35)
    once, often = share(hits, np.ones(50)), share(8 * hits, np.full(50, 8.0))
    assert (often.value, often.rows) == (0.3, 400)
    assert often.low == pytest.approx(once.low, abs=0.005)
    assert often.high == pytest.approx(once.high, abs=0.005)


def test_all_hits_are_not_certain() -> None:
    found = share(np.full(25, 4.0), np.full(25, 4.0))
    assert found.value == 1.0
    assert found.low == pytest.approx(wilson(1.0, 25)[0])


@pytest.mark.parametrize(("customers", "rows"), [(19, 400), (25, 29)])
def test_too_little_says_how_little(customers: int, rows: int) -> None:
    counts = np.bincount(np.arange(rows) % customers, minlength=customers).astype(float)
    found = share(counts * 0.0, counts, "messages")
    assert found.value is None
    assert found.reason == (
        f"too little data: {rows} messages of {customers} customers; needs 30 messages of 20 customers"
    )


def test_ratio_and_its_interval() -> None:
    draws = Resampler.of(400, 1)
    top = np.random.default_rng(2).poisson(3.0, 400).astype(float)
    found = draws.ratio("per_week", top, np.ones(400), 400)
    assert found.value == pytest.approx(top.mean())
    error = top.std() / 20
    assert found.low == pytest.approx(top.mean() - 1.96 * error, abs=0.4 * error)
    assert found.high == pytest.approx(top.mean() + 1.96 * error, abs=0.4 * error)


def test_the_median_of_what_has_not_ended() -> None:
    draws, customer = Resampler.of(60, 1), np.arange(60)
    found = draws.median("hours", np.where(customer < 40, 5.0, np.inf), customer, "cases")
    assert (found.value, found.low, found.high) == (5.0, 5.0, 5.0)
    unended = draws.median("hours", np.where(customer < 20, 5.0, np.inf), customer, "cases")
    assert unended.value is None
    assert unended.reason == "more than half of them had not ended"


def test_stratified_difference_counted_by_hand() -> None:
    # Stratum 0: 10 of 40 against 20 of 160; stratum 1: 30 of 60 against 4 of 20; stratum 2 has one arm only.
    arm = np.repeat([True, False, True, False, True], [40, 160, 60, 20, 50])
    stratum = np.repeat([0, 0, 1, 1, 2], [40, 160, 60, 20, 50])
    outcome = np.concatenate(
        [np.arange(size) < hits for size, hits in ((40, 10), (160, 20), (60, 30), (20, 4), (50, 50))]
    )
    customer = np.arange(len(arm))
    found = stratified(Resampler.of(len(arm), 3), customer, stratum, arm, outcome.astype(float))
    weights = np.array([40 * 160 / 200, 60 * 20 / 80])
    assert found.value == pytest.approx((weights @ [0.25 - 0.125, 0.5 - 0.2]) / weights.sum())
    assert found.clear


def test_drawn_effect_counted_by_hand() -> None:
    # Chances differ by customer kind, and so do the outcomes: plain means would be wrong.
    sent = np.repeat([True, True, False, False], [80, 20, 20, 80])
    propensity = np.repeat([0.8, 0.2, 0.8, 0.2], [80, 20, 20, 80])
    outcome = np.repeat([1.0, 0.0, 1.0, 0.0], [80, 20, 20, 80])
    found = drawn_effect(Resampler.of(200, 3), np.arange(200), sent, propensity, outcome)
    assert found.value == pytest.approx(0.0)


def test_intervals_cover_a_planted_effect() -> None:
    truth, covered, runs = 0.1, 0, 60
    for seed in range(runs):
        random = np.random.default_rng(seed)
        customer = np.repeat(np.arange(150), 6)
        own = np.repeat(random.uniform(0.1, 0.5, 150), 6)  # customers differ: rows aren't independent
        sent = random.random(900) < 0.7
        outcome = (random.random(900) < own + truth * sent).astype(float)
        found = drawn_effect(Resampler.of(150, seed, 150), customer, sent, np.full(900, 0.7), outcome)
        if found.low is None or found.high is None:
            raise AssertionError(f"no interval with seed {seed}")
        covered += found.low <= truth <= found.high
    assert covered >= 0.85 * runs


def test_arms_with_too_little_name_the_arm() -> None:
    arm = np.arange(100) < 12
    found = stratified(Resampler.of(100, 1), np.arange(100), np.zeros(100, np.int64), arm, np.zeros(100))
    assert found.reason == "too little data: 12 moments of 12 customers with it; needs 30 of 20"


def test_groups_of_customers() -> None:
    group = np.arange(80) < 30
    found = between_customers(
        Resampler.of(80, 1), "per_week", group, ~group, np.where(group, 6.0, 2.0), np.full(80, 2.0)
    )
    assert (found.value, found.low, found.high, found.customers) == (2.0, 2.0, 2.0, 80)
    few = between_customers(Resampler.of(80, 1), "per_week", np.arange(80) < 9, group, np.ones(80), np.ones(80))
    assert few.reason == "too little data: 9 customers in the smaller group; needs 20"


def test_the_same_seed_gives_the_same_draws() -> None:
    assert np.array_equal(Resampler.of(50, 4).weights, Resampler.of(50, 4).weights)
    assert not np.array_equal(Resampler.of(50, 4).weights, Resampler.of(50, 5).weights)
