"""Figures of lift where there is a control: average effects, uplift curves, policy values.

Every figure uses the logged (or estimated) propensities. Effects are doubly robust (Robins, Rotnitzky &
Zhao 1994): the models only take noise away, the randomisation carries the claim.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from features.columns import Float64, Int64
from training.metrics import Estimate, Resampler

Bools = npt.NDArray[np.bool_]


def doubly_robust(
    label: npt.NDArray[Any] | Bools,
    sent: Bools,
    propensity: Float64,
    if_sent: Float64,
    if_held: Float64,
) -> Float64:
    """Pseudo-outcomes whose mean is the effect of sending (Kennedy 2023, eq. 2), shape (rows,).

    `if_sent` and `if_held` are the models' chances, made without the row itself.
    """
    y = label.astype(np.float64)
    residual = np.where(sent, (y - if_sent) / propensity, -(y - if_held) / (1.0 - propensity))
    result: Float64 = if_sent - if_held + residual
    return result


def inverse_propensity(label: Bools, sent: Bools, propensity: Float64) -> Float64:
    """Pseudo-outcomes of the effect without any model (Horvitz & Thompson 1952), shape (rows,)."""
    y = label.astype(np.float64)
    return np.where(sent, y / propensity, -y / (1.0 - propensity))


class UpliftCurve(NamedTuple):
    """Effect per row of the whole when the share `share` with the highest scores is sent to.

    It starts at (0, 0) and ends at (1, average effect); between ties it is straight.
    """

    share: Float64
    gain: Float64

    @property
    def qini(self) -> float:
        """Area between the curve and the straight line of a random order (Radcliffe 2007); random is 0."""
        return float(np.trapezoid(self.gain - self.share * self.gain[-1], self.share))

    @property
    def auuc(self) -> float:
        """Area under the curve over that of its end point (Gutierrez & Gerardy 2017); random is 0.5.

        NaN where the average effect is nought, as the ratio then means nothing.
        """
        end = float(self.gain[-1])
        return float(np.trapezoid(self.gain, self.share)) / end if abs(end) > 1e-12 else float("nan")


def uplift_curve(score: Float64, label: Bools, sent: Bools, propensity: Float64) -> UpliftCurve:
    """The curve of the rows in order of falling score, against the control.

    At each share it is the difference of the arms' inverse-propensity weighted means among the rows
    above the cut, times the share (Gutierrez & Gerardy 2017, eq. 14, with Hájek weights). Rows with
    equal scores go together, so a constant score gives exactly the straight line.
    """
    return curve_by_weight(score, label, sent, propensity)(np.ones(len(score)))


def curve_by_weight(
    score: Float64, label: Bools, sent: Bools, propensity: Float64
) -> Callable[[Float64], UpliftCurve]:
    """`uplift_curve` as a function of row weights, for the bootstrap; the rows are ordered once."""
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    last = np.r_[np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1]
    y, t = label[order].astype(np.float64), sent[order]
    inverse = 1.0 / np.where(t, propensity[order], 1.0 - propensity[order])
    arms = (inverse * t, inverse * ~t)

    def curve(weight: Float64) -> UpliftCurve:
        w = weight[order]
        means = []
        for arm in arms:
            mass = np.cumsum(w * arm)[last]
            total = np.cumsum(w * arm * y)[last]
            means.append(np.divide(total, mass, out=np.zeros_like(mass), where=mass > 0))
        share = np.cumsum(w)[last] / w.sum()
        return UpliftCurve(np.r_[0.0, share], np.r_[0.0, (means[0] - means[1]) * share])

    return curve


class Decile(NamedTuple):
    """A tenth of the rows by predicted lift: predicted and measured effect, with its interval."""

    predicted: float
    measured: Estimate


def deciles(score: Float64, pseudo: Float64, customer: Int64, seed: int) -> list[Decile]:
    """Measured (doubly robust) against predicted lift in ten groups of equal size, lowest first."""
    order = np.argsort(score, kind="stable")
    found = []
    for part in np.array_split(order, 10):
        if len(part):
            found.append(Decile(float(score[part].mean()), Resampler(customer[part], seed).mean(pseudo[part])))
    return found
