"""Fit a calibrator on a later slice: identity, logistic or isotonic, whichever predicts best there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.isotonic import IsotonicRegression

from features.columns import Float64, Int64
from models.calibration import Calibrator, expit, logit
from training.metrics import log_losses

LEAST_POSITIVES_FOR_ISOTONIC = 500
_KNOTS = 40
_SLOPE_DEVIATION = 0.5
_INTERCEPT_DEVIATION = 1.0
"""Prior standard deviations of slope (around 1) and intercept (around 0): a small slice changes little."""

_KINDS = ("identity", "logistic", "piecewise")


def fit_calibrator(p: Float64, label: npt.NDArray[np.bool_], fold: Int64) -> Calibrator:
    """The kind with the least cross-validated log loss, fitted on the whole slice.

    `p` and `label` have shape (rows,); `fold` numbers the customers' folds. A more flexible kind has to
    win by more than the noise of the comparison, one standard error of the paired difference.
    """
    positives = int(min(label.sum(), (~label).sum()))
    if positives < 5 or len(np.unique(fold)) < 2:
        return Calibrator()
    kinds = _KINDS if positives >= LEAST_POSITIVES_FOR_ISOTONIC else _KINDS[:2]
    losses = {kind: _held_out(kind, p, label, fold) for kind in kinds}
    best = "identity"
    for kind in kinds[1:]:
        gain = losses[best] - losses[kind]
        if gain.mean() > (0.0 if kind == "logistic" else _standard_error(gain)):
            best = kind
    return _fit(best, p, label)


def logistic_calibrator(p: Float64, label: npt.NDArray[np.bool_]) -> Calibrator:
    """Platt scaling on the whole slice."""
    return _fit("logistic", p, label)


def temperature(probabilities: Float64, label: Int64) -> float:
    """The temperature that minimises log loss (Guo et al. 2017, section 4.2), by golden section."""
    logs = np.log(np.maximum(probabilities, 1e-12))
    rows = np.arange(len(label))

    def loss(log_temperature: float) -> float:
        scaled = logs / np.exp(log_temperature)
        scaled -= scaled.max(axis=1, keepdims=True)
        return float(np.mean(np.log(np.exp(scaled).sum(axis=1)) - scaled[rows, label]))

    low, high = np.log(0.4), np.log(4.0)
    ratio = (np.sqrt(5.0) - 1.0) / 2.0
    for _ in range(40):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if loss(a) < loss(b) else (a, high)
    return float(np.exp((low + high) / 2.0))


def _held_out(kind: str, p: Float64, label: npt.NDArray[np.bool_], fold: Int64) -> Float64:
    predicted = np.empty(len(p))
    for number in np.unique(fold):
        mine = fold == number
        predicted[mine] = _fit(kind, p[~mine], label[~mine]).apply(p[mine])
    return log_losses(predicted, label)


def _fit(kind: str, p: Float64, label: npt.NDArray[np.bool_]) -> Calibrator:
    if kind == "logistic":
        slope, intercept = _platt(logit(p), label.astype(np.float64))
        return Calibrator("logistic", slope=slope, intercept=intercept)
    if kind == "piecewise":
        return _isotonic(p, label)
    return Calibrator()


def _platt(score: Float64, label: Float64) -> tuple[float, float]:
    """Slope and intercept by Newton's method on the penalised log-likelihood."""
    slope, intercept = 1.0, 0.0
    penalty = np.asarray([1.0 / _SLOPE_DEVIATION**2, 1.0 / _INTERCEPT_DEVIATION**2])
    for _ in range(50):
        predicted = expit(slope * score + intercept)
        residual, weight = predicted - label, predicted * (1.0 - predicted)
        gradient = np.asarray([residual @ score, residual.sum()])
        gradient += penalty * np.asarray([slope - 1.0, intercept])
        hessian = np.asarray(
            [[weight @ (score * score), weight @ score], [weight @ score, weight.sum()]]
        ) + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        slope, intercept = slope - float(step[0]), intercept - float(step[1])
        if np.abs(step).max() < 1e-9:
            break
    # A falling map would turn the model's order around; the slice can't say that much.
    return max(slope, 0.02), intercept


def _isotonic(p: Float64, label: npt.NDArray[np.bool_]) -> Calibrator:
    """Isotonic regression, kept as linear pieces between the means of at most 40 blocks."""
    fitted = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(p, label)
    order = np.argsort(p, kind="stable")
    level = fitted.predict(p[order])
    knots, levels = [], []
    for part in np.array_split(np.arange(len(p)), _KNOTS):
        knots.append(float(p[order][part].mean()))
        # Half a positive and half a negative more keep certain answers out.
        levels.append((float(level[part].sum()) + 0.5) / (len(part) + 1.0))
    x, places = np.unique(np.asarray(knots), return_index=True)
    y = np.maximum.accumulate(np.asarray(levels)[places])
    return Calibrator("piecewise", knots=tuple(map(float, x)), levels=tuple(map(float, y)))


def _standard_error(values: Float64) -> float:
    return float(values.std() / np.sqrt(len(values)))
