"""One customer's history and one request's candidates → goal, chances, at any moment from now on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from features.builder import Matrix, States, candidate_arrays, matches, states
from features.columns import Float64, Int64, TouchpointColumns, row_like
from features.encoding import encode
from features.match import CandidateArrays
from features.packing import TouchpointRow, columns_of_rows, merge
from models.booster import Design
from models.bundle import OUTCOMES, Bundle


class Chances(NamedTuple):
    """Chances of candidates at moments, each of shape (candidates asked, moments).

    `p_helps` and `p_interrupts` hold if it is sent at that moment; the lifts are differences to
    sending nothing; `price` is the attention that the send costs later, in net value units.
    """

    p_helps: Float64
    p_interrupts: Float64
    lift_helps: Float64
    lift_interrupts: Float64
    price: Float64


class OpenCase(NamedTuple):
    """An open case: its topic where known, and when it was opened (microseconds)."""

    topic: str | None
    opened_at: int


class CustomerScorer:
    """Scores candidates for one customer, whose history is seen from `as_of` (microseconds).

    `candidates` are mappings with the contract's field names, times in microseconds.
    """

    def __init__(
        self,
        bundle: Bundle,
        columns: TouchpointColumns,
        candidates: Sequence[Mapping[str, Any]],
        as_of: int,
        limit: int,
        arrays: CandidateArrays | None = None,
    ) -> None:
        self.bundle = bundle
        self.as_of = as_of
        self._columns = columns
        self._raw_candidates = candidates
        self._limit = limit
        self._encoded = encode(columns, bundle.specification)
        # Candidates are the same whatever has happened to the customer.
        self._candidates = arrays or candidate_arrays(candidates, bundle.specification)
        self._now: tuple[States, Float64] | None = None
        self._design_now: Design | None = None

    def now(self) -> tuple[States, Float64]:
        """State features and goal probabilities (shape (1, goals + 1)) at `as_of`."""
        if self._now is None:
            self._now = self._at(np.asarray([self.as_of], np.int64))
        return self._now

    def open_case(self) -> OpenCase | None:
        """The oldest case that is open now, None where there is none."""
        row = int(self.now()[0].open_case_row[0])
        if row < 0:
            return None
        topic = self._columns.text("topic", row)
        return OpenCase(topic, int(self._columns.event_time[row]))

    def with_rows(self, rows: Sequence[TouchpointRow]) -> CustomerScorer:
        """The same scorer, had these rows been known as well."""
        columns = merge(self._columns, columns_of_rows(rows))
        return self._seeing(columns)

    def with_case_resolved(self, event_type: str) -> CustomerScorer | None:
        """The same scorer, had the open case just been resolved; None where none is open.

        The resolution is taken to be reported as the case was: same source, department, channel.
        """
        row = int(self.now()[0].open_case_row[0])
        if row < 0:
            return None
        resolution = row_like(self._columns, row, event_type, "internal", self.as_of - 1)
        columns = merge(self._columns, resolution)
        return self._seeing(columns)

    def _seeing(self, columns: TouchpointColumns) -> CustomerScorer:
        return CustomerScorer(
            self.bundle, columns, self._raw_candidates, self.as_of, self._limit, self._candidates
        )

    def score(self, moments: Int64, candidates: Int64) -> Chances:
        """Chances of each candidate (by place) at each moment (microseconds, none before `as_of`)."""
        is_now = len(moments) == 1 and moments[0] == self.as_of
        if is_now and candidates.tolist() == list(range(len(self._raw_candidates))):
            rows = self.design_now()
        else:
            rows = self._design(moments, candidates)
        shape = (len(candidates), len(moments))
        results = {name: self.bundle.contact[name].predict(rows) for name in OUTCOMES}
        price = np.zeros(len(rows)) if self.bundle.price is None else self.bundle.price.predict(rows)
        return Chances(
            p_helps=results["helps"][0].reshape(shape),
            p_interrupts=results["interrupts"][0].reshape(shape),
            lift_helps=results["helps"][1].reshape(shape),
            lift_interrupts=results["interrupts"][1].reshape(shape),
            price=price.reshape(shape),
        )

    def design_now(self) -> Design:
        """The design matrix of every candidate at `as_of`: what an answer is logged and explained with."""
        if self._design_now is None:
            everyone = np.arange(len(self._raw_candidates), dtype=np.int64)
            self._design_now = self._design(np.asarray([self.as_of], np.int64), everyone)
        return self._design_now

    def _design(self, moments: Int64, candidates: Int64) -> Design:
        """The contact models' design matrix, shape (candidates · moments, contact features), in parts."""
        if len(moments) == 1 and moments[0] == self.as_of:
            state, goals = self.now()
        else:
            state, goals = self._at(moments)
        n, m = len(candidates), len(moments)
        state_row = np.tile(np.arange(m, dtype=np.int64), n)
        candidate = np.repeat(candidates, m)
        moment = moments[state_row]
        matched = matches(
            self._encoded,
            self.bundle.specification,
            self._candidates,
            candidate,
            state,
            state_row,
            np.zeros(n * m, np.int64),
            moment,
            np.full(n * m, self.as_of, np.int64),
            self._limit,
        )
        shared = np.concatenate([state.matrix, goals.astype(np.float32)], axis=1)
        return Design(shared, matched, state_row)

    def _at(self, moments: Int64) -> tuple[States, Float64]:
        state = states(
            self._encoded,
            self.bundle.specification,
            np.zeros(len(moments), np.int64),
            moments,
            np.full(len(moments), self.as_of, np.int64),
            self._limit,
        )
        return state, self.bundle.goal_probabilities(state.matrix)


def assemble(state: Matrix, goals: Float64, matched: Matrix) -> Matrix:
    """State, goal probabilities and candidate features side by side, float32, in contact_names' order."""
    return np.concatenate([state, goals.astype(np.float32), matched], axis=1)
