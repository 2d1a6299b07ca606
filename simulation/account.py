"""The true account of a run: what contacts changed, expected and realised, by customer."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from data_contracts.vocabulary import DEPARTMENTS
from simulation.clock import Floats, Ints
from simulation.contact import COMPLAINED, Answers
from simulation.life import StepResult
from simulation.messages import MessageTable, Pool


@dataclass(slots=True)
class Account:
    """Sums over a run, shape (n_customers,) each unless said otherwise.

    `expected_helps` and `expected_interruptions` add up the *chances* of linked positive (negative) answers and
    of progress (harm) events, from the latent state right before each: the same expectation as the realised
    counts `helps` and `interruptions`, with far less noise. They count what happened, not what a contact
    changed: the difference between two runs of one company is the effect of the policy, the price of attention
    included.
    """

    contacts: Floats
    transactional: Floats
    expected_helps: Floats
    expected_interruptions: Floats
    helps: Floats
    interruptions: Floats
    expected_value: Floats
    revenue: Floats
    gone: Floats
    onboarding_steps: Floats
    renewals: Floats
    resolved_cases: Floats
    nps_answers: Floats
    contacts_by_department: Floats
    value_by_department: Floats

    @staticmethod
    def empty(n_customers: int) -> Account:
        """Nothing yet; the two tables by department have shape (n_customers, n_departments)."""
        wide = ("contacts_by_department", "value_by_department")
        return Account(
            **{
                item.name: np.zeros((n_customers, len(DEPARTMENTS)) if item.name in wide else n_customers)
                for item in fields(Account)
            }
        )

    def add(
        self, messages: Pool, answers: list[tuple[Ints, Answers]], result: StepResult, table: MessageTable
    ) -> None:
        """Add a step."""
        for wave, reply in answers:
            part = messages.take(wave)
            who, kind, chances = part.customer, part.kind, reply.chances
            department = table.department[kind]
            self.contacts[who] += ~table.transactional[kind]
            self.transactional[who] += table.transactional[kind]
            self.contacts_by_department[who, department] += 1
            value = table.value[kind] * chances.positive
            self.value_by_department[who, department] += value
            self.expected_value[who] += value
            self.expected_helps[who] += chances.positive
            # A complaint is an answer and a harm event, but one interruption.
            self.expected_interruptions[who] += chances.negative * (1 - chances.complaint_share)
            self.helps[who] += reply.positive
            self.interruptions[who] += reply.negative & (reply.how != COMPLAINED)
        did = result.did
        self.expected_helps += result.expected.progress_events
        self.expected_interruptions += result.expected.harm_events
        self.helps += result.came.progress_events
        self.interruptions += result.came.harm_events
        self.revenue += result.revenue
        self.gone += did["gone"] | did["contract_cancelled"]
        self.onboarding_steps += did["onboarding"]
        self.renewals += did["renewal"] | did["contract_renewed"]
        self.resolved_cases += result.resolved
        self.nps_answers += did["nps_answer"]
