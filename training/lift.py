"""Lift: what a send changes, estimated from rows of both arms with known propensities.

A send changes an outcome in two ways. Somebody answers the message: that has no counterpart without a
send, so the chance of an answer, L, is part of the lift wherever nothing would have come anyway. And
other events become more or less frequent. With m the chance of the outcome under hold,

    lift(x) = L(x) · (1 − m(x)) + δ(x)

holds exactly for some δ. L is learnt from sent rows alone, without the noise of a comparison; only δ
is left to the comparison of the arms. It is a doubly robust pseudo-outcome (Robins, Rotnitzky & Zhao
1994; Kennedy 2023, eq. 2) regressed on a small basis, with shrinkage from the data (`shrunken_effect`).
What is served is one booster that reproduces the sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features.builder import Matrix
from features.columns import Float64
from features.specification import FeatureSpecification
from models.bundle import LiftModel
from training.boosting import REGRESSION, Recipe, fitted
from training.effect_basis import fit_basis
from training.labels import Bools
from training.shrunken_effect import ShrunkenEffect, fit_shrunken_effect

LEAST_ROWS_OF_AN_ARM = 100
"""With fewer rows in either arm no lift is estimated."""
_DISTILLED = Recipe("distilled", 31, 0.1, 20, 0.0005, 0.5, 1.0)
_DISTILLED_ROUNDS = 150
_DISTILLED_ROWS = 60_000
_LEAST_VARIANCE = 1e-3


@dataclass(frozen=True)
class LiftRows:
    """Rows that lift is learnt from: those that measure it have a propensity, the others have NaN.

    Attributes
    ----------
    matrix : the design matrix; hidden columns (see treatment_fields) are NaN
    sent, propensity, label, linked : shape (n,); `linked` tells whether the message itself was answered
    answer : L, the chance of an answer if sent, shape (n,)
    held : m, the chance of the outcome under hold, shape (n,)
    other : chances of the other outcome, shape (n, 2): answer, held
    """

    matrix: Matrix
    sent: Bools
    propensity: Float64
    label: Bools
    linked: Bools
    answer: Float64
    held: Float64
    other: Float64


@dataclass(frozen=True)
class FittedLift:
    """`served` is None where the difference of the two chances serves; `note` says why.

    `effect` is the part beyond the answers, and `fidelity` how much of the variance of the estimated
    lifts the served booster reproduces.
    """

    served: LiftModel | None
    note: str = ""
    effect: ShrunkenEffect | None = None
    fidelity: float = float("nan")


def fit_lift(
    rows: LiftRows,
    specification: FeatureSpecification,
    hidden: Sequence[int],
    categorical: Sequence[int],
    seed: int,
) -> FittedLift:
    """Estimate the lift of one outcome."""
    measuring = np.flatnonzero(~np.isnan(rows.propensity))
    arms = (int(rows.sent[measuring].sum()), int((~rows.sent[measuring]).sum()))
    if min(arms) < LEAST_ROWS_OF_AN_ARM:
        note = (
            f"{arms[0]:,} sent and {arms[1]:,} held rows measure lift, {LEAST_ROWS_OF_AN_ARM} of each are "
            "needed: the difference of the two chances serves"
        )
        return FittedLift(None, note)
    chances = np.column_stack([rows.answer, rows.held, rows.answer * rows.held, rows.other])
    pseudo, weight = beyond_answers(rows)
    basis = fit_basis(specification, rows.matrix[measuring], chances[measuring], hidden)
    design = basis(rows.matrix, chances)
    effect = fit_shrunken_effect(design[measuring], pseudo[measuring], weight[measuring])
    lift = np.clip(rows.answer * (1.0 - rows.held) + effect.predict(design), -1.0, 1.0)
    variance = float(lift.var())
    if variance < 1e-10:
        return FittedLift(
            LiftModel(offset=float(lift.mean())), "no sign of different effects: one average serves", effect
        )
    some = np.arange(len(lift))
    if len(lift) > _DISTILLED_ROWS:
        some = np.sort(np.random.default_rng([seed, 9]).choice(len(lift), _DISTILLED_ROWS, replace=False))
    seen = rows.matrix[some]
    booster = fitted(seen, lift[some], REGRESSION, _DISTILLED, _DISTILLED_ROUNDS, categorical, seed)
    error = float(np.square(booster.predict(seen) - lift[some]).mean())
    note = (
        "" if effect.deviation > 0 else "beyond the answers no sign of different effects: one average is added"
    )
    return FittedLift(LiftModel(booster), note, effect, 1.0 - error / variance)


def beyond_answers(rows: LiftRows) -> tuple[Float64, Float64]:
    """Pseudo-outcomes of δ and their precisions, both of shape (n,); NaN where a row measures no lift.

    Under send the outcome without an answered message is compared with the outcome under hold; its model
    is m · (1 − L), so the pseudo-outcome of δ is that of the difference plus L · m.
    """
    y = rows.label.astype(np.float64)
    unanswered = y * ~rows.linked
    e, if_sent = rows.propensity, rows.held * (1.0 - rows.answer)
    residual = np.where(rows.sent, (unanswered - if_sent) / e, -(y - rows.held) / (1.0 - e))
    pseudo = if_sent - rows.held + residual + rows.answer * rows.held
    variance = np.maximum(if_sent * (1.0 - if_sent), _LEAST_VARIANCE) / e
    variance = variance + np.maximum(rows.held * (1.0 - rows.held), _LEAST_VARIANCE) / (1.0 - e)
    return pseudo, 1.0 / variance
