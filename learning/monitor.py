"""`tact monitor` as a function: recent days of the store against the training period of its champion."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_contracts.configuration import Configuration
from data_contracts.errors import TooLittleData
from data_contracts.times import DAY, format_time
from learning.drift import Finding, Stability, drift
from learning.export import make_export
from learning.feeds import Feed, feeds_of, feeds_of_store, silent_feeds
from learning.parity import Parity, compare_features, sampled_decisions
from learning.recent import recent_rows
from learning.shelf import Shelf
from learning.source import opened
from serving.store import Store
from training.inputs import Inputs, read_inputs
from training.labels import longest_horizon, longest_window
from training.progress import SilentStages

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Monitored:
    """What was seen at `now` (microseconds) of the days since `since`.

    `notes` say what could not be looked at. `features` are the features, the most drifted first.
    """

    now: int
    since: int
    model_version: str | None
    findings: tuple[Finding, ...]
    features: tuple[Stability, ...]
    feeds: tuple[Feed, ...]
    parity: Parity
    fresh_rows: int
    settled_rows: int
    notes: tuple[str, ...]

    @property
    def breaches(self) -> list[str]:
        """Every breach in one sentence; empty where all is well."""
        found = [feed.told() for feed in silent_feeds(self.feeds)]
        found += [one.told for one in self.findings if one.breached]
        return [*found, *([self.parity.told()] if self.parity.differing else [])]

    def as_dict(self) -> dict[str, Any]:
        return {
            "format": FORMAT_VERSION,
            "now": format_time(self.now),
            "since": format_time(self.since),
            "model_version": self.model_version,
            "breaches": self.breaches,
            "notes": list(self.notes),
            "fresh_rows": self.fresh_rows,
            "settled_rows": self.settled_rows,
            "findings": [
                vars(one) | {"value": None if math.isnan(one.value) else one.value} for one in self.findings
            ],
            "features": [vars(one) for one in self.features],
            "feeds": [
                vars(one) | {"silent": one.silent, "last_arrival": format_time(one.last_arrival)}
                for one in self.feeds
            ],
            "feature_parity": self.parity.as_dict(),
        }


def monitor(
    database: str,
    configuration: Configuration,
    home: Path,
    *,
    until: int | None = None,
    stages: SilentStages | None = None,
    clock: Callable[[], int] = lambda: time.time_ns() // 1_000,
) -> Monitored:
    """Look at the store as of `until` (microseconds; now by default). Raises StoreUnavailable, TooLittleData."""
    shown = stages or SilentStages()
    now = clock() if until is None else until
    since = now - round(configuration.monitoring.recent_days * DAY)
    with opened(database, configuration, home) as store:
        with shown.stage("read") as stage:
            inputs = _read(store, configuration, now)
            stage.told(f"{len(inputs.columns):,} touchpoints")
        with shown.stage("logged features") as stage:
            shelf = Shelf(home)
            sample = sampled_decisions(store, configuration.retraining.sampled_decisions, since, now)
            parity = compare_features(store, sample, shelf.bundle, configuration)
            stage.told(parity.told())
    with shown.stage("feeds") as stage:
        feeds = feeds_of(inputs.columns, now, configuration.monitoring)
        stage.told(f"{len(silent_feeds(feeds))} of {len(feeds)} are silent")
    bundle, notes = shelf.champion(), []
    findings: list[Finding] = []
    features: list[Stability] = []
    fresh_rows = settled_rows = 0
    if bundle is None:
        notes.append("There is no champion yet: nothing to hold the recent days against.")
    elif "reference" not in bundle.description:
        notes.append(f"Champion {bundle.version} was trained before references were kept: train it anew.")
    else:
        with shown.stage("drift") as stage:
            seed = configuration.training.seed
            wait = max(longest_window(configuration.outcomes), longest_horizon(configuration.goals))
            fresh = recent_rows(inputs, bundle, configuration, since, now, seed)
            settled = recent_rows(inputs, bundle, configuration, since - wait, now - wait, seed)
            findings, features = drift(
                bundle, fresh, settled, inputs.columns, since, now, configuration.monitoring
            )
            fresh_rows, settled_rows = len(fresh.matrix), len(settled.matrix)
            stage.told(f"{fresh_rows:,} recent rows, {settled_rows:,} whose outcome is known")
    return Monitored(
        now=now,
        since=since,
        model_version=None if bundle is None else bundle.version,
        findings=tuple(findings),
        features=tuple(features),
        feeds=tuple(feeds),
        parity=parity,
        fresh_rows=fresh_rows,
        settled_rows=settled_rows,
        notes=tuple(notes),
    )


def watch_feeds(
    database: str,
    configuration: Configuration,
    home: Path,
    *,
    until: int | None = None,
    clock: Callable[[], int] = lambda: time.time_ns() // 1_000,
) -> Monitored:
    """Look at the feeds alone: one pass over the touchpoints, cheap enough for every quarter of an hour."""
    now = clock() if until is None else until
    with opened(database, configuration, home) as store:
        feeds = feeds_of_store(store, now, configuration.monitoring)
    notes = ("Only the feeds were looked at.",)
    return Monitored(now, now, None, (), (), tuple(feeds), Parity(), 0, 0, notes)


def _read(store: Store, configuration: Configuration, now: int) -> Inputs:
    """What was known by now, through the same export and contract as training; the files go at once."""
    with tempfile.TemporaryDirectory(prefix="tact-monitor-") as name:
        made = make_export(
            store,
            Path(name) / "export",
            now,
            configuration.vocabulary.role("contact"),
            configuration.retraining,
        )
        if not made.touchpoints:
            raise TooLittleData(f"the database holds no touchpoint that was known by {format_time(now)}")
        return read_inputs(made.touchpoint_files, made.decision_files, configuration, made.data_end)
