"""Estimators of a policy's value against planted truth; supports that are too thin."""

from __future__ import annotations

import numpy as np
import pytest

from data_contracts.configuration import Training
from evaluation.estimators import ESTIMATORS, LoggedRewards, switch_value
from evaluation.reward_models import out_of_fold_chances
from evaluation.support import (
    LEAST_EFFECTIVE_ARM,
    LEAST_EFFECTIVE_ROWS,
    MOST_OUTSIDE,
    effective,
    support_of,
)
from evaluation.values import over_never, value_of
from training.metrics import Resampler

N = 4_000


def planted(
    seed: int, wrong_models: bool = False
) -> tuple[LoggedRewards, np.ndarray, np.ndarray, float, float]:
    """A log with unequal propensities; the policy sends where `x > 0`.

    Returns the log, the customers, what the policy sends, its true value and its true gain over never.
    """
    draw = np.random.default_rng(seed)
    customer = np.arange(N) // 4
    x = draw.normal(size=N)
    # What is good anyway is sent more often, and the effect is in x: raw means of the arms are wrong.
    held = 1 / (1 + np.exp(1.0 - 0.8 * x))
    effect = 0.25 * np.tanh(x) * held * (1 - held) * 4 * 0.5
    propensity = 0.1 + 0.8 / (1 + np.exp(-x))
    sent = draw.random(N) < propensity
    reward = (draw.random(N) < held + effect * sent).astype(float)
    sends = (x > 0).astype(float)
    if wrong_models:
        if_sent, if_held = np.full(N, 0.9), np.full(N, 0.1)
    else:
        if_sent, if_held = held + effect, held
    log = LoggedRewards(reward, sent, propensity, if_sent, if_held)
    return log, customer, sends, float((held + effect * sends).mean()), float((effect * sends).mean())


@pytest.mark.parametrize("wrong_models", [False, True])
def test_every_estimator_recovers_the_value_within_its_interval(wrong_models: bool) -> None:
    value_covered, gain_covered = dict.fromkeys(ESTIMATORS, 0), dict.fromkeys(ESTIMATORS, 0)
    errors: dict[str, list[float]] = {name: [] for name in ESTIMATORS}
    for seed in range(20):
        log, customer, sends, value, gain = planted(seed, wrong_models)
        resampler = Resampler(customer, seed)
        for name, estimator in ESTIMATORS.items():
            found = value_of(log, sends, estimator, resampler)
            value_covered[name] += found.value.low <= value <= found.value.high
            gain_covered[name] += found.over_never.low <= gain <= found.over_never.high
            errors[name].append(found.over_never.value - gain)
    for name in ESTIMATORS:
        if name == "switch_dr" and wrong_models:
            continue  # it may lean on the models, which are as wrong as can be
        # Fewer than 16 of 20 intervals at 95 % has a chance below one in four hundred.
        assert value_covered[name] >= 16 and gain_covered[name] >= 16, (
            f"{name}: {value_covered}, {gain_covered}"
        )
        assert abs(np.mean(errors[name])) < 0.01, f"{name} is biased by {np.mean(errors[name]):.4f}"
    if not wrong_models:
        assert np.std(errors["dr"]) < np.std(errors["ips"]), "good models take noise away"


def test_raw_means_of_the_arms_would_be_wrong() -> None:
    log, _, sends, _, gain = planted(1)
    chosen = sends > 0
    naive = log.reward[log.sent & chosen].mean() - log.reward[~log.sent & chosen].mean()
    assert naive * chosen.mean() > 1.4 * gain


def test_never_over_never_is_nought_and_the_logged_policy_is_worth_what_was_done() -> None:
    log, customer, _, _, _ = planted(2)
    resampler = Resampler(customer, 2)
    for estimator in ESTIMATORS.values():
        assert over_never(log, np.zeros(N), estimator, resampler) == (0.0, 0.0, 0.0)
        same = value_of(log, log.propensity, estimator, resampler)
        assert same.value.value == pytest.approx(log.reward.mean(), abs=0.02)


def test_an_effect_of_nought_is_found_as_nought() -> None:
    covered = dict.fromkeys(ESTIMATORS, 0)
    for seed in range(20):
        draw = np.random.default_rng([seed, 9])
        log, customer, sends, _, _ = planted(seed)
        nothing = LoggedRewards(
            (draw.random(N) < log.if_held).astype(float), log.sent, log.propensity, log.if_held, log.if_held
        )
        resampler = Resampler(customer, seed)
        for name, estimator in ESTIMATORS.items():
            found = over_never(nothing, sends, estimator, resampler)
            covered[name] += found.low <= 0.0 <= found.high
    assert min(covered.values()) >= 16, covered


def test_switch_leaves_the_heavy_weights_to_the_models() -> None:
    draw = np.random.default_rng(4)
    n = 3_000
    propensity = np.where(np.arange(n) % 100 == 0, 0.002, 0.5)
    sent = draw.random(n) < propensity
    sent[0] = True  # one row with a weight of five hundred
    chance = np.full(n, 0.3)
    reward = (draw.random(n) < chance).astype(float)
    reward[0] = 1.0
    log = LoggedRewards(reward, sent, propensity, chance, chance)
    everything = np.ones(n)
    robust = ESTIMATORS["dr"](log, everything).numerator.mean()
    switched = switch_value(log, everything).numerator.mean()
    assert abs(switched - 0.3) < 0.05 < abs(robust - 0.3)


def test_chances_come_from_other_customers_alone() -> None:
    draw = np.random.default_rng(5)
    customer = np.repeat(np.arange(60), 50)
    n, fold = len(customer), customer % 5
    # One column tells something of everybody, the other one names the customer, who has ways of their own.
    z, own = draw.normal(size=n), draw.choice([-1.0, 1.0], 60)[customer]
    label = draw.random(n) < 1 / (1 + np.exp(-1.5 * z - 2.0 * own))
    matrix = np.column_stack([customer, z]).astype(np.float32)
    arm = draw.random(n) < 0.7
    chance = out_of_fold_chances(matrix, label, arm, fold, [], Training())
    assert np.corrcoef(chance, z)[0, 1] > 0.7, "what holds for everybody is learnt"
    assert np.corrcoef(chance, own)[0, 1] < 0.15, "what was seen of the customer is not"


def test_effective_rows_are_kishs() -> None:
    assert effective(np.ones(50)) == pytest.approx(50)
    assert effective(np.asarray([1.0, 0.0, 0.0])) == pytest.approx(1)
    assert effective(np.zeros(3)) == 0.0


def log_of(n: int, chance: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    sent = np.random.default_rng(seed).random(n) < chance
    return sent, np.full(n, chance)


def test_thin_support_is_refused_with_what_is_needed() -> None:
    everything = np.ones(2_000, bool)
    sent, chance = log_of(2_000, 0.5)
    assert support_of(everything, sent, chance, everything, chance).refusal is None
    # Two percent of exploration: 2,000 rows hold some twenty of each arm that was not chosen.
    sent, chance = log_of(2_000, 0.01)
    thin = support_of(everything, sent, chance, everything, chance)
    assert thin.refusal is not None and "more randomised decisions" in thin.refusal
    assert thin.effective_rows == pytest.approx(sent.sum())
    needed = int(thin.refusal.split("about ")[1].split(" ")[0].replace(",", ""))
    sent, chance = log_of(2_000 + needed, 0.01, seed=2)
    more = np.ones(len(sent), bool)
    assert support_of(more, sent, chance, more, chance).effective_rows == pytest.approx(
        LEAST_EFFECTIVE_ROWS, rel=0.3
    )


def test_a_few_sends_of_one_arm_alone_are_refused() -> None:
    sent, chance = log_of(2_000, 0.5)
    some = np.zeros(2_000, bool)
    some[np.flatnonzero(sent)[:40]] = True
    found = support_of(some, sent, chance, some, chance)
    assert found.effective_rows > LEAST_EFFECTIVE_ROWS and found.effective_held < LEAST_EFFECTIVE_ARM
    assert found.refusal is not None and "held back" in found.refusal


@pytest.mark.parametrize(("certain", "sends"), [(0.0, True), (1.0, False), (0.0005, True)])
def test_what_the_log_never_did_is_refused(certain: float, sends: bool) -> None:
    sent, chance = log_of(1_000, 0.5)
    logged_chance = np.r_[chance, np.full(400, certain)]
    does = np.full(1_400, sends)
    found = support_of(does[:1_000], sent, chance, does, logged_chance)
    assert found.outside == pytest.approx(400 / 1_400) and found.outside > MOST_OUTSIDE
    assert found.refusal is not None and "29%" in found.refusal
    other = support_of(~does[:1_000], sent, chance, ~does, logged_chance)
    assert other.outside == 0.0 and other.refusal is None
