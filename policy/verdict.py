"""The answer for one candidate, and the order of the answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from policy.reasons import Reason
from policy.standing import Standing

_FIRST = {"send": 0, "wait": 1, "suppress": 2}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happens to one candidate; `place` is its place in the request, times in microseconds.

    Chances, lifts and net value hold for a send now; None where no model answered.
    """

    place: int
    rank: int
    action: str
    reasons: tuple[Reason, ...]
    send_probability: float
    wait_until: int | None = None
    recheck_on: tuple[str, ...] = ()
    p_helps: float | None = None
    p_interrupts: float | None = None
    lift_helps: float | None = None
    lift_interrupts: float | None = None
    net_value: float | None = None
    attention_price: float | None = None


@dataclass(slots=True)
class Draft:
    """A verdict on its way: what was decided, and the standing whose scores it was decided by."""

    place: int
    action: str
    reasons: list[Reason]
    send_probability: float = 0.0
    wait_until: int | None = None
    recheck_on: tuple[str, ...] = ()
    standing: Standing | None = None


def ranked(
    drafts: Iterable[Draft], standing: Standing | None = None, notes: Sequence[Reason] = ()
) -> list[Verdict]:
    """Sends by net value, then waits by their moment, then the suppressed; ranks count from 1.

    `standing` gives the scores of the drafts that have none of their own; `notes` are added to
    the reasons of each.
    """
    scored: list[tuple[Draft, tuple[float | None, ...]]] = []
    for draft in drafts:
        by = draft.standing or standing
        if by is None:
            scored.append((draft, (None,) * 6))
            continue
        place, chances = draft.place, by.chances
        scored.append(
            (
                draft,
                (
                    float(chances.p_helps[place, 0]),
                    float(chances.p_interrupts[place, 0]),
                    float(chances.lift_helps[place, 0]),
                    float(chances.lift_interrupts[place, 0]),
                    float(by.net[place]),
                    float(chances.price[place, 0]),
                ),
            )
        )

    def order(pair: tuple[Draft, tuple[float | None, ...]]) -> tuple[int, float, int]:
        draft, scores = pair
        if draft.action == "send":
            return 0, 0.0 if scores[4] is None else -scores[4], draft.place
        return _FIRST[draft.action], float(draft.wait_until or 0), draft.place

    return [
        Verdict(
            draft.place,
            rank,
            draft.action,
            (*draft.reasons, *notes),
            draft.send_probability,
            draft.wait_until,
            draft.recheck_on,
            *scores,
        )
        for rank, (draft, scores) in enumerate(sorted(scored, key=order), 1)
    ]
