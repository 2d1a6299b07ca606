"""Which rows are learnt from, and what stands in for a control group where none was drawn."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from data_contracts.configuration import Configuration
from data_contracts.errors import TooLittleData
from data_contracts.times import DAY
from features.columns import Int64
from models.bundle import OUTCOMES
from training.account import Account
from training.inputs import Inputs
from training.labels import Bools, OutcomeLabels
from training.lift import LEAST_ROWS_OF_AN_ARM
from training.quiet_moments import sends_of_touchpoints, with_quiet_moments
from training.rows import MessageRows, rows_of_decisions


class Selection(NamedTuple):
    """Rows, and whether their propensities have to be estimated: then every lift is observational."""

    rows: MessageRows
    observational: bool


def select_rows(
    inputs: Inputs, configuration: Configuration, until: Int64, window: int, account: Account, seed: int
) -> Selection:
    """Rows of the log, or of the touchpoints with quiet moments as controls, whose outcomes are decided.

    `until` is where what is known of each customer ends, shape (customers,); `window` the longest outcome
    window, both in microseconds. Raises TooLittleData.
    """
    rows, observational = _candidates(inputs, configuration, until, window, account, seed)
    return Selection(_usable(rows, until, window, configuration, account, seed), observational)


def is_linked_only(configuration: Configuration, outcome: str) -> bool:
    """Whether an outcome is nothing but answers to the message; then lift equals probability."""
    outcomes = configuration.outcomes
    return not (outcomes.progress if outcome == "helps" else outcomes.harm)


def unsent_unanswered(labels: OutcomeLabels, rows: MessageRows, configuration: Configuration) -> OutcomeLabels:
    """Where an outcome is nothing but answers, a row that was not sent counts as 0."""
    if is_linked_only(configuration, "helps"):
        labels = labels._replace(helped=labels.helped & rows.sent)
    if is_linked_only(configuration, "interrupts"):
        labels = labels._replace(interrupted=labels.interrupted & rows.sent)
    return labels


def require_enough(in_train: Bools, in_calibration: Bools, in_test: Bools, window: int, needed: int) -> None:
    """Raises TooLittleData where a slice is too small for its purpose."""
    found = [int(part.sum()) for part in (in_train, in_calibration, in_test)]
    if found[0] < needed // 2 or min(found[1:]) < needed // 20:
        raise TooLittleData(
            f"split by time with {window / DAY:g} days of embargo there are {found[0]:,} training, "
            f"{found[1]:,} calibration and {found[2]:,} test rows; at least {needed // 2:,}, "
            f"{needed // 20:,} and {needed // 20:,} are needed (training.minimum_rows): a longer history helps most"
        )


def _candidates(
    inputs: Inputs, configuration: Configuration, until: Int64, window: int, account: Account, seed: int
) -> Selection:
    columns = inputs.columns
    only_answers = all(is_linked_only(configuration, outcome) for outcome in OUTCOMES)
    if inputs.decisions is None:
        sends = sends_of_touchpoints(columns, configuration)
        if only_answers:
            return Selection(sends, False)
        account.warn(
            "There is no decision log: sends are compared with quiet moments, and the lifts are observational."
        )
        return Selection(with_quiet_moments(sends, columns, until, configuration, seed), True)
    rows = rows_of_decisions(inputs.decisions, inputs.customers, columns, configuration)
    over = rows.moment + window <= until[rows.customer]
    drawn = rows.measures_lift & over
    sent, held = int((drawn & rows.sent).sum()), int((drawn & ~rows.sent).sum())
    if only_answers or min(sent, held) >= LEAST_ROWS_OF_AN_ARM:
        return Selection(rows, False)
    unlogged = ~rows.logged & ~rows.transactional & over
    if min(int((unlogged & rows.sent).sum()), int((unlogged & ~rows.sent).sum())) >= LEAST_ROWS_OF_AN_ARM:
        account.warn(
            "The log has no send_probability: propensities are estimated, and the lifts are observational."
        )
        return Selection(rows, True)
    account.warn(
        f"The log holds {sent:,} sent and {held:,} held rows that were drawn at random "
        f"({LEAST_ROWS_OF_AN_ARM} of each are needed): sends are compared with quiet moments, and the "
        "lifts are observational."
    )
    account.drop("held by a rule, in a log without random hold-backs", int((~rows.sent).sum()))
    return Selection(with_quiet_moments(rows.take(rows.sent), columns, until, configuration, seed), True)


def _usable(
    rows: MessageRows, until: Int64, window: int, configuration: Configuration, account: Account, seed: int
) -> MessageRows:
    training = configuration.training
    found = len(rows)
    rows = rows.take(rows.moment + window <= until[rows.customer], "its outcome window is not over")
    for reason, count in rows.dropped.items():
        account.drop(reason, count)
    customers = len(np.unique(rows.customer))
    if customers < training.minimum_customers or len(rows) < training.minimum_rows:
        raise TooLittleData(
            f"{len(rows):,} rows of {customers:,} customers can be learnt from (of {found:,} rows; the outcome "
            f"windows of {window / DAY:g} days of the others are not over); at least {training.minimum_rows:,} "
            f"rows of {training.minimum_customers:,} customers are needed (training.minimum_rows, "
            "training.minimum_customers)"
        )
    if len(rows) > training.max_contact_rows:
        chosen = np.zeros(len(rows), np.bool_)
        generator = np.random.default_rng([seed, 6])
        chosen[generator.choice(len(rows), training.max_contact_rows, replace=False)] = True
        account.drop("above training.max_contact_rows, left out at random", int((~chosen).sum()))
        rows = rows.take(chosen)
    return rows
