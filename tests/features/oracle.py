"""A slow, obvious oracle for every feature: plain loops over plain rows, one query at a time.

It shares nothing with the kernel but the names of the features, the constants that define them,
and the rows. Sums run from the newest row to the oldest, so that floats agree to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from data_contracts.items import parse_item
from data_contracts.vocabulary import OTHER, PURPOSES
from features.packing import TouchpointRow
from features.specification import RATE_PRIOR_WEIGHT, WINDOWS_HOURS, FeatureSpecification

HOUR = 3_600_000_000
NAN = math.nan
Rows = list[TouchpointRow]


def item_matches(text: str, row: TouchpointRow) -> bool:
    item = parse_item(text)
    if item.event_type != row.event_type:
        return False
    if item.comparison is None:
        return True
    if row.value is None:
        return False
    return bool(eval(f"{row.value!r} {item.comparison} {item.limit!r}"))


class Oracle:
    def __init__(self, spec: FeatureSpecification, rows: Sequence[TouchpointRow], time: int, as_of: int):
        self.spec, self.time = spec, time
        ordered = sorted(rows, key=lambda row: row[:4])
        seen = [row for row in ordered if row.event_time < time and row.ingested_time <= as_of]
        self.seen: Rows = seen[::-1]  # newest first
        self.as_of = as_of

    # ---- words
    def word(self, value: str | None, known: Sequence[str]) -> str | None:
        return None if not value else value if value in known else OTHER

    def role(self, name: str) -> Callable[[TouchpointRow], bool]:
        types = self.spec.vocabulary.role(name)
        return lambda row: row.event_type in types

    def is_contact(self, row: TouchpointRow) -> bool:
        return self.role("contact")(row) and row.direction == "outbound"

    def outcome(self, section: str) -> Callable[[TouchpointRow], bool]:
        items = getattr(self.spec.outcomes, section)
        return lambda row: any(item_matches(item, row) for item in items)

    # ---- aggregates
    def age(self, row: TouchpointRow) -> float:
        return (self.time - row.event_time) / HOUR

    def count(self, which: Callable[[TouchpointRow], bool], hours: float) -> float:
        return float(sum(which(row) and self.age(row) <= hours for row in self.seen))

    def since(self, which: Callable[[TouchpointRow], bool]) -> float:
        return min((self.age(row) for row in self.seen if which(row)), default=NAN)

    def pressure(self, which: Callable[[TouchpointRow], bool], half_life: float) -> float:
        total = 0.0
        for row in self.seen:
            if which(row):
                total += 0.5 ** (self.age(row) / half_life)
        return total

    def mean(self, values: Sequence[float]) -> float:
        total = 0.0
        for value in values:
            total += value
        return total / len(values) if values else NAN

    def goal_of(self, row: TouchpointRow) -> str | None:
        if row.direction != "inbound":
            return None
        for name, items in self.spec.goals.items.items():
            if any(item_matches(item, row) for item in items):
                return name
        return None

    def answered(self, contact: TouchpointRow, section: str) -> bool:
        window = self.spec.outcomes.window_hours * HOUR
        return any(
            self.outcome(section)(row)
            and not self.is_contact(row)
            and row.message_id == contact.message_id
            and 0 < row.event_time - contact.event_time <= window
            for row in self.seen
            if contact.message_id
        )

    def rate(self, which: Callable[[TouchpointRow], bool], section: str, prior: float) -> tuple[float, float]:
        closed = [row for row in self.seen if which(row) and self.age(row) >= self.spec.outcomes.window_hours]
        hits = sum(self.answered(row, section) for row in closed)
        rate = (hits + RATE_PRIOR_WEIGHT * prior) / (len(closed) + RATE_PRIOR_WEIGHT)
        return float(len(closed)), rate

    # ---- the features
    def state(self) -> dict[str, float]:
        spec, out = self.spec, {}
        inbound = lambda row: row.direction == "inbound"  # noqa: E731
        wide: dict[str, Callable[[TouchpointRow], bool]] = {
            "all": lambda row: True,
            "inbound": inbound,
            "contact": self.is_contact,
            "internal": lambda row: row.direction not in ("inbound", "outbound"),
            "positive": self.outcome("helped_linked"),
            "negative": self.outcome("interrupted_linked"),
            "weak_response": self.role("weak_response"),
        }
        for group, which in wide.items():
            for hours in WINDOWS_HOURS:
                out[f"{group}_count_{hours}h"] = self.count(which, hours)
            out[f"{group}_hours_since"] = self.since(which)
        narrow = {
            name: self.role(name)
            for name in (
                "delivery_fault", "handed_off", "case_escalated", "contact_unanswered", "gate",
                "quote_revised", "purchase", "onboarding_step",
            )
        }  # fmt: skip
        narrow |= {name: self.outcome(name) for name in ("progress", "harm")}
        for group, which in narrow.items():
            for hours in (24, 168, 720):
                out[f"{group}_count_{hours}h"] = self.count(which, hours)
            out[f"{group}_hours_since"] = self.since(which)
        for name in (*spec.departments, OTHER):
            mine = self.of("department", name, spec.departments)
            contact = lambda row, mine=mine: mine(row) and self.is_contact(row)  # noqa: E731
            came = lambda row, mine=mine: mine(row) and inbound(row) and not self.is_contact(row)  # noqa: E731
            for hours in (24, 168, 720):
                out[f"department_{name}_contact_count_{hours}h"] = self.count(contact, hours)
                out[f"department_{name}_inbound_count_{hours}h"] = self.count(came, hours)
            out[f"department_{name}_contact_hours_since"] = self.since(contact)
            out[f"department_{name}_inbound_hours_since"] = self.since(came)
            out[f"department_{name}_pressure_48h"] = self.pressure(contact, 48.0)
        for name in (*spec.channels, OTHER):
            mine = self.of("channel", name, spec.channels)
            contact = lambda row, mine=mine: mine(row) and self.is_contact(row)  # noqa: E731
            came = lambda row, mine=mine: mine(row) and inbound(row)  # noqa: E731
            for hours in (24, 168, 720):
                out[f"channel_{name}_contact_count_{hours}h"] = self.count(contact, hours)
            out[f"channel_{name}_contact_hours_since"] = self.since(contact)
            out[f"channel_{name}_inbound_count_168h"] = self.count(came, 168)
            out[f"channel_{name}_inbound_hours_since"] = self.since(came)
        for name in (*spec.topics, OTHER):
            mine = self.of("topic", name, spec.topics)
            for hours in (24, 168, 2160):
                out[f"topic_{name}_count_{hours}h"] = self.count(mine, hours)
            out[f"topic_{name}_inbound_hours_since"] = self.since(
                lambda row, mine=mine: mine(row) and inbound(row)
            )
        goals = list(spec.goals.items)
        for name in goals:
            mine = lambda row, name=name: self.goal_of(row) == name  # noqa: E731
            for hours in (24, 168, 720):
                out[f"goal_{name}_count_{hours}h"] = self.count(mine, hours)
            out[f"goal_{name}_hours_since"] = self.since(mine)
        lately = [goal for row in self.seen if (goal := self.goal_of(row))]
        out["goal_last"] = float(goals.index(lately[0])) if lately else NAN
        out["goal_last_hours"] = self.since(lambda row: self.goal_of(row) is not None)
        before = [goal for goal in lately if goal != lately[0]]
        out["goal_before_last"] = float(goals.index(before[0])) if before else NAN
        for name in (*spec.event_types, OTHER):
            mine = self.of("event_type", name, spec.event_types)
            out[f"event_{name}_count_24h"] = self.count(mine, 24)
            out[f"event_{name}_count_168h"] = self.count(mine, 168)
            out[f"event_{name}_hours_since"] = self.since(mine)
            if name in spec.valued_event_types:
                valued = [row for row in self.seen if mine(row) and row.value is not None]
                out[f"event_{name}_value_last"] = valued[0].value if valued else NAN
                for hours in (168, 2160):
                    out[f"event_{name}_value_mean_{hours}h"] = self.mean(
                        [row.value for row in valued if self.age(row) <= hours]
                    )
        for half_life in (6, 24, 168):
            out[f"contact_pressure_{half_life}h"] = self.pressure(self.is_contact, half_life)
        near = [row for row in self.seen if self.is_contact(row) and self.age(row) <= 48]
        by_department: dict[str | None, int] = {}
        for row in near:
            name = self.word(row.department, spec.departments)
            by_department[name] = by_department.get(name, 0) + 1
        out["contact_departments_48h"] = float(len(by_department))
        out["contact_largest_department_48h"] = float(max(by_department.values(), default=0))
        contacts = [row for row in self.seen if self.is_contact(row)]
        out["contact_last_gap_hours"] = (
            self.age(contacts[1]) - self.age(contacts[0]) if len(contacts) > 1 else NAN
        )
        out |= self.cases()
        for voice, values in (
            ("nps", [row for row in self.seen if self.role("nps")(row) and row.value is not None]),
            ("csat", [row for row in self.seen if self.role("csat")(row) and row.value is not None]),
        ):
            out[f"{voice}_last"] = values[0].value if values else NAN
            out[f"{voice}_hours_since"] = self.age(values[0]) if values else NAN
            out[f"{voice}_mean"] = self.mean([row.value for row in values])
        felt = [row for row in self.seen if row.sentiment is not None]
        out["sentiment_last"] = felt[0].sentiment if felt else NAN
        out["sentiment_hours_since"] = self.age(felt[0]) if felt else NAN
        out["sentiment_mean"] = self.mean([row.sentiment for row in felt])
        bought = [row for row in self.seen if self.role("purchase")(row)]
        for label, hours in (("720h", 720.0), ("2160h", 2160.0), ("all", math.inf)):
            total = 0.0
            for row in bought:
                if row.value is not None and self.age(row) <= hours:
                    total += row.value
            out[f"spend_sum_{label}"] = total
        out["purchase_count_all"] = float(len(bought))
        gap = (self.age(bought[-1]) - self.age(bought[0])) / (len(bought) - 1.0) if len(bought) > 1 else NAN
        out["purchase_gap_mean_hours"] = gap
        out["purchase_gap_ratio"] = self.age(bought[0]) / gap if len(bought) > 1 and gap > 0 else NAN
        positive, negative = spec.rates["overall"]
        n, rate = self.rate(self.is_contact, "helped_linked", positive)
        out["answered_contacts_count"], out["answered_positive_rate"] = n, rate
        out["answered_negative_rate"] = self.rate(self.is_contact, "interrupted_linked", negative)[1]
        streak = 0.0
        for row in self.seen:
            if self.is_contact(row):
                streak += 1.0
            if self.outcome("helped_linked")(row):
                break
        out["contact_streak_without_positive"] = streak
        reporting = 0.0
        for name in (*spec.sources, OTHER):
            age = self.since(self.of("source", name, spec.sources))
            out[f"source_{name}_reports"] = 0.0 if math.isnan(age) else 1.0
            out[f"source_{name}_hours_since"] = age
            reporting += out[f"source_{name}_reports"]
        out["sources_reporting"] = reporting
        out["tenure_hours"] = self.age(self.seen[-1]) if self.seen else NAN
        out["history_count_all"] = float(len(self.seen))
        steps = [row for row in self.seen if self.role("onboarding_step")(row)]
        started = self.age(steps[-1]) if steps else NAN
        out["onboarding_hours_since_start"], out["onboarding_steps_all"] = started, float(len(steps))
        out["onboarding_steps_per_day"] = len(steps) / max(started / 24.0, 1.0) if steps else 0.0
        out |= self.clock()
        for name, kind in spec.customer_attributes.items():
            out[f"customer_{name}"] = self.attribute(name, kind)
        return out

    def of(self, column: str, name: str, known: Sequence[str]) -> Callable[[TouchpointRow], bool]:
        return lambda row: self.word(getattr(row, column), known) == name

    def same_case(self, one: TouchpointRow, campaign: str | None, topic: str | None) -> bool:
        if one.campaign_id and campaign:
            return one.campaign_id == campaign
        mine = self.word(one.topic, self.spec.topics)
        if mine is not None and topic is not None:
            return mine == topic
        return True

    def cases(self) -> dict[str, float]:
        """Open cases, newest row first; a case is a group of activity rows with no later resolution."""
        opened, replied = self.role("case_opened"), self.role("case_replied")
        resolved, escalated = self.role("case_resolved"), self.role("case_escalated")
        handed = self.role("handed_off")
        limit = self.spec.vocabulary.case_days * 24
        groups: list[dict[str, Any]] = []
        resolutions: Rows = []
        open_rows: Rows = []
        for row in self.seen:
            if resolved(row):
                resolutions.append(row)
                continue
            if not (opened(row) or replied(row) or escalated(row) or handed(row)):
                continue
            topic = self.word(row.topic, self.spec.topics)
            if any(
                self.same_case(row, one.campaign_id, self.word(one.topic, self.spec.topics))
                for one in resolutions
            ):
                continue
            mine = [group for group in groups if self.same_case(row, group["campaign"], group["topic"])]
            if not mine and self.age(row) <= limit:
                mine = [{"campaign": row.campaign_id, "topic": topic}]
                groups.append(mine[0])
            if mine:
                mine[-1]["oldest"] = self.age(row)
                if mine[-1]["topic"] is None:
                    mine[-1]["topic"] = topic
                open_rows.append(row)
        ages = [group["oldest"] for group in groups]
        oldest = max(groups, key=lambda group: group["oldest"], default=None)
        topics = (*self.spec.topics, OTHER)
        topic = oldest["topic"] if oldest else None
        return {
            "case_open_count": float(len(groups)),
            "case_oldest_open_hours": max(ages, default=NAN),
            "case_newest_open_hours": min(ages, default=NAN),
            "case_open_topic": float(topics.index(topic)) if topic is not None else NAN,
            "case_open_handed_off": float(sum(map(handed, open_rows))),
            "case_open_escalated": float(sum(map(escalated, open_rows))),
            "case_open_activity_hours": self.age(open_rows[0]) if open_rows else NAN,
            "case_resolved_hours_since": self.age(resolutions[0]) if resolutions else NAN,
            "case_customer_waits": float(open_rows[0].direction == "inbound") if open_rows else NAN,
        }

    def profile(self, key: str) -> Any:
        for row in self.seen:
            if self.role("profile")(row) and row.properties and key in row.properties:
                value = row.properties[key]
                if key == "time_zone" and value == "Mars/Olympus":
                    continue
                return value
        return None

    def clock(self) -> dict[str, float]:
        zone = self.profile("time_zone")
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=self.time)
        local = at.astimezone(ZoneInfo(zone)) if zone else at
        microseconds = ((local.hour * 60 + local.minute) * 60 + local.second) * 1_000_000 + local.microsecond
        hour = microseconds / HOUR
        angle = hour * (2 * math.pi / 24)
        return {
            "local_hour_sin": math.sin(angle),
            "local_hour_cos": math.cos(angle),
            "local_hour": hour,
            "local_weekday": float(local.weekday()),
            "local_weekend": float(local.weekday() >= 5),
            "zone_known": float(zone is not None),
        }

    def attribute(self, name: str, kind: str) -> float:
        value = self.profile(name)
        if value is None:
            return NAN
        if kind == "category":
            known = self.spec.attribute_categories[f"customer_{name}"]
            return float(known.index(str(value)) if str(value) in known else len(known))
        return float(value) if isinstance(value, (int, float)) else NAN

    def match(self, candidate: Mapping[str, Any]) -> dict[str, float]:
        spec, out = self.spec, {}
        words = {
            "department": (self.word(candidate["department"], spec.departments), spec.departments),
            "channel": (self.word(candidate["channel"], spec.channels), spec.channels),
            "topic": (self.word(candidate.get("topic"), spec.topics), spec.topics),
        }
        for column, (name, known) in words.items():
            places = (*known, OTHER)
            out[f"candidate_{column}"] = float(places.index(name)) if name is not None else NAN
        purpose = candidate.get("purpose")
        out["candidate_purpose"] = float(PURPOSES.index(purpose)) if purpose in PURPOSES else NAN
        for column, (name, known) in words.items():
            own = lambda row, c=column, n=name, k=known: n is not None and self.of(c, n, k)(row)  # noqa: E731
            contact = lambda row, own=own: own(row) and self.is_contact(row)  # noqa: E731
            came = (  # noqa: E731
                lambda row, own=own: own(row) and row.direction == "inbound" and not self.is_contact(row)
            )
            for hours in (24, 168, 720):
                out[f"own_{column}_contact_count_{hours}h"] = self.count(contact, hours)
            out[f"own_{column}_contact_hours_since"] = self.since(contact)
            out[f"own_{column}_pressure_48h"] = self.pressure(contact, 48.0)
            out[f"own_{column}_inbound_count_24h"] = self.count(came, 24)
            out[f"own_{column}_inbound_count_168h"] = self.count(came, 168)
            out[f"own_{column}_inbound_hours_since"] = self.since(came)
            prior = (
                spec.rates["overall"]
                if name is None
                else spec.rates.get(f"{column}:{name}", spec.rates["overall"])
            )
            out[f"own_{column}_answered_count"], out[f"own_{column}_positive_rate"] = self.rate(
                contact, "helped_linked", prior[0]
            )
            out[f"own_{column}_negative_rate"] = self.rate(contact, "interrupted_linked", prior[1])[1]
        department = words["department"][0]
        others = (  # noqa: E731
            lambda row: self.is_contact(row) and self.word(row.department, spec.departments) != department
        )
        out["others_contact_count_48h"], out["others_contact_hours_since"] = (
            self.count(others, 48),
            self.since(others),
        )
        for field in ("message", "campaign"):
            value = candidate.get(f"{field}_id")
            same = (  # noqa: E731
                lambda row, f=field, v=value: bool(v) and self.is_contact(row) and getattr(row, f"{f}_id") == v
            )
            out[f"same_{field}_count"] = self.count(same, math.inf)
            out[f"same_{field}_hours_since"] = self.since(same)
        topic = out["candidate_topic"]
        case_topic = self.cases()["case_open_topic"]
        out["topic_matches_open_case"] = NAN if math.isnan(case_topic) else float(case_topic == topic)
        goal_rows = [row for row in self.seen if self.goal_of(row)]
        last_topic = self.word(goal_rows[0].topic, spec.topics) if goal_rows else None
        out["topic_matches_last_goal_event"] = (
            NAN if last_topic is None else float(last_topic == words["topic"][0])
        )
        expiry = candidate.get("expires_at")
        out["hours_to_expiry"] = NAN if expiry is None else max((expiry - self.time) / HOUR, 0.0)
        for name, kind in spec.candidate_attributes.items():
            value = (candidate.get("attributes") or {}).get(name)
            if value is None:
                out[f"candidate_{name}"] = NAN
            elif kind == "category":
                known = spec.attribute_categories[f"candidate_{name}"]
                out[f"candidate_{name}"] = float(known.index(str(value)) if str(value) in known else len(known))
            else:
                out[f"candidate_{name}"] = float(value)
        return out
