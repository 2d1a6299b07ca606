"""Where nothing was randomised: sends against quiet moments of the same customers.

Without a control group there is nothing to hold a send against but the same customer at another time.
For each send a moment some days before or after is drawn, at the same time of day and further away than
the outcome window, so that neither window reaches into the other. The quiet moment borrows the
send's fields, so no field tells the arms apart; what does tell them apart, the state, goes into an
estimated propensity. What rests on this is called observational everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from data_contracts.configuration import Configuration
from data_contracts.items import Item
from data_contracts.times import DAY, HOUR, MINUTE
from features.builder import NO_EXPIRY, Matrix
from features.columns import Float64, Int32, Int64, TouchpointColumns
from features.encoding import rows_of_items
from features.specification import FeatureSpecification
from training.boosting import BINARY, WORKERS, cross_fitted
from training.candidate_table import WORD_FIELDS, CandidateTable, concatenated
from training.labels import Bools, customer_of_rows, longest_window
from training.ordered_search import next_event
from training.recipes import propensity_recipes
from training.rows import MessageRows

OVERLAP = (0.02, 0.98)
"""Rows whose estimated propensity lies outside are trimmed: the other arm has no like of them."""
_TRIES = 8
_EXTRA_DAYS = 7


def sends_of_touchpoints(columns: TouchpointColumns, configuration: Configuration) -> MessageRows:
    """Outbound contacts as rows of the arm *sent*; touchpoints know no purpose, value or expiry."""
    items = tuple(Item(name) for name in configuration.vocabulary.role("contact"))
    places = {word: place for place, word in enumerate(columns.strings)}
    outbound = columns.direction == places.get("outbound", -2)
    rows = np.flatnonzero(rows_of_items(columns, items) & outbound)
    none = np.full(len(rows), -1, np.int32)
    codes: dict[str, Int32] = {
        name: none if name == "purpose" else getattr(columns, name)[rows] for name in WORD_FIELDS
    }
    candidates = CandidateTable(
        words=dict.fromkeys(WORD_FIELDS, columns.strings),
        codes=codes,
        message=columns.message[rows],
        campaign=columns.campaign[rows],
        expires_at=np.full(len(rows), NO_EXPIRY, np.int64),
        value=np.full(len(rows), np.nan),
        attribute_sets=({},),
        attribute_code=np.zeros(len(rows), np.int32),
    )
    return MessageRows(
        customer=customer_of_rows(columns)[rows],
        # The decision came before the contact that it led to.
        moment=columns.event_time[rows],
        candidates=candidates,
        sent=np.ones(len(rows), np.bool_),
        propensity=np.full(len(rows), np.nan),
        logged=np.zeros(len(rows), np.bool_),
        probability=np.full(len(rows), np.nan),
        transactional=np.zeros(len(rows), np.bool_),
    )


def with_quiet_moments(
    sends: MessageRows,
    columns: TouchpointColumns,
    until: Int64,
    configuration: Configuration,
    seed: int,
) -> MessageRows:
    """The sends and their quiet moments, as rows of two arms; campaigns are forgotten in both.

    A quiet moment has no contact of the customer within the hour around it, and lies between their
    first touchpoint and the end of what is known of them (`until`, shape (customers,)).
    """
    generator = np.random.default_rng([seed, 5])
    n = len(sends)
    least_days = int(np.ceil(longest_window(configuration.outcomes) / DAY)) + 1
    seen = np.diff(columns.start) > 0
    first = np.full(columns.n_customers, np.iinfo(np.int64).max, np.int64)
    first[seen] = columns.event_time[columns.start[:-1][seen]]
    moment, open_rows = np.zeros(n, np.int64), np.ones(n, np.bool_)
    for _ in range(_TRIES):
        days = generator.integers(least_days, least_days + _EXTRA_DAYS, n)
        shift = np.where(generator.random(n) < 0.5, -1, 1) * days * DAY
        tried = sends.moment + shift + generator.integers(-30, 31, n) * MINUTE
        good = (tried > first[sends.customer]) & (tried < until[sends.customer])
        good &= _is_quiet(columns, configuration, sends.customer, tried) & open_rows
        moment[good] = tried[good]
        open_rows &= ~good
        if not open_rows.any():
            break
    found = np.flatnonzero(~open_rows)
    borrowed = sends.candidates.take(found)
    life = np.where(
        borrowed.expires_at == NO_EXPIRY, NO_EXPIRY, borrowed.expires_at - sends.moment[found] + moment[found]
    )
    nothing = np.zeros(len(found), np.int64)
    borrowed = replace(borrowed, message=nothing, campaign=nothing, expires_at=life)
    candidates = replace(sends.candidates, campaign=np.zeros(n, np.int64))
    both = MessageRows(
        customer=np.concatenate([sends.customer, sends.customer[found]]),
        moment=np.concatenate([sends.moment, moment[found]]),
        candidates=concatenated([candidates, borrowed]),
        sent=np.concatenate([sends.sent, np.zeros(len(found), np.bool_)]),
        propensity=np.full(n + len(found), np.nan),
        logged=np.concatenate([sends.logged, np.zeros(len(found), np.bool_)]),
        probability=np.full(n + len(found), np.nan),
        transactional=np.concatenate([sends.transactional, np.zeros(len(found), np.bool_)]),
        dropped=sends.dropped,
    )
    return both.take(np.lexsort((both.candidates.message, both.moment, both.customer)))


def estimated_propensity(
    matrix: Matrix,
    sent: Bools,
    considered: Bools,
    fold: Int64,
    specification: FeatureSpecification,
    hidden: Sequence[int],
    rounds: int,
    seed: int,
) -> Float64:
    """The chance of *sent* by a model that has not seen the customer, shape (rows,).

    NaN where it is outside OVERLAP and for rows that are not `considered`. `hidden` columns, which give
    the arm away, are not looked at.
    """
    places = np.flatnonzero(considered)
    seen = matrix[places]
    seen[:, list(hidden)] = np.nan
    categorical = [
        place
        for place, name in enumerate(specification.contact_names)
        if name in specification.categorical_names
    ]
    fit = cross_fitted(
        seen,
        sent[places].astype(np.float64),
        fold[places],
        BINARY,
        propensity_recipes(),
        rounds,
        categorical,
        seed,
        workers=WORKERS,
    )
    chance = fit.out_of_fold(seen, fold[places])
    result = np.full(len(matrix), np.nan)
    result[places] = np.where((chance >= OVERLAP[0]) & (chance <= OVERLAP[1]), chance, np.nan)
    return result


def _is_quiet(
    columns: TouchpointColumns, configuration: Configuration, customer: Int64, moment: Int64
) -> Bools:
    items = tuple(Item(name) for name in configuration.vocabulary.role("contact"))
    contacts = np.flatnonzero(rows_of_items(columns, items))
    if not len(contacts):
        return np.ones(len(moment), np.bool_)
    found = next_event(
        customer_of_rows(columns)[contacts], columns.event_time[contacts], customer, moment - HOUR
    )
    return (found < 0) | (columns.event_time[contacts][found] > moment + HOUR)
