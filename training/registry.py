"""The model registry: versions of `tact`, their aliases, and the champion's folder for the service."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from data_contracts.errors import BundleUnusable
from models.bundle import Bundle, load_bundle

MODEL_NAME = "tact"
CHAMPION, CHALLENGER = "champion", "challenger"


def tracking_uri(home: Path) -> str:
    """MLFLOW_TRACKING_URI, or a SQLite file in the home folder."""
    given = os.environ.get("MLFLOW_TRACKING_URI")
    if given:
        return given
    home.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{home / 'mlflow.db'}"


def client(home: Path) -> Any:
    """An MLflow client of the tracking store that `home` stands for."""
    from training.tracking import quiet_mlflow

    mlflow = quiet_mlflow()
    uri = tracking_uri(home)
    return mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)


def champion_version(home: Path) -> Any | None:
    """The registered version with the champion alias, None where there is none."""
    from mlflow.exceptions import MlflowException

    try:
        return client(home).get_model_version_by_alias(MODEL_NAME, CHAMPION)
    except MlflowException:
        return None


def champion_bundle(home: Path) -> tuple[str, Bundle] | None:
    """Version and bundle of the champion; raises BundleUnusable where it can't be read."""
    version = champion_version(home)
    if version is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        return str(version.version), load_bundle(_download(home, version, Path(folder)))


def version_bundle(home: Path, version: str) -> Bundle | None:
    """The bundle of a registered version under its number; None where the registry has no such version."""
    from mlflow.exceptions import MlflowException

    try:
        found = client(home).get_model_version(MODEL_NAME, version)
    except MlflowException:
        return None
    with tempfile.TemporaryDirectory() as folder:
        return _numbered(load_bundle(_download(home, found, Path(folder))), version)


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
