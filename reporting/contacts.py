"""Every message that went out: who sent it, into what situation, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.columns import Int64
from reporting.moments import Outlook, Situation
from reporting.record import Bools


@dataclass(frozen=True)
class Contacts:
    """Messages in order of customer and time, each of shape (m,).

    `over` says whether the window of outcomes was observed to its end; `opened`, `answered` and `refused` are
    the linked responses, `helped` and `interrupted` the contract's outcomes.
    """

    customer: Int64
    time: Int64
    department: Int64
    topic: Int64
    message: Int64
    situation: Situation
    over: Bools
    opened: Bools
    answered: Bools
    refused: Bools
    helped: Bools
    interrupted: Bools

    def __len__(self) -> int:
        return len(self.time)


def contacts_of(outlook: Outlook) -> Contacts:
    """All messages of a record with their situations and outcomes."""
    record, rows = outlook.record, outlook.contact_rows
    customer, time, message = record.customer[rows], record.time[rows], record.columns.message[rows]
    department = record.department[rows].astype(np.int64)
    outcomes = record.configuration.outcomes
    weak = record.configuration.vocabulary.role("weak_response")
    answered = outlook.answered(outcomes.helped_linked, customer, time, message)
    refused = outlook.answered(outcomes.interrupted_linked, customer, time, message)
    return Contacts(
        customer=customer,
        time=time,
        department=department,
        topic=record.history.topic[rows].astype(np.int64),
        message=message,
        situation=outlook.situation(customer, time, department),
        over=outlook.over(customer, time),
        opened=outlook.answered(weak, customer, time, message) | answered,
        answered=answered,
        refused=refused,
        helped=answered | outlook.happened(outcomes.progress, customer, time),
        interrupted=refused | outlook.happened(outcomes.harm, customer, time),
    )
