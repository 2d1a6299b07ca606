"""A bundle comes back as it was saved, an old one is still read, a broken one is refused plainly."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from data_contracts.errors import BundleUnusable
from models.bundle import OUTCOMES, load_bundle
from models.calibration import Calibrator, expit, logit
from tests.models.tiny import tiny_bundle

GOLDEN = Path(__file__).parents[1] / "golden" / "bundle_1"


def test_a_saved_bundle_predicts_the_same(tmp_path: Path) -> None:
    bundle = tiny_bundle()
    bundle.save(tmp_path / "b")
    again = load_bundle(tmp_path / "b")
    rng = np.random.default_rng(2)
    contact = rng.normal(size=(50, len(bundle.specification.contact_names))).astype(np.float32)
    state = rng.normal(size=(50, len(bundle.specification.state_names))).astype(np.float32)
    for outcome in OUTCOMES:
        for one, other in zip(
            bundle.contact[outcome].predict(contact), again.contact[outcome].predict(contact), strict=True
        ):
            assert np.array_equal(one, other)
    goals = again.goal_probabilities(state)
    assert np.array_equal(goals, bundle.goal_probabilities(state))
    assert np.allclose(goals.sum(axis=1), 1.0)
    assert again.configuration == bundle.configuration and again.version == "3"
    assert again.specification.contact_names == bundle.specification.contact_names


def test_the_golden_bundle_of_format_1_is_still_read() -> None:
    bundle = load_bundle(GOLDEN)
    contact = np.linspace(-2, 2, 3 * len(bundle.specification.contact_names), dtype=np.float32)
    found = bundle.contact["helps"].predict(contact.reshape(3, -1))
    expected = json.loads((GOLDEN / "expected.json").read_text())
    assert np.allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("bundle.json", None, "FileNotFoundError"),
        ("bundle.json", "{", "JSONDecodeError"),
        ("bundle.json", '{"format_version": 99}', "format 99"),
        ("helps_send.txt", None, "FileNotFoundError"),
        ("helps_send.txt", "tree\nnonsense", "can't be read"),
    ],
)
def test_a_broken_bundle_is_refused(tmp_path: Path, name: str, text: str | None, message: str) -> None:
    tiny_bundle().save(tmp_path)
    if text is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_text(text)
    with pytest.raises(BundleUnusable, match=message):
        load_bundle(tmp_path)


def test_a_bundle_written_again_in_another_order_is_refused(tmp_path: Path) -> None:
    tiny_bundle().save(tmp_path)
    file = tmp_path / "bundle.json"
    file.write_text(json.dumps(json.loads(file.read_text()), sort_keys=True))
    with pytest.raises(BundleUnusable, match="order"):
        load_bundle(tmp_path)


def test_lift_keeps_the_chance_under_hold_a_probability() -> None:
    bundle = tiny_bundle()
    rng = np.random.default_rng(3)
    contact = 50 * rng.normal(size=(200, len(bundle.specification.contact_names))).astype(np.float32)
    sent, lift = bundle.contact["helps"].predict(contact)
    assert ((sent - lift >= 0) & (sent - lift <= 1)).all()


def test_calibrators() -> None:
    p = np.asarray([0.0, 0.2, 0.5, 1.0])
    assert np.array_equal(Calibrator().apply(p), p)
    assert np.allclose(expit(logit(p)), p, atol=1e-5)
    assert np.allclose(Calibrator("logistic", 1.0, 0.0).apply(p), p, atol=1e-5)
    piecewise = Calibrator("piecewise", knots=(0.1, 0.5), levels=(0.0, 0.8))
    assert np.allclose(piecewise.apply(p), [0.0, 0.2, 0.8, 0.8])
    assert Calibrator.from_dict(piecewise.as_dict()) == piecewise
