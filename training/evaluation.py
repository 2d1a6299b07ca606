"""What the models are worth on the test slice, each figure beside its baseline and with its interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from data_contracts.configuration import Configuration, Policy
from features.columns import Float64, Int64
from models.bundle import OUTCOMES
from training.calibrating import logistic_calibrator
from training.contact_models import Slice
from training.fitting import Fitted
from training.metrics import (
    Estimate,
    Labels,
    Resampler,
    auc,
    class_log_losses,
    ece,
    log_losses,
)
from training.uplift import (
    Decile,
    UpliftCurve,
    curve_by_weight,
    deciles,
    doubly_robust,
    inverse_propensity,
    uplift_curve,
)


@dataclass(frozen=True)
class Line:
    """A line of the summary: a model's figure beside its baseline."""

    model: str
    figure: str
    value: str
    baseline: str
    gain: str


@dataclass
class Evaluation:
    """Metrics by name (see `metric_names`), lines for people, and what the figures draw.

    `chances` holds per model (`helps_send`) the test rows' predictions and labels; `curves` and
    `deciles` hold the uplift of each outcome where there is a control; `gains` are pseudo-outcomes of the
    net value of the rows that measure lift, and `sends` what the rule does with them.
    """

    metrics: dict[str, float] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    chances: dict[str, tuple[Float64, Labels]] = field(default_factory=dict)
    moments: dict[str, Int64] = field(default_factory=dict)
    curves: dict[str, dict[str, UpliftCurve]] = field(default_factory=dict)
    deciles: dict[str, list[Decile]] = field(default_factory=dict)
    losses: dict[str, Float64] = field(default_factory=dict)
    gains: Float64 | None = None
    sends: Float64 | None = None


def evaluate(fitted: Fitted, configuration: Configuration, seed: int) -> Evaluation:
    """Evaluate a fitted bundle on its test slice."""
    result = Evaluation()
    _goal(result, fitted, seed)
    for outcome in OUTCOMES:
        for arm in ("send", "hold"):
            _chance(result, fitted, outcome, arm, seed)
    result.metrics |= {
        "price_of_attention": fitted.price.value,
        "price_contacts_per_week": fitted.price.contacts_per_week,
    }
    for outcome, loss in fitted.price.losses.items():
        result.metrics |= {f"{outcome}_answers_lost": loss.share, f"{outcome}_answers_lost_error": loss.error}
    if fitted.has_control:
        _lift(result, fitted, configuration.policy, seed)
    return result


def _goal(result: Evaluation, fitted: Fitted, seed: int) -> None:
    test = fitted.goal_test
    if not len(test.label):
        return
    classes = test.probabilities.shape[1]
    prior = np.asarray(fitted.goal.prior)
    # Shares of goals after each last goal event, shrunk toward the prior by ten moments.
    table = np.tile(10.0 * prior, (classes, 1))
    np.add.at(table, (test.train_last_goal, test.train_label), 1.0)
    table /= table.sum(axis=1, keepdims=True)
    by_last = table[test.last_goal]
    resampler = Resampler(test.customer, seed)
    losses = class_log_losses(test.probabilities, test.label)
    prior_losses = class_log_losses(np.tile(prior, (len(losses), 1)), test.label)
    last_losses = class_log_losses(by_last, test.label)
    better = last_losses if last_losses.mean() < prior_losses.mean() else prior_losses
    gain = resampler.mean(better - losses)
    right = test.probabilities.argmax(axis=1) == test.label
    accuracy = resampler.mean(right.astype(np.float64))
    majority = float((test.label == prior.argmax()).mean())
    by_event = float((by_last.argmax(axis=1) == test.label).mean())
    top = test.probabilities.max(axis=1)
    result.losses["goal"] = losses
    result.metrics |= {
        "goal_log_loss": float(losses.mean()),
        "goal_log_loss_prior": float(prior_losses.mean()),
        "goal_log_loss_last_event": float(last_losses.mean()),
        **_bounded("goal_log_loss_gain", gain),
        "goal_accuracy": accuracy.value,
        "goal_accuracy_majority": majority,
        "goal_accuracy_last_event": by_event,
        "goal_ece": ece(top, right),
        "goal_ece_floor": ece_floor(top, seed),
    }
    result.lines += [
        Line("goal", "log loss", f"{losses.mean():.3f}", f"{better.mean():.3f} (best baseline)", gain.told()),
        Line(
            "goal",
            "accuracy",
            accuracy.told(),
            f"{max(majority, by_event):.3f} (majority {majority:.3f}, last goal event {by_event:.3f})",
            "",
        ),
    ]


def _chance(result: Evaluation, fitted: Fitted, outcome: str, arm: str, seed: int) -> None:
    test, model = fitted.test, fitted.chances[f"{outcome}_{arm}"]
    rows = np.flatnonzero((test.sent if arm == "send" else ~test.sent) & ~test.transactional)
    label = test.labels[outcome][rows]
    if not len(rows) or (model.fit is None and not label.any()):
        return
    matrix, name = test.matrix[rows], f"{outcome}_{arm}"
    p = model.served.predict(matrix)
    prior = np.full(len(p), model.served.base_rate)
    resampler = Resampler(test.customer[rows], seed)
    losses, prior_losses = log_losses(p, label), log_losses(prior, label)
    gain = resampler.mean(prior_losses - losses)
    area = resampler.auc(p, label)
    error, floor = ece(p, label), ece_floor(p, seed)
    result.losses[name] = losses
    result.chances[name] = (p, label)
    result.moments[name] = test.moment[rows]
    found = {
        "rows": float(len(rows)),
        "rate": float(label.mean()),
        "mean_prediction": float(p.mean()),
        "log_loss": float(losses.mean()),
        "log_loss_prior": float(prior_losses.mean()),
        **_bounded("log_loss_gain", gain),
        **_bounded("auc", area),
        "brier": float(np.square(p - label).mean()),
        "brier_prior": float(np.square(prior - label).mean()),
        "ece": error,
        "ece_floor": floor,
    }
    result.metrics |= {f"{name}_{key}": value for key, value in found.items()}
    told = f"{outcome}, {'sent' if arm == 'send' else 'held'}"
    rivals = "0.500 (rate)"
    if arm == "send":
        clicks = fitted.contact.answers[outcome].served.predict(matrix)
        area_of_clicks = auc(clicks, label)
        scaled = logistic_calibrator(clicks, label).apply(clicks)
        result.metrics |= {
            f"{outcome}_send_log_loss_click": float(log_losses(scaled, label).mean()),
            f"{outcome}_send_auc_click": area_of_clicks,
        }
        if fitted.contact.answers[outcome] is not model:
            rivals += f", {area_of_clicks:.3f} (answers alone)"
    result.lines += [
        Line(told, "log loss", f"{losses.mean():.4f}", f"{prior_losses.mean():.4f} (rate)", gain.told(4)),
        Line(told, "AUC", area.told(), rivals, ""),
        Line(told, "calibration error", f"{error:.3f}", f"{floor:.3f} (if perfect)", ""),
    ]


def _qini(curve: Callable[[Float64], UpliftCurve], weight: Float64) -> float:
    return curve(weight).qini


def _lift(result: Evaluation, fitted: Fitted, policy: Policy, seed: int) -> None:
    test = fitted.test.take(np.flatnonzero(~np.isnan(fitted.test.propensity)))
    resampler = Resampler(test.customer, seed)
    gains, lifts = np.zeros(len(test)), {}
    for outcome, weight in (("helps", policy.helps_weight), ("interrupts", -policy.interrupts_weight)):
        label = test.labels[outcome]
        if not label.any():
            lifts[outcome] = np.zeros(len(test))
            continue
        contact = fitted.bundle.contact[outcome]
        _, lift = contact.predict(test.matrix)
        if_sent, if_held = contact.send.predict(test.matrix), contact.hold.predict(test.matrix)
        pseudo = doubly_robust(label, test.sent, test.propensity, if_sent, if_held)
        average = resampler.mean(pseudo)
        plain = resampler.mean(inverse_propensity(label, test.sent, test.propensity))
        slope = _slope(lift, pseudo, resampler)
        scores = {"lift": lift, "difference": if_sent - if_held}
        if fitted.contact.answers[outcome] is not fitted.chances[f"{outcome}_send"]:
            scores["click"] = fitted.contact.answers[outcome].served.predict(test.matrix)
        curves = {
            name: uplift_curve(score, label, test.sent, test.propensity) for name, score in scores.items()
        }
        by_weight = curve_by_weight(lift, label, test.sent, test.propensity)
        qini = resampler.statistic(curves["lift"].qini, partial(_qini, by_weight))
        result.curves[outcome] = curves
        result.deciles[outcome] = deciles(lift, pseudo, test.customer, seed)
        result.metrics |= {
            f"{outcome}_lift_rows": float(len(test)),
            **_bounded(f"{outcome}_ate", average),
            **_bounded(f"{outcome}_ate_ips", plain),
            f"{outcome}_lift_mean": float(lift.mean()),
            **_bounded(f"{outcome}_lift_slope", slope),
            **_bounded(f"{outcome}_qini", qini),
            f"{outcome}_qini_difference": curves["difference"].qini,
        }
        if "click" in curves:
            result.metrics[f"{outcome}_qini_click"] = curves["click"].qini
        rivals = "0 (random)"
        if contact.lift is not None:
            rivals += f", {curves['difference'].qini:.5f} (difference of the arms)"
        if "click" in curves:
            rivals += f", {curves['click'].qini:.5f} (answers alone)"
        if average.low > 0 or average.high < 0:
            result.metrics[f"{outcome}_auuc"] = curves["lift"].auuc
        result.lines += [
            Line(f"{outcome}, lift", "average effect", average.told(4), f"{lift.mean():.4f} predicted", ""),
            Line(f"{outcome}, lift", "Qini", qini.told(5), rivals, ""),
        ]
        gains += weight * pseudo
        lifts[outcome] = weight * lift
    _policy(result, policy, test, lifts, gains, resampler, fitted.price.value)
    _chosen(result, fitted, policy, seed)


def _policy(
    result: Evaluation,
    policy: Policy,
    test: Slice,
    lifts: dict[str, Float64],
    gains: Float64,
    resampler: Resampler,
    price: float,
) -> None:
    net = lifts["helps"] + lifts["interrupts"]
    sends = (net - price >= policy.minimum_net_value).astype(np.float64)
    rule, everything = resampler.mean(sends * gains), resampler.mean(gains)
    over = resampler.mean((sends - 1.0) * gains)
    weight = np.where(test.sent, 1.0 / test.propensity, 1.0 / (1.0 - test.propensity))
    result.gains, result.sends = gains, sends
    result.metrics |= {
        **_bounded("policy_gain_rule", rule),
        **_bounded("policy_gain_send_all", everything),
        **_bounded("policy_gain_over_send_all", over),
        "policy_gain_promised": float((sends * net).mean()),
        "policy_sent_share": float(sends.mean()),
        "effective_rows": float(weight.sum() ** 2 / np.square(weight).sum()),
    }
    result.lines += [
        Line(
            "rule: send if net > 0",
            "net value a row",
            rule.told(4),
            f"{everything.told(4)} (send all), 0 (never); {(sends * net).mean():.4f} promised",
            over.told(4),
        )
    ]


def _chosen(result: Evaluation, fitted: Fitted, policy: Policy, seed: int) -> None:
    """Calibration among the sent rows that the rule would choose: choosing the best is biased upward."""
    test = fitted.test
    rows = test.take(np.flatnonzero(test.sent & ~test.transactional))
    scores = {outcome: fitted.bundle.contact[outcome].predict(rows.matrix) for outcome in OUTCOMES}
    net = policy.helps_weight * scores["helps"][1] - policy.interrupts_weight * scores["interrupts"][1]
    chosen = net - fitted.price.value >= policy.minimum_net_value
    if not chosen.any():
        return
    for outcome in OUTCOMES:
        p, label = scores[outcome][0][chosen], rows.labels[outcome][chosen]
        result.metrics |= {
            f"{outcome}_send_ece_chosen": ece(p, label),
            f"{outcome}_send_ece_chosen_floor": ece_floor(p, seed),
        }


def _slope(lift: Float64, pseudo: Float64, resampler: Resampler) -> Estimate:
    """Slope of measured on predicted lift; NaN where the predictions are all the same."""
    if np.ptp(lift) < 1e-9:
        return Estimate(float("nan"), float("nan"), float("nan"))

    def slope(weight: Float64) -> float:
        centred = lift - np.average(lift, weights=weight)
        return float((weight * centred) @ pseudo / ((weight * centred) @ centred))

    return resampler.statistic(slope(np.ones(len(lift))), slope)


def ece_floor(p: Float64, seed: int, draws: int = 20) -> float:
    """The expected calibration error that these chances would show if they were exactly right."""
    generator = np.random.default_rng([seed, 8])
    return float(np.mean([ece(p, generator.random(len(p)) < p) for _ in range(draws)]))


def _bounded(name: str, estimate: Estimate) -> dict[str, float]:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
