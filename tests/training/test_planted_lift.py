"""What training makes of planted effects: heterogeneous ones, none at all, and a rival's order of customers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from features.columns import Float64
from models.bundle import Bundle
from tests.training.planted import QUICK, company, true_lift, write
from training.contact_models import Slice
from training.evaluation import Evaluation, evaluate
from training.fitting import Fitted, fit
from training.inputs import read_inputs
from training.progress import SilentStages

SEEDS = (31, 32, 33)


def fitted(folder: Path, seed: int, effects: float = 1.0) -> Fitted:
    paths = write(folder, *company(seed, 250, effects=effects))
    return fit(read_inputs(*paths, QUICK, None), QUICK, 7, SilentStages())


def kinds(found: Fitted) -> tuple[np.ndarray, np.ndarray]:
    """Whether each test row's customer is keen, and its topic."""
    rows = found.test_rows
    topics = np.asarray([*rows.candidates.words["topic"]])[rows.candidates.codes["topic"]]
    return rows.customer % 2 == 0, topics


def truth(found: Fitted, outcome: int) -> Float64:
    keen, topic = kinds(found)
    return np.asarray([true_lift(bool(k), str(t))[outcome] for k, t in zip(keen, topic, strict=True)])


def predicted(bundle: Bundle, rows: Slice, outcome: str) -> Float64:
    return bundle.contact[outcome].predict(rows.matrix)[1]


def true_qini(score: Float64, lift: Float64) -> float:
    """Area between the true gain of sending by falling score and that of a random order; ties go together."""
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    last = np.r_[np.flatnonzero(ordered[1:] != ordered[:-1]), len(order) - 1]
    share = np.r_[0.0, (last + 1) / len(order)]
    gain = np.r_[0.0, np.cumsum(lift[order])[last] / len(order)]
    return float(np.trapezoid(gain - share * gain[-1], share))


@pytest.fixture(scope="module")
def companies(tmp_path_factory: pytest.TempPathFactory) -> list[Fitted]:
    return [fitted(tmp_path_factory.mktemp(f"planted-{seed}"), seed) for seed in SEEDS]


@pytest.mark.slow
def test_different_effects_are_told_apart(companies: list[Fitted]) -> None:
    for found in companies:
        keen, topic = kinds(found)
        helps = predicted(found.bundle, found.test, "helps")
        interrupts = predicted(found.bundle, found.test, "interrupts")
        groups = {
            name: (float(helps[mine].mean()), float(interrupts[mine].mean()))
            for name, mine in {
                "keen, offer": keen & (topic == "offer"),
                "others, offer": ~keen & (topic == "offer"),
                "nag": topic == "nag",
            }.items()
        }
        for name, (h, i) in groups.items():
            true = true_lift(name.startswith("keen"), "nag" if name == "nag" else "offer")
            assert h == pytest.approx(true[0], abs=0.09), (name, groups)
            assert i == pytest.approx(true[1], abs=0.06), (name, groups)
        assert groups["keen, offer"][0] > groups["others, offer"][0] + 0.2
        for outcome, name in enumerate(("helps", "interrupts")):
            assert np.corrcoef(predicted(found.bundle, found.test, name), truth(found, outcome))[0, 1] > 0.8


@pytest.mark.slow
def test_average_effects_lie_in_the_intervals_of_the_evaluation(companies: list[Fitted]) -> None:
    inside = 0
    for found in companies:
        metrics = evaluate(found, QUICK, 7).metrics
        for outcome, name in enumerate(("helps", "interrupts")):
            true = float(truth(found, outcome)[~np.isnan(found.test.propensity)].mean())
            inside += metrics[f"{name}_ate_low"] <= true <= metrics[f"{name}_ate_high"]
            assert metrics[f"{name}_qini_low"] > 0, "the order by lift is worth something"
    # Of six intervals at 95 % two outside have a chance of three in a hundred, three one of two in a thousand.
    assert inside >= 4


def qinis(companies: list[Fitted]) -> tuple[list[float], list[float], list[float]]:
    """True Qini of both outcomes by our lift, by a T-learner (Künzel et al. 2019), and by the truth."""
    ours, rivals, bests = [], [], []
    for found in companies:
        for outcome, name in enumerate(("helps", "interrupts")):
            contact, lift = found.bundle.contact[name], truth(found, outcome)
            matrix = found.test.matrix
            ours.append(true_qini(predicted(found.bundle, found.test, name), lift))
            # The T-learner is the difference of the two arms' own models.
            rivals.append(true_qini(contact.send.predict(matrix) - contact.hold.predict(matrix), lift))
            bests.append(true_qini(lift, lift))
    return ours, rivals, bests


@pytest.mark.slow
def test_the_order_by_lift_is_nearly_the_best_one(companies: list[Fitted]) -> None:
    ours, rivals, bests = qinis(companies)
    assert np.mean(ours) > 0.95 * np.mean(bests), (ours, bests)
    assert np.mean(ours) >= 0.99 * np.mean(rivals), (ours, rivals)
    assert true_qini(np.zeros(100), np.linspace(0, 1, 100)) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.slow
def test_where_effects_are_weak_the_order_beats_a_t_learners(tmp_path: Path) -> None:
    weak = [fitted(tmp_path / str(seed), seed, effects=0.3) for seed in range(50, 54)]
    ours, rivals, bests = qinis(weak)
    assert np.mean(ours) > 1.15 * np.mean(rivals), (ours, rivals)
    assert np.mean(ours) > 0.8 * np.mean(bests), (ours, bests)


@pytest.mark.slow
def test_effects_of_nought_are_found_as_nought(tmp_path: Path) -> None:
    found = fitted(tmp_path, 34, effects=0.0)
    evaluation: Evaluation = evaluate(found, QUICK, 7)
    for name in ("helps", "interrupts"):
        assert evaluation.metrics[f"{name}_ate_low"] <= 0.0 <= evaluation.metrics[f"{name}_ate_high"]
        lift = predicted(found.bundle, found.test, name)
        assert abs(lift.mean()) < 0.03 and lift.std() < 0.03, f"{name}: {lift.mean():.4f} ± {lift.std():.4f}"
        assert evaluation.metrics[f"{name}_qini_low"] <= 0.0 <= evaluation.metrics[f"{name}_qini_high"]
    assert evaluation.metrics["policy_gain_rule_low"] <= 0.0 <= evaluation.metrics["policy_gain_rule_high"]
