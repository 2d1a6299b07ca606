"""Why the chances are what they are: the features that moved them most (TreeSHAP)."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.booster import Design
from models.bundle import OUTCOMES, Bundle

STRONGEST = 5
"""Signals named for each outcome of each candidate."""


def signals(bundle: Bundle, design: Design) -> list[list[dict[str, Any]]]:
    """For each candidate its strongest signals: feature, its value, outcome, contribution in log-odds.

    They belong to the model of the outcome under a send. An outcome whose base rate serves has none.
    """
    names = bundle.specification.contact_names
    matrix = design.matrix
    found: list[list[dict[str, Any]]] = [[] for _ in range(len(design))]
    for outcome in OUTCOMES:
        booster = bundle.contact[outcome].send.booster
        if booster is None:
            continue
        moved = booster.contributions(matrix)[:, : len(names)]
        for row, contributions in enumerate(moved):
            order = np.argsort(-np.abs(contributions), kind="stable")[:STRONGEST]
            for place in order.tolist():
                value = float(matrix[row, place])
                if contributions[place] == 0.0:
                    break
                found[row].append(
                    {
                        "feature": names[place],
                        "value": None if np.isnan(value) else value,
                        "outcome": outcome,
                        "contribution": float(contributions[place]),
                    }
                )
    return found
