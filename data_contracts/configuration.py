"""The configuration: frozen models read from one TOML file at the edge and handed in.

Every key has a default; `docs/tact.sample.toml` shows each one. An unknown key or a wrong type is
an error that names the key. A given list replaces its default; a goal given replaces the whole
goal table.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from data_contracts import vocabulary
from data_contracts.errors import ConfigurationError, FieldError
from data_contracts.items import Item, parse_item


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


def _item_list(value: Any) -> Any:
    """Check each item's form here, so that a wrong one is named with its place in the list."""
    if isinstance(value, (list, tuple)):
        for item in value:
            if isinstance(item, str):
                parse_item(item)
    return value


Items = Annotated[tuple[str, ...], BeforeValidator(_item_list)]
Hours = Annotated[float, Field(gt=0, le=24 * 3650)]
Weight = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]


class Goals(_Section):
    """What a customer may be trying to do, by the events that they start themselves."""

    horizon_hours: Hours = 72.0
    items: dict[str, Items] = Field(default_factory=lambda: dict(vocabulary.GOALS))

    @model_validator(mode="before")
    @classmethod
    def _table_of_goals(cls, raw: Any) -> Any:
        if not isinstance(raw, Mapping) or "items" in raw:
            return raw
        given = {name: value for name, value in raw.items() if name != "horizon_hours"}
        result = {"horizon_hours": raw["horizon_hours"]} if "horizon_hours" in raw else {}
        return {**result, "items": given} if given else result

    @field_validator("items")
    @classmethod
    def _names(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        if vocabulary.NO_GOAL in value:
            raise ValueError("'none' is the name for no goal and can't be given to one")
        return value

    @property
    def names(self) -> tuple[str, ...]:
        """The configured goals in their order, then `none`."""
        return (*self.items, vocabulary.NO_GOAL)

    @property
    def parsed(self) -> dict[str, tuple[Item, ...]]:
        return {name: tuple(map(parse_item, items)) for name, items in self.items.items()}


class Outcomes(_Section):
    """What counts as helped and as interrupted."""

    window_hours: Hours = 72.0
    helped_linked: Items = vocabulary.HELPED_LINKED
    interrupted_linked: Items = vocabulary.INTERRUPTED_LINKED
    progress: Items = vocabulary.PROGRESS
    harm: Items = vocabulary.HARM


AttributeKind = Literal["category", "number"]


class Attributes(_Section):
    """Declared attributes become features; all other keys are ignored."""

    customer: dict[str, AttributeKind] = Field(default_factory=dict)
    candidate: dict[str, AttributeKind] = Field(default_factory=dict)


class Cap(_Section):
    """At most `sends` touches in any `window_hours`, over all departments or for one."""

    window_hours: Hours
    sends: Annotated[int, Field(ge=0, le=1_000_000)]
    department: str | None = None
    channel: str | None = None


_CLOCK = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)$")


class QuietHours(_Section):
    """Local time of day in which nothing but transactional messages goes out."""

    start: str = "21:00"
    end: str = "08:00"

    @field_validator("start", "end")
    @classmethod
    def _clock(cls, value: str) -> str:
        if not _CLOCK.match(value):
            raise ValueError(f"{value!r} is not a time of day; write HH:MM, as in '21:00'")
        return value

    @cached_property
    def minutes(self) -> tuple[int, int]:
        """Start and end as minutes since local midnight."""
        start, end = (int(text[:2]) * 60 + int(text[3:]) for text in (self.start, self.end))
        return start, end


DEFAULT_CAPS = (
    Cap(window_hours=24, sends=2),
    Cap(window_hours=168, sends=5),
    Cap(window_hours=24, sends=1, department="marketing"),
)


class Policy(_Section):
    """How goal, chances and contact rules become an action.

    `patience`: a message that falls short by no more than this is looked at again later in its life, since
    what the customer is doing may change; what falls short by more is suppressed.
    `wait_margin`: how much more net value a later moment must promise before a message that could
    go now is told to wait; it keeps noise in the forecasts from delaying messages.
    """

    helps_weight: Weight = 1.0
    interrupts_weight: Weight = 2.0
    balance: Annotated[float, Field(ge=0, le=1)] = 0.0
    minimum_net_value: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    max_sends_per_decision: Annotated[int, Field(ge=0, le=500)] = 1
    horizon_hours: Annotated[float, Field(ge=0, le=24 * 365)] = 168.0
    caps: tuple[Cap, ...] = DEFAULT_CAPS
    quiet_hours: QuietHours | Literal[False] = QuietHours()
    time_zones_assumed: tuple[str, ...] = ("UTC",)
    exploration: Annotated[float, Field(ge=0, le=1)] = 0.02
    holdout: Annotated[float, Field(ge=0, le=1)] = 0.0
    wait_margin: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.005
    patience: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.03
    reservation_minutes: Annotated[float, Field(gt=0, le=60 * 24 * 30)] = 60.0

    @field_validator("quiet_hours", mode="before")
    @classmethod
    def _off_or_hours(cls, value: Any) -> Any:
        if value is True:
            raise ValueError('give { start = "21:00", end = "08:00" }, or false for none')
        return value

    @field_validator("time_zones_assumed")
    @classmethod
    def _zones(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not is_time_zone(name):
                raise ValueError(f"{name!r} is not an IANA time zone, as in 'Europe/Vienna'")
        return value


class ApiKey(_Section):
    """A sender's key, kept as the SHA-256 of its secret; `departments` empty means all of them."""

    name: str
    sha256: Annotated[str, Field(pattern="^[0-9a-fA-F]{64}$")]
    departments: tuple[str, ...] = ()
    requests_per_second: Annotated[float, Field(gt=0)] | None = None


class Service(_Section):
    """The running service."""

    database: str = "sqlite:///tact.db"
    request_clock: bool = False
    api_keys: tuple[ApiKey, ...] = ()
    deadline_ms: Annotated[float, Field(gt=0, le=60_000)] = 1_000.0
    threads: Annotated[int, Field(ge=1, le=64)] = 1
    history_limit: Annotated[int, Field(ge=100, le=100_000)] = 5_000
    log_features: bool = True

    @field_validator("database")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if not value.startswith(("sqlite:///", "postgresql://", "postgres://")):
            raise ValueError("write sqlite:///FILE or postgresql://USER@HOST/DATABASE")
        return value


class Vocabulary(_Section):
    """Roles of event types, and how many categories each column may hold before `other`.

    `case_days`: a case without any activity for that long counts as closed, since some systems
    never report a resolution.
    """

    roles: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    case_days: Annotated[float, Field(gt=0, le=3650)] = 30.0
    max_departments: Annotated[int, Field(ge=1, le=200)] = 20
    max_channels: Annotated[int, Field(ge=1, le=200)] = 20
    max_topics: Annotated[int, Field(ge=1, le=500)] = 40
    max_sources: Annotated[int, Field(ge=1, le=200)] = 12
    max_event_types: Annotated[int, Field(ge=1, le=500)] = 60

    @field_validator("roles")
    @classmethod
    def _known_roles(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for name in value:
            if name not in vocabulary.ROLES:
                known = ", ".join(vocabulary.ROLES)
                raise ValueError(f"{name!r} is not a role; the roles are {known}")
        return value

    def role(self, name: str) -> tuple[str, ...]:
        """The event types of a role; a given list replaces the default."""
        return self.roles.get(name, vocabulary.ROLES[name])


class Training(_Section):
    """How the models are fitted."""

    seed: int = 7
    rounds: Annotated[int, Field(ge=1, le=5_000)] = 300
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.06
    leaves: Annotated[int, Field(ge=2, le=255)] = 15
    folds: Annotated[int, Field(ge=2, le=20)] = 3
    max_goal_rows: Annotated[int, Field(ge=100)] = 120_000
    max_contact_rows: Annotated[int, Field(ge=100)] = 400_000
    minimum_customers: Annotated[int, Field(ge=2)] = 20
    minimum_rows: Annotated[int, Field(ge=10)] = 400
    minimum_positives: Annotated[int, Field(ge=1)] = 50
    calibration_share: Annotated[float, Field(gt=0, lt=0.5)] = 0.2
    test_share: Annotated[float, Field(gt=0, lt=0.5)] = 0.2
    max_rejected_share: Annotated[float, Field(ge=0, le=1)] = 0.01
    refit: bool = True


class Retraining(_Section):
    """How `tact retrain` learns from the service's own log.

    `decision_days`: older decisions are not learnt from; histories stay whole whatever their age.
    `max_mismatch_share`: of the sampled decisions, how many may have features that differ from those
    recomputed from history before nothing is trained.
    """

    max_touchpoints: Annotated[int, Field(ge=1_000)] = 5_000_000
    decision_days: Annotated[float, Field(gt=0)] = 365.0
    sampled_decisions: Annotated[int, Field(ge=0, le=100_000)] = 500
    max_mismatch_share: Annotated[float, Field(ge=0, le=1)] = 0.0


class Monitoring(_Section):
    """When `tact monitor` calls a difference to the training period a breach; docs/monitoring.md says why."""

    recent_days: Annotated[float, Field(gt=0, le=365)] = 7.0
    sampled_rows: Annotated[int, Field(ge=100, le=1_000_000)] = 20_000
    minimum_rows: Annotated[int, Field(ge=10)] = 200
    population_stability: Annotated[float, Field(gt=0)] = 0.25
    drifted_features_share: Annotated[float, Field(ge=0, le=1)] = 0.10
    score_change: Annotated[float, Field(gt=0, le=1)] = 0.03
    rate_change: Annotated[float, Field(gt=0, le=1)] = 0.03
    calibration_change: Annotated[float, Field(gt=0, le=1)] = 0.03
    volume_factor: Annotated[float, Field(gt=1)] = 2.0
    feed_learning_days: Annotated[float, Field(gt=0, le=365)] = 28.0
    feed_gap_factor: Annotated[float, Field(ge=1, le=100)] = 1.25
    feed_minimum_arrivals: Annotated[int, Field(ge=2)] = 20
    ignored_feeds: tuple[str, ...] = ()


class Configuration(_Section):
    """The whole file."""

    goals: Goals = Goals()
    outcomes: Outcomes = Outcomes()
    attributes: Attributes = Attributes()
    policy: Policy = Policy()
    service: Service = Service()
    vocabulary: Vocabulary = Vocabulary()
    training: Training = Training()
    retraining: Retraining = Retraining()
    monitoring: Monitoring = Monitoring()


def is_time_zone(name: str) -> bool:
    """Whether `name` is an IANA time zone that this machine (or the tzdata package) knows."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def configuration_from(raw: Mapping[str, Any], origin: str = "the configuration") -> Configuration:
    """Build a configuration; raises ConfigurationError that names every wrong key."""
    try:
        return Configuration.model_validate(raw)
    except ValidationError as error:
        found = []
        for problem in error.errors():
            # The tag of a union's branch and the inner `items` table are ours, not the user's.
            places = [str(place) for place in problem["loc"]]
            if places[:2] == ["goals", "items"]:
                places.pop(1)
            key = ".".join(p for p in places if p not in ("QuietHours", "literal[False]"))
            message = (
                "this key is not known"
                if problem["type"] == "extra_forbidden"
                else problem["msg"].removeprefix("Value error, ")
            )
            found.append(FieldError(key, message))
        told = "; ".join(f"{item.field}: {item.message}" for item in found)
        raise ConfigurationError(f"{origin}: {told}", found) from None


def tact_home() -> Path:
    """Where the tracking store, the artifacts and the database live: TACT_HOME, or ./.tact."""
    return Path(os.environ.get("TACT_HOME") or ".tact").absolute()


def load_configuration(path: str | Path | None = None) -> Configuration:
    """Read `path`, else TACT_CONFIG, else ./tact.toml where it exists, else the defaults."""
    chosen = path or os.environ.get("TACT_CONFIG")
    file = Path(chosen) if chosen else Path("tact.toml")
    if not chosen and not file.exists():
        return Configuration()
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: not valid TOML: {error}") from None
    return configuration_from(raw, str(file))
