"""From inputs to a bundle: rows, labels, splits, specification, goal, contact models, lifts.

The straight line of training, without any tracking: what comes out is a bundle, the test rows with
everything that evaluation needs, and the account of what was used and left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from data_contracts.configuration import Configuration
from data_contracts.errors import TooLittleData
from data_contracts.times import DAY, format_time
from features.columns import Float64, Int64
from features.encoding import encode
from features.fitting import fit_specification
from features.specification import FeatureSpecification
from models.bundle import OUTCOMES, Bundle, OutcomeModel, ProbabilityModel
from training.account import Account
from training.contact_models import FittedChance, Slice, fit_chance
from training.design import Designer, distinct_moments
from training.goal_model import FittedGoal, fit_goal
from training.inputs import Inputs
from training.labels import (
    OutcomeLabels,
    goal_labels,
    longest_horizon,
    longest_window,
    observed_until,
    outcome_labels,
)
from training.lift import FittedLift, fit_lift
from training.moments import sampled_moments
from training.progress import Stages
from training.quiet_moments import estimated_propensity, sends_of_touchpoints, with_quiet_moments
from training.rows import MessageRows, rows_of_decisions
from training.splits import Cuts, customer_folds, cuts_of
from training.treatment_fields import TreatmentField, masked_places, treatment_fields

GOAL_ROWS_WANTED = 40_000
"""With fewer decision moments than that, random moments of the same customers join them."""
_LEAST_ROWS_OF_AN_ARM = 100
"""With fewer randomised rows in either arm there is no control group to speak of."""


@dataclass(frozen=True)
class GoalTest:
    """Test moments of the goal model, and what its baselines need.

    `last_goal` is the goal of the last goal event before a moment, `none`'s place where there is none.
    """

    customer: Int64
    moment: Int64
    probabilities: Float64
    label: Int64
    last_goal: Int64
    train_last_goal: Int64
    train_label: Int64


@dataclass(frozen=True)
class Fitted:
    """A bundle and what it was made from."""

    bundle: Bundle
    account: Account
    cuts: Cuts
    goal: FittedGoal
    chances: dict[str, FittedChance]
    lifts: dict[str, FittedLift]
    clicks: dict[str, ProbabilityModel]
    train: Slice
    test: Slice
    test_moment: Int64
    test_rows: MessageRows
    goal_test: GoalTest
    treatment: tuple[TreatmentField, ...]
    has_control: bool


def fit(inputs: Inputs, configuration: Configuration, seed: int, stages: Stages) -> Fitted:
    """Fit everything that a bundle holds.

    Raises
    ------
    TooLittleData
        Fewer customers or rows than `[training]` asks for; the message says how many there are.
    """
    account = Account()
    columns, training = inputs.columns, configuration.training
    until = observed_until(columns, configuration.vocabulary, inputs.until)
    window = longest_window(configuration.outcomes)
    horizon = longest_horizon(configuration.goals)

    with stages.stage("rows and labels") as stage:
        rows, observational, estimate = _rows(inputs, configuration, until, window, account, seed)
        rows = _usable(rows, until, window, configuration, account, seed)
        labels = outcome_labels(
            columns, configuration.outcomes, rows.customer, rows.moment, rows.candidates.message
        )
        labels = _linked_only(labels, rows, configuration)
        stage.told(f"{len(rows):,} rows of {len(np.unique(rows.customer)):,} customers")

    cuts = cuts_of(rows.moment, training)
    in_train = cuts.train(rows.moment, window)
    in_calibration = cuts.calibrate(rows.moment, window)
    in_test = cuts.tested(rows.moment)
    _enough_train(in_train, in_calibration, in_test, window, training.minimum_rows)
    account.drop("inside the embargo between the slices", int((~(in_train | in_calibration | in_test)).sum()))
    for name, mask in (("train", in_train), ("calibration", in_calibration), ("test", in_test)):
        account.used[f"{name}_rows"] = int(mask.sum())
        account.used[f"{name}_sent"] = int((mask & rows.sent).sum())
        account.used[f"{name}_held"] = int((mask & ~rows.sent).sum())

    with stages.stage("specification") as stage:
        seen = rows.candidates.take(in_train)
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
        goal, goal_test = _goal(
            inputs, configuration, designer, rows, until, horizon, cuts, folds, seed, account
        )
        stage.told(f"{account.used['goal_train_moments']:,} moments, {goal.fit.rounds} rounds of {goal.fit.recipe}")

    with stages.stage("contact features") as stage:
        state_customer, state_moment, state_row = distinct_moments(rows.customer, rows.moment)
        state = designer.states(state_customer, state_moment)
        early = cuts.train(state_moment, 0)
        probabilities = np.empty((len(state_moment), len(specification.goals.names)))
        probabilities[early] = goal.out_of_fold(state.matrix[early], folds[state_customer[early]])
        probabilities[~early] = goal.predict(state.matrix[~early])
        matrix = designer.contact(rows, state, state_row, probabilities)
        stage.told(f"{len(matrix):,} rows")

    fold = folds[rows.customer]
    treatment: tuple[TreatmentField, ...] = ()
    categorical = [
        place
        for place, name in enumerate(specification.contact_names)
        if name in specification.categorical_names
    ]
    propensity = rows.propensity
    if estimate:
        with stages.stage("propensity") as stage:
            chance = estimated_propensity(
                matrix, rows.sent, fold, categorical, training.rounds, seed
            )
            propensity = np.where(rows.transactional, np.nan, chance)
            trimmed = float(np.mean(np.isnan(propensity)))
            account.used["trimmed_share_percent"] = round(100 * trimmed)
            stage.told(f"{trimmed:.0%} of the rows have no like in the other arm")
    everything = Slice(
        matrix=matrix,
        customer=rows.customer,
        fold=fold,
        sent=rows.sent,
        propensity=propensity,
        certain=rows.certain,
        transactional=rows.transactional,
        labels=dict(
            helps=labels.helped,
            interrupts=labels.interrupted,
            helps_linked=labels.helped_linked,
            interrupts_linked=labels.interrupted_linked,
        ),
    )
    lift_rows = in_train & ~np.isnan(propensity)
    treatment = treatment_fields(
        rows.candidates.take(lift_rows), rows.sent[lift_rows], propensity[lift_rows]
    )
    hidden = masked_places(specification, treatment)
    train, calibration = everything.take(in_train), everything.take(in_calibration)
    chances: dict[str, FittedChance] = {}
    lifts: dict[str, FittedLift] = {}
    contact: dict[str, OutcomeModel] = {}
    for outcome in OUTCOMES:
        with stages.stage(f"{outcome} model") as stage:
            send = fit_chance(
                train.take(train.sent), calibration.take(calibration.sent & ~calibration.transactional), outcome, categorical, training, seed
            )
            chances[f"{outcome}_send"] = send
            if _is_linked_only(configuration, outcome):
                hold = FittedChance(ProbabilityModel(0.0), None, int((~train.sent).sum()), 0, "nothing sent, nothing answered")
            else:
                hold_train = train.take(~train.sent)
                hold_train.matrix[:, hidden] = np.nan
                hold = fit_chance(hold_train, calibration.take(~calibration.sent), outcome, categorical, training, seed)
            chances[f"{outcome}_hold"] = hold
            lifts[outcome] = fit_lift()
            contact[outcome] = OutcomeModel(send.served, hold.served, lifts[outcome].served)
            stage.told(f"{send.positives:,} positives of {send.rows:,} sent")
    bundle = Bundle(
        specification=specification,
        configuration=configuration,
        goal=goal.fit.model,
        goal_prior=goal.prior,
        goal_temperature=goal.temperature,
        contact=contact,
        description={"observational": observational},
    )
    test = everything.take(in_test)
    return Fitted(
        bundle=bundle,
        account=account,
        cuts=cuts,
        goal=goal,
        chances=chances,
        lifts=lifts,
        clicks={},
        train=train,
        test=test,
        test_moment=rows.moment[in_test],
        test_rows=rows.take(np.flatnonzero(in_test)),
        goal_test=goal_test,
        treatment=treatment,
        has_control=bool((~test.sent & ~np.isnan(test.propensity)).any()),
    )


def _rows(
    inputs: Inputs,
    configuration: Configuration,
    until: Int64,
    window: int,
    account: Account,
    seed: int,
) -> tuple[MessageRows, bool, bool]:
    """The rows; whether lifts rest on no randomisation; whether propensities must be estimated."""
    columns = inputs.columns
    if inputs.decisions is not None:
        rows = rows_of_decisions(inputs.decisions, inputs.customers, columns, configuration)
        over = rows.moment + window <= until[rows.customer]
        measuring = rows.measures_lift & over
        arms = [int((measuring & arm).sum()) for arm in (rows.sent, ~rows.sent)]
        if min(arms) >= _LEAST_ROWS_OF_AN_ARM or _all_linked(configuration):
            return rows, False, False
        held = int((~rows.sent & ~rows.certain & over).sum())
        if not rows.certain.any() and held >= _LEAST_ROWS_OF_AN_ARM and not rows.measures_lift.any():
            account.warn(
                "The log has no send_probability: propensities are estimated, and the lifts are observational."
            )
            return rows, True, True
        account.warn(
            f"The log holds {arms[1]:,} randomised rows that were not sent ({_LEAST_ROWS_OF_AN_ARM} are "
            "needed): sends are compared with quiet moments, and the lifts are observational."
        )
        sends = rows.take(rows.sent)
    else:
        sends = sends_of_touchpoints(columns, configuration)
        if _all_linked(configuration):
            return sends, False, False
        account.warn(
            "There is no decision log: sends are compared with quiet moments, and the lifts are observational."
        )
    return with_quiet_moments(sends, columns, until, configuration, seed), True, True


def _usable(
    rows: MessageRows, until: Int64, window: int, configuration: Configuration, account: Account, seed: int
) -> MessageRows:
    training = configuration.training
    found = len(rows)
    rows = rows.take(rows.moment + window <= until[rows.customer], "its outcome window is not over")
    customers = len(np.unique(rows.customer))
    for reason, count in rows.dropped.items():
        account.drop(reason, count)
    if customers < training.minimum_customers or len(rows) < training.minimum_rows:
        raise TooLittleData(
            f"{len(rows):,} rows of {customers:,} customers can be learnt from (of {found:,} rows; the others' "
            f"outcome windows of {window / DAY:g} days are not over); at least {training.minimum_rows:,} rows "
            f"of {training.minimum_customers:,} customers are needed (training.minimum_rows, "
            "training.minimum_customers)"
        )
    if len(rows) > training.max_contact_rows:
        chosen = np.zeros(len(rows), np.bool_)
        generator = np.random.default_rng([seed, 6])
        chosen[generator.choice(len(rows), training.max_contact_rows, replace=False)] = True
        account.drop("above training.max_contact_rows, left out at random", len(rows) - training.max_contact_rows)
        rows = rows.take(chosen)
    return rows


def _enough_train(
    in_train: np.ndarray, in_calibration: np.ndarray, in_test: np.ndarray, window: int, needed: int
) -> None:
    train, later = int(in_train.sum()), min(int(in_calibration.sum()), int(in_test.sum()))
    if train < needed // 2 or later < needed // 20:
        raise TooLittleData(
            f"split by time with {window / DAY:g} days of embargo there are {train:,} training, "
            f"{int(in_calibration.sum()):,} calibration and {int(in_test.sum()):,} test rows; at least "
            f"{needed // 2:,}, {needed // 20:,} and {needed // 20:,} are needed: a longer history helps most"
        )


def _linked_only(labels: OutcomeLabels, rows: MessageRows, configuration: Configuration) -> OutcomeLabels:
    """Where an outcome is nothing but answers, a row that was not sent counts as 0."""
    result = labels
    if _is_linked_only(configuration, "helps"):
        result = result._replace(helped=labels.helped & rows.sent)
    if _is_linked_only(configuration, "interrupts"):
        result = result._replace(interrupted=labels.interrupted & rows.sent)
    return result


def _is_linked_only(configuration: Configuration, outcome: str) -> bool:
    outcomes = configuration.outcomes
    return not (outcomes.progress if outcome == "helps" else outcomes.harm)


def _all_linked(configuration: Configuration) -> bool:
    return all(_is_linked_only(configuration, outcome) for outcome in OUTCOMES)


def _goal(
    inputs: Inputs,
    configuration: Configuration,
    designer: Designer,
    rows: MessageRows,
    until: Int64,
    horizon: int,
    cuts: Cuts,
    folds: Int64,
    seed: int,
    account: Account,
) -> tuple[FittedGoal, GoalTest]:
    specification, training = designer.specification, configuration.training
    customer, moment, _ = distinct_moments(rows.customer, rows.moment)
    asked = np.ones(len(moment), np.bool_)
    wanted = min(GOAL_ROWS_WANTED, training.max_goal_rows) - len(moment)
    if wanted > 0:
        more, when = sampled_moments(inputs.columns, until, horizon, wanted, seed)
        customer, moment = np.concatenate([customer, more]), np.concatenate([moment, when])
        asked = np.concatenate([asked, np.zeros(len(more), np.bool_)])
    over = moment + horizon <= until[customer]
    in_train = over & cuts.train(moment, horizon)
    in_calibration = over & cuts.calibrate(moment, horizon)
    in_test = over & cuts.tested(moment) & asked
    if in_train.sum() > training.max_goal_rows:
        chosen = np.random.default_rng([seed, 7]).choice(
            np.flatnonzero(in_train), training.max_goal_rows, replace=False
        )
        in_train = np.zeros(len(moment), np.bool_)
        in_train[chosen] = True
    kept = np.flatnonzero(in_train | in_calibration | in_test)
    customer, moment = customer[kept], moment[kept]
    in_train, in_calibration, in_test = in_train[kept], in_calibration[kept], in_test[kept]
    label = goal_labels(inputs.columns, configuration.goals, customer, moment)
    state = designer.states(customer, moment)
    names = specification.state_names
    categorical = [place for place, name in enumerate(names) if name in specification.categorical_names]
    goal = fit_goal(
        state.matrix[in_train],
        label[in_train],
        folds[customer[in_train]],
        state.matrix[in_calibration],
        label[in_calibration],
        len(configuration.goals.names),
        categorical,
        training,
        seed,
    )
    account.used["goal_train_moments"] = int(in_train.sum())
    account.used["goal_test_moments"] = int(in_test.sum())
    last = state.matrix[:, names.index("goal_last")]
    last_goal = np.where(np.isnan(last), len(configuration.goals.items), last).astype(np.int64)
    return goal, GoalTest(
        customer=customer[in_test],
        moment=moment[in_test],
        probabilities=goal.predict(state.matrix[in_test]),
        label=label[in_test],
        last_goal=last_goal[in_test],
        train_last_goal=last_goal[in_train],
        train_label=label[in_train],
    )
