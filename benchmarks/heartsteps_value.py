"""What rules would have been worth on HeartSteps: always, never, and Tact's rule on later days.

The study drew every suggestion with p = 0.6, so that the value of any rule can be read from its log. At each
origin the models are fitted on what was known by then, and their rule decides about the decision points up to the
next origin, each from what was known at its moment. Intervals are by person.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from data_contracts.configuration import Configuration, Policy, load_configuration
from data_contracts.times import HOUR, SECOND
from evaluation.contenders import contenders_of
from evaluation.estimators import CHIEF, ESTIMATORS, LoggedRewards
from evaluation.model_scores import ModelScores, design_of, scores_of
from evaluation.rows import logged_rows
from evaluation.study import FOLDS, Study, study_of
from evaluation.values import over_never
from features.columns import Float64, Int64, TouchpointColumns
from training.fitting import fit
from training.history import microseconds
from training.inputs import read_inputs
from training.labels import customer_of_rows
from training.metrics import Estimate
from training.ordered_search import next_event
from training.progress import SilentStages
from training.splits import customer_folds
from training.treatment_fields import treatment_fields

TITLE = "## What rules would have been worth"


def value_section(example: Path, origins: list[float]) -> str:
    """The page's section in Markdown; `origins` are shares of the decisions that lie before each."""
    votes = studied(example, load_configuration(example / "tact.toml"), origins)
    steps = studied(example, load_configuration(example / "tact_steps.toml"), origins)
    lines = [
        TITLE,
        "",
        "Made by `python -m benchmarks.heartsteps --values --out docs/heartsteps.md`.",
        "",
        "Suggestions were sent with p = 0.6 where a person was available, so a rule's value can be read from the log "
        f"(doubly robust; `tact evaluate` does the same). {int(votes.randomised.sum()):,} available decision points of "
        f"{votes.resampler.customers} people after the first origin; at each origin the models saw the past alone. "
        "Never sending is nought; intervals are 95 %, by person.",
        "",
        "| per 100 decision points, over never | the rule sends | always | Tact's rule | Tact's rule less always |",
        "|---|---|---|---|---|",
    ]
    weights = load_configuration(example / "tact.toml").policy
    lines += [
        _line("likes − 2 · dislikes within 24 h", votes, votes.net(weights), weights, 100.0, 1),
        _line("likes", votes, votes.questions["helps"], weights, 100.0, 1),
        _line("dislikes", votes, votes.questions["interrupts"], weights, 100.0, 1),
        _line("300 or more steps within the hour", steps, steps.questions["helps"], weights, 100.0, 1),
    ]
    lines += [
        "",
        "| over never | the rule sends | always | Tact's rule | Tact's rule less always |",
        "|---|---|---|---|---|",
        _line("log(steps + 0.5) in the next 30 min", steps, log_steps(example, steps), weights, 1.0, 3),
        "",
        "The first three lines are by the rule of `tact.toml` (net value of votes above nought), the others by "
        "that of `tact_steps.toml` (lift of walking above nought). The topic of a suggestion was drawn only where "
        "one was sent, so the rule is asked without it. Where an interval holds nought the log can't tell.",
        "",
    ]
    return "\n".join(lines)


def studied(example: Path, configuration: Configuration, origins: list[float]) -> Study:
    """The log after the first origin, with the scores of each row's own origin under the name `model`."""
    paths = (example / "touchpoints.parquet", example / "decisions.parquet")
    inputs = read_inputs(*paths, configuration, None)
    if inputs.decisions is None:
        raise ValueError("the example has its log")
    times = microseconds(inputs.decisions["decided_at"])
    edges = [int(np.quantile(times, share)) for share in origins] + [int(times.max()) + 1]
    study = study_of(inputs, configuration, (), edges[0], SilentStages())
    everything = logged_rows(inputs, configuration)
    measures = everything.rows.measures_lift
    treatment = treatment_fields(
        everything.rows.candidates.take(measures),
        everything.rows.sent[measures],
        everything.rows.propensity[measures],
    )
    numbers = {name: np.zeros(len(study.logged)) for name in ModelScores.__dataclass_fields__}
    for begin, end in pairwise(edges):
        past = read_inputs(*paths, configuration, begin)
        bundle = fit(past, configuration, configuration.training.seed, SilentStages()).bundle
        mine = (study.logged.rows.moment >= begin) & (study.logged.rows.moment < end)
        part = study.logged.rows.take(np.flatnonzero(mine))
        scores = scores_of(bundle, design_of(inputs, part, treatment, bundle, configuration))
        for name, values in numbers.items():
            values[mine] = getattr(scores, name)
    return replace(study, scores={"model": ModelScores(**numbers)})


def log_steps(example: Path, study: Study) -> LoggedRewards:
    """log(steps + 0.5) of the 30 minutes after each randomised row, beside a line in those before it.

    The lines are fitted for each arm on other people's rows.
    """
    configuration = load_configuration(example / "tact_steps.toml")
    inputs = read_inputs(example / "touchpoints.parquet", example / "decisions.parquet", configuration, None)
    columns = inputs.columns
    rows = study.logged.rows.take(study.randomised)
    after = _reading(columns, rows.customer, rows.moment + 1)
    before = _reading(columns, rows.customer, rows.moment - 30 * SECOND)
    sent, fold = rows.sent, customer_folds(len(inputs.customers), FOLDS, 1)[rows.customer]
    line = np.column_stack([np.ones(len(before)), before])
    modelled = {}
    for name, arm in (("if_sent", sent), ("if_held", ~sent)):
        found = np.empty(len(after))
        for number in np.unique(fold):
            taught = arm & (fold != number)
            slope = np.linalg.lstsq(line[taught], after[taught], rcond=None)[0]
            found[fold == number] = line[fold == number] @ slope
        modelled[name] = found
    return LoggedRewards(after, sent, rows.propensity, **modelled)


def _reading(columns: TouchpointColumns, customer: Int64, moment: Int64) -> Float64:
    """log(steps + 0.5) of each person's first reading after a moment; 0 steps where there is none in an hour."""
    steps = np.flatnonzero(columns.event_type == columns.strings.index("steps_counted"))
    found = next_event(customer_of_rows(columns)[steps], columns.event_time[steps], customer, moment)
    soon = (found >= 0) & (columns.event_time[steps][found] <= moment + HOUR)
    values = np.where(soon, np.nan_to_num(columns.value[steps][found]), 0.0)
    return np.asarray(np.log(values + 0.5), np.float64)


def _line(told: str, study: Study, log: LoggedRewards, weights: Policy, scale: float, digits: int) -> str:
    """One row of the table: what always and the model's rule add to never, and their difference."""
    found = {one.name: one for one in contenders_of(study, weights, {"model": weights}, None)}
    always = found["send all"].sends[study.randomised].astype(np.float64)
    rule = found["model"].sends[study.randomised].astype(np.float64)
    chief, resampler = ESTIMATORS[CHIEF], study.resampler
    parts = [chief(log, sends) for sends in (rule, always)]
    mine, other = ((resampler.totals(one.numerator), resampler.totals(one.denominator)) for one in parts)
    cells = [
        _told(over_never(log, always, chief, resampler), scale, digits),
        _told(over_never(log, rule, chief, resampler), scale, digits),
        _told(resampler.difference(mine, other), scale, digits),
    ]
    return f"| {told} | {rule.mean():.0%} | {' | '.join(cells)} |"


def _told(estimate: Estimate, scale: float, digits: int) -> str:
    value, low, high = (round(scale * number, digits) + 0.0 for number in estimate)
    return f"{value:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"
