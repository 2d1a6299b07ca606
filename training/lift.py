"""Lift: what a send changes, estimated from rows of both arms with known propensities."""

from __future__ import annotations

from dataclasses import dataclass

from models.bundle import LiftModel


@dataclass(frozen=True)
class FittedLift:
    """`served` is None where the difference of the two chances serves."""

    served: LiftModel | None
    note: str = ""


def fit_lift() -> FittedLift:
    return FittedLift(None)
