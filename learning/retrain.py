"""`tact retrain` as a function: the store's own log → parity → a challenger → promoted, or why not.

One run at a time in a home. What is done is kept: an export that was finished is taken up by the next
run if this one dies, and is removed once a model came of it, since it holds customers' data.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_contracts.configuration import Configuration
from data_contracts.errors import GateFailed, TooLittleData
from data_contracts.times import DAY, HOUR, format_time
from learning.export import Export, export_name, finished_export, make_export, pending_exports
from learning.lock import only_run
from learning.parity import Parity, compare_features, sampled_decisions
from learning.shelf import Shelf
from learning.source import opened
from serving.store import Store
from training.gates import Promote
from training.progress import SilentStages
from training.run import Outcome, train

_TAKEN_UP_WITHIN = DAY
"""How old the end of a left-over export may be for the next run to take it up."""


@dataclass(frozen=True)
class Retrained:
    """What a run came to; `outcome` is None where there was nothing new to learn from."""

    export: Export
    parity: Parity | None
    outcome: Outcome | None
    reused_export: bool
    told: str
    """Why, in one line."""


def folder_of(home: Path) -> Path:
    """Where exports, the lock and the state of the last run lie."""
    return home / "retraining"


def retrain(
    database: str,
    configuration: Configuration,
    home: Path,
    *,
    experiment: str = "tact",
    promote: Promote = "auto",
    until: int | None = None,
    stages: SilentStages | None = None,
    clock: Callable[[], int] = lambda: time.time_ns() // 1_000,
) -> Retrained:
    """Export, compare features, train against the champion, promote if nothing guarded is worse.

    `until` is the end of the data in microseconds; by default the last full hour, or that of an export
    that an earlier run of the same day left behind.

    Raises
    ------
    AlreadyRunning : another run has this home
    GateFailed : more decisions than `retraining.max_mismatch_share` saw other features than history has
    and whatever reading, fitting and the database raise.
    """
    shown, root = stages or SilentStages(), folder_of(home)
    with only_run(root / "lock"):
        with opened(database, configuration, home) as store:
            export, reused = _exported(store, database, configuration, root, until, clock(), shown)
            if not export.touchpoints:
                _used_up(root)
                raise TooLittleData(
                    f"the database holds no touchpoint that was known by {format_time(export.until)}"
                )
            asked = _asked(database, export, configuration, promote)
            last = _last(root)
            if last is not None and last["asked"] == asked:
                _used_up(root)
                told = f"nothing new since version {last['version']}: the data still ends {_text(export)}"
                return Retrained(export, None, None, reused, told)
            parity = _compared(store, configuration, home, export, shown)
        if parity.differing_share > configuration.retraining.max_mismatch_share:
            raise GateFailed(
                f"nothing was trained: {parity.told()}. Rows that came late must carry the `ingested_time` at "
                "which they came; retraining.max_mismatch_share allows for a share of such decisions"
            )
        documents = {"data/feature_parity.json": parity.as_dict(), "data/export.json": _described(export)}
        outcome = train(
            export.touchpoint_files,
            export.decision_files,
            configuration,
            home,
            experiment=experiment,
            promote=promote,
            until=export.data_end,
            stages=shown,
            documents=documents,
            kind="retrain",
        )
        _remember(root, asked, outcome)
        _used_up(root)
    told = f"version {outcome.version} {outcome.gate.reason}"
    return Retrained(export, parity, outcome, reused, told)


def _exported(
    store: Store,
    database: str,
    configuration: Configuration,
    root: Path,
    until: int | None,
    now: int,
    shown: SilentStages,
) -> tuple[Export, bool]:
    """The export, and whether an earlier run had finished it."""
    exports = root / "exports"
    with shown.stage("export") as stage:
        if until is None:
            left = [one for one in pending_exports(exports, database) if one.until > now - _TAKEN_UP_WITHIN]
            until = left[0].until if left else now // HOUR * HOUR
        folder = exports / export_name(database, until)
        found = finished_export(folder)
        if found is None:
            found = make_export(
                store,
                folder,
                until,
                configuration.vocabulary.role("contact"),
                configuration.retraining,
                stage.told,
            )
            stage.told(found.told())
            return found, False
        stage.told(f"{found.told()}; finished by an earlier run")
        return found, True


def _compared(
    store: Store, configuration: Configuration, home: Path, export: Export, shown: SilentStages
) -> Parity:
    with shown.stage("logged features") as stage:
        wanted = configuration.retraining.sampled_decisions
        sample = sampled_decisions(store, wanted, 0, export.until)
        parity = compare_features(store, sample, Shelf(home).bundle, configuration)
        stage.told(parity.told())
    return parity


def _described(export: Export) -> dict[str, Any]:
    raw = {name: value for name, value in vars(export).items() if name != "folder"}
    return raw | {"until": format_time(export.until), "data_end": _text(export)}


def _text(export: Export) -> str:
    return format_time(export.data_end) if export.data_end else "nowhere"


def _asked(database: str, export: Export, configuration: Configuration, promote: Promote) -> str:
    """A digest of all that a run depends on: the same again would give the same model again."""
    parts = (export_name(database, export.data_end), configuration.model_dump_json(), promote)
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


def _last(root: Path) -> dict[str, Any] | None:
    """What the last run left: what it was asked, and the version that came of it."""
    try:
        found: dict[str, Any] = json.loads((root / "last.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if {"asked", "version"} <= found.keys() else None


def _remember(root: Path, asked: str, outcome: Outcome) -> None:
    state = {
        "asked": asked,
        "version": outcome.version,
        "run_id": outcome.run_id,
        "promoted": outcome.gate.promoted,
        "reason": outcome.gate.reason,
    }
    part = root / ".last.json"
    part.write_text(json.dumps(state, indent=1), encoding="utf-8")
    part.replace(root / "last.json")


def _used_up(root: Path) -> None:
    """Remove the exports, those of dead runs too: they hold customers' data and serve nobody now."""
    for folder in (root / "exports").glob("*"):
        shutil.rmtree(folder, ignore_errors=True)
