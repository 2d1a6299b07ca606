"""What a kind of company is: parameters only, so that anyone can describe another company.

Rates are per day or per hour as their names say; goal tables are ordered as `GOALS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from data_contracts import vocabulary

GOALS: tuple[str, ...] = (vocabulary.NO_GOAL, *vocabulary.GOALS)
"""Latent goals; index 0 is `none`."""
GOAL = {name: index for index, name in enumerate(GOALS)}

SOURCES = (
    "helpdesk",
    "crm",
    "marketing_hub",
    "product_analytics",
    "billing_system",
    "survey_tool",
)
SOURCE = {name: index for index, name in enumerate(SOURCES)}

SOURCE_OF_DEPARTMENT = {
    "support": "helpdesk",
    "sales": "crm",
    "success": "crm",
    "marketing": "marketing_hub",
    "product": "product_analytics",
    "billing": "billing_system",
    "operations": "survey_tool",
}

Trigger = Literal[
    "weekly",
    "random",
    "pricing_viewed",
    "checkout_abandoned",
    "onboarding",
    "contract_end",
    "inactive",
    "invoice",
    "payment_failed",
    "purchased",
    "purchased_lately",
    "case_answer",
    "case_waiting",
    "long_time_customer",
]
ProgressKind = Literal["purchase", "onboarding", "renewal", "referral"]
PROGRESS_KINDS: tuple[ProgressKind, ...] = ("purchase", "onboarding", "renewal", "referral")


@dataclass(frozen=True, slots=True)
class MessageType:
    """A message that a department keeps in its drawer.

    Parameters
    ----------
    trigger, daily_rate : what makes the department want to send it, and the chance per day (or, for
        `weekly`, of a customer being in the week's audience) while the trigger holds.
    cooldown_days : least time between two of them for one customer.
    lifetime_hours : from its creation to `expires_at`.
    click : chance of a positive response once opened, for a customer with a neutral goal.
    click_by_goal : factors on `click` by latent goal.
    progress, helps_by_goal : which progress event it can bring about, and the expected number of extra
        ones (from the unhurried customer who opens it) by latent goal; a missing goal gets `helps`.
        Negative numbers are contacts that keep customers from what they were doing.
    annoyance : expected negative responses of a neutral customer without any fatigue.
    annoyance_by_goal : factors on `annoyance`.
    harm_share : how much of the annoyance turns into provoked harm (cancellation, escalation) as well.
    soothes : takes the waiting out of an open case, a late payment or a silent customer.
    discounts : the offers that it is sent with, drawn at random.
    """

    name: str
    department: str
    topic: str
    purpose: str
    channels: Mapping[str, float]
    trigger: Trigger
    daily_rate: float
    cooldown_days: float
    lifetime_hours: float
    value: float = 0.0
    click: float = 0.1
    click_by_goal: Mapping[str, float] = field(default_factory=dict)
    progress: ProgressKind | None = None
    helps: float = 0.0
    helps_by_goal: Mapping[str, float] = field(default_factory=dict)
    annoyance: float = 0.02
    annoyance_by_goal: Mapping[str, float] = field(default_factory=dict)
    harm_share: float = 0.3
    about_case: bool = False
    soothes: bool = False
    asks_nps: bool = False
    leads_to: str | None = None
    discounts: tuple[float, ...] = ()

    @property
    def transactional(self) -> bool:
        return self.purpose == "transactional"


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When customers are about. `weekdays` are factors from Monday to Sunday."""

    sessions_per_day: float
    weekdays: tuple[float, float, float, float, float, float, float]
    peak_hour: float
    peak_hour_spread: float
    sharpness: float
    zones: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Goals:
    """The latent goal: how long one lasts, what follows, and what a session then shows.

    `weights` follow `GOALS`; `events` gives the inbound event types of each goal with their weights.
    `noise` is the share of session events that say nothing about the goal.
    """

    hours: float
    weights: tuple[float, float, float, float, float, float, float, float]
    activity: tuple[float, float, float, float, float, float, float, float]
    events: Mapping[str, Mapping[str, float]]
    noise: float


@dataclass(frozen=True, slots=True)
class Onboarding:
    """Steps until set up; `steps` 0 for companies without any."""

    steps: int
    daily_rate: float
    stuck_daily_rate: float
    unstuck_daily_rate: float


@dataclass(frozen=True, slots=True)
class Purchases:
    """`daily_rate` holds while the goal is `buy`; `cycle_days` 0 for no purchase cycle."""

    event: str
    daily_rate: float
    cycle_days: float
    revenue: float


@dataclass(frozen=True, slots=True)
class Contract:
    """Renewal or end of contract; `days` empty for customers who are not bound."""

    days: tuple[int, ...]
    early_daily_rate: float
    automatic: float
    invoice_every_days: int
    payment_fails: float


@dataclass(frozen=True, slots=True)
class Cases:
    """Trouble, and how the company deals with it."""

    daily_rate: float
    after_invoice_factor: float
    topics: Mapping[str, float]
    channels: Mapping[str, float]
    opens: float
    answer_hourly_rate: float
    good_answer: float
    hand_off_daily_rate: float
    escalation_daily_rate: float


@dataclass(frozen=True, slots=True)
class Attention:
    """What contacts cost. `fatigue_days`: e-folding time of fatigue, the price of attention's memory."""

    fatigue_days: float
    help_loss: float
    harm_gain: float
    case_gain: float
    night_gain: float
    tolerance_spread: float


@dataclass(frozen=True, slots=True)
class Leaving:
    """Daily rates while the goal is `leave`, and what happens after a request."""

    cancel_daily_rate: float
    downgrade_daily_rate: float
    request_event: str
    gone_daily_rate: float
    saved_daily_rate: float


@dataclass(frozen=True, slots=True)
class HistoricalRules:
    """The company's policy until today: caps on messages that are not transactional, and hold-backs."""

    daily_cap: int
    weekly_cap: int
    holdback: Mapping[str, float]
    retry_share: float = 0.5
    joint_share: float = 0.3


@dataclass(frozen=True, slots=True)
class CompanyKind:
    """A kind of company: everything that the simulation needs to know about it."""

    name: str
    rhythm: Rhythm
    goals: Goals
    onboarding: Onboarding
    purchases: Purchases
    contract: Contract
    cases: Cases
    attention: Attention
    leaving: Leaving
    rules: HistoricalRules
    messages: tuple[MessageType, ...]
    plans: Mapping[str, float]
    segments: Mapping[str, float]
    missing_sources: Mapping[str, float]
    late_minutes: Mapping[str, float]
    nightly_sources: tuple[str, ...] = ("crm",)
    new_customer_share: float = 0.25
    unknown_zone_share: float = 1 / 3
    observation_ends_share: float = 0.02
