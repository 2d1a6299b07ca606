"""A log made ready: everything that the value of any policy on its evaluated rows needs.

The straight line: decision log → rows with outcomes → what each model says of them and what contact rules
see → chances under each arm, cross-fitted by customer → rewards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from data_contracts.configuration import Configuration, Policy
from data_contracts.times import format_time
from evaluation.conditions import Conditions, conditions_of
from evaluation.estimators import LoggedRewards
from evaluation.model_scores import ModelScores, design_of, scores_of
from evaluation.reward_models import out_of_fold_chances
from evaluation.rows import LoggedRows, logged_rows, require_randomised
from features.columns import Float64, Int64
from models.bundle import Bundle
from training.inputs import Inputs
from training.labels import Bools
from training.metrics import Resampler
from training.progress import Stages
from training.row_selection import is_linked_only
from training.splits import customer_folds
from training.treatment_fields import treatment_fields

FOLDS = 5
REPLICATES = 400
QUESTIONS = ("helps", "interrupts", "answers")
"""What came of a row: helped, interrupted, and whether the message itself was answered well."""


class Model(NamedTuple):
    """A registered model: what it is called here, and its bundle.

    `evaluated` is the same before it was fitted again on all rows, where it was (training.refit).
    """

    name: str
    bundle: Bundle
    evaluated: Bundle | None = None


@dataclass(frozen=True)
class Study:
    """Evaluated rows, in order of customer and moment; `randomised` ones are those that measure.

    Attributes
    ----------
    since : where the evaluated period begins, microseconds
    logged : all logged rows of the period, shape (rows,)
    scores : what each model says of them, by its name
    conditions : what contact rules see at them
    questions : outcomes of the randomised rows with chances under each arm, by QUESTIONS
    resampler : bootstrap over the customers of the randomised rows
    notes : what a reader must know
    """

    since: int
    logged: LoggedRows
    scores: Mapping[str, ModelScores]
    conditions: Conditions
    questions: Mapping[str, LoggedRewards]
    resampler: Resampler
    notes: tuple[str, ...]

    @property
    def randomised(self) -> Bools:
        """Which logged rows measure."""
        return self.logged.rows.measures_lift

    def net(self, policy: Policy) -> LoggedRewards:
        """helps_weight · helped − interrupts_weight · interrupted, as rewards of the randomised rows."""
        helps, interrupts = self.questions["helps"], self.questions["interrupts"]

        def both(name: str) -> Float64:
            good: Float64 = getattr(helps, name)
            bad: Float64 = getattr(interrupts, name)
            return policy.helps_weight * good - policy.interrupts_weight * bad

        return LoggedRewards(both("reward"), helps.sent, helps.propensity, both("if_sent"), both("if_held"))


def study_of(
    inputs: Inputs,
    configuration: Configuration,
    models: tuple[Model, ...],
    since: int | None,
    stages: Stages,
) -> Study:
    """Make a log ready.

    `since` (microseconds) begins the evaluated period; None: where every model's learning ended, since a
    policy that was learnt from the rows that it is valued on looks better than it is. Raises TooLittleData.
    """
    models, notes = _before_refit(models, inputs.until)
    with stages.stage("rows and outcomes") as stage:
        everything = logged_rows(inputs, configuration)
        begin = _begin(models) if since is None else since
        evaluated = everything.rows.moment >= begin
        logged = everything.take(evaluated)
        require_randomised(logged, format_time(begin) if begin else "the beginning")
        measures = everything.rows.measures_lift
        stage.told(f"{len(logged):,} logged rows, {int((measures & evaluated).sum()):,} randomised")
    treatment = treatment_fields(
        everything.rows.candidates.take(measures),
        everything.rows.sent[measures],
        everything.rows.propensity[measures],
    )
    notes += [
        f"The field {one.name} tells what was sent, so no policy and no model here looks at it."
        for one in treatment
    ]
    with stages.stage("features and scores") as stage:
        designs = [
            (model, design_of(inputs, everything.rows, treatment, model.bundle, configuration))
            for model in models
        ]
        scores = {model.name: scores_of(model.bundle, design).take(evaluated) for model, design in designs}
        chief = designs[0][1] if designs else design_of(inputs, everything.rows, treatment, None, configuration)
        notes += [_seen_before(model, begin) for model in models if begin < model.bundle.learned_until]
        stage.told(f"{chief.matrix.shape[1]:,} features, {len(models)} models")
    with stages.stage("contact rules") as stage:
        conditions = conditions_of(inputs.columns, logged, chief.open_case[evaluated], configuration)
        stage.told(f"{sum(len(one.touches) for one in conditions.situations):,} touches")
    with stages.stage("outcome models") as stage:
        folds = customer_folds(len(inputs.customers), FOLDS, configuration.training.seed)
        fold = folds[everything.rows.customer][measures]
        wanted = evaluated[measures]
        questions = {}
        for question, label in _labels(everything).items():
            log = _question(
                question, label[measures], everything.rows.sent[measures],
                everything.rows.propensity[measures], chief.matrix[measures], fold, chief.categorical,
                configuration,
            )  # fmt: skip
            questions[question] = log.take(wanted)
        stage.told(f"cross-fitted by customer on {int(measures.sum()):,} rows")
    mine = logged.rows.customer[logged.rows.measures_lift]
    resampler = Resampler(mine, configuration.training.seed, REPLICATES)
    return Study(begin, logged, scores, conditions, questions, resampler, tuple(notes))


def _question(
    question: str,
    label: Bools,
    sent: Bools,
    propensity: Float64,
    matrix: np.ndarray,
    fold: Int64,
    categorical: list[int],
    configuration: Configuration,
) -> LoggedRewards:
    def chances(arm: Bools) -> Float64:
        return out_of_fold_chances(matrix, label, arm, fold, categorical, configuration.training)

    # Without a send there is nothing to answer.
    unanswerable = question == "answers" or is_linked_only(configuration, question)
    if_held = np.zeros(len(label)) if unanswerable else chances(~sent)
    return LoggedRewards(label.astype(np.float64), sent, propensity, chances(sent), if_held)


def _labels(logged: LoggedRows) -> dict[str, Bools]:
    labels = logged.labels
    return {
        "helps": labels.helped,
        "interrupts": labels.interrupted,
        "answers": labels.helped_linked & logged.rows.sent,
    }


def _before_refit(models: tuple[Model, ...], until: int) -> tuple[tuple[Model, ...], list[str]]:
    """Models that have learnt from the whole log, as they were before that; and what a reader must know."""
    chosen, notes = [], []
    for model in models:
        if model.evaluated is not None and model.bundle.learned_until >= until:
            chosen.append(Model(model.name, model.evaluated))
            notes.append(
                f"{model.name} has learnt from this whole log, so it is valued as it was before it was fitted again "
                f"on the newest rows: what is served is made by the same steps."
            )
        else:
            chosen.append(model)
    return tuple(chosen), notes


def _begin(models: tuple[Model, ...]) -> int:
    return max((model.bundle.learned_until for model in models), default=0)


def _seen_before(model: Model, begin: int) -> str:
    until = format_time(model.bundle.learned_until)
    return (
        f"{model.name} was fitted on rows until {until}, and the period begins before that: "
        "its value here is better than it will be on new rows."
    )
