"""The price of attention: what a send takes from the messages that come after it.

A contact uses up patience, and a later message of another department pays. The draws of the log tell
how much: with k(τ) = e^(−τ/T), the exposure of a later message j to the earlier draws i is

    e_j = Σ_i (A_i − p_i) · k(t_j − t_i)

where A_i is whether i was sent and p_i with what chance. Given what was known at i its mean is nought,
so nothing else that differs between customers moves with it, and the slope of the answers to j on
e_j · m_j (with m_j the usual rate of messages like j) is the share ρ of answers that a contact just
before would have taken away (helps) or added (interruptions). It is an instrument made of known
randomisation (Borusyak & Hull 2023, "recentred" exposure).

Only answers to j itself are counted: events that i brought about are in i's own lift already. The share
is shrunk by its own standard error (positive-part James–Stein, 1961), since a price that is not there
would silence everybody. A contact then costs

    r · T (1 − e^(−14 d / T)) · (w_h · ρ_h · G_h + w_i · ρ_i · G_i)

with r the contacts a customer and day that the rule sends and G_h, G_i what those bring about, both
found together with the price itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_contracts.configuration import Policy
from data_contracts.times import DAY
from features.columns import Float64, Int64
from training.labels import Bools

MEMORY_DAYS = 5.0
"""T: the e-folding time of the exposure, between the day and the fortnight that studies of message
fatigue find. It is fixed, since choosing the one that shows most would overstate it."""
HORIZON_DAYS = 14.0
LEAST_MESSAGES = 1_000
"""With fewer later messages that were exposed to a draw no price is estimated."""
_ROUNDS = 30


@dataclass(frozen=True)
class Contacts:
    """Messages that were, or could have been, sent: `n` rows in any order.

    Attributes
    ----------
    customer, moment : shape (n,), moments in microseconds
    sent : the arm
    propensity : chance of it; NaN where it was not drawn
    kind : a code of what the message is (department, topic, purpose), shape (n,)
    answered : by outcome, whether the message itself was answered so
    lift : by outcome, what sending it is expected to change
    """

    customer: Int64
    moment: Int64
    sent: Bools
    propensity: Float64
    kind: Int64
    answered: dict[str, Bools]
    lift: dict[str, Float64]


@dataclass(frozen=True)
class Loss:
    """Share of the usual answers that one contact just before takes away (helps) or adds (interrupts).

    `share` is as measured, `error` its standard error by customer, `shrunk` what is charged.
    """

    share: float
    error: float

    @property
    def shrunk(self) -> float:
        if not self.share > 0.0:
            return 0.0
        return self.share * max(0.0, 1.0 - (self.error / self.share) ** 2)


@dataclass(frozen=True)
class AttentionPrice:
    """What one contact costs in net value units; `losses` by outcome, `contacts_per_week` of the rule."""

    value: float
    losses: dict[str, Loss]
    contacts_per_week: float
    messages: int
    note: str = ""


def price_of_attention(contacts: Contacts, days: float, policy: Policy) -> AttentionPrice:
    """Estimate the price from rows whose outcomes are known.

    `days` is the time that the rows span. The price is 0 where too few messages were exposed.
    """
    exposure = exposures(contacts)
    exposed = contacts.sent & (exposure != 0.0)
    if int(exposed.sum()) < LEAST_MESSAGES:
        note = (
            f"{int(exposed.sum()):,} messages followed a randomised one, {LEAST_MESSAGES:,} are needed: "
            "contacts are taken to cost the later ones nothing"
        )
        return AttentionPrice(0.0, {}, 0.0, int(exposed.sum()), note)
    losses = {
        "helps": loss(contacts, exposure, "helps", -1.0),
        "interrupts": loss(contacts, exposure, "interrupts", 1.0),
    }
    value, rate = _settled(contacts, losses, days, policy)
    return AttentionPrice(value, losses, 7.0 * rate, int(exposed.sum()))


def exposures(contacts: Contacts) -> Float64:
    """e_j of every row, shape (n,): the recentred draws of the customer's earlier messages, decayed."""
    order = np.lexsort((contacts.moment, contacts.customer))
    customer, moment = contacts.customer[order], contacts.moment[order]
    drawn = np.nan_to_num(contacts.sent[order] - contacts.propensity[order], nan=0.0)
    result = np.zeros(len(order))
    if not len(order):
        return result
    age = moment / (MEMORY_DAYS * DAY)
    # Rows of one moment don't expose each other: each sees the sum up to the moment before.
    block = np.r_[True, (customer[1:] != customer[:-1]) | (moment[1:] != moment[:-1])]
    starts = np.flatnonzero(block)
    sums = np.add.reduceat(drawn, starts)
    held = np.empty(len(starts))
    total, before = 0.0, 0
    for place, start in enumerate(starts):
        if place and customer[start] == customer[before]:
            total = (total + sums[place - 1]) * float(np.exp(age[before] - age[start]))
        else:
            total = 0.0
        held[place], before = total, int(start)
    result[order] = np.repeat(held, np.diff(np.r_[starts, len(order)]))
    return result


def loss(contacts: Contacts, exposure: Float64, outcome: str, sign: float) -> Loss:
    """The slope of answers on exposure · usual rate among sent messages; errors by customer."""
    rows = np.flatnonzero(contacts.sent)
    y = contacts.answered[outcome][rows].astype(np.float64)
    _, kind = np.unique(contacts.kind[rows], return_inverse=True)
    counts = np.bincount(kind)
    usual = (np.bincount(kind, weights=y) / counts)[kind]
    x = exposure[rows] * usual
    x = x - (np.bincount(kind, weights=x) / counts)[kind]
    mass = float(np.square(x).sum())
    if mass < 1e-9:
        return Loss(0.0, float("inf"))
    slope = float(x @ (y - usual)) / mass
    _, customer = np.unique(contacts.customer[rows], return_inverse=True)
    scores = np.bincount(customer, weights=x * (y - usual - slope * x))
    return Loss(sign * slope, float(np.sqrt(np.square(scores).sum())) / mass)


def _settled(contacts: Contacts, losses: dict[str, Loss], days: float, policy: Policy) -> tuple[float, float]:
    """The price at which the rule sends just so often that attention costs this much; and that rate a day."""
    helps, interrupts = contacts.lift["helps"], contacts.lift["interrupts"]
    net = policy.helps_weight * helps - policy.interrupts_weight * interrupts
    lost = policy.helps_weight * losses["helps"].shrunk * np.maximum(helps, 0.0)
    won = policy.interrupts_weight * losses["interrupts"].shrunk * np.maximum(interrupts, 0.0)
    customer_days = max(len(np.unique(contacts.customer)) * days, 1.0)
    memory = MEMORY_DAYS * -np.expm1(-HORIZON_DAYS / MEMORY_DAYS)
    price = rate = 0.0
    for _ in range(_ROUNDS):
        sends = net - price >= policy.minimum_net_value
        rate = float(sends.sum()) / customer_days
        # Half a step: a dearer contact sends less, which makes it cheaper.
        price = 0.5 * price + 0.5 * memory * float((lost + won)[sends].sum()) / customer_days
    return float(price), rate
