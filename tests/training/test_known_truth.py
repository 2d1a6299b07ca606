"""Estimators against planted truth: effects, no effects, unequal propensities, random orders."""

from __future__ import annotations

import numpy as np
import pytest

from data_contracts.configuration import Training
from training.gates import gate
from training.lift import LiftRows, beyond_answers
from training.metrics import Resampler, auc, ece
from training.shrunken_effect import fit_shrunken_effect
from training.splits import customer_folds, cuts_of
from training.uplift import doubly_robust, inverse_propensity, uplift_curve

N = 20_000


def planted(seed: int, slope: float, average: float = 0.05) -> dict[str, np.ndarray]:
    """A randomised log with unequal propensities; the effect is `average + slope · x`."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=N)
    z = draw.normal(size=N)
    held = 1 / (1 + np.exp(1.5 - 0.7 * z))
    effect = average + slope * x
    # Those who would do well anyway are sent to more often: a plain difference of means is wrong.
    propensity = 0.15 + 0.7 / (1 + np.exp(-1.5 * z))
    sent = draw.random(N) < propensity
    label = draw.random(N) < np.clip(held + effect * sent, 0, 1)
    return {
        "x": x, "z": z, "held": held, "effect": effect, "propensity": propensity, "sent": sent, "label": label,
        "customer": np.arange(N) // 5,
    }  # fmt: skip


@pytest.mark.parametrize("average", [0.0, 0.05])
def test_average_effects_lie_in_their_intervals(average: float) -> None:
    covered = {"dr": 0, "ips": 0}
    for seed in range(20):
        log = planted(seed, 0.0, average)
        resampler = Resampler(log["customer"], seed)
        model = np.full(N, log["label"].mean())
        robust = doubly_robust(log["label"], log["sent"], log["propensity"], model, model)
        plain = inverse_propensity(log["label"], log["sent"], log["propensity"])
        for name, pseudo in (("dr", robust), ("ips", plain)):
            found = resampler.mean(pseudo)
            covered[name] += found.low <= average <= found.high
    # 95 % intervals over 20 seeds: fewer than 16 covered has a chance below one in four hundred.
    assert covered["dr"] >= 16 and covered["ips"] >= 16


def test_a_plain_difference_of_the_arms_would_be_wrong() -> None:
    log = planted(1, 0.0, 0.0)
    naive = log["label"][log["sent"]].mean() - log["label"][~log["sent"]].mean()
    assert naive > 0.05


def test_planted_differences_are_found_and_none_are_made_up() -> None:
    deviations = []
    for seed in range(10):
        none = planted(seed, 0.0)
        basis = np.column_stack([none["x"], none["z"], np.random.default_rng(seed).normal(size=(N, 8))])
        pseudo = doubly_robust(none["label"], none["sent"], none["propensity"], none["held"], none["held"])
        weight = none["propensity"] * (1 - none["propensity"])
        fit = fit_shrunken_effect(basis, pseudo, weight)
        deviations.append(float(fit.predict(basis).std()))
        assert abs(fit.average - 0.05) < 5 * fit.error
    assert np.median(deviations) < 0.01
    some = planted(3, 0.08)
    basis = np.column_stack([some["x"], some["z"], np.random.default_rng(3).normal(size=(N, 8))])
    pseudo = doubly_robust(some["label"], some["sent"], some["propensity"], some["held"], some["held"])
    fit = fit_shrunken_effect(basis, pseudo, some["propensity"] * (1 - some["propensity"]))
    assert np.corrcoef(fit.predict(basis), some["effect"])[0, 1] > 0.9
    assert fit.coefficients[0] == pytest.approx(0.08, abs=0.03)


def test_a_random_order_has_qini_nought_and_auuc_one_half() -> None:
    log = planted(5, 0.0, 0.1)
    everyone = uplift_curve(np.zeros(N), log["label"], log["sent"], log["propensity"])
    assert everyone.qini == pytest.approx(0.0, abs=1e-12)
    assert everyone.auuc == pytest.approx(0.5, abs=1e-9)
    known = planted(5, 0.1, 0.1)
    best = uplift_curve(known["x"], known["label"], known["sent"], known["propensity"])
    worst = uplift_curve(-known["x"], known["label"], known["sent"], known["propensity"])
    assert best.qini > 0.005 > -0.005 > worst.qini


def test_shuffled_orders_have_qini_nought_on_average() -> None:
    log = planted(6, 0.1, 0.1)
    draw = np.random.default_rng(6)
    curves = [
        uplift_curve(draw.permutation(N).astype(float), log["label"], log["sent"], log["propensity"])
        for _ in range(60)
    ]
    for found, expected in (
        ([one.qini for one in curves], 0.0),
        ([one.auuc for one in curves], 0.5),
    ):
        assert abs(np.mean(found) - expected) < 4 * np.std(found) / np.sqrt(len(found))
    best = uplift_curve(log["x"], log["label"], log["sent"], log["propensity"])
    assert best.qini > max(one.qini for one in curves)


def test_calibration_error_and_auc_of_the_truth() -> None:
    draw = np.random.default_rng(2)
    p = draw.uniform(0.05, 0.6, N)
    label = draw.random(N) < p
    assert ece(p, label) < 0.01
    assert ece(np.clip(p * 1.5, 0, 1), label) > 0.1
    assert auc(np.full(N, 0.3), label) == pytest.approx(0.5)


def test_slices_leave_an_embargo_and_folds_keep_customers_together() -> None:
    window = 72
    moment = np.arange(1000, dtype=np.int64)
    cuts = cuts_of(moment, Training())
    train, later, test = cuts.train(moment, window), cuts.calibrate(moment, window), cuts.tested(moment)
    assert moment[train].max() + window <= moment[later].min()
    assert moment[later].max() + window <= moment[test].min()
    assert not (train & later).any() and not (later & test).any()
    folds = customer_folds(500, 3, 1)
    assert set(folds) == {0, 1, 2} and (folds == customer_folds(500, 3, 1)).all()
    assert len(set(customer_folds(37, 3, 1))) > 3


GOOD = {
    "goal_log_loss_gain": 0.1, "goal_log_loss_gain_low": 0.05, "goal_log_loss_gain_high": 0.15,
    "goal_ece": 0.02, "goal_ece_floor": 0.02,
} | {
    f"{name}_{figure}": value
    for name in ("helps_send", "interrupts_send")
    for figure, value in (
        ("log_loss_gain", 0.01), ("log_loss_gain_low", 0.005), ("log_loss_gain_high", 0.02),
        ("ece", 0.02), ("ece_floor", 0.02),
    )
}  # fmt: skip


def test_the_gate_says_why() -> None:
    first = gate("auto", GOOD, None)
    assert first.promoted and "first" in first.reason
    worse = GOOD | {"helps_send_log_loss_gain": -0.05, "helps_send_log_loss_gain_low": -0.06}
    worse |= {"helps_send_log_loss_gain_high": -0.04}
    refused = gate("auto", worse, None)
    assert not refused.promoted and "helps" in refused.reason
    assert gate("always", worse, None).promoted and not gate("never", GOOD, None).promoted
    assert not gate("auto", GOOD | {"helps_send_ece": 0.3}, None).promoted


def test_pseudo_outcomes_average_to_the_effect_beyond_answers_whatever_the_models_say() -> None:
    """Propensities are known, so wrong chances cost precision, not truth (double robustness)."""
    draw = np.random.default_rng(8)
    n = 400_000
    keen = draw.random(n) < 0.5
    propensity = np.where(keen, 0.8, 0.3)
    sent = draw.random(n) < propensity
    answer, held, delta = np.where(keen, 0.3, 0.1), np.where(keen, 0.2, 0.05), np.where(keen, 0.08, -0.02)
    linked = sent & (draw.random(n) < answer)
    # lift = L · (1 − m) + δ, with answers and other events independent of each other.
    beyond = held + np.where(sent, delta / (1.0 - answer), 0.0)
    label = linked | (draw.random(n) < beyond)
    for wrong in (1.0, 0.5):
        rows = LiftRows(
            matrix=np.zeros((n, 1), np.float32),
            sent=sent,
            propensity=propensity,
            label=label,
            linked=linked,
            answer=answer,
            held=held * wrong,
            other=np.zeros((n, 2)),
        )
        pseudo, weight = beyond_answers(rows)
        # With a wrong m the term L · m, which is added back, is off by L · (m − its true value).
        shift = answer * held * (1.0 - wrong)
        for group in (keen, ~keen):
            error = pseudo[group].std() / np.sqrt(group.sum())
            assert abs(pseudo[group].mean() + shift[group].mean() - delta[group].mean()) < 4.0 * error
        assert (weight > 0).all()
