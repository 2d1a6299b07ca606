"""What is drawn from the decision log: chances, effects against nothing, holdout, ledger."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reporting.changed_by_tact import holdout, ledger
from reporting.decision_rows import propensities
from reporting.estimates import Estimate, Figure
from reporting.interaction import ANOTHER, ANY, NOBODY, interaction
from reporting.long_term import horizons
from tests.reporting.companies import Row, decision, study_of, touch


def found(figure: Figure | None, **labels: str) -> Estimate:
    row = None if figure is None else figure.find(**labels)
    if row is None:
        raise AssertionError(f"there is no row {labels}")
    return row.estimate


def test_rows_that_drew_each_by_itself_keep_their_chance() -> None:
    decision_of = np.array([0, 0, 1, 1, 2, 2])
    sent = np.array([True, True, True, False, False, False])
    chance = np.array([0.5, 0.4, 0.5, 0.4, 0.5, 0.4])
    propensity, held = propensities(decision_of, sent, chance)
    # Decision 0 sent two: neither was sent alone. In decision 1 the row not sent is no control.
    assert np.isnan(propensity[[0, 1, 3]]).all()
    assert propensity[[2, 4, 5]].tolist() == [0.5, 0.5, 0.4]
    assert held.tolist() == [False, False, False, False, True, True]


def test_at_most_one_of_a_decision() -> None:
    decision_of = np.array([0, 0, 1, 1])
    sent = np.array([True, False, False, False])
    propensity, held = propensities(decision_of, sent, np.array([0.5, 0.3, 0.5, 0.3]))
    # Nothing is sent with 0.2: this row alone, given it or nothing, with 0.5 / 0.7 and 0.3 / 0.5.
    assert propensity[[0, 2, 3]] == pytest.approx([0.5 / 0.7, 0.5 / 0.7, 0.3 / 0.5])
    assert held.tolist() == [False, False, True, True]


@pytest.mark.parametrize("chance", [0.0, 1.0, np.nan])
def test_no_draw_measures_nothing(chance: float) -> None:
    propensity, _ = propensities(np.array([0]), np.array([True]), np.array([chance]))
    assert np.isnan(propensity).all()


def _company(customers: int = 400) -> tuple[list[Row], list[Row]]:
    """Marketing draws with a half; for customers with an odd number sales had written the day before.

    Sent after sales, 40 % complain; sent alone, 10 %. Held back, nobody does. Sent helps 20 % either way.
    """
    touches: list[Row] = []
    log: list[Row] = []
    for place in range(customers):
        name, sent, collided = f"c{place:03d}", place // 2 % 2 == 0, place % 2 == 1
        turn = place // 4 % 10
        touches.append(touch(name, 0, "product", "logged_in"))
        if collided:
            touches.append(touch(name, 40, "sales", "message_sent", message_id=f"s{place}"))
        log.append(decision(place, name, 60, "send" if sent else "suppress", 0.5))
        if sent:
            touches.append(touch(name, 60.01, "marketing", "message_sent", message_id=f"m{place}"))
            if turn < (4 if collided else 1):
                touches.append(touch(name, 61, "marketing", "complained", message_id=f"m{place}"))
            if turn >= 8:
                touches.append(touch(name, 61, "marketing", "message_clicked", message_id=f"m{place}"))
        touches.append(touch(name, 1000, "product", "logged_in"))
    return touches, log


def test_a_further_touch_against_sending_nothing(tmp_path: Path) -> None:
    study = study_of(tmp_path, *_company())
    figure = interaction(study)
    alone = found(figure, earlier=NOBODY, further="marketing", outcome="interrupts")
    after = found(figure, earlier="sales", further="marketing", outcome="interrupts")
    assert alone.value == pytest.approx(0.1)
    assert after.value == pytest.approx(0.4)
    assert after.clear
    assert found(figure, earlier="sales", further="marketing", outcome="helps").value == pytest.approx(0.2)
    assert found(figure, earlier=ANOTHER, further=ANY, outcome="interrupts").value == pytest.approx(0.4)
    # Sales never drew: there is no column for it.
    assert figure.find(further="sales") is None
    assert "sending nothing" in figure.note


def test_short_and_long(tmp_path: Path) -> None:
    touches, log = _company()
    # Of those who were sent something, the turns 5 and 6 leave after ten days: a harm that 72 h don't see.
    touches += [
        touch(f"c{place:03d}", 300, "billing", "cancelled")
        for place in range(400)
        if place // 2 % 2 == 0 and place // 4 % 10 in (5, 6)
    ]
    figure = horizons(study_of(tmp_path, touches, log))
    short = found(figure, department="marketing", horizon="short", outcome="interrupts")
    long = found(figure, department="marketing", horizon="long", outcome="interrupts")
    assert short.value == pytest.approx(0.25)
    assert long.value == pytest.approx(0.45)


def test_the_ledger(tmp_path: Path) -> None:
    touches, log = _company(800)
    # Two of the messages that were held back are asked about again: one goes out, one does not.
    log.append(decision(900, "c002", 90, "send", 1.0, message_id="m2"))
    log.append(decision(901, "c006", 90, "suppress", 0.0, message_id="m6"))
    figure = ledger(study_of(tmp_path, touches, log))
    asked = {what: found(figure, department="marketing", what=what).value for what in (
        "asked", "sent at once", "sent later", "never sent",
    )}  # fmt: skip
    assert asked == {"asked": 800.0, "sent at once": 400.0, "sent later": 1.0, "never sent": 399.0}
    # Held back: 199 alone and 200 after sales; each effect is measured in its own situation.
    avoided = found(figure, department="marketing", what="harm avoided")
    assert avoided.value == pytest.approx(199 * 0.1 + 200 * 0.4, abs=0.5)
    lost = found(figure, department="marketing", what="help lost")
    assert lost.value == pytest.approx(399 * 0.2, abs=0.5)
    assert found(figure, department="marketing", what="value lost").value == pytest.approx(
        2 * 399 * 0.2, abs=1.0
    )
    net = found(figure, department="marketing", what="net")
    assert net.value == pytest.approx((lost.value or 0) - 2 * (avoided.value or 0))
    assert net.high is not None and net.high < 0
    assert found(figure, department="sales", what="net").reason is not None


def test_nothing_drawn_where_it_was_held_back(tmp_path: Path) -> None:
    touches, log = _company(800)
    # All that was asked about after sales is held back by a rule: nobody knows what it would have done.
    for place, row in enumerate(log):
        if place % 2:
            row |= {"action": "suppress", "send_probability": 0.0}
        elif place > 600:
            row["action"] = "send"
    figure = ledger(study_of(tmp_path, touches, log))
    assert found(figure, department="marketing", what="net").reason == (
        "most were held back in situations in which nothing was drawn: what they would have done is not known"
    )


def test_holdout_against_treated(tmp_path: Path) -> None:
    touches, log = [], []
    for place in range(100):
        name, held_out = f"c{place:03d}", place < 40
        log.append(decision(place, name, 0, "send", 1.0, mode="holdout" if held_out else "enforce"))
        messages = 6 if held_out else 3
        touches += [
            touch(name, 24 * number, "marketing", "message_sent", message_id=f"m{place}-{number}")
            for number in range(messages)
        ]
        touches.append(touch(name, 336, "product", "logged_in"))
    figure = holdout(study_of(tmp_path, touches, log))
    assert found(figure, what="touches a week", group="with Tact").value == pytest.approx(1.5)
    assert found(figure, what="touches a week", group="holdout").value == pytest.approx(3.0)
    gap = found(figure, what="touches a week", group="difference")
    assert (gap.value, gap.low, gap.high, gap.customers) == (-1.5, -1.5, -1.5, 100)


def test_no_holdout_no_figure(tmp_path: Path) -> None:
    assert holdout(study_of(tmp_path, *_company(80))) is None


def test_how_long_messages_waited(tmp_path: Path) -> None:
    log: list[Row] = []
    touches: list[Row] = []
    for place in range(40):
        name = f"c{place:02d}"
        log.append(decision(place, name, 10, "wait", 0.0))
        log.append(decision(1000 + place, name, 34, "send", 1.0, message_id=f"m{place}"))
        touches.append(touch(name, 34.1, "marketing", "message_sent", message_id=f"m{place}"))
        touches.append(touch(name, 200, "product", "logged_in"))
    figure = ledger(study_of(tmp_path, touches, log))
    assert found(figure, department="marketing", what="sent later").value == 40.0
    assert found(figure, department="marketing", what="waited").value == pytest.approx(24.0)
    assert found(figure, department="marketing", what="net").reason == (
        "too little data: 0 messages never sent of 0 customers; needs 30 messages never sent of 20 customers"
    )
