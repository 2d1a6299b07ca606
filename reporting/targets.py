"""What each department holds itself to: the targets that make a figure green.

They are common rules of thumb, not measurements; `tact report --targets FILE` replaces any of them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from data_contracts.errors import ConfigurationError

Targets = Mapping[str, float]

DEFAULTS: dict[str, float] = {
    "first_response_hours": 24.0,
    "resolution_hours": 72.0,
    "csat_good": 0.6,
    "open_rate": 0.2,
    "click_rate": 0.02,
    "response_rate": 0.05,
    "refusal_rate": 0.03,
    "activation": 0.4,
    "survey_response": 0.1,
    "renewal_rate": 0.6,
    "nps_coverage": 0.1,
    "delivery_rate": 0.95,
}
AT_MOST = frozenset({"first_response_hours", "resolution_hours", "refusal_rate"})
"""Targets that are met from below."""


def load_targets(path: Path | None) -> Targets:
    """The defaults with those of a TOML file of `name = number` in their place."""
    if path is None:
        return DEFAULTS
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: not valid TOML: {error}") from None
    for name, value in raw.items():
        if name not in DEFAULTS:
            raise ConfigurationError(f"{path}: {name}: there is no such target; they are {', '.join(DEFAULTS)}")
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ConfigurationError(f"{path}: {name}: expected a number, got {value!r}")
    return {**DEFAULTS, **{name: float(value) for name, value in raw.items()}}


def met(name: str, value: float, target: float) -> bool:
    """Whether a figure is green."""
    return value <= target if name in AT_MOST else value >= target
