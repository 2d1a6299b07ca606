"""The rivals learn what they say they learn."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.bandit_policy import BanditPolicy
from benchmarks.candidates import candidates_of, moments_of
from benchmarks.logged_answers import live_matrix, logged_answers
from benchmarks.propensity_policies import AnswerPropensity, PropensityPolicy
from benchmarks.training_files import benchmark_configuration, inputs_of
from features.builder import candidate_arrays, matches, states
from features.encoding import encode
from simulation.rules import Actions, SendAll
from tests.benchmarks.companies import HISTORY_DAYS, company, live
from training.metrics import auc


@pytest.fixture(scope="module")
def answers():  # type: ignore[no-untyped-def]
    configuration = benchmark_configuration()
    return logged_answers(inputs_of(company(customers=250), HISTORY_DAYS, configuration), configuration)


def test_answers_are_to_sends_only(answers) -> None:  # type: ignore[no-untyped-def]
    assert answers.clicked[answers.sent].mean() > 0.01
    assert not answers.clicked[~answers.sent].any()
    assert answers.helped[~answers.sent].any()
    assert len(answers.names) == answers.matrix.shape[1]
    inside = answers.propensity[~np.isnan(answers.propensity)]
    assert ((inside > 0) & (inside < 1)).all()


def test_the_click_propensity_ranks_clicks(answers) -> None:  # type: ignore[no-untyped-def]
    model = AnswerPropensity(answers, answers.clicked, 1)
    chance = model.predict(answers.matrix[answers.sent])
    assert auc(chance, answers.clicked[answers.sent]) > 0.6
    assert model.gains().shape == (answers.matrix.shape[1],)


def test_live_features_see_what_was_known_then(answers) -> None:  # type: ignore[no-untyped-def]
    """Computed at the end for the moments of the run, from all rows, they are the same to the bit."""
    where = company(customers=250)
    seen: list[tuple[np.ndarray, np.ndarray, list, np.ndarray]] = []

    class Watching(PropensityPolicy):
        def decide(self, pending, world) -> Actions:  # type: ignore[no-untyped-def]
            if pending.n and self._company is not None:
                moments = moments_of(self._company, pending.customer)
                candidates = candidates_of(pending, self._company)
                matrix = live_matrix(pending, self._company, self.specification)
                seen.append((pending.customer, moments, candidates, matrix))
            return SendAll().decide(pending, world)

    specification = answers.specification
    _, end = live(Watching(AnswerPropensity(answers, answers.clicked, 1)), where)
    customer = np.concatenate([part[0] for part in seen])
    moment = np.concatenate([part[1] for part in seen])
    candidates = [candidate for part in seen for candidate in part[2]]
    everyone = np.arange(where.world.state.n, dtype=np.int64)
    encoded = encode(end.known.columns(everyone), specification)
    place = np.arange(len(customer), dtype=np.int64)
    state = states(encoded, specification, customer, moment)
    arrays = candidate_arrays(candidates, specification)
    matched = matches(encoded, specification, arrays, place, state, place, customer, moment)
    assert len(customer) > 300
    np.testing.assert_array_equal(
        np.concatenate([part[3] for part in seen]), np.concatenate([state.matrix, matched], axis=1)
    )


def test_propensity_policies_and_the_bandit_run(answers) -> None:  # type: ignore[no-untyped-def]
    where = company(customers=250)
    click = AnswerPropensity(answers, answers.clicked, 1)
    refusal = AnswerPropensity(answers, answers.refused, 1)
    by_click, _ = live(PropensityPolicy(click), where)
    careful, _ = live(PropensityPolicy(click, refusal), where)
    assert 0 < careful["contacts"].sum() < by_click["contacts"].sum()
    outcomes = benchmark_configuration().outcomes
    runs = []
    for _ in range(2):
        bandit = BanditPolicy(answers, click.gains(), outcomes, 1)
        runs.append(live(bandit, where)[0])
    assert runs[0]["contacts"].sum() > 0
    np.testing.assert_array_equal(runs[0]["net"], runs[1]["net"])
