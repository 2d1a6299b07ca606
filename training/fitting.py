"""From inputs to a bundle: rows, labels, splits, specification, goal, contact models, lifts.

The straight line of training, without any tracking: what comes out is a bundle, the test rows with
everything that evaluation needs, and the account of what was used and left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data_contracts.configuration import Configuration
from data_contracts.times import DAY, format_time
from features.columns import Float64, Int64
from features.encoding import encode
from features.fitting import fit_specification
from features.specification import FeatureSpecification
from models.bundle import OUTCOMES, Bundle, LiftModel
from training.account import Account
from training.contact_models import FittedChance, Slice
from training.contact_stage import ContactModels, fit_contact_models
from training.design import Designer, distinct_moments
from training.goal_model import FittedGoal
from training.goal_stage import GoalTest, goal_stage
from training.inputs import Inputs
from training.labels import Bools, longest_window, observed_until, outcome_labels
from training.lift import FittedLift
from training.price import AttentionPrice, Contacts, price_of_attention
from training.progress import Stages
from training.quiet_moments import estimated_propensity
from training.row_selection import require_enough, select_rows, unsent_unanswered
from training.rows import MessageRows
from training.splits import Cuts, customer_folds, cuts_of
from training.training_table import training_table
from training.treatment_fields import TreatmentField, masked_places, treatment_fields


@dataclass(frozen=True)
class Material:
    """What a bundle was made from, so that it can be made again (see `refitting`).

    `everything` and `rows` are the same rows; `until` and `folds` have shape (customers,); `hidden` are the
    columns that tell the arms apart.
    """

    rows: MessageRows
    everything: Slice
    designer: Designer
    until: Int64
    folds: Int64
    hidden: tuple[int, ...]
    observational: bool


@dataclass(frozen=True)
class Fitted:
    """A bundle and what it was made from; `test` and `test_rows` are the same rows.

    `bundle` has learnt nothing from the test rows: it is what figures are of. `table` holds all rows with
    their labels, for the data contract's suite.
    """

    bundle: Bundle
    account: Account
    cuts: Cuts
    goal: FittedGoal
    contact: ContactModels
    price: AttentionPrice
    test: Slice
    test_rows: MessageRows
    goal_test: GoalTest
    treatment: tuple[TreatmentField, ...]
    table: pd.DataFrame
    material: Material

    @property
    def chances(self) -> dict[str, FittedChance]:
        return self.contact.chances

    @property
    def lifts(self) -> dict[str, FittedLift]:
        return self.contact.lifts

    @property
    def has_control(self) -> bool:
        """Whether the test rows hold a control group to measure lift against."""
        return bool((~self.test.sent & ~np.isnan(self.test.propensity)).any())


def fit(inputs: Inputs, configuration: Configuration, seed: int, stages: Stages) -> Fitted:
    """Fit everything that a bundle holds.

    Raises
    ------
    TooLittleData
        Fewer customers or rows than `[training]` asks for; the message says how many there are.
    """
    account, columns, training = Account(), inputs.columns, configuration.training
    until = observed_until(columns, configuration.vocabulary, inputs.until)
    window = longest_window(configuration.outcomes)
    with stages.stage("rows and labels") as stage:
        rows, observational = select_rows(inputs, configuration, until, window, account, seed)
        outcomes = outcome_labels(
            columns, configuration.outcomes, rows.customer, rows.moment, rows.candidates.message
        )
        outcomes = unsent_unanswered(outcomes, rows, configuration)
        stage.told(f"{len(rows):,} rows of {len(np.unique(rows.customer)):,} customers")
    cuts = cuts_of(rows.moment, training)
    slices = {
        "train": cuts.train(rows.moment, window),
        "calibration": cuts.calibrate(rows.moment, window),
        "test": cuts.tested(rows.moment),
    }
    require_enough(slices["train"], slices["calibration"], slices["test"], window, training.minimum_rows)
    _count(account, slices, rows)

    with stages.stage("specification") as stage:
        seen = rows.candidates.take(slices["train"])
        specification = fit_specification(
            columns,
            configuration,
            cuts.calibration,
            candidate_attributes=[dict(one) for one in seen.attributes_in_use()],
            candidate_words={name: seen.words_of(name) for name in ("department", "channel", "topic")},
        )
        designer = Designer(encode(columns, specification), specification, configuration.service.history_limit)
        stage.told(f"{len(specification.contact_names):,} features")

    folds = customer_folds(columns.n_customers, training.folds, seed)
    with stages.stage("goal model") as stage:
        goal, goal_test = goal_stage(inputs, configuration, designer, rows, until, cuts, folds, seed, account)
        moments = account.used["goal_train_moments"]
        stage.told(f"{moments:,} moments, {goal.fit.rounds} rounds of {goal.fit.recipe}")

    with stages.stage("contact features") as stage:
        matrix = _contact_matrix(designer, goal, rows, cuts, folds)
        stage.told(f"{len(matrix):,} rows")
    propensity = rows.propensity
    considered = slices["train"] & ~rows.transactional
    if observational:
        treatment = treatment_fields(rows.candidates.take(considered), rows.sent[considered], None)
        hidden = masked_places(specification, treatment)
        with stages.stage("propensity") as stage:
            propensity = estimated_propensity(
                matrix,
                rows.sent,
                ~rows.transactional,
                folds[rows.customer],
                specification,
                hidden,
                training.rounds,
                seed,
            )
            trimmed = float(np.isnan(propensity[~rows.transactional]).mean())
            if trimmed > 0:
                account.warn(f"{trimmed:.1%} of the rows have no like in the other arm and measure no lift.")
            stage.told(f"{1 - trimmed:.0%} of the rows have their like in the other arm")
    else:
        measuring = considered & rows.measures_lift
        treatment = treatment_fields(
            rows.candidates.take(measuring), rows.sent[measuring], propensity[measuring]
        )
        hidden = masked_places(specification, treatment)

    everything = Slice(
        matrix=matrix,
        customer=rows.customer,
        moment=rows.moment,
        fold=folds[rows.customer],
        sent=rows.sent,
        propensity=propensity,
        transactional=rows.transactional,
        labels={
            "helps": outcomes.helped,
            "interrupts": outcomes.interrupted,
            "helps_linked": outcomes.helped_linked,
            "interrupts_linked": outcomes.interrupted_linked,
        },
    )
    with stages.stage("contact models") as stage:
        contact = fit_contact_models(
            everything,
            slices["train"],
            slices["calibration"],
            specification,
            hidden,
            configuration,
            seed,
        )
        stage.told(
            ", ".join(f"{name} {one.positives:,}" for name, one in contact.chances.items()) + " positives"
        )
    with stages.stage("price of attention") as stage:
        learning = (slices["train"] | slices["calibration"]) & ~rows.transactional
        price = fit_price(
            everything.take(np.flatnonzero(learning)), contact, specification, configuration, observational
        )
        stage.told(price.note or f"{price.value:.4f} a contact, from {price.messages:,} later messages")
    bundle = Bundle(
        specification=specification,
        configuration=configuration,
        goal=goal.fit.model,
        goal_prior=goal.prior,
        goal_temperature=goal.temperature,
        contact=contact.outcome_models(),
        price=LiftModel(offset=price.value) if price.value > 0.0 else None,
        # Rows from here on were not learnt from: a policy may be valued on them (see evaluation).
        description={"observational": observational, "learned_until": format_time(cuts.test)},
    )
    in_test = np.flatnonzero(slices["test"])
    return Fitted(
        bundle=bundle,
        account=account,
        cuts=cuts,
        goal=goal,
        contact=contact,
        price=price,
        test=everything.take(in_test),
        test_rows=rows.take(in_test),
        goal_test=goal_test,
        treatment=treatment,
        table=training_table(inputs, rows, outcomes, propensity, until, window, configuration),
        material=Material(rows, everything, designer, until, folds, tuple(hidden), observational),
    )


def fit_price(
    learning: Slice,
    contact: ContactModels,
    specification: FeatureSpecification,
    configuration: Configuration,
    observational: bool,
) -> AttentionPrice:
    """What a contact takes from later ones, from the rows that the models learnt from."""
    if observational:
        note = "nothing was randomised, so what a contact takes from later ones is not known"
        return AttentionPrice(0.0, {}, 0.0, 0, note)
    models = contact.outcome_models()
    places = [
        place
        for place, name in enumerate(specification.contact_names)
        if name in ("candidate_department", "candidate_topic", "candidate_purpose")
    ]
    _, kind = np.unique(np.nan_to_num(learning.matrix[:, places], nan=-1.0), axis=0, return_inverse=True)
    contacts = Contacts(
        customer=learning.customer,
        moment=learning.moment,
        sent=learning.sent,
        propensity=learning.propensity,
        kind=kind.reshape(-1).astype(np.int64),
        answered={outcome: learning.labels[f"{outcome}_linked"] for outcome in OUTCOMES},
        lift={outcome: models[outcome].predict(learning.matrix)[1] for outcome in OUTCOMES},
    )
    days = float(np.ptp(learning.moment)) / DAY
    return price_of_attention(contacts, days, configuration.policy)


def _count(account: Account, slices: dict[str, Bools], rows: MessageRows) -> None:
    for name, mask in slices.items():
        account.used[f"{name}_rows"] = int(mask.sum())
        account.used[f"{name}_sent"] = int((mask & rows.sent).sum())
        account.used[f"{name}_held"] = int((mask & ~rows.sent).sum())
    kept = slices["train"] | slices["calibration"] | slices["test"]
    account.drop("inside the embargo between the slices", int((~kept).sum()))


def _contact_matrix(
    designer: Designer, goal: FittedGoal, rows: MessageRows, cuts: Cuts, folds: Int64
) -> np.ndarray:
    """The design matrix; training rows have goal probabilities of a model that has not seen their customer."""
    customer, moment, state_row = distinct_moments(rows.customer, rows.moment)
    state = designer.states(customer, moment)
    early = moment < cuts.calibration
    goals: Float64 = np.empty((len(moment), len(designer.specification.goals.names)))
    goals[early] = goal.out_of_fold(state.matrix[early], folds[customer[early]])
    goals[~early] = goal.predict(state.matrix[~early])
    return designer.contact(rows, state, state_row, goals)
