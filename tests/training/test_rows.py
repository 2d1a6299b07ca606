"""Arms and propensities of decision rows, by small logs whose answer is plain."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from data_contracts.configuration import Configuration
from features.columns import TouchpointColumns
from features.packing import TouchpointRow, columns_of_rows
from tests.training.planted import HOUR, START
from training.rows import MessageRows, arm_propensity, rows_of_decisions

NOTHING = columns_of_rows([])


def log(*rows: tuple[str, str, str, float | None, str, str]) -> pd.DataFrame:
    """Rows of (decision, message, action, send_probability, mode, purpose) of one customer."""
    table = pd.DataFrame(
        rows, columns=["decision_id", "message_id", "action", "send_probability", "mode", "purpose"]
    )
    table["send_probability"] = table["send_probability"].astype(float)
    table["customer_id"] = "c-1"
    table["decided_at"] = pd.to_datetime(START, unit="us", utc=True)
    for name in ("department", "channel", "topic", "campaign_id", "attributes"):
        table[name] = None
    table["value"] = np.nan
    table["expires_at"] = pd.Series(pd.NaT, index=table.index).dt.tz_localize("UTC")
    return table


def read(table: pd.DataFrame, columns: TouchpointColumns = NOTHING) -> MessageRows:
    return rows_of_decisions(table, ["c-1"], columns, Configuration())


def test_a_sent_row_and_a_control_measure_lift_by_their_logged_chance() -> None:
    rows = read(
        log(("a", "1", "send", 0.7, "enforce", "service"), ("b", "2", "wait", 0.3, "enforce", "survey"))
    )
    assert len(rows) == 2
    assert sorted(zip(rows.sent.tolist(), rows.propensity.tolist(), strict=True)) == [(False, 0.3), (True, 0.7)]


def test_a_row_whose_decision_sent_another_is_no_control_and_is_counted() -> None:
    rows = read(
        log(("a", "1", "send", 0.5, "enforce", "service"), ("a", "2", "suppress", 0.5, "enforce", "service"))
    )
    assert rows.sent.tolist() == [True]
    assert rows.dropped == {"not sent, but its decision sent another message": 1}


@pytest.mark.parametrize("probability", [0.0, 1.0, None])
def test_a_rule_or_an_unknown_chance_measures_no_lift(probability: float | None) -> None:
    rows = read(log(("a", "1", "send", probability, "enforce", "service")))
    assert rows.sent.tolist() == [True] and not rows.measures_lift.any()
    assert rows.logged.tolist() == [probability is not None]


def test_transactional_rows_measure_no_lift_whatever_their_chance() -> None:
    rows = read(log(("a", "1", "send", 0.5, "enforce", "transactional")))
    assert rows.transactional.tolist() == [True] and not rows.measures_lift.any()


def test_a_send_that_was_certain_leaves_its_companions_without_a_control() -> None:
    rows = read(
        log(("a", "1", "send", 1.0, "enforce", "transactional"), ("a", "2", "send", 0.5, "enforce", "service"))
    )
    assert rows.sent.all() and not rows.measures_lift.any()


@pytest.mark.parametrize(("hours", "sent"), [(0, True), (5, True), (72, True), (73, False), (-1, False)])
@pytest.mark.parametrize("mode", ["shadow", "holdout"])
def test_what_another_system_did_is_read_from_the_touchpoints(mode: str, hours: int, sent: bool) -> None:
    time = START + hours * HOUR
    contact = TouchpointRow(
        time, time, "hub", "t", "marketing", "email", "outbound", "message_sent", message_id="1"
    )
    rows = read(log(("a", "1", "suppress", 0.5, mode, "service")), columns_of_rows([contact]))
    assert rows.sent.tolist() == [sent]
    assert not rows.measures_lift.any(), "what was not enforced was not drawn"


def test_rows_drawn_by_themselves_have_their_own_chance() -> None:
    draw = np.random.default_rng(1)
    decision = np.repeat(np.arange(4000), 2)
    p = np.tile([0.3, 0.6], 4000)
    sent = draw.random(8000) < p
    propensity, held = arm_propensity(decision, sent, p)
    several = np.bincount(decision, weights=sent)[decision] > 1
    assert np.isnan(propensity[several]).all(), "two sends at once are not one send against none"
    known = ~np.isnan(propensity)
    assert np.allclose(propensity[known], p[known])
    assert held.sum() == 2 * (np.bincount(decision, weights=sent) == 0).sum()


def test_rows_of_which_one_at_most_is_sent_have_the_chance_against_nothing() -> None:
    draw = np.random.default_rng(2)
    chosen = draw.choice(3, size=4000, p=[0.2, 0.3, 0.5])
    decision = np.repeat(np.arange(4000), 2)
    sent = np.column_stack([chosen == 0, chosen == 1]).ravel()
    propensity, held = arm_propensity(decision, sent, np.tile([0.2, 0.3], 4000))
    first = np.arange(8000) % 2 == 0
    usable = sent | held
    assert np.allclose(propensity[usable & first], 0.2 / 0.7)
    assert np.allclose(propensity[usable & ~first], 0.3 / 0.8)
    # And that is the share among the rows that are compared.
    assert sent[usable & first].mean() == pytest.approx(0.2 / 0.7, abs=0.02)
