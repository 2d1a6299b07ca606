"""The decision log → rows on which policies are valued, with what came of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data_contracts.configuration import Configuration
from data_contracts.errors import TooLittleData
from evaluation.support import LEAST_EFFECTIVE_ARM, LEAST_EFFECTIVE_ROWS
from training.inputs import Inputs
from training.labels import Bools, OutcomeLabels, longest_window, observed_until, outcome_labels
from training.row_selection import unsent_unanswered
from training.rows import MessageRows, rows_of_decisions


@dataclass(frozen=True)
class LoggedRows:
    """Rows of enforced decisions whose chance is logged and whose window is over; none is transactional.

    `department` holds their words, shape (rows,).
    """

    rows: MessageRows
    labels: OutcomeLabels
    department: npt.NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, rows: Bools) -> LoggedRows:
        """Some of the rows."""
        return LoggedRows(
            self.rows.take(rows),
            OutcomeLabels(*(label[rows] for label in self.labels)),
            self.department[rows],
        )


def logged_rows(inputs: Inputs, configuration: Configuration) -> LoggedRows:
    """Rows of the log in order of customer and moment.

    Raises TooLittleData where there is no log, or none of its rows can be valued on.
    """
    if inputs.decisions is None:
        raise TooLittleData("without a decision log no policy can be valued")
    columns = inputs.columns
    rows = rows_of_decisions(inputs.decisions, inputs.customers, columns, configuration)
    until = observed_until(columns, configuration.vocabulary, inputs.until)
    over = rows.moment + longest_window(configuration.outcomes) <= until[rows.customer]
    rows = rows.take(~rows.transactional & ~np.isnan(rows.probability) & over)
    labels = outcome_labels(
        columns, configuration.outcomes, rows.customer, rows.moment, rows.candidates.message
    )
    words = np.asarray([*rows.candidates.words["department"], "none"], dtype=object)
    return LoggedRows(
        rows=rows,
        labels=unsent_unanswered(labels, rows, configuration),
        department=words[rows.candidates.codes["department"]],
    )


def require_randomised(logged: LoggedRows, since: str) -> None:
    """Raises TooLittleData where hardly a row of the evaluated period was drawn at random."""
    measures = logged.rows.measures_lift
    sent = int((measures & logged.rows.sent).sum())
    held = int(measures.sum()) - sent
    if min(sent, held) >= LEAST_EFFECTIVE_ARM and sent + held >= LEAST_EFFECTIVE_ROWS:
        return
    raise TooLittleData(
        f"of {len(logged):,} logged decisions since {since} whose outcome is known, {sent:,} were sent and "
        f"{held:,} held back at random (0 < send_probability < 1); at least {LEAST_EFFECTIVE_ARM} of each and "
        f"{LEAST_EFFECTIVE_ROWS} in all are needed: let [policy] exploration draw more, or value an earlier "
        "period with --since"
    )
