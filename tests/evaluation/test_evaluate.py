"""Values of policies on a company whose effects are planted, from its files to the numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_contracts.configuration import Configuration
from data_contracts.errors import TooLittleData
from data_contracts.times import format_time, parse_time
from evaluation.contenders import Contender, contenders_of, model_sends
from evaluation.evaluate import Evaluated, evaluate, known_metrics, metrics_of
from evaluation.figures import values_figure
from evaluation.model_scores import ModelScores
from evaluation.study import Model, Study
from evaluation.values import policy_value
from models.bundle import Bundle
from tests.training.planted import HOUR, QUICK, company, true_lift, write
from training.fitting import fit
from training.inputs import Inputs, read_inputs
from training.progress import SilentStages

FREE: Configuration = QUICK.model_copy(
    update={"policy": QUICK.policy.model_copy(update={"caps": (), "quiet_hours": False})}
)
"""No rule stands in the way, so that what a policy sends is known by hand."""


def planted_inputs(folder: Path, seed: int, customers: int = 300, effects: float = 1.0) -> Inputs:
    touchpoints, decisions = company(seed, customers, effects=effects)
    return read_inputs(*write(folder, touchpoints, decisions), FREE, None)


def truth(study: Study, contender: Contender, effects: float = 1.0) -> float:
    """The true gain a row over never sending, on the study's randomised rows."""
    rows = study.logged.rows
    topics = np.asarray([*rows.candidates.words["topic"]])[rows.candidates.codes["topic"]]
    lifts = []
    for customer, topic in zip(rows.customer.tolist(), topics.tolist(), strict=True):
        helps, interrupts = true_lift(customer % 2 == 0, topic)
        lifts.append(FREE.policy.helps_weight * helps - FREE.policy.interrupts_weight * interrupts)
    gain = effects * np.asarray(lifts) * contender.sends
    return float(gain[study.randomised].mean())


def valued(inputs: Inputs, models: tuple[Model, ...] = (), since: int | None = None) -> Evaluated:
    return evaluate(inputs, FREE, models, None, since, SilentStages())


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> tuple[Inputs, Bundle]:
    inputs = planted_inputs(tmp_path_factory.mktemp("planted"), 11, customers=400)
    return inputs, fit(inputs, FREE, 7, SilentStages()).bundle


@pytest.mark.slow
def test_a_models_value_is_the_planted_one_on_rows_that_it_has_not_seen(learnt: tuple[Inputs, Bundle]) -> None:
    inputs, bundle = learnt
    found = valued(inputs, (Model("champion", bundle),))
    by_name = {one.name: one for one in found.policies}
    assert found.study.since == parse_time(str(bundle.description["learned_until"]))
    assert found.study.logged.rows.moment.min() >= found.study.since
    for name in ("send all", "champion"):
        one = by_name[name]
        true = truth(found.study, one.contender)
        for estimator, value in one.values.items():
            assert value.over_never.low <= true <= value.over_never.high, f"{name} by {estimator}: {true}"
    champion, everything = by_name["champion"].values["dr"], by_name["send all"].values["dr"]
    assert champion.over_never.low > 0, "it sends the offers and keeps the nags"
    assert champion.over_never.value > everything.over_never.value
    assert not found.refusals
    names = known_metrics([one.name for one in found.policies])
    assert set(metrics_of(found)) <= set(names)
    assert values_figure(found).axes[0].get_yticklabels()[0].get_text().startswith("champion")


@pytest.mark.slow
def test_a_model_of_all_rows_is_valued_as_it_was_before(learnt: tuple[Inputs, Bundle]) -> None:
    inputs, before = learnt
    whole = {**before.description, "learned_until": format_time(inputs.until)}
    served = replace(before, description=whole)
    found = valued(inputs, (Model("champion", served, before),))
    assert found.study.since == parse_time(str(before.description["learned_until"]))
    assert any("valued as it was before" in note for note in found.notes)
    with pytest.raises(TooLittleData):
        valued(inputs, (Model("champion", served),))


@pytest.mark.slow
def test_a_field_that_is_the_treatment_decides_nothing(learnt: tuple[Inputs, Bundle], tmp_path: Path) -> None:
    _, bundle = learnt
    touchpoints, decisions = company(12, 200)
    # This log learns a message's topic when it goes out, and the model knows that offers are good.
    decisions["topic"] = decisions["topic"].where(decisions["action"] == "send", None)
    inputs = read_inputs(*write(tmp_path, touchpoints, decisions), FREE, None)
    found = valued(inputs, (Model("champion", bundle),), since=0)
    assert any("The field topic tells what was sent" in note for note in found.notes)
    sends = next(one for one in found.policies if one.name == "champion").contender.sends
    rows = found.study.logged.rows
    keen = rows.customer % 2 == 0
    for group in (keen, ~keen):
        arms = [sends[group & arm].mean() for arm in (rows.sent, ~rows.sent)]
        assert abs(arms[0] - arms[1]) < 0.1, "what is sent may not depend on what was"


@pytest.mark.slow
def test_an_earlier_period_is_marked_as_seen(learnt: tuple[Inputs, Bundle]) -> None:
    inputs, bundle = learnt
    found = valued(inputs, (Model("champion", bundle),), since=0)
    assert any("champion was fitted on rows until" in note for note in found.notes)


@pytest.mark.slow
def test_rules_cover_the_truth_over_seeds(tmp_path: Path) -> None:
    covered = 0
    for seed in range(5):
        found = valued(planted_inputs(tmp_path / str(seed), seed, customers=120))
        everything = next(one for one in found.policies if one.name == "send all")
        true = truth(found.study, everything.contender)
        value = everything.values["dr"].over_never
        covered += value.low <= true <= value.high
        assert value.high - value.low < 0.2
    assert covered >= 4


def test_without_effects_sending_is_worth_nothing(tmp_path: Path) -> None:
    found = valued(planted_inputs(tmp_path, 3, effects=0.0))
    everything = next(one for one in found.policies if one.name == "send all")
    for estimator, value in everything.values.items():
        assert value.over_never.low <= 0.0 <= value.over_never.high, estimator


@pytest.mark.parametrize("certain", [1.0, 0.0])
def test_a_log_that_left_nothing_to_chance_is_refused(tmp_path: Path, certain: float) -> None:
    touchpoints, decisions = company(1, 60)
    decisions["send_probability"] = np.where(decisions["action"] == "send", 1.0, 0.0)
    if certain == 0.0:
        decisions = decisions[decisions["action"] != "send"]
    inputs = read_inputs(*write(tmp_path, touchpoints, decisions), FREE, None)
    with pytest.raises(TooLittleData, match="0 were sent and 0 held back at random"):
        valued(inputs)


def test_without_a_log_nothing_is_valued(tmp_path: Path) -> None:
    touchpoints, _ = company(1, 30)
    inputs = read_inputs(*write(tmp_path, touchpoints, None), FREE, None)
    with pytest.raises(TooLittleData, match="decision log"):
        valued(inputs)


def test_contact_rules_hold_along_the_logged_touches(tmp_path: Path) -> None:
    touchpoints, decisions = company(2, 60)
    inputs = read_inputs(*write(tmp_path, touchpoints, decisions), FREE, None)
    study = valued(inputs).study
    # A decision comes every three days, more or less: one send in two days holds nothing back that a
    # send in the last two days did not precede, by hand.
    rows = study.logged.rows
    sends = touchpoints[touchpoints["event_type"] == "message_sent"]
    times = {
        name: part["event_time"].to_numpy("datetime64[us]").astype(np.int64)
        for name, part in sends.groupby("customer_id")
    }
    capped = FREE.policy.model_copy(
        update={"caps": FREE.policy.model_validate({"caps": [{"window_hours": 71, "sends": 1}]}).caps}
    )
    allowed = study.conditions.allowed(capped)
    for row in range(len(rows)):
        name, moment = inputs.customers[rows.customer[row]], int(rows.moment[row])
        earlier = times.get(name, np.zeros(0, np.int64))
        blocked = bool(((earlier < moment) & (earlier > moment - 71 * HOUR)).any())
        assert allowed[row] == (not blocked)
    assert 0.2 < allowed.mean() < 0.95


def test_the_best_of_a_moment_goes_and_caps_come_first(tmp_path: Path) -> None:
    touchpoints, decisions = company(4, 60)
    # Two messages of one moment in one decision, drawn each by itself.
    second = decisions.assign(message_id=decisions["message_id"] + "-b", action="suppress")
    both = decisions[decisions["action"] != "send"]
    log = pd.concat([both, second[second["decision_id"].isin(both["decision_id"])]])
    rest = decisions[decisions["action"] == "send"]
    log = pd.concat([log, rest], ignore_index=True)
    inputs = read_inputs(*write(tmp_path, touchpoints, log), FREE, None)
    study = valued(inputs).study
    n = len(study.logged)
    worth = np.random.default_rng(1).normal(size=n)
    nothing = np.zeros(n)
    scored = replace(study, scores={"m": ModelScores(nothing, worth, nothing, nothing)})
    sends = model_sends(scored, "m", FREE.policy)
    rows = study.logged.rows
    assert (worth[sends] >= 0).all()
    pairs = np.unique(np.column_stack([rows.customer[sends], rows.moment[sends]]), axis=0)
    assert len(pairs) == sends.sum(), "max_sends_per_decision is 1"
    for customer, moment in np.unique(np.column_stack([rows.customer, rows.moment]), axis=0):
        mine = (rows.customer == customer) & (rows.moment == moment)
        assert sends[mine].sum() == (worth[mine].max() >= 0)
        if sends[mine].any():
            assert worth[mine][sends[mine]][0] == worth[mine].max()
    priced = replace(study, scores={"m": ModelScores(nothing, worth, nothing, nothing + 10.0)})
    assert not model_sends(priced, "m", FREE.policy).any(), "the price of attention is charged"


def test_another_policy_is_valued_beside_the_models_own(tmp_path: Path) -> None:
    inputs = planted_inputs(tmp_path, 5, customers=60)
    study = valued(inputs).study
    nothing = np.zeros(len(study.logged))
    scored = replace(study, scores={"m": ModelScores(nothing, nothing + 0.1, nothing, nothing)})
    bold, shy = FREE.policy, FREE.policy.model_copy(update={"minimum_net_value": 0.2})
    found = {one.name: one for one in contenders_of(scored, bold, {"m": bold}, ("shy.toml", shy))}
    assert found["m"].sends.all() and not found["m, shy.toml"].sends.any()
    assert policy_value(scored, found["m, shy.toml"], bold).values["dr"].over_never.value == 0.0
