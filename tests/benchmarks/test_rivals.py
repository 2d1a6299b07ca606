"""The rivals learn what they say they learn."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.bandit_policy import BanditPolicy
from benchmarks.logged_answers import live_matrix, logged_answers
from benchmarks.propensity_policies import AnswerPropensity, PropensityPolicy
from benchmarks.training_files import benchmark_configuration, inputs_of
from simulation.rules import Actions, NeverSend
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


def test_live_features_are_those_of_the_log(answers) -> None:  # type: ignore[no-untyped-def]
    """The first rows of a live run, computed as the log's are."""
    where = company(customers=250)
    seen = []

    class Watching(PropensityPolicy):
        def decide(self, pending, world) -> Actions:  # type: ignore[no-untyped-def]
            if pending.n and self._company is not None:
                seen.append(live_matrix(pending, self._company, self.specification))
            return NeverSend().decide(pending, world)

    click = AnswerPropensity(answers, answers.clicked, 1)
    live(Watching(click), where)
    together = np.concatenate(seen)
    assert together.shape[1] == answers.matrix.shape[1]
    for name in ("tenure_hours", "inbound_count_168h", "hours_to_expiry"):
        place = answers.names.index(name)
        logged, now = answers.matrix[:, place], together[:, place]
        assert np.nanmedian(now) == pytest.approx(np.nanmedian(logged), rel=1.0, abs=2.0), name


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
