"""The history as rivals learn from it: features of each logged message, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.candidates import candidates_of, moments_of
from benchmarks.live import LiveCompany
from data_contracts.configuration import Configuration
from data_contracts.times import HOUR
from features.builder import Matrix, candidate_arrays, matches, states
from features.columns import Float64, Int64
from features.encoding import encode
from features.fitting import fit_specification
from features.specification import FeatureSpecification
from simulation.messages import Pool
from training.design import Designer, distinct_moments
from training.inputs import Inputs
from training.labels import Bools, observed_until, outcome_labels
from training.rows import MessageRows, rows_of_decisions


@dataclass(frozen=True)
class LoggedAnswers:
    """Logged messages whose window is over, shape (n,) each; `matrix` has shape (n, features).

    `clicked` and `refused` are the linked answers, `helped` and `interrupted` the contract's outcomes. The
    features are Tact's own, without its goal probabilities.
    """

    specification: FeatureSpecification
    matrix: Matrix
    moment: Int64
    sent: Bools
    propensity: Float64
    clicked: Bools
    refused: Bools
    helped: Bools
    interrupted: Bools

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.specification.state_names, *self.specification.candidate_names)


def logged_answers(inputs: Inputs, configuration: Configuration) -> LoggedAnswers:
    """Features and outcomes of the history's decisions that are not transactional."""
    columns, decisions = inputs.columns, inputs.decisions
    if decisions is None:
        raise ValueError("the history has no decision log")
    rows = rows_of_decisions(decisions, inputs.customers, columns, configuration)
    until = observed_until(columns, configuration.vocabulary, inputs.until)
    window = round(configuration.outcomes.window_hours * HOUR)
    rows = rows.take(~rows.transactional & (rows.moment + window <= until[rows.customer]))
    words = {name: rows.candidates.words_of(name) for name in ("department", "channel", "topic")}
    specification = fit_specification(
        columns, configuration, inputs.until, rows.candidates.attributes_in_use(), words
    )
    labels = outcome_labels(
        columns, configuration.outcomes, rows.customer, rows.moment, rows.candidates.message
    )
    return LoggedAnswers(
        specification=specification,
        matrix=_matrix(inputs, specification, rows),
        moment=rows.moment,
        sent=rows.sent,
        propensity=rows.propensity,
        clicked=labels.helped_linked,
        refused=labels.interrupted_linked,
        helped=labels.helped,
        interrupted=labels.interrupted,
    )


def _matrix(inputs: Inputs, specification: FeatureSpecification, rows: MessageRows) -> Matrix:
    designer = Designer(encode(inputs.columns, specification), specification)
    customer, moment, place = distinct_moments(rows.customer, rows.moment)
    state = designer.states(customer, moment)
    return designer.contact(rows, state, place, np.zeros((len(moment), 0)))


def live_matrix(pending: Pool, company: LiveCompany, specification: FeatureSpecification) -> Matrix:
    """The same features of messages that are pending now, shape (n, features)."""
    customers, place = np.unique(pending.customer, return_inverse=True)
    encoded = encode(company.known.columns(customers), specification)
    everyone = np.arange(len(customers), dtype=np.int64)
    moments = moments_of(company, customers)
    state = states(encoded, specification, everyone, moments)
    matched = matches(
        encoded,
        specification,
        candidate_arrays(candidates_of(pending, company), specification),
        np.arange(pending.n, dtype=np.int64),
        state,
        place,
        everyone[place],
        moments[place],
    )
    return np.concatenate([state.matrix[place], matched], axis=1)
