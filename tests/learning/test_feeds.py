"""Silent feeds: found within their own usual gap, with a false alarm rate that can be checked."""

from __future__ import annotations

import numpy as np
import pytest

from data_contracts.configuration import Monitoring
from data_contracts.times import DAY, HOUR
from learning.feeds import _sliding_longest, false_alarms_a_month, feed_at

LIMITS = Monitoring()
START = 1_767_225_600_000_000


def working_hours(days: int, seed: int) -> np.ndarray:
    """Arrivals at random between 9 and 17 o'clock on weekdays."""
    draw = np.random.default_rng(seed)
    moments = [
        START + day * DAY + round(float(hour) * HOUR)
        for day in range(days)
        if day % 7 < 5
        for hour in np.sort(draw.uniform(9, 17, 30))
    ]
    return np.asarray(moments, np.int64)


def nightly(days: int) -> np.ndarray:
    return np.asarray([START + day * DAY + 2 * HOUR + (day * 7919) % HOUR for day in range(days)], np.int64)


@pytest.mark.parametrize(
    ("arrivals", "usual"), [(working_hours(90, 1), 66.0), (nightly(90), 24.0)], ids=["working hours", "nightly"]
)
def test_a_feed_is_silent_after_its_usual_gap_and_not_before(arrivals: np.ndarray, usual: float) -> None:
    last = int(arrivals[-1])
    found = feed_at("source", "s", arrivals, last, LIMITS)
    assert found.usual_hours == pytest.approx(usual, rel=0.08) and found.limit_hours is not None
    assert not feed_at("source", "s", arrivals, last + round((found.limit_hours - 0.1) * HOUR), LIMITS).silent
    late = feed_at("source", "s", arrivals, last + round((found.limit_hours + 0.1) * HOUR), LIMITS)
    assert late.silent and "SILENT" in late.told()
    # It stays silent however long it lasts: the gap is learnt from before the feed's last arrival.
    assert feed_at("source", "s", arrivals, last + 200 * DAY, LIMITS).silent


def test_false_alarms_are_about_what_exchangeable_gaps_say() -> None:
    draw = np.random.default_rng(2)
    counted = []
    for _ in range(30):
        arrivals = START + np.cumsum(draw.exponential(2.0, 6_000) * HOUR).astype(np.int64)
        counted.append(false_alarms_a_month(arrivals, Monitoring(feed_gap_factor=1.0)))
    # One alarm in the 28 days of learning at a factor of 1, so 30/28 a month.
    assert np.mean([one for one in counted if one is not None]) == pytest.approx(30 / 28, rel=0.2)
    with_factor = false_alarms_a_month(arrivals, LIMITS)
    assert with_factor is not None and with_factor < 0.6
    assert false_alarms_a_month(nightly(90), LIMITS) == 0.0


def test_the_longest_gap_is_that_of_the_learning_days_before() -> None:
    draw = np.random.default_rng(3)
    arrivals = START + np.cumsum(draw.exponential(1.0, 300) * HOUR).astype(np.int64)
    gaps, learning = np.diff(arrivals), 20 * HOUR
    slow = [
        max((gaps[k] for k in range(place) if arrivals[k] >= arrivals[place] - learning), default=0)
        for place in range(len(gaps))
    ]
    assert _sliding_longest(gaps, arrivals, learning).tolist() == slow


def test_a_feed_with_few_arrivals_is_not_judged() -> None:
    few = feed_at("source", "s", nightly(12), START + 300 * DAY, LIMITS)
    assert few.usual_hours is None and not few.silent and "unknown" in few.told()
