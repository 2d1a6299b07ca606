"""The decision log → rows to learn from: arms, propensities, and what each row may teach.

**Arms.** A row is *sent* where an enforced decision let it out; of a shadow or holdout row, and where
it is unknown, the touchpoints tell. A row that was not sent is a control (*held*) if its whole
decision sent nothing; where the decision let another message out it is neither and is dropped.

**Lift** is measured by rows of enforced decisions whose arm was drawn with a known chance, and whose
decision sent at most this one message: *sent alone* against *nothing sent*. Their propensity is the
chance of *sent* given one of the two (see `arm_propensity`), not the logged number as such. All other
sent and held rows still teach what happens under what was done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from data_contracts.configuration import Configuration
from data_contracts.items import MICROSECONDS_PER_HOUR, Item
from features.columns import Float64, Int64, TouchpointColumns
from features.encoding import rows_of_items
from training.candidate_table import CandidateTable, candidates_of_decisions
from training.history import microseconds
from training.labels import Bools, customer_of_rows
from training.ordered_search import next_event, pair_groups

LEAST_PROBABILITY = 1e-3
"""Rows with a smaller chance of either arm would weigh over a thousand others; they measure no lift."""


@dataclass(frozen=True)
class MessageRows:
    """Messages that were, or could have been, sent: `n` rows in order of customer and moment.

    Attributes
    ----------
    customer, moment : shape (n,), places of customers and microseconds
    candidates : their fields
    sent : the arm; rows that are not sent are held (controls)
    propensity : chance of *sent* against *held*; NaN where the row does not measure lift
    logged : whether the log gives the chance of a send, be it 0 or 1
    probability : that chance, as logged; NaN where it is not given or the decision was not enforced
    transactional : whether its purpose is transactional
    dropped : how many rows were left out, by reason
    """

    customer: Int64
    moment: Int64
    candidates: CandidateTable
    sent: Bools
    propensity: Float64
    logged: Bools
    probability: Float64
    transactional: Bools
    dropped: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.moment)

    @property
    def measures_lift(self) -> Bools:
        return ~np.isnan(self.propensity)

    def take(self, rows: npt.NDArray[Any], reason: str | None = None) -> MessageRows:
        """Some of the rows (a mask); the others count as dropped for `reason`, where one is given."""
        left_out = len(self) - int(np.count_nonzero(rows)) if rows.dtype == np.bool_ else 0
        dropped = dict(self.dropped)
        if reason is not None and left_out:
            dropped[reason] = dropped.get(reason, 0) + left_out
        return replace(
            self,
            customer=self.customer[rows],
            moment=self.moment[rows],
            candidates=self.candidates.take(rows),
            sent=self.sent[rows],
            propensity=self.propensity[rows],
            logged=self.logged[rows],
            probability=self.probability[rows],
            transactional=self.transactional[rows],
            dropped=dropped,
        )


def rows_of_decisions(
    table: pd.DataFrame, customers: list[str], columns: TouchpointColumns, configuration: Configuration
) -> MessageRows:
    """Rows of a clean decision table; `customers` are the ids by place of `columns`."""
    places = {name: place for place, name in enumerate(customers)}
    code, found = pd.factorize(table["customer_id"])
    customer = np.fromiter((places[str(name)] for name in found), np.int64, len(found))[code]
    moment = microseconds(table["decided_at"])
    candidates = candidates_of_decisions(table)
    enforced = (table["mode"].astype(object).fillna("enforce") == "enforce").to_numpy()
    action = table["action"].astype(object)
    known = action.isin(["send", "wait", "suppress"]).to_numpy() & enforced
    seen = was_sent(columns, configuration, customer, moment, candidates.message)
    sent = np.where(known, (action == "send").to_numpy(), seen)
    probability = table["send_probability"].to_numpy(np.float64)
    decision, _ = pd.factorize(table["decision_id"])
    drawn = np.where(known, probability, np.nan)
    propensity, held = arm_propensity(decision.astype(np.int64), sent, drawn)
    transactional = (table["purpose"].astype(object) == "transactional").to_numpy()
    rows = MessageRows(
        customer=customer,
        moment=moment,
        candidates=candidates,
        sent=sent,
        propensity=np.where(transactional, np.nan, propensity),
        logged=~np.isnan(probability),
        probability=drawn,
        transactional=transactional,
    )
    order = np.lexsort((candidates.message, decision, moment, customer))
    kept = np.zeros(len(rows), np.bool_)
    kept[sent | held] = True
    rows = rows.take(order)
    return rows.take(kept[order], "not sent, but its decision sent another message")


def was_sent(
    columns: TouchpointColumns, configuration: Configuration, customer: Int64, moment: Int64, message: Int64
) -> Bools:
    """Whether a contact with the row's message went out within the outcome window from its moment on."""
    window = round(configuration.outcomes.window_hours * MICROSECONDS_PER_HOUR)
    items = tuple(Item(name) for name in configuration.vocabulary.role("contact"))
    contacts = np.flatnonzero(rows_of_items(columns, items) & (columns.message != 0))
    result = np.zeros(len(moment), np.bool_)
    if not len(contacts):
        return result
    event_group, query_group = pair_groups(
        customer_of_rows(columns)[contacts], columns.message[contacts], customer, message
    )
    found = next_event(event_group, columns.event_time[contacts], query_group, moment - 1)
    result = (found >= 0) & (columns.event_time[contacts][found] <= moment + window)
    return np.asarray(result & (message != 0))


def arm_propensity(decision: Int64, sent: Bools, probability: Float64) -> tuple[Float64, Bools]:
    """The chance of *sent alone* given *sent alone or nothing sent*, and which rows are held.

    `probability` is the logged chance of each row's own send, NaN where it is none of an enforced
    decision. For rows of one decision two ways of drawing are told apart by which one explains better
    how often decisions sent nothing: each row by itself, where the two factors of the other rows cancel
    and the propensity is the row's own p; or at most one row of the decision, where nothing is sent
    with the chance 1 − Σp. A row whose decision has another send that was certain has no control.
    """
    n = int(decision.max(initial=-1)) + 1
    size = np.bincount(decision, minlength=n)
    sends = np.bincount(decision, weights=sent, minlength=n)[decision]
    held = ~sent & (sends == 0)
    alone = sent & (sends == 1)
    known = ~np.isnan(probability)
    p = np.where(known, probability, 0.0)
    total = np.bincount(decision, weights=p, minlength=n)
    quiet = np.bincount(decision, weights=np.log1p(-np.minimum(p, 1.0 - 1e-12)), minlength=n)
    nothing_exclusive = np.clip(1.0 - total, 0.0, 1.0)
    nothing_independent = np.exp(quiet)
    propensity = p.copy()
    several = (size > 1) & (nothing_independent > 1e-9) & (total > 0)
    if several.any():
        nothing = np.bincount(decision, weights=sent, minlength=n)[several] == 0
        if _log_likelihood(nothing, nothing_exclusive[several]) > _log_likelihood(
            nothing, nothing_independent[several]
        ):
            both = p + nothing_exclusive[decision]
            propensity = np.divide(p, both, out=np.zeros_like(p), where=both > 0)
    # Another row of the decision that is always sent leaves no control for this one.
    certain = np.bincount(decision, weights=p >= 1.0, minlength=n)[decision] - (p >= 1.0) > 0
    usable = known & (alone | held) & ~certain
    usable &= (propensity >= LEAST_PROBABILITY) & (propensity <= 1.0 - LEAST_PROBABILITY)
    return np.where(usable, propensity, np.nan), held


def _log_likelihood(nothing: Bools, chance: Float64) -> float:
    held = np.clip(chance, 1e-6, 1.0 - 1e-6)
    return float(np.where(nothing, np.log(held), np.log1p(-held)).sum())
