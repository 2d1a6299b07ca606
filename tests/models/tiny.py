"""A tiny real bundle: LightGBM boosters fitted to a rule that a test can know."""

from __future__ import annotations

import lightgbm
import numpy as np

from features.builder import Matrix
from features.specification import FeatureSpecification
from models.booster import TreeModel
from models.bundle import Bundle, LiftModel, OutcomeModel, ProbabilityModel
from models.calibration import Calibrator
from tests.features.seeded import CONFIGURATION, random_rows, specification


def booster(X: Matrix, y: np.ndarray, objective: str, n_classes: int = 1) -> TreeModel:
    """A few deterministic rounds."""
    parameters = {
        "objective": objective, "num_leaves": 7, "min_data_in_leaf": 5, "verbosity": -1, "seed": 1,
        "deterministic": True, "force_row_wise": True, "num_threads": 1,
    }  # fmt: skip
    if n_classes > 1:
        parameters["num_class"] = n_classes
    fitted = lightgbm.train(parameters, lightgbm.Dataset(X, y, params={"verbosity": -1}), 8)
    return TreeModel(fitted.model_to_string())


def tiny_bundle(spec: FeatureSpecification | None = None, version: str = "3") -> Bundle:
    """Goal, both outcomes and a lift booster over random features of a real specification."""
    spec = spec or specification(random_rows(999, 400))
    rng = np.random.default_rng(1)
    n_state, n_contact = len(spec.state_names), len(spec.contact_names)
    state = rng.normal(size=(300, n_state)).astype(np.float32)
    contact = rng.normal(size=(300, n_contact)).astype(np.float32)
    n_goals = len(spec.goals.names)
    goal = booster(state, np.arange(300) % n_goals, "multiclass", n_goals)
    y = (contact[:, 0] + 0.5 * rng.normal(size=300) > 0).astype(float)
    send = ProbabilityModel(0.5, booster(contact, y, "binary"), Calibrator("logistic", 0.9, -0.1))
    hold = ProbabilityModel(0.2)
    lift = LiftModel(booster(contact, y - 0.5, "regression"), 0.5, 0.01)
    return Bundle(
        specification=spec,
        configuration=CONFIGURATION,
        goal=goal,
        goal_prior=tuple([1 / n_goals] * n_goals),
        goal_temperature=1.3,
        contact={
            "helps": OutcomeModel(send, hold, lift),
            "interrupts": OutcomeModel(ProbabilityModel(0.1), ProbabilityModel(0.05)),
        },
        price=LiftModel(None, 1.0, 0.002),
        description={"version": version, "observational": False},
    )
