"""Bundles by version: what the service had in its folder, else what the registry still has."""

from __future__ import annotations

import json
from pathlib import Path

from data_contracts.errors import BundleUnusable
from models.bundle import Bundle, load_bundle


class Shelf:
    """The bundles that decisions name, each read once.

    Looks into the champions that were exported to `home` and asks the MLflow registry for others.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._known: dict[str, Bundle | None] = {}

    def bundle(self, version: str) -> Bundle | None:
        """The bundle of a version, None where it is nowhere to be had."""
        if version not in self._known:
            self._known[version] = self._exported(version) or self._registered(version)
        return self._known[version]

    def champion(self) -> Bundle | None:
        """The bundle that the service is told to use, None where there is none yet."""
        pointer = self._home / "champion" / "current.json"
        try:
            told = json.loads(pointer.read_text(encoding="utf-8"))
            return load_bundle(pointer.parent / str(told["folder"]))
        except (OSError, ValueError, KeyError):
            return None

    def _exported(self, version: str) -> Bundle | None:
        current = self.champion()
        if current is not None and current.version == version:
            return current
        for folder in sorted((self._home / "champion").glob(f"{version}-*")):
            try:
                return load_bundle(folder)
            except BundleUnusable:
                continue
        return None

    def _registered(self, version: str) -> Bundle | None:
        # MLflow takes seconds to import, and is asked only where no folder has the version.
        from training.registry import registered_bundle

        try:
            found = registered_bundle(self._home, version)
        except BundleUnusable:
            return None
        return None if found is None else found[1]
