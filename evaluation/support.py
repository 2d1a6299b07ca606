"""Whether a log can tell what a policy is worth, and what would be needed where it can't."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.columns import Float64
from training.labels import Bools
from training.rows import LEAST_PROBABILITY

LEAST_EFFECTIVE_ROWS = 100
"""A value rests on at least so many effective rows (Kish 1965)."""
LEAST_EFFECTIVE_ARM = 30
"""The effect of a policy's sends rests on at least so many effective rows of either arm."""
MOST_OUTSIDE = 0.2
"""Largest share of rows on which the log could not have done what the policy would do."""


@dataclass(frozen=True)
class Support:
    """What a policy's value rests on.

    Attributes
    ----------
    rows : randomised rows of the evaluated period
    effective_rows : how many equally weighted rows tell as much about the policy's value
    sends : share of the randomised rows that the policy sends
    effective_sent, effective_held : effective rows of each arm among those that it sends
    outside : share of all logged rows on which the log had no chance to do what the policy would
    refusal : why no value is given, and what would be needed; None where one is
    """

    rows: int
    effective_rows: float
    sends: float
    effective_sent: float
    effective_held: float
    outside: float
    refusal: str | None


def support_of(
    sends: Bools, sent: Bools, propensity: Float64, logged_sends: Bools, logged_chance: Float64
) -> Support:
    """Support of a policy that sends where `sends` says so, shape (randomised rows,).

    `logged_sends` is what it does on all logged rows, and `logged_chance` the chance with which the log sent
    them, both of shape (logged rows,).
    """
    n = len(sends)
    weight = np.where(sent, sends / propensity, ~sends / (1.0 - propensity))
    acting = np.flatnonzero(sends)
    arms = []
    for arm, chance in ((sent, propensity), (~sent, 1.0 - propensity)):
        mine = acting[arm[acting]]
        arms.append(effective(1.0 / chance[mine]))
    # A smaller chance than that measures nothing either.
    never_sent = float((logged_sends & (logged_chance < LEAST_PROBABILITY)).mean())
    always_sent = float((~logged_sends & (logged_chance > 1.0 - LEAST_PROBABILITY)).mean())
    outside = never_sent + always_sent
    return Support(
        rows=n,
        effective_rows=effective(weight),
        sends=len(acting) / n if n else 0.0,
        effective_sent=arms[0],
        effective_held=arms[1],
        outside=outside,
        refusal=_outside_told(never_sent, always_sent) or _too_few(n, effective(weight), arms, len(acting)),
    )


def effective(weight: Float64) -> float:
    """Kish's effective number of rows, (Σw)² / Σw²; 0 for none."""
    square = float(np.square(weight).sum())
    return float(weight.sum()) ** 2 / square if square > 0 else 0.0


def more_decisions(rows: int, found: float, needed: float) -> int:
    """How many more randomised decisions of the same kind bring `found` effective rows of `rows` to `needed`."""
    return int(np.ceil(rows * (needed / max(found, 1.0) - 1.0)))


def _outside_told(never_sent: float, always_sent: float) -> str | None:
    if never_sent + always_sent <= MOST_OUTSIDE:
        return None
    shares = [
        f"on {share:.0%} of the logged rows it {does}"
        for share, does in (
            (never_sent, "would send what the log could not"),
            (always_sent, "would hold back what the log always sent"),
        )
        if share > 0
    ]
    return (
        f"{' and '.join(shares)}, at most {MOST_OUTSIDE:.0%} are allowed: draw at random there too, or value a "
        "policy that keeps the log's rules"
    )


def _too_few(rows: int, effective_rows: float, arms: list[float], acting: int) -> str | None:
    if effective_rows < LEAST_EFFECTIVE_ROWS:
        more = more_decisions(rows, effective_rows, LEAST_EFFECTIVE_ROWS)
        return (
            f"its value rests on {int(effective_rows)} effective rows, {LEAST_EFFECTIVE_ROWS} are needed: about "
            f"{more:,} more randomised decisions"
        )
    if acting and min(arms) < LEAST_EFFECTIVE_ARM:
        name = "sent" if arms[0] < arms[1] else "held back"
        more = more_decisions(rows, min(arms), LEAST_EFFECTIVE_ARM)
        return (
            f"of the rows that it would send {int(min(arms))} (effective) were {name}, {LEAST_EFFECTIVE_ARM} are "
            f"needed: about {more:,} more randomised decisions"
        )
    return None
