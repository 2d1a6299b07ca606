"""The answer for one candidate, and the order of the answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from policy.reasons import Reason

_FIRST = {"send": 0, "wait": 1, "suppress": 2}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happens to one candidate; `place` is its place in the request, times in microseconds.

    Chances, lifts and net value hold for a send now; None where no model answered.
    """

    place: int
    action: str
    reasons: tuple[Reason, ...]
    send_probability: float = 0.0
    wait_until: int | None = None
    recheck_on: tuple[str, ...] = ()
    p_helps: float | None = None
    p_interrupts: float | None = None
    lift_helps: float | None = None
    lift_interrupts: float | None = None
    net_value: float | None = None
    attention_price: float | None = None
    rank: int = 0


def ranked(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Sends by net value, then waits by their moment, then the suppressed; ranks count from 1."""

    def order(verdict: Verdict) -> tuple[int, float, int]:
        if verdict.action == "send":
            second = -verdict.net_value if verdict.net_value is not None else float("inf")
        else:
            second = float(verdict.wait_until or 0)
        return _FIRST[verdict.action], second, verdict.place

    return [replace(verdict, rank=rank) for rank, verdict in enumerate(sorted(verdicts, key=order), 1)]
