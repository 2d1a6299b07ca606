"""Settings turned on a company whose effects are planted: customers' outcome and departments' figures."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from command_line.sensitivity import _finite, _numbers, _print
from data_contracts.configuration import Policy
from data_contracts.errors import InvalidRequest
from evaluation.frontier import frontier_figure
from evaluation.model_scores import ModelScores
from evaluation.sensitivity import Point, Setting, frontier, points_of, settings_around
from evaluation.study import Study, study_of
from tests.evaluation.test_command import tact
from tests.evaluation.test_evaluate import FREE
from tests.training.planted import ANSWER, company, true_lift, write
from training.inputs import read_inputs
from training.metrics import Estimate
from training.progress import SilentStages


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A log of offers and nags, whose senders value an answer at 3, and a model that knows the truth."""
    touchpoints, decisions = company(21, 300)
    decisions["value"] = 3.0
    inputs = read_inputs(*write(tmp_path_factory.mktemp("planted"), touchpoints, decisions), FREE, None)
    found = study_of(inputs, FREE, (), 0, SilentStages())
    rows = found.logged.rows
    topics = np.asarray([*rows.candidates.words["topic"]])[rows.candidates.codes["topic"]]
    keen = rows.customer % 2 == 0
    lifts = np.asarray([true_lift(bool(k), str(t)) for k, t in zip(keen, topics, strict=True)])
    # The model gives the keen a chance whatever the topic, so that a full balance sends them nags as well.
    chances = np.where(keen, 0.3, 0.05)
    scores = ModelScores(chances, lifts[:, 0], lifts[:, 1], np.zeros(len(rows)))
    return replace(found, scores={"m": scores})


def truth(study: Study, setting: Setting) -> tuple[float, float]:
    """True customers' outcome and share sent of a setting, a row."""
    scores, policy = study.scores["m"], setting.of(FREE.policy)
    worth = scores.worth(policy, np.full(len(study.logged), 3.0))
    gain = (worth >= 0) * (scores.lift_helps - 2 * scores.lift_interrupts)
    return float(gain[study.randomised].mean()), float((worth >= 0)[study.randomised].mean())


def test_each_setting_is_worth_what_was_planted(study: Study) -> None:
    own, settings = settings_around(FREE.policy, [0.0, 1.0], [2.0], ["as they are"])
    points = {one.setting.balance: one for one in points_of(study, "m", FREE.policy, settings)}
    assert own == Setting(0.0, 2.0, "as they are")
    for balance, point in points.items():
        outcome, sent = truth(study, point.setting)
        assert point.outcome is not None and point.outcome.low <= outcome <= point.outcome.high, balance
        assert point.sends == pytest.approx(sent)
    alone, full = points[0.0], points[1.0]
    assert full.sends > alone.sends + 0.1, "a full balance sends the keen their nags"
    assert alone.outcome is not None and full.outcome is not None
    assert alone.outcome.value > full.outcome.value + 0.02, "and the customers pay for it"
    assert full.interrupts is not None and full.interrupts.low > 0


def test_a_departments_figures_are_the_planted_ones(study: Study) -> None:
    _, settings = settings_around(FREE.policy, [0.0], [2.0], ["as they are"])
    (point,) = points_of(study, "m", FREE.policy, settings)
    figures = (point.departments or {})["marketing"]
    # Only offers go, to keen and others alike.
    expected = (ANSWER[True] + ANSWER[False]) / 2
    assert figures.answered.low <= expected <= figures.answered.high
    assert figures.answered.high - figures.answered.low < 0.06
    assert figures.sent == pytest.approx(0.6, abs=0.03)
    assert figures.value.low <= 3 * expected * figures.sent <= figures.value.high
    assert point.value is not None and point.value.value == pytest.approx(figures.value.value, rel=0.1)


def test_caps_are_turned_and_never_to_nothing() -> None:
    policy = Policy.model_validate(
        {
            "caps": [
                {"window_hours": 24, "sends": 1},
                {"window_hours": 48, "sends": 5},
                {"window_hours": 1, "sends": 0},
            ]
        }
    )
    sends = {
        name: [cap.sends for cap in Setting(0, 2, name).of(policy).caps] for name in ("half", "double", "none")
    }
    assert sends == {"half": [1, 2, 0], "double": [2, 10, 0], "none": []}


def point(value: float, outcome: float, balance: float = 0.0) -> Point:
    def exact(number: float) -> Estimate:
        return Estimate(number, number - 0.001, number + 0.001)

    return Point(
        Setting(balance, 2.0, "as they are"),
        0.5,
        None,
        exact(0.0),
        exact(0.0),
        exact(outcome),
        exact(value),
        {},
    )


def test_the_frontier_keeps_what_no_other_beats_in_both() -> None:
    best = [point(0.01, 0.05), point(0.02, 0.03), point(0.04, 0.01)]
    beaten = [
        point(0.015, 0.02),
        point(0.01, 0.04),
        point(0.039, 0.01),
        Point(best[0].setting, 0.1, "too thin"),
    ]
    assert frontier([*beaten, *best]) == best
    figure = frontier_figure([*beaten, *best], best[0].setting)
    assert "no setting beats" in " ".join(text.get_text() for text in figure.axes[0].get_legend().get_texts())


def test_the_answer_is_json_with_null_for_unknown() -> None:
    raw = _finite({"a": [float("nan"), 1.0], "b": Point(Setting(0, 1, "none"), 0.0, "too thin").as_dict()})
    assert json.loads(json.dumps(raw, allow_nan=False))["a"] == [None, 1.0]


def test_the_table_turns_one_thing_at_a_time(study: Study) -> None:
    own, settings = settings_around(FREE.policy, [0.0, 1.0], [1.0], ["none"])
    points = list(points_of(study, "m", FREE.policy, settings))
    assert len(points) == len(settings) == 8
    console = Console(record=True, width=118, file=io.StringIO())
    _print(console, points, own, ["a note"])
    told = console.export_text()
    assert "0*" in told and "2*" in told and "as they are*" in told and "- a note" in told
    assert told.count("+0.") + told.count("-0.") > 0 and "marketing" in told


@pytest.mark.parametrize("text", ["a", "0,2", "-1"])
def test_wrong_numbers_are_named(text: str) -> None:
    with pytest.raises(InvalidRequest, match="--balance"):
        _numbers("--balance", text, 1.0)


@pytest.mark.slow
def test_it_needs_a_model_and_says_what_it_is_for(tmp_path: Path) -> None:
    told = tact(tmp_path, "sensitivity", "--help")
    assert "picked with open eyes" in " ".join(told.stdout.split())
    files = write(tmp_path, *company(1, 20))
    missing = tact(tmp_path, "sensitivity", "--touchpoints", str(files[0]), "--decisions", str(files[1]))
    assert (
        missing.returncode == 2 and "alias 'champion'" in missing.stderr and "Traceback" not in missing.stderr
    )
