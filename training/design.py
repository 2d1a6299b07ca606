"""Moments and messages → design matrices, for many rows at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.builder import HISTORY_LIMIT, Matrix, States, matches, states
from features.columns import Float64, Int64
from features.encoding import EncodedHistory
from features.specification import FeatureSpecification
from models.scoring import assemble
from training.rows import MessageRows


@dataclass(frozen=True)
class Designer:
    """Features of rows; a state is computed once for all messages of a customer's moment."""

    encoded: EncodedHistory
    specification: FeatureSpecification
    limit: int = HISTORY_LIMIT

    def states(self, customer: Int64, moment: Int64) -> States:
        """State features of each (customer, moment)."""
        return states(self.encoded, self.specification, customer, moment, limit=self.limit)

    def contact(self, rows: MessageRows, state: States, state_row: Int64, goals: Float64) -> Matrix:
        """The contact models' matrix; `state_row` points each row to its state and goal probabilities."""
        matched = matches(
            self.encoded,
            self.specification,
            rows.candidates.arrays(self.specification),
            np.arange(len(rows), dtype=np.int64),
            state,
            state_row,
            rows.customer,
            rows.moment,
            limit=self.limit,
        )
        return assemble(state.matrix[state_row], goals[state_row], matched)


def distinct_moments(customer: Int64, moment: Int64) -> tuple[Int64, Int64, Int64]:
    """Distinct (customer, moment) pairs in order, and each row's place among them."""
    order = np.lexsort((moment, customer))
    c, m = customer[order], moment[order]
    first = np.r_[True, (c[1:] != c[:-1]) | (m[1:] != m[:-1])] if len(c) else np.zeros(0, np.bool_)
    place = np.empty(len(order), np.int64)
    place[order] = np.cumsum(first) - 1
    return c[first], m[first], place
