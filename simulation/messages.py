"""Message types as tables of numbers, and the pool of messages that departments want to send."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from data_contracts.errors import InvalidRequest
from data_contracts.vocabulary import CHANNELS, DEPARTMENTS, PURPOSES
from simulation.clock import Bools, Floats, Ints
from simulation.kinds import GOALS, PROGRESS_KINDS, CompanyKind

_STEP_BITS: Final = 16
_TYPE_BITS: Final = 7
MAX_TYPES: Final = 32
"""Message types of a company; above them the number has room for the variants of a group."""


def message_number(customer: Ints, step: Ints | int, message_type: Ints | int) -> Ints:
    """One number for a message: customers get at most one of a type in a step, so that it is the same in
    every run of a company, whatever the policy."""
    return np.asarray((customer << _STEP_BITS | step) << _TYPE_BITS | message_type, dtype=np.int64)


def message_parts(number: Ints) -> tuple[Ints, Ints, Ints]:
    """Customer, step and message type of message numbers."""
    return (
        number >> (_STEP_BITS + _TYPE_BITS),
        (number >> _TYPE_BITS) & ((1 << _STEP_BITS) - 1),
        number & ((1 << _TYPE_BITS) - 1),
    )


class MessageTable:
    """The company's message types as arrays over types, shape (n_types,) or (n_types, 8 goals)."""

    def __init__(self, kind: CompanyKind) -> None:
        types = kind.messages
        if not 1 <= len(types) <= MAX_TYPES:
            raise InvalidRequest(
                f"{kind.name}: {len(types)} message types; between 1 and {MAX_TYPES} can be simulated"
            )
        self.names = tuple(item.name for item in types)
        self.topics: tuple[str, ...] = tuple(
            dict.fromkeys(
                [*(item.topic for item in types), *kind.cases.topics, "plan", "product", "contract", "survey"]
            )
        )
        self.topic = np.array([self.topics.index(item.topic) for item in types])
        self.case_topic = np.array([self.topics.index(name) for name in kind.cases.topics])
        self.department = np.array([DEPARTMENTS.index(item.department) for item in types])
        self.purpose = np.array([PURPOSES.index(item.purpose) for item in types])
        self.transactional = np.array([item.transactional for item in types])
        self.value = np.array([item.value for item in types])
        self.lifetime_hours = np.array([item.lifetime_hours for item in types])
        self.about_case = np.array([item.about_case for item in types])
        self.soothes = np.array([item.soothes for item in types])
        self.asks_nps = np.array([item.asks_nps for item in types])
        # People answer letters from people; they click the rest.
        self.asks_reply = np.array(
            [item.department in ("sales", "success") or item.about_case for item in types]
        )
        self.harm_share = np.array([item.harm_share for item in types])
        self.progress = np.array(
            [PROGRESS_KINDS.index(item.progress) if item.progress else -1 for item in types]
        )
        self.leads_to = np.array([GOALS.index(item.leads_to) if item.leads_to else -1 for item in types])
        self.click = np.array([[item.click * item.click_by_goal.get(g, 1.0) for g in GOALS] for item in types])
        self.helps = np.array([[item.helps_by_goal.get(g, item.helps) for g in GOALS] for item in types])
        self.annoyance = np.array(
            [[item.annoyance * item.annoyance_by_goal.get(g, 1.0) for g in GOALS] for item in types]
        )
        self.channels = np.array([[item.channels.get(name, 0.0) for name in CHANNELS] for item in types])
        self.holdback = np.array(
            [0.0 if item.transactional else kind.rules.holdback.get(item.department, 0.0) for item in types]
        )
        widest = max([1, *(len(item.discounts) for item in types)])
        self.offers = np.array([[*item.discounts, *([0.0] * (widest - len(item.discounts)))] for item in types])
        self.n_offers = np.array([max(1, len(item.discounts)) for item in types])
        self.has_offer = np.array([bool(item.discounts) for item in types])


@dataclass(slots=True)
class Pool:
    """Messages that departments want to send, shape (n,) each.

    `created`, `ready` and `expires` are steps of the customer's own clock: asked for at `ready`, gone at
    `expires`. `topic` is the message type's, or the case's. `variant` 0 is the message as the department meant
    it; others are alternatives of its group. `recheck`: bits of event types upon which it is asked for sooner.
    `place`: in the queue of its step.
    """

    customer: Ints
    kind: Ints
    channel: Ints
    topic: Ints
    case: Ints
    offer: Floats
    variant: Ints
    created: Ints
    ready: Ints
    expires: Ints
    asked: Ints
    recheck: Ints
    place: Ints

    @property
    def n(self) -> int:
        return int(self.customer.size)

    @property
    def message(self) -> Ints:
        return message_number(self.customer, self.created, self.kind + MAX_TYPES * self.variant)

    @property
    def group(self) -> Ints:
        """The number that all variants of a message share."""
        return message_number(self.customer, self.created, self.kind)

    def take(self, rows: Ints | Bools) -> Pool:
        return Pool(**{item.name: getattr(self, item.name)[rows] for item in fields(self)})

    @staticmethod
    def empty() -> Pool:
        columns = {
            item.name: np.zeros(0, np.float64 if item.name == "offer" else np.int64) for item in fields(Pool)
        }
        return Pool(**columns)  # type: ignore[arg-type] # floats and ints by name

    @staticmethod
    def concatenate(parts: list[Pool]) -> Pool:
        return Pool(
            **{item.name: np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(Pool)}
        )
