"""The list of codes is closed, documented and told in people's words."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_contracts.configuration import Cap
from data_contracts.times import DAY, HOUR, MINUTE
from policy.reasons import CODES, cap_reason, reason, span


def test_every_code_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "reasons.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in text.splitlines() if line.startswith("| `")]
    assert {row[1].strip().strip("`"): row[3].strip() for row in rows} == CODES


def test_an_unknown_code_is_refused() -> None:
    with pytest.raises(KeyError):
        reason("because")


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [
        (0, "0 minutes"),
        (90 * MINUTE, "90 minutes"),
        (5 * HOUR + HOUR // 2, "5.5 hours"),
        (29 * HOUR, "1.2 days"),
    ],
)
def test_spans_are_told_for_people(microseconds: int, text: str) -> None:
    assert span(microseconds) == text
    assert DAY == 24 * HOUR


def test_a_cap_is_named() -> None:
    cap = Cap(window_hours=24, sends=1, department="marketing")
    assert cap_reason(cap) == ("cap", "The cap of 1 in 24 hours for marketing is used up.")
