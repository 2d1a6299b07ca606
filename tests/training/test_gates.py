"""What lets a model through, and what a champion is guarded by: pure figures."""

from __future__ import annotations

import numpy as np
import pytest

from training.gates import MOST_POLICY_LOSS, gate
from training.segments import SegmentChange, clustered_mean, segment_changes

GOOD = {
    f"{model}_log_loss_gain{end}": value
    for model in ("goal", "helps_send", "interrupts_send")
    for end, value in (("", 0.02), ("_low", 0.01), ("_high", 0.03))
}


def change(name: str, value: float, low: float, high: float) -> dict[str, float]:
    return {f"{name}_change": value, f"{name}_change_low": low, f"{name}_change_high": high}


def test_the_first_model_needs_no_champion() -> None:
    assert gate("auto", GOOD, None).promoted
    worse = GOOD | {"goal_log_loss_gain": -0.1, "goal_log_loss_gain_high": -0.05}
    assert not gate("auto", worse, None).promoted and gate("always", worse, None).promoted


@pytest.mark.parametrize(
    ("against", "promoted"),
    [
        (change("helps_send", 0.01, -0.01, 0.03), True),
        (change("helps_send", 0.02, 0.01, 0.03), False),
        (change("policy", 0.01, -0.2, 0.2), True),
        (change("policy", -0.01, -0.2, 0.2), False),
        (change("policy", -0.001, -0.9 * MOST_POLICY_LOSS, 0.001), True),
    ],
    ids=[
        "loss within noise",
        "loss is worse",
        "value as good",
        "value unknown and lower",
        "loses next to nothing",
    ],
)
def test_against_the_champion(against: dict[str, float], promoted: bool) -> None:
    found = gate("auto", GOOD, against, "3")
    assert found.promoted is promoted and ("champion" in found.reason)


def segment(
    value: float, low: float, high: float, figure: str = "policy", guards: bool = True
) -> SegmentChange:
    return SegmentChange("department:sales", figure, 300, 90, value, low, high, guards)


def test_a_segment_that_loses_keeps_the_champion() -> None:
    fine = change("policy", 0.01, 0.0, 0.02)
    refused = gate("auto", GOOD, fine, "3", [segment(-0.2, -0.3, -0.1)])
    assert not refused.promoted and "department:sales" in refused.reason
    assert gate("auto", GOOD, fine, "3", [segment(-0.2, -0.3, -0.1, guards=False)]).promoted
    assert gate("auto", GOOD, fine, "3", [segment(-0.2, -0.5, 0.1)]).promoted
    assert not gate("auto", GOOD, fine, "3", [segment(0.2, 0.1, 0.3, "helps_send")]).promoted


def test_many_segments_raise_no_more_false_alarms_than_one() -> None:
    draw = np.random.default_rng(9)
    alarms = 0
    for _ in range(200):
        customer = np.repeat(np.arange(400), 5)
        mood = draw.normal(size=400)[customer]
        difference = mood + draw.normal(size=2_000)
        masks = {f"goal:{n}": draw.integers(0, 20, 2_000) == n for n in range(20)}
        found = segment_changes(masks, {"policy": (np.arange(2_000), difference)}, customer)
        assert any(one.guards for one in found)
        alarms += any(one.worse for one in found)
    # Worse on one side only: 2.5 % of the 200 for all segments together, and chance on top.
    assert alarms <= 12


def test_rows_of_one_customer_are_one_witness() -> None:
    values, customer = np.repeat(np.asarray([1.0, 2.0, 3.0, 4.0]), 50), np.repeat(np.arange(4), 50)
    mean, error, customers = clustered_mean(values, customer)
    assert (mean, customers) == (2.5, 4)
    assert error == pytest.approx(np.std([1, 2, 3, 4], ddof=1) / 2)
