"""Answers without a model: the service is degraded, or the customer is held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from data_contracts.times import MINUTE
from policy.reasons import reason
from policy.situation import Situation
from policy.verdict import Draft, Verdict, ranked

RETRY = 15 * MINUTE
"""When a message that waits for the service's recovery should be asked about again."""


def degraded(candidates: Sequence[Mapping[str, Any]], now: int, why: str) -> list[Verdict]:
    """The answer without a model or a database: transactional messages go, all else waits.

    A message that ends before the next try is suppressed, since a wait must have its moment.
    """
    told = reason("degraded", why)
    drafts = []
    for place, candidate in enumerate(candidates):
        if candidate["purpose"] == "transactional":
            drafts.append(Draft(place, "send", [reason("transactional"), told], 1.0))
            continue
        moment = max(now + RETRY, candidate.get("not_before") or 0)
        expires_at = candidate.get("expires_at")
        if expires_at is not None and expires_at <= moment:
            moment = now + max((expires_at - now) // 2, 0)
        if expires_at is not None and (expires_at <= now or moment < (candidate.get("not_before") or 0)):
            drafts.append(Draft(place, "suppress", [reason("no_moment"), told]))
        else:
            drafts.append(Draft(place, "wait", [told], wait_until=moment))
    return ranked(drafts)


def held_out(situation: Situation) -> list[Verdict]:
    """The answer for a customer of the holdout: everything goes but what the customer has left."""
    drafts = []
    for place, candidate in enumerate(situation.candidates):
        left = candidate["channel"] in situation.opted_out
        if left and candidate["purpose"] != "transactional":
            drafts.append(Draft(place, "suppress", [reason("opted_out")]))
        else:
            drafts.append(Draft(place, "send", [reason("holdout")], 1.0))
    return ranked(drafts)
