"""Ordered occurrences against counting one by one, with ties."""

from __future__ import annotations

import numpy as np
import pytest

from reporting.occurrences import Occurrences, pair_codes


@pytest.mark.parametrize("seed", range(5))
def test_every_answer_equals_counting_one_by_one(seed: int) -> None:
    random = np.random.default_rng(seed)
    customer, time = random.integers(0, 6, 80), random.integers(0, 25, 80)
    who, moment, span = random.integers(0, 8, 60), random.integers(-3, 30, 60), random.integers(0, 9, 60)
    found = Occurrences(customer, time)
    after = found.count_after(who, moment, moment + span)
    before = found.count_before(who, moment - span, moment)
    following, preceding = found.next_after(who, moment), found.last_before(who, moment)
    for place in range(len(who)):
        mine = time[customer == who[place]]
        t, width = moment[place], span[place]
        assert after[place] == ((mine > t) & (mine <= t + width)).sum(), f"seed {seed}"
        assert before[place] == ((mine >= t - width) & (mine < t)).sum(), f"seed {seed}"
        later, earlier = mine[mine > t], mine[mine < t]
        assert (following[place] == -1) == (later.size == 0), f"seed {seed}"
        assert (preceding[place] == -1) == (earlier.size == 0), f"seed {seed}"
        if later.size:
            assert time[following[place]] == later.min()
            assert customer[following[place]] == who[place]
        if earlier.size:
            assert time[preceding[place]] == earlier.max()
            assert customer[preceding[place]] == who[place]


def test_times_in_microseconds_are_not_rounded() -> None:
    late = 4_102_444_800_000_000
    found = Occurrences(np.array([999_999, 999_999]), np.array([late, late + 1]))
    who = np.array([999_999])
    assert found.count_after(who, np.array([late]), np.array([late + 1])).tolist() == [1]
    assert found.count_before(who, np.array([0]), np.array([late + 1])).tolist() == [1]


def test_nothing_happened() -> None:
    empty = Occurrences(np.zeros(0, np.int64), np.zeros(0, np.int64))
    who = np.array([0, 5])
    assert empty.count_after(who, who, who + 9).tolist() == [0, 0]
    assert empty.next_after(who, who).tolist() == [-1, -1]
    assert empty.last_before(who, who).tolist() == [-1, -1]


def test_equal_pairs_share_a_number() -> None:
    one, other = pair_codes((np.array([1, 1, 2]), np.array([-7, 3, -7])), (np.array([2, 1]), np.array([-7, 4])))
    assert one[2] == other[0]
    assert len({*one.tolist(), *other.tolist()}) == 4
