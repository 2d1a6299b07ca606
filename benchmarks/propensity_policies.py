"""What the suites do: send by the propensity to click, with or without that to unsubscribe, under caps.

Both propensities are LightGBM models of the linked answers to the history's sends, on the same features that
Tact has: rivals fail for what they ask, not for what they see.
"""

from __future__ import annotations

import lightgbm
import numpy as np

from benchmarks.live import LiveCompany
from benchmarks.logged_answers import LoggedAnswers, live_matrix
from benchmarks.rule_policies import Capped
from features.builder import Matrix
from features.columns import Float64
from features.specification import FeatureSpecification
from simulation.clock import Floats
from simulation.company import Company
from simulation.messages import Pool
from simulation.rules import Actions
from simulation.world import World
from training.labels import Bools

_ROUNDS = 400
_HELD_OUT = 0.2
"""The last part of the history's sends, by time, that stops the boosting."""


class AnswerPropensity:
    """The chance of a linked answer to a message that is sent now."""

    def __init__(self, answers: LoggedAnswers, label: Bools, seed: int) -> None:
        self.specification = answers.specification
        names = answers.names
        categorical = [
            place for place, name in enumerate(names) if name in self.specification.categorical_names
        ]
        sent = np.flatnonzero(answers.sent)
        cut = np.quantile(answers.moment[sent], 1.0 - _HELD_OUT)
        early, late = sent[answers.moment[sent] < cut], sent[answers.moment[sent] >= cut]
        parameters = {
            "objective": "binary",
            "learning_rate": 0.05,
            "num_leaves": 15,
            "min_data_in_leaf": 50,
            "feature_fraction": 0.5,
            "lambda_l2": 5.0,
            "max_bin": 63,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "verbosity": -1,
        }
        train = lightgbm.Dataset(answers.matrix[early], label[early], categorical_feature=categorical)
        self._booster = lightgbm.train(
            parameters,
            train,
            _ROUNDS,
            valid_sets=[lightgbm.Dataset(answers.matrix[late], label[late], reference=train)],
            callbacks=[lightgbm.early_stopping(30, verbose=False)],
        )

    def predict(self, matrix: Matrix) -> Float64:
        """Chances, shape (n,)."""
        result: Float64 = np.asarray(self._booster.predict(matrix, num_threads=1), dtype=np.float64)
        return result

    def gains(self) -> Float64:
        """How much each feature brought, shape (features,)."""
        return np.asarray(self._booster.feature_importance("gain"), dtype=np.float64)


class PropensityPolicy:
    """The messages of most click propensity × value under caps, or of most click less unsubscribe propensity.

    Parameters
    ----------
    refusal : None: rank by click propensity × the sender's value and send all that the caps allow;
        else send where clicks outweigh refusals at `refusal_weight`
    """

    def __init__(
        self, click: AnswerPropensity, refusal: AnswerPropensity | None = None, refusal_weight: float = 2.0
    ) -> None:
        self.click = click
        self.refusal = refusal
        self.refusal_weight = refusal_weight
        self._capped = Capped(self._scores)
        self._company: LiveCompany | None = None

    @property
    def specification(self) -> FeatureSpecification:
        return self.click.specification

    def observe(self, company: Company) -> None:
        """See Observer."""
        if not isinstance(company, LiveCompany):
            raise TypeError("propensities need a company that keeps what it knows")
        self._company = company

    def decide(self, pending: Pool, world: World) -> Actions:
        return self._capped.decide(pending, world)

    def _scores(self, pending: Pool, world: World) -> Floats:
        if self._company is None:
            raise RuntimeError("the live run has not begun")
        if not pending.n:
            return np.zeros(0)
        matrix = live_matrix(pending, self._company, self.specification)
        clicks = self.click.predict(matrix)
        if self.refusal is None:
            return np.asarray(clicks * world.table.value[pending.kind], dtype=np.float64)
        return np.asarray(clicks - self.refusal_weight * self.refusal.predict(matrix), dtype=np.float64)
