"""Digests that tell a damaged bundle before any of it is used.

A booster's text with a flipped bit may still read as a model, with other answers, or end the process
inside LightGBM's library. So each file's SHA-256 stands in `bundle.json`, and one of its own contents.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from data_contracts.errors import BundleUnusable

_OWN = "digest"
_REMEDY = "copy the bundle again, or train anew"


def file_digest(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def sealed(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The contents of `bundle.json` with a digest of themselves."""
    return {**raw, _OWN: _digest(raw)}


def check_seal(raw: Mapping[str, Any], where: object) -> None:
    """Raise BundleUnusable where the contents are not those that were sealed."""
    if raw.get(_OWN) != _digest(raw):
        raise BundleUnusable(f"{where}: bundle.json is damaged or was edited: {_REMEDY}")


def check_file(name: str, content: bytes, digests: Mapping[str, str], where: object) -> None:
    """Raise BundleUnusable where a file is not the one whose digest was written down."""
    if digests.get(name) != file_digest(content):
        raise BundleUnusable(f"{where}: {name} is damaged, its SHA-256 is not that in bundle.json: {_REMEDY}")


def _digest(raw: Mapping[str, Any]) -> str:
    """Of the values under their names; the order of names is the columns' digest's affair."""
    text = json.dumps({name: value for name, value in raw.items() if name != _OWN}, sort_keys=True)
    return file_digest(text.encode())
