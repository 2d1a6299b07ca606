"""The model registry: versions of `tact`, their aliases, and the champion's folder for the service."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data_contracts.errors import BundleUnusable, InvalidRequest, NotFound
from models.bundle import Bundle, load_bundle

MODEL_NAME = "tact"
CHAMPION, CHALLENGER = "champion", "challenger"
PROMOTED_TAG = "promoted_at"
"""On a version: when it became champion. A rollback goes to the newest earlier version that has it."""


def tracking_uri(home: Path) -> str:
    """MLFLOW_TRACKING_URI, or a SQLite file in the home folder."""
    given = os.environ.get("MLFLOW_TRACKING_URI")
    if given:
        return given
    home.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{home / 'mlflow.db'}"


def now_text() -> str:
    """Now in UTC, to the second, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def client(home: Path) -> Any:
    """An MLflow client of the tracking store that `home` stands for."""
    from training.tracking import quiet_mlflow

    mlflow = quiet_mlflow()
    uri = tracking_uri(home)
    return mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)


def champion_version(home: Path) -> Any | None:
    """The registered version with the champion alias, None where there is none."""
    return registered_version(home, CHAMPION)


def registered_version(home: Path, name: str) -> Any | None:
    """The registered version of a number (`"3"`) or an alias (`"champion"`), None where there is none."""
    if not os.environ.get("MLFLOW_TRACKING_URI") and not (home / "mlflow.db").exists():
        # Looking would make a store, which takes seconds, to find it empty.
        return None
    from mlflow.exceptions import MlflowException

    try:
        if name.isdigit():
            return client(home).get_model_version(MODEL_NAME, name)
        return client(home).get_model_version_by_alias(MODEL_NAME, name)
    except MlflowException:
        return None


def champion_bundle(home: Path) -> tuple[str, Bundle] | None:
    """Version and bundle of the champion; raises BundleUnusable where it can't be read."""
    return registered_bundle(home, CHAMPION)


def registered_bundle(home: Path, name: str, which: str = "bundle") -> tuple[str, Bundle] | None:
    """Version and bundle of a number or an alias; raises BundleUnusable where it can't be read.

    `which`: "bundle" is what is served; "evaluated" is the one before the refit, None where there was none.
    """
    version = registered_version(home, name)
    if version is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        found = _download(home, version, Path(folder)).with_name(which)
        if which != "bundle" and not found.is_dir():
            return None
        number = str(version.version)
        return number, _numbered(load_bundle(found), number)


def _numbered(bundle: Bundle, version: str) -> Bundle:
    """A run's bundle doesn't know yet under which number it was registered."""
    return replace(bundle, description={**bundle.description, "version": version})


def export_champion(home: Path) -> str | None:
    """Put the champion's bundle where the service reads it; returns its version, None for no champion.

    Writes `champion/<version>-<run>/` in the home folder and then replaces `champion/current.json`
    in one step, so that a reader sees the old champion or the new one, never a part.
    """
    version = champion_version(home)
    if version is None:
        return None
    target = home / "champion"
    name = f"{version.version}-{str(version.run_id)[:8]}"
    target.mkdir(parents=True, exist_ok=True)
    if not (target / name / "bundle.json").exists():
        with tempfile.TemporaryDirectory(dir=target, prefix=".incoming-") as folder:
            bundle = _download(home, version, Path(folder))
            _numbered(load_bundle(bundle), str(version.version)).save(bundle)
            load_bundle(bundle)
            shutil.rmtree(target / name, ignore_errors=True)
            bundle.rename(target / name)
    pointer = target / ".current.json"
    pointer.write_text(json.dumps({"version": str(version.version), "folder": name}), encoding="utf-8")
    pointer.replace(target / "current.json")
    return str(version.version)


def _download(home: Path, version: Any, folder: Path) -> Path:
    from mlflow.exceptions import MlflowException

    from training.tracking import quiet_mlflow

    mlflow = quiet_mlflow()
    uri = tracking_uri(home)
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    try:
        found = mlflow.artifacts.download_artifacts(
            artifact_uri=f"models:/{MODEL_NAME}/{version.version}", dst_path=str(folder)
        )
    except (MlflowException, OSError) as error:
        raise BundleUnusable(
            f"the artifacts of {MODEL_NAME} version {version.version} can't be fetched: {error}"
        ) from error
    bundle = Path(found) / "artifacts" / "bundle"
    if not bundle.is_dir():
        raise BundleUnusable(f"{MODEL_NAME} version {version.version} holds no bundle")
    return bundle


def roll_back(home: Path, to: str | None = None) -> tuple[str, str]:
    """Make another version champion and export it; returns the versions before and after.

    Without `to` it is the newest version below the champion that once was champion. The version that
    is left gets the tag `rolled_back_at`. Raises NotFound where there is no such version, and
    BundleUnusable, with the alias where it was, where its bundle can't be read.
    """
    from mlflow.exceptions import MlflowException

    registry = client(home)
    current = champion_version(home)
    if current is None:
        raise NotFound("there is no champion to roll back from; `tact train` makes the first")
    number = int(current.version)
    if to is None:
        earlier = [
            one
            for one in registry.search_model_versions(f"name='{MODEL_NAME}'")
            if int(one.version) < number and PROMOTED_TAG in one.tags
        ]
        if not earlier:
            raise NotFound(f"no version before champion {number} was ever champion; name one with --to")
        target = max(earlier, key=lambda one: int(one.version))
    else:
        try:
            target = registry.get_model_version(MODEL_NAME, to)
        except MlflowException:
            raise NotFound(f"--to {to}: the model {MODEL_NAME} has no such version") from None
        if int(target.version) == number:
            raise InvalidRequest(f"--to {to}: it is the champion already")
    with tempfile.TemporaryDirectory() as folder:
        load_bundle(_download(home, target, Path(folder)))
    registry.set_registered_model_alias(MODEL_NAME, CHAMPION, str(target.version))
    registry.set_model_version_tag(MODEL_NAME, str(number), "rolled_back_at", now_text())
    if PROMOTED_TAG not in target.tags:
        registry.set_model_version_tag(MODEL_NAME, str(target.version), PROMOTED_TAG, now_text())
    export_champion(home)
    return str(number), str(target.version)
