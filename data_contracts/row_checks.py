"""Checks of converted rows, one batch at a time and vectorised.

Each problem's text names the field, the value and what was expected. What needs the whole table
(repeated keys, conflicting decisions) is in `keys`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import vocabulary
from data_contracts.columns import Column
from data_contracts.configuration import Configuration, is_time_zone
from data_contracts.conversion import as_numpy
from data_contracts.findings import Positions, Problems
from data_contracts.text_columns import Mask, as_mask, taken, tell
from data_contracts.times import MINUTE, format_time

CLOCK_TOLERANCE = 5 * MINUTE
"""How far ahead of the clock a time may lie, in microseconds: two machines never agree exactly."""


@dataclass(slots=True)
class RowChecks:
    """The checks of one table against one configuration and one `now` (microseconds UTC)."""

    kind: str
    columns: tuple[Column, ...]
    configuration: Configuration
    now: int
    _zones: dict[str, bool] = field(default_factory=dict)

    def check(self, batch: Mapping[str, pa.Array], present: Collection[str], problems: Problems) -> None:
        """Add every problem of a converted batch; `present` names the columns that the source has."""
        self._required(batch, present, problems)
        if self.kind == "touchpoints":
            self._touchpoints(batch, problems)
        else:
            self._decisions(batch, problems)

    def _required(self, batch: Mapping[str, pa.Array], present: Collection[str], problems: Problems) -> None:
        # A value that could not be read has its own reason; it is not missing too.
        malformed = np.zeros(problems.rows, dtype=np.bool_)
        told: dict[str, Mask] = {}
        for code, name, positions, _ in problems.entries:
            if name == "row":
                malformed[positions] = True
            elif code != "required_missing":
                told.setdefault(name, np.zeros(problems.rows, dtype=np.bool_))[positions] = True
        for column in self.columns:
            if column.nullable or column.name not in present:
                continue
            gaps = as_mask(batch[column.name].is_null()) & ~malformed
            gaps = gaps & ~told.get(column.name, np.zeros(problems.rows, dtype=np.bool_))
            positions = np.flatnonzero(gaps)
            problems.add(
                "required_missing", column.name, positions, [f"{column.name} is missing"] * positions.size
            )

    def _touchpoints(self, batch: Mapping[str, pa.Array], problems: Problems) -> None:
        _allowed("direction", batch, vocabulary.DIRECTIONS, problems)
        _between("sentiment", batch, -1.0, 1.0, problems)
        event, event_known = as_numpy(batch["event_time"])
        ingested, ingested_known = as_numpy(batch["ingested_time"])
        self._future("event_time", event, event_known, problems)
        # Where ingested_time was not given it is event_time, which is told already.
        self._future("ingested_time", ingested, ingested_known & (ingested != event), problems)
        before = np.flatnonzero(event_known & ingested_known & (ingested < event))
        problems.add(
            "ingested_before_event",
            "ingested_time",
            before,
            [
                f"ingested_time {format_time(early)} is before event_time {format_time(late)}; "
                "nothing is known before it happens"
                for early, late in zip(ingested[before].tolist(), event[before].tolist(), strict=True)
            ],
        )
        roles = self.configuration.vocabulary
        self._answers("NPS", roles.role("nps"), 0, 10, batch, problems)
        self._answers("CSAT", roles.role("csat"), 1, 5, batch, problems)
        profiles = _is_one_of(batch["event_type"], roles.role("profile"))
        self._objects("properties", batch, profiles, problems)

    def _decisions(self, batch: Mapping[str, pa.Array], problems: Problems) -> None:
        _allowed("action", batch, vocabulary.ACTIONS, problems)
        _allowed("mode", batch, vocabulary.MODES, problems)
        _between("send_probability", batch, 0.0, 1.0, problems)
        decided, decided_known = as_numpy(batch["decided_at"])
        self._future("decided_at", decided, decided_known, problems)
        expires, expires_known = as_numpy(batch["expires_at"])
        late = np.flatnonzero(decided_known & expires_known & (expires < decided))
        problems.add(
            "expires_before_decision",
            "expires_at",
            late,
            [
                f"expires_at {format_time(early)} is before decided_at {format_time(at)}"
                for early, at in zip(expires[late].tolist(), decided[late].tolist(), strict=True)
            ],
        )
        self._objects("attributes", batch, np.zeros(problems.rows, dtype=np.bool_), problems)

    def _future(self, name: str, times: Positions, known: Mask, problems: Problems) -> None:
        future = np.flatnonzero(known & (times > self.now + CLOCK_TOLERANCE))
        now = format_time(self.now - self.now % 1_000_000)
        texts = [f"{name} {format_time(time)} is later than now ({now})" for time in times[future].tolist()]
        problems.add("time_in_future", name, future, texts)

    def _answers(
        self,
        what: str,
        types: Sequence[str],
        least: int,
        most: int,
        batch: Mapping[str, pa.Array],
        problems: Problems,
    ) -> None:
        values, known = as_numpy(batch["value"])
        asked = _is_one_of(batch["event_type"], types)
        outside = np.flatnonzero(asked & known & ((values < least) | (values > most)))
        expected = f"is no {what} answer, {least} to {most}"
        problems.add("answer_out_of_range", "value", outside, tell("value", values[outside].tolist(), expected))

    def _objects(self, name: str, batch: Mapping[str, pa.Array], profiles: Mask, problems: Problems) -> None:
        """JSON objects, and in profiles the time zone that features and quiet hours rely on."""
        at = np.flatnonzero(as_mask(batch[name].is_valid()))
        broken: list[int] = []
        zones: list[tuple[int, Any]] = []
        decode = msgspec.json.Decoder().decode
        for position, text, profile in zip(
            at.tolist(), taken(batch[name], at), profiles[at].tolist(), strict=True
        ):
            try:
                value = decode(text)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                value = None
            if not isinstance(value, dict):
                broken.append(position)
            elif profile and value.get("time_zone") is not None and not self._is_zone(value["time_zone"]):
                zones.append((position, value["time_zone"]))
        positions = np.array(broken, dtype=np.int64)
        texts = tell(name, taken(batch[name], positions), "is not a JSON object")
        problems.add("json_invalid", name, positions, texts)
        positions = np.array([position for position, _ in zones], dtype=np.int64)
        expected = "is not an IANA time zone, as in 'Europe/Vienna'"
        texts = tell(f"{name}.time_zone", [zone for _, zone in zones], expected)
        problems.add("time_zone_unknown", name, positions, texts)

    def _is_zone(self, zone: Any) -> bool:
        if not isinstance(zone, str):
            return False
        if zone not in self._zones:
            self._zones[zone] = is_time_zone(zone)
        return self._zones[zone]


def known_event_types(configuration: Configuration) -> frozenset[str]:
    """The event types of the vocabulary and of everything that the configuration names."""
    named = {name for names in configuration.vocabulary.roles.values() for name in names}
    for items in configuration.goals.parsed.values():
        named |= {item.event_type for item in items}
    outcomes = configuration.outcomes
    for texts in (outcomes.helped_linked, outcomes.interrupted_linked, outcomes.progress, outcomes.harm):
        named |= {text.split()[0] for text in texts}
    return frozenset(vocabulary.EVENT_TYPES) | named


def _codes(array: pa.Array) -> tuple[Positions, pa.Array]:
    codes: Positions = array.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return codes, array.dictionary


def _is_one_of(array: pa.Array, names: Sequence[str]) -> Mask:
    codes, values = _codes(array)
    wanted = as_mask(pc.is_in(values, pa.array(list(names), pa.string())))
    mask: Mask = np.append(wanted, False)[codes]
    return mask


def _allowed(name: str, batch: Mapping[str, pa.Array], allowed: Sequence[str], problems: Problems) -> None:
    array = batch[name]
    wrong = np.flatnonzero(as_mask(array.is_valid()) & ~_is_one_of(array, allowed))
    problems.add(
        "not_allowed", name, wrong, tell(name, taken(array, wrong), f"is not one of {', '.join(allowed)}")
    )


def _between(name: str, batch: Mapping[str, pa.Array], least: float, most: float, problems: Problems) -> None:
    values, known = as_numpy(batch[name])
    outside = np.flatnonzero(known & ((values < least) | (values > most)))
    expected = f"is outside {least:g} to {most:g}"
    problems.add("number_out_of_range", name, outside, tell(name, values[outside].tolist(), expected))
