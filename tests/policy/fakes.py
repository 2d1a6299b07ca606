"""A scorer whose chances a test writes down, and a situation to go with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from data_contracts.configuration import Policy, Vocabulary
from data_contracts.times import HOUR, parse_time
from models.scoring import Chances, OpenCase
from policy.situation import Situation

NOW = parse_time("2026-03-02T12:00:00Z")  # a Monday noon
Lift = Callable[["FakeScorer", int, int], tuple[float, float]]


class FakeScorer:
    """`lift(scorer, place, moment)` gives the lifts; contacts and resolutions are remembered."""

    def __init__(
        self,
        lift: Lift,
        case: OpenCase | None = None,
        contacts: tuple[str, ...] = (),
        observational: bool = False,
        price: float = 0.0,
    ) -> None:
        self.price = price
        self.lift, self.case, self.contacts = lift, case, contacts
        self.bundle = SimpleNamespace(
            observational=observational, specification=SimpleNamespace(vocabulary=Vocabulary())
        )

    def score(self, moments: np.ndarray, candidates: np.ndarray) -> Chances:
        pairs = np.asarray(
            [[self.lift(self, int(place), int(moment)) for moment in moments] for place in candidates]
        ).reshape(len(candidates), len(moments), 2)
        helps, interrupts = pairs[..., 0], pairs[..., 1]
        return Chances(0.1 + helps, 0.1 + interrupts, helps, interrupts, np.full(helps.shape, self.price))

    def open_case(self) -> OpenCase | None:
        return self.case

    def with_rows(self, rows: Sequence[Any]) -> FakeScorer:
        contacts = (*self.contacts, *(row.message_id for row in rows))
        return FakeScorer(self.lift, self.case, contacts, self.bundle.observational, self.price)

    def with_case_resolved(self, event_type: str) -> FakeScorer | None:
        if self.case is None:
            return None
        return FakeScorer(self.lift, None, self.contacts, self.bundle.observational, self.price)


def always(helps: float, interrupts: float = 0.0) -> Lift:
    return lambda scorer, place, moment: (helps, interrupts)


def per_place(*lifts: tuple[float, float]) -> Lift:
    return lambda scorer, place, moment: lifts[place]


def candidate(message_id: str = "m-1", **fields: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "message_id": message_id, "department": "marketing", "channel": "email", "topic": "upsell",
        "purpose": "promotional", "value": None, "not_before": None, "expires_at": None,
        "campaign_id": None, "group": None, "attributes": {},
    }  # fmt: skip
    return base | fields


def a_situation(*candidates: Mapping[str, Any], **fields: Any) -> Situation:
    base: dict[str, Any] = {
        "now": NOW, "candidates": tuple(candidates or [candidate()]), "touches": (),
        "opted_out": frozenset(), "zones": ("UTC",), "sent": {}, "reserved": {}, "first_asked": {},
        "case_resolved_types": ("ticket_resolved",), "opted_in_types": ("opted_in",), "is_new": False,
    }  # fmt: skip
    return Situation(**(base | fields))


def a_policy(**fields: Any) -> Policy:
    base: dict[str, Any] = {"caps": (), "exploration": 0.0, "quiet_hours": False}
    return Policy.model_validate(base | fields)


HOURS = HOUR
