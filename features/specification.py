"""What the features are: categories, windows, rates to shrink toward, and the generated names.

A specification is fitted on the training period, saved in the bundle as JSON, and handed to the
kernel as a `Layout` of numbers. Names are generated here in the order in which the kernel writes.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from data_contracts.configuration import Goals, Outcomes, Vocabulary
from data_contracts.vocabulary import OTHER, PURPOSES
from features.columns import Float64
from features.meaning import Rule, rules_of

WINDOWS_HOURS = (1, 6, 24, 72, 168, 720, 2160)
"""Windows of the counts, in hours: one hour to 90 days, each one `[t - window, t)`."""
SHORT, MIDDLE, LONG, LONGEST = 2, 4, 5, 6
"""Places in WINDOWS_HOURS of 24 h, 168 h, 720 h and 2160 h."""
HALF_LIVES_HOURS = (6.0, 24.0, 168.0)
DEPARTMENT_HALF_LIFE_HOURS = 48.0
COLLISION_HOURS = 48.0
RATE_PRIOR_WEIGHT = 8.0
"""Contacts that the population's rate is worth beside a customer's own (empirical Bayes, beta prior)."""

WIDE_GROUPS = ("all", "inbound", "contact", "internal", "positive", "negative", "weak_response")
NARROW_GROUPS = (
    "delivery_fault",
    "handed_off",
    "case_escalated",
    "contact_unanswered",
    "gate",
    "quote_revised",
    "progress",
    "harm",
    "purchase",
    "onboarding_step",
)
TIME_NAMES = (
    "local_hour_sin",
    "local_hour_cos",
    "local_hour",
    "local_weekday",
    "local_weekend",
    "zone_known",
)


class Layout(NamedTuple):
    """The specification as the compiled kernel reads it; counts include the category `other`."""

    departments: int
    channels: int
    topics: int
    event_types: int
    goals: int
    sources: int
    attributes: int
    valued: np.ndarray[Any, np.dtype[np.bool_]]
    window_hours: float
    case_days: float
    rates: Float64


@dataclass(frozen=True)
class FeatureSpecification:
    """Everything that turns a history into numbers, fixed when the models were fitted.

    `rates` maps `"overall"`, `"department:marketing"`, `"topic:upsell"`, `"channel:email"` to the
    population's shares of contacts that were answered positively and negatively in the window.
    `attribute_categories` maps a category attribute's column (`customer_plan`, `candidate_walk`) to
    its known words.
    """

    departments: tuple[str, ...]
    channels: tuple[str, ...]
    topics: tuple[str, ...]
    sources: tuple[str, ...]
    event_types: tuple[str, ...]
    valued_event_types: tuple[str, ...]
    customer_attributes: dict[str, str]
    candidate_attributes: dict[str, str]
    attribute_categories: dict[str, tuple[str, ...]]
    rates: dict[str, tuple[float, float]]
    goals: Goals = field(default_factory=Goals)
    outcomes: Outcomes = field(default_factory=Outcomes)
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    format_version: int = 1

    @cached_property
    def state_names(self) -> tuple[str, ...]:
        """Names of the state features, in the kernel's order."""
        hours = [f"{hours}h" for hours in WINDOWS_HOURS]
        few = (hours[SHORT], hours[MIDDLE], hours[LONG])
        names: list[str] = []
        for group in WIDE_GROUPS:
            names += [f"{group}_count_{window}" for window in hours] + [f"{group}_hours_since"]
        for group in NARROW_GROUPS:
            names += [f"{group}_count_{window}" for window in few] + [f"{group}_hours_since"]
        for name in (*self.departments, OTHER):
            prefix = f"department_{name}"
            names += [f"{prefix}_contact_count_{window}" for window in few]
            names += [f"{prefix}_contact_hours_since"]
            names += [f"{prefix}_inbound_count_{window}" for window in few]
            names += [f"{prefix}_inbound_hours_since", f"{prefix}_pressure_48h"]
        for name in (*self.channels, OTHER):
            prefix = f"channel_{name}"
            names += [f"{prefix}_contact_count_{window}" for window in few]
            names += [f"{prefix}_contact_hours_since"]
            names += [f"{prefix}_inbound_count_{hours[MIDDLE]}", f"{prefix}_inbound_hours_since"]
        for name in (*self.topics, OTHER):
            prefix = f"topic_{name}"
            names += [f"{prefix}_count_{hours[place]}" for place in (SHORT, MIDDLE, LONGEST)]
            names += [f"{prefix}_inbound_hours_since"]
        for name in self.goals.items:
            names += [f"goal_{name}_count_{window}" for window in few] + [f"goal_{name}_hours_since"]
        names += ["goal_last", "goal_last_hours", "goal_before_last"]
        for name in (*self.event_types, OTHER):
            prefix = f"event_{name}"
            names += [f"{prefix}_count_{hours[SHORT]}", f"{prefix}_count_{hours[MIDDLE]}"]
            names += [f"{prefix}_hours_since"]
            if name in self.valued_event_types:
                names += [f"{prefix}_value_last", f"{prefix}_value_mean_{hours[MIDDLE]}"]
                names += [f"{prefix}_value_mean_{hours[LONGEST]}"]
        names += [f"contact_pressure_{half_life:g}h" for half_life in HALF_LIVES_HOURS]
        names += ["contact_departments_48h", "contact_largest_department_48h", "contact_last_gap_hours"]
        names += ["case_open_count", "case_oldest_open_hours", "case_newest_open_hours", "case_open_topic"]
        names += ["case_open_handed_off", "case_open_escalated", "case_open_activity_hours"]
        names += ["case_resolved_hours_since", "case_customer_waits"]
        for voice in ("nps", "csat", "sentiment"):
            names += [f"{voice}_last", f"{voice}_hours_since", f"{voice}_mean"]
        names += ["spend_sum_720h", "spend_sum_2160h", "spend_sum_all", "purchase_count_all"]
        names += ["purchase_gap_mean_hours", "purchase_gap_ratio"]
        names += ["answered_contacts_count", "answered_positive_rate", "answered_negative_rate"]
        names += ["contact_streak_without_positive"]
        for name in (*self.sources, OTHER):
            names += [f"source_{name}_reports", f"source_{name}_hours_since"]
        names += ["sources_reporting", "tenure_hours", "history_count_all"]
        names += ["onboarding_hours_since_start", "onboarding_steps_all", "onboarding_steps_per_day"]
        names += list(TIME_NAMES)
        names += [f"customer_{name}" for name in self.customer_attributes]
        return tuple(names)

    @cached_property
    def candidate_names(self) -> tuple[str, ...]:
        """Names of the features of a candidate message at a moment."""
        names = ["candidate_department", "candidate_channel", "candidate_topic", "candidate_purpose"]
        for own in ("department", "topic", "channel"):
            names += [f"own_{own}_contact_count_{window}h" for window in (24, 168, 720)]
            names += [f"own_{own}_contact_hours_since", f"own_{own}_pressure_48h"]
            names += [f"own_{own}_inbound_count_{window}h" for window in (24, 168)]
            names += [f"own_{own}_inbound_hours_since"]
            names += [f"own_{own}_answered_count"]
            names += [f"own_{own}_positive_rate", f"own_{own}_negative_rate"]
        names += ["others_contact_count_48h", "others_contact_hours_since"]
        names += ["same_message_count", "same_message_hours_since"]
        names += ["same_campaign_count", "same_campaign_hours_since"]
        names += ["topic_matches_open_case", "topic_matches_last_goal_event", "hours_to_expiry"]
        names += [f"candidate_{name}" for name in self.candidate_attributes]
        return tuple(names)

    @cached_property
    def goal_probability_names(self) -> tuple[str, ...]:
        return tuple(f"goal_probability_{name}" for name in self.goals.names)

    @cached_property
    def contact_names(self) -> tuple[str, ...]:
        """Columns of the contact models' design matrix: state, goal probabilities, candidate."""
        return (*self.state_names, *self.goal_probability_names, *self.candidate_names)

    @cached_property
    def categorical_names(self) -> frozenset[str]:
        """Columns whose numbers are codes of categories."""
        return frozenset(
            ["goal_last", "goal_before_last", "case_open_topic", "local_weekday"]
            + [f"candidate_{name}" for name in ("department", "channel", "topic", "purpose")]
            + [f"customer_{name}" for name, kind in self.customer_attributes.items() if kind == "category"]
            + [f"candidate_{name}" for name, kind in self.candidate_attributes.items() if kind == "category"]
        )

    @cached_property
    def layout(self) -> Layout:
        valued = [name in self.valued_event_types for name in (*self.event_types, OTHER)]
        columns: list[list[float]] = []
        for index in range(2):
            column = [self.rates["overall"][index]]
            for kind, names in (
                ("department", self.departments),
                ("topic", self.topics),
                ("channel", self.channels),
            ):
                for name in (*names, OTHER):
                    column.append(self.rates.get(f"{kind}:{name}", self.rates["overall"])[index])
            columns.append(column)
        return Layout(
            departments=len(self.departments) + 1,
            channels=len(self.channels) + 1,
            topics=len(self.topics) + 1,
            event_types=len(self.event_types) + 1,
            goals=len(self.goals.items),
            sources=len(self.sources) + 1,
            attributes=len(self.customer_attributes),
            valued=np.asarray(valued, dtype=np.bool_),
            window_hours=self.outcomes.window_hours,
            case_days=self.vocabulary.case_days,
            rates=np.asarray(columns, dtype=np.float64),
        )

    @cached_property
    def rules(self) -> dict[str, list[Rule]]:
        """What each event type means, as `meaning.rules_of` has it."""
        return rules_of(self.goals, self.outcomes, self.vocabulary)

    @cached_property
    def codes(self) -> dict[str, dict[str, int]]:
        """Code of each word by column; a word that is missing here has the code of `other`."""
        result = {
            "department": self.departments,
            "channel": self.channels,
            "topic": self.topics,
            "source": self.sources,
            "event_type": self.event_types,
        }
        return {name: {word: code for code, word in enumerate(words)} for name, words in result.items()}

    @cached_property
    def purpose_codes(self) -> dict[str, int]:
        return {word: code for code, word in enumerate(PURPOSES)}

    @cached_property
    def attribute_codes(self) -> dict[str, dict[str, int]]:
        return {
            name: {word: code for code, word in enumerate(words)}
            for name, words in self.attribute_categories.items()
        }

    def to_json(self) -> str:
        """The specification as JSON, for the bundle; the order of goals and attributes is kept."""
        raw = asdict(self)
        for section in ("goals", "outcomes", "vocabulary"):
            raw[section] = getattr(self, section).model_dump(mode="json")
        return json.dumps(raw, indent=1)

    @classmethod
    def from_json(cls, text: str) -> FeatureSpecification:
        """Read `to_json`'s text; raises ValueError for another format version."""
        raw = json.loads(text)
        if raw.get("format_version") != 1:
            raise ValueError(f"feature specification of format {raw.get('format_version')!r}, expected 1")
        return cls(
            departments=tuple(raw["departments"]),
            channels=tuple(raw["channels"]),
            topics=tuple(raw["topics"]),
            sources=tuple(raw["sources"]),
            event_types=tuple(raw["event_types"]),
            valued_event_types=tuple(raw["valued_event_types"]),
            customer_attributes=raw["customer_attributes"],
            candidate_attributes=raw["candidate_attributes"],
            attribute_categories={k: tuple(v) for k, v in raw["attribute_categories"].items()},
            rates={name: (pair[0], pair[1]) for name, pair in raw["rates"].items()},
            goals=Goals.model_validate(raw["goals"]),
            outcomes=Outcomes.model_validate(raw["outcomes"]),
            vocabulary=Vocabulary.model_validate(raw["vocabulary"]),
        )
