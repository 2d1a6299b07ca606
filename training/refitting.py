"""Once the figures are known: the same models again, from all rows.

The bundle that is evaluated has learnt from the older part of the data only, and is weeks old on the day
that it would start to serve. What is served has learnt from every row whose outcome is known, by the same
steps; nothing is chosen by looking at the test rows. Calibration still sees only what a model has not
learnt from: the newest rows, each predicted by the fold's model that has not seen its customer.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from data_contracts.configuration import Configuration
from data_contracts.times import format_time
from models.bundle import Bundle, LiftModel
from training.contact_stage import fit_contact_models
from training.fitting import Fitted, fit_price
from training.goal_model import FittedGoal, fit_goal
from training.goal_stage import at_random, goal_moments
from training.inputs import Inputs
from training.labels import goal_labels
from training.progress import Stages


def refit(fitted: Fitted, inputs: Inputs, configuration: Configuration, seed: int, stages: Stages) -> Bundle:
    """The bundle to serve; the material's goal columns are overwritten, so nothing may use it afterwards."""
    material, cuts = fitted.material, fitted.cuts
    specification, everything = material.designer.specification, material.everything
    with stages.stage("goal model, all rows") as stage:
        goal = _goal(fitted, inputs, configuration, seed)
        stage.told(f"{goal.fit.rounds} rounds of {goal.fit.recipe}")
    places = [specification.contact_names.index(name) for name in specification.goal_probability_names]
    state = everything.matrix[:, : len(specification.state_names)]
    everything.matrix[:, places] = goal.out_of_fold(state, everything.fold)
    with stages.stage("contact models, all rows") as stage:
        all_rows = np.ones(len(everything), np.bool_)
        contact = fit_contact_models(
            everything,
            all_rows,
            everything.moment >= cuts.calibration,
            specification,
            material.hidden,
            configuration,
            seed,
            seen=True,
        )
        stage.told(f"{len(everything):,} rows")
    learning = everything.take(np.flatnonzero(~everything.transactional))
    price = fit_price(learning, contact, specification, configuration, material.observational)
    return replace(
        fitted.bundle,
        goal=goal.fit.model,
        goal_prior=goal.prior,
        goal_temperature=goal.temperature,
        contact=contact.outcome_models(),
        price=LiftModel(offset=price.value) if price.value > 0.0 else None,
        description=fitted.bundle.description | {"learned_until": format_time(inputs.until)},
    )


def _goal(fitted: Fitted, inputs: Inputs, configuration: Configuration, seed: int) -> FittedGoal:
    material = fitted.material
    specification = material.designer.specification
    customer, moment, asked, over = goal_moments(inputs, configuration, material.rows, material.until, seed)
    kept = np.flatnonzero(at_random(over, configuration.training.max_goal_rows, seed))
    customer, moment, asked = customer[kept], moment[kept], asked[kept]
    label = goal_labels(inputs.columns, configuration.goals, customer, moment)
    state = material.designer.states(customer, moment).matrix
    fold = material.folds[customer]
    later = np.flatnonzero(asked & (moment >= fitted.cuts.calibration))
    names = specification.state_names
    return fit_goal(
        state,
        label,
        fold,
        state[later],
        label[later],
        len(configuration.goals.names),
        [place for place, name in enumerate(names) if name in specification.categorical_names],
        configuration.training,
        seed,
        fold[later],
    )
