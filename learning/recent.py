"""Recent decisions with the features, chances and outcomes that the champion is watched by."""

from __future__ import annotations

import numpy as np

from data_contracts.configuration import Configuration
from features.encoding import encode
from models.bundle import Bundle
from training.design import Designer, distinct_moments
from training.history import microseconds
from training.inputs import Inputs
from training.labels import goal_labels, outcome_labels
from training.reference import Rows
from training.row_selection import unsent_unanswered
from training.rows import MessageRows, rows_of_decisions


def recent_rows(
    inputs: Inputs, bundle: Bundle, configuration: Configuration, since: int, until: int, seed: int
) -> Rows:
    """Rows that were decided in (since, until], microseconds, as far as they are not transactional.

    At most `monitoring.sampled_rows`, whole customers, drawn at random. Outcomes and goals are what has
    come so far: they mean something where the windows are over.
    """
    designer = Designer(
        encode(inputs.columns, bundle.specification),
        bundle.specification,
        configuration.service.history_limit,
    )
    rows = _decided(inputs, configuration, since, until)
    if rows is None or not len(rows):
        return _none(bundle)
    rows = _sampled(rows.take(~rows.transactional), configuration.monitoring.sampled_rows, seed)
    if not len(rows):
        return _none(bundle)
    customer, moment, state_row = distinct_moments(rows.customer, rows.moment)
    state = designer.states(customer, moment)
    chances = bundle.goal_probabilities(state.matrix)
    labels = outcome_labels(
        inputs.columns, configuration.outcomes, rows.customer, rows.moment, rows.candidates.message
    )
    labels = unsent_unanswered(labels, rows, configuration)
    return Rows(
        matrix=designer.contact(rows, state, state_row, chances),
        customer=rows.customer,
        sent=rows.sent,
        labels={"helps": labels.helped, "interrupts": labels.interrupted},
        goal=goal_labels(inputs.columns, bundle.specification.goals, customer, moment),
        goal_chances=chances,
        goal_customer=customer,
    )


def _decided(inputs: Inputs, configuration: Configuration, since: int, until: int) -> MessageRows | None:
    if inputs.decisions is None:
        return None
    moment = microseconds(inputs.decisions["decided_at"])
    table = inputs.decisions[(moment > since) & (moment <= until)].reset_index(drop=True)
    if not len(table):
        return None
    return rows_of_decisions(table, inputs.customers, inputs.columns, configuration)


def _sampled(rows: MessageRows, most: int, seed: int) -> MessageRows:
    if len(rows) <= most:
        return rows
    found, place = np.unique(rows.customer, return_inverse=True)
    order = np.random.default_rng([seed, 21]).permutation(len(found))
    counts = np.bincount(place, minlength=len(found))[order]
    kept = np.zeros(len(found), np.bool_)
    kept[order[: max(1, int(np.searchsorted(np.cumsum(counts), most, side="right")))]] = True
    return rows.take(kept[place])


def _none(bundle: Bundle) -> Rows:
    wide, goals = len(bundle.specification.contact_names), len(bundle.specification.goals.names)
    whole, flags = np.zeros(0, np.int64), np.zeros(0, np.bool_)
    return Rows(
        np.zeros((0, wide), np.float32),
        whole,
        flags,
        {"helps": flags, "interrupts": flags},
        whole,
        np.zeros((0, goals)),
        whole,
    )
