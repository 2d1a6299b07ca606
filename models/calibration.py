"""Calibrators: a monotone map from a model's probability to one that means what it says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from features.columns import Float64

_EDGE = 1e-6


def logit(p: Float64) -> Float64:
    """Log-odds, with probabilities held within 1e-6 of 0 and 1."""
    held = np.clip(p, _EDGE, 1.0 - _EDGE)
    result: Float64 = np.log(held / (1.0 - held))
    return result


def expit(x: Float64) -> Float64:
    """The inverse of `logit`."""
    result: Float64 = 1.0 / (1.0 + np.exp(-np.clip(x, -40.0, 40.0)))
    return result


@dataclass(frozen=True)
class Calibrator:
    """`identity`; `logistic` (Platt 1999: slope and intercept on the log-odds); or `piecewise`
    (isotonic, Zadrozny & Elkan 2002: linear between knots).
    """

    kind: str = "identity"
    slope: float = 1.0
    intercept: float = 0.0
    knots: tuple[float, ...] = field(default=())
    levels: tuple[float, ...] = field(default=())

    def apply(self, p: Float64) -> Float64:
        """Calibrated probabilities of the same shape."""
        if self.kind == "logistic":
            return expit(self.slope * logit(p) + self.intercept)
        if self.kind == "piecewise":
            result: Float64 = np.interp(p, self.knots, self.levels)
            return result
        return p

    def as_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "slope": self.slope,
            "intercept": self.intercept,
            "knots": list(self.knots),
            "levels": list(self.levels),
        }

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Calibrator:
        return cls(raw["kind"], raw["slope"], raw["intercept"], tuple(raw["knots"]), tuple(raw["levels"]))
