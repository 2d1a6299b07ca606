"""Ridge regression of pseudo-outcomes whose amount of shrinkage is estimated from the data.

Effects along the basis functions are taken as draws from one normal distribution around nought; its
variance is chosen by marginal likelihood (empirical Bayes; MacKay 1992, eq. 4.1 ff.), which is far
steadier than cross-validation where the noise is a hundred times the effect. With no sign of
heterogeneity the variance goes to nought and the average effect is left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.columns import Float64

_GRID = np.geomspace(1e-9, 1e-1, 65)


@dataclass(frozen=True)
class ShrunkenEffect:
    """`average + basis @ coefficients`.

    `deviation` is the estimated standard deviation of one basis function's effect, `error` the
    standard error of the average.
    """

    average: float
    coefficients: Float64
    deviation: float
    error: float

    def predict(self, basis: Float64) -> Float64:
        """Effects, shape (rows,)."""
        return self.average + basis @ self.coefficients


def fit_shrunken_effect(basis: Float64, pseudo: Float64, weight: Float64) -> ShrunkenEffect:
    """Fit on `pseudo`, shape (rows,), with precision weights; the average is not shrunk."""
    w = weight / weight.mean()
    n, p = basis.shape
    average = float(np.average(pseudo, weights=w))
    centred = basis - np.average(basis, axis=0, weights=w)
    residual = pseudo - average
    gram = (centred * w[:, None]).T @ centred
    moment = (centred * w[:, None]).T @ residual
    values, vectors = np.linalg.eigh(gram)
    values = np.maximum(values, 0.0)
    rotated = vectors.T @ moment
    noise = float(np.average(np.square(residual), weights=w))
    best, best_evidence = 0.0, 0.0
    for variance in _GRID:
        # log evidence less that of no effects at all: the terms that depend on the variance.
        ratio = variance / noise
        evidence = 0.5 * float(
            np.sum(ratio * np.square(rotated) / (noise * (1.0 + ratio * values)))
            - np.sum(np.log1p(ratio * values))
        )
        if evidence > best_evidence:
            best, best_evidence = float(variance), evidence
    error = float(np.sqrt(noise / n))
    if best == 0.0:
        return ShrunkenEffect(average, np.zeros(p), 0.0, error)
    coefficients = vectors @ (rotated / (values + noise / best))
    # The basis was centred with weights; the average absorbs the difference.
    shift = float(np.average(basis, axis=0, weights=w) @ coefficients)
    return ShrunkenEffect(average - shift, coefficients, float(np.sqrt(best)), error)
