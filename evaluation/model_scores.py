"""What a model says of logged rows, from what was known at their moments."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from data_contracts.configuration import Configuration, Policy
from features.builder import Matrix
from features.columns import Float64
from features.encoding import encode
from features.fitting import fit_specification
from features.specification import FeatureSpecification
from models.bundle import Bundle
from training.design import Designer, distinct_moments
from training.inputs import Inputs
from training.labels import Bools
from training.rows import MessageRows
from training.treatment_fields import TreatmentField, masked_places

_RATES = {"overall": (0.1, 0.02)}
"""What customers' own rates are shrunk toward where no model says so: no outcome of the log goes in."""


@dataclass(frozen=True)
class ModelScores:
    """Chances and lifts of sending each row now, shape (rows,) each, and the price of attention."""

    p_helps: Float64
    lift_helps: Float64
    lift_interrupts: Float64
    price: Float64

    def worth(self, policy: Policy, value: Float64) -> Float64:
        """Net value less the price of attention, as `policy.standing` has it; no value counts as 0."""
        own = policy.balance * np.nan_to_num(value) * self.p_helps
        net = policy.helps_weight * self.lift_helps - policy.interrupts_weight * self.lift_interrupts + own
        return net - self.price

    def take(self, rows: Bools) -> ModelScores:
        """Some of the rows."""
        return ModelScores(
            **{
                name: getattr(self, name)[rows]
                for name in ("p_helps", "lift_helps", "lift_interrupts", "price")
            }
        )


@dataclass(frozen=True)
class Design:
    """The design matrix of rows, without what tells their arms apart."""

    matrix: Matrix
    specification: FeatureSpecification
    open_case: Bools

    @property
    def categorical(self) -> list[int]:
        """Places of the columns that hold codes."""
        names = self.specification.categorical_names
        return [place for place, name in enumerate(self.specification.contact_names) if name in names]


def design_of(
    inputs: Inputs,
    rows: MessageRows,
    treatment: tuple[TreatmentField, ...],
    bundle: Bundle | None,
    configuration: Configuration,
) -> Design:
    """As the bundle would see the rows; fields in `treatment` are missing everywhere.

    Without a bundle the specification is made of the words in the data, and goal probabilities are missing.
    """
    specification = _specification(inputs, rows, configuration) if bundle is None else bundle.specification
    limit = configuration.service.history_limit
    designer = Designer(encode(inputs.columns, specification), specification, limit)
    customer, moment, place = distinct_moments(rows.customer, rows.moment)
    state = designer.states(customer, moment)
    if bundle is None:
        goals = np.full((len(moment), len(specification.goals.names)), np.nan)
    else:
        goals = bundle.goal_probabilities(state.matrix)
    matrix = designer.contact(rows, state, place, goals)
    matrix[:, masked_places(specification, treatment)] = np.nan
    return Design(matrix, specification, np.asarray(state.open_case_row >= 0)[place])


def scores_of(bundle: Bundle, design: Design) -> ModelScores:
    """The bundle's answers for a design that was made for it."""
    p_helps, lift_helps = bundle.contact["helps"].predict(design.matrix)
    _, lift_interrupts = bundle.contact["interrupts"].predict(design.matrix)
    price = np.zeros(len(p_helps)) if bundle.price is None else bundle.price.predict(design.matrix)
    return ModelScores(p_helps, lift_helps, lift_interrupts, price)


def _specification(inputs: Inputs, rows: MessageRows, configuration: Configuration) -> FeatureSpecification:
    found = fit_specification(
        inputs.columns,
        configuration,
        inputs.until,
        candidate_attributes=[dict(one) for one in rows.candidates.attributes_in_use()],
        candidate_words={name: rows.candidates.words_of(name) for name in ("department", "channel", "topic")},
    )
    return replace(found, rates=_RATES)
