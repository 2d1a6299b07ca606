"""A bundle comes back as it was saved, an old one is still read, a broken one is refused plainly."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from data_contracts.errors import BundleUnusable
from models.bundle import OUTCOMES, load_bundle
from models.calibration import Calibrator, expit, logit
from tests.models.tiny import tiny_bundle

GOLDEN = Path(__file__).parents[1] / "golden"


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


@pytest.mark.parametrize("version", [1, 2])
def test_the_golden_bundle_of_each_format_is_still_read(version: int) -> None:
    bundle = load_bundle(GOLDEN / f"bundle_{version}")
    contact = np.linspace(-2, 2, 3 * len(bundle.specification.contact_names), dtype=np.float32)
    found = bundle.contact["helps"].predict(contact.reshape(3, -1))
    expected = json.loads((GOLDEN / "bundle_1" / "expected.json").read_text())
    assert np.allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("bundle.json", None, "FileNotFoundError"),
        ("bundle.json", "{", "JSONDecodeError"),
        ("bundle.json", '{"format_version": 99}', "format 99"),
        ("helps_send.txt", None, "FileNotFoundError"),
        ("helps_send.txt", "tree\nnonsense", "helps_send.txt is damaged"),
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


def test_a_flipped_bit_anywhere_is_refused(tmp_path: Path) -> None:
    tiny_bundle().save(tmp_path)
    rng = random.Random(5)
    same = load_bundle(tmp_path)
    for file in sorted(tmp_path.iterdir()):
        whole = file.read_bytes()
        for _ in range(15):
            damaged = bytearray(whole)
            damaged[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
            file.write_bytes(damaged)
            with pytest.raises(BundleUnusable, match=str(tmp_path)):
                load_bundle(tmp_path)
        file.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(BundleUnusable):
            load_bundle(tmp_path)
        file.write_bytes(whole)
    assert load_bundle(tmp_path).description == same.description


def test_a_file_of_another_bundle_is_refused(tmp_path: Path) -> None:
    tiny_bundle().save(tmp_path / "one")
    tiny_bundle(version="4").save(tmp_path / "other")
    goal = (tmp_path / "one" / "goal.txt").read_text()
    (tmp_path / "one" / "helps_lift.txt").write_text(goal)
    with pytest.raises(BundleUnusable, match=r"helps_lift.txt is damaged"):
        load_bundle(tmp_path / "one")
    file = tmp_path / "other" / "bundle.json"
    file.write_text(file.read_text().replace('"offset": 0.01', '"offset": 0.02'))
    with pytest.raises(BundleUnusable, match=r"bundle.json is damaged or was edited"):
        load_bundle(tmp_path / "other")


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
