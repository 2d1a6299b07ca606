"""Moments, labels and splits of the goal model, and its test moments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_contracts.configuration import Configuration
from features.columns import Float64, Int64
from training.account import Account
from training.design import Designer, distinct_moments
from training.goal_model import FittedGoal, fit_goal
from training.inputs import Inputs
from training.labels import Bools, goal_labels, longest_horizon
from training.moments import sampled_moments
from training.rows import MessageRows
from training.splits import Cuts

MOMENTS_WANTED = 20_000
"""With fewer decision moments than that, random moments of the same customers join them."""


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


def goal_moments(
    inputs: Inputs, configuration: Configuration, rows: MessageRows, until: Int64, seed: int
) -> tuple[Int64, Int64, Bools, Bools]:
    """Customers and moments to learn goals from, whether a decision was asked there, whether it is over."""
    horizon = longest_horizon(configuration.goals)
    customer, moment, _ = distinct_moments(rows.customer, rows.moment)
    asked = np.ones(len(moment), np.bool_)
    wanted = min(MOMENTS_WANTED, configuration.training.max_goal_rows) - len(moment)
    if wanted > 0:
        more, when = sampled_moments(inputs.columns, until, horizon, wanted, seed)
        customer, moment = np.concatenate([customer, more]), np.concatenate([moment, when])
        asked = np.concatenate([asked, np.zeros(len(more), np.bool_)])
    return customer, moment, asked, moment + horizon <= until[customer]


def at_random(rows: Bools, count: int, seed: int) -> Bools:
    """`count` of the rows that a mask holds; all of them where there are fewer."""
    places = np.flatnonzero(rows)
    if len(places) <= count:
        return rows
    chosen = np.zeros(len(rows), np.bool_)
    chosen[np.random.default_rng([seed, 7]).choice(places, count, replace=False)] = True
    return chosen


def goal_stage(
    inputs: Inputs,
    configuration: Configuration,
    designer: Designer,
    rows: MessageRows,
    until: Int64,
    cuts: Cuts,
    folds: Int64,
    seed: int,
    account: Account,
) -> tuple[FittedGoal, GoalTest]:
    """Fit the goal model on the moments of decisions, joined by random ones where these are few.

    It is calibrated and tested on moments of decisions alone. `folds` and `until` have shape (customers,).
    """
    specification, training = designer.specification, configuration.training
    customer, moment, asked, over = goal_moments(inputs, configuration, rows, until, seed)
    horizon = longest_horizon(configuration.goals)
    in_train = over & cuts.train(moment, horizon)
    in_calibration = over & cuts.calibrate(moment, horizon) & asked
    in_test = over & cuts.tested(moment) & asked
    left_out = int(in_train.sum()) - training.max_goal_rows
    if left_out > 0:
        account.drop("above training.max_goal_rows, left out of the goal model at random", left_out)
        in_train = at_random(in_train, training.max_goal_rows, seed)
    kept = np.flatnonzero(in_train | in_calibration | in_test)
    customer, moment = customer[kept], moment[kept]
    in_train, in_calibration, in_test = in_train[kept], in_calibration[kept], in_test[kept]
    label = goal_labels(inputs.columns, configuration.goals, customer, moment)
    state = designer.states(customer, moment).matrix
    names = specification.state_names
    goal = fit_goal(
        state[in_train],
        label[in_train],
        folds[customer[in_train]],
        state[in_calibration],
        label[in_calibration],
        len(configuration.goals.names),
        [place for place, name in enumerate(names) if name in specification.categorical_names],
        training,
        seed,
    )
    account.used["goal_train_moments"] = int(in_train.sum())
    account.used["goal_test_moments"] = int(in_test.sum())
    last = state[:, names.index("goal_last")]
    last_goal = np.where(np.isnan(last), len(configuration.goals.items), last).astype(np.int64)
    test = GoalTest(
        customer=customer[in_test],
        moment=moment[in_test],
        probabilities=goal.predict(state[in_test]),
        label=label[in_test],
        last_goal=last_goal[in_test],
        train_last_goal=last_goal[in_train],
        train_label=label[in_train],
    )
    return goal, test
