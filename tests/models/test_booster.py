"""The forest gives the bits of LightGBM's own answers, whatever the trees look like."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import lightgbm
import numpy as np
import pytest

from models.booster import Design, TreeModel
from models.tree_text import NotReadable, read_model_text

COLUMNS = 9


def table(seed: int, rows: int) -> np.ndarray:
    """Numbers, a column that is never missing, categories with unknown and negative codes, gaps."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, COLUMNS)).astype(np.float32)
    X[:, 4] = rng.integers(-1, 40, rows)
    X[:, 8] = rng.integers(0, 5, rows)
    gaps = rng.random(X.shape) < 0.3
    gaps[:, 3] = False
    X[gaps] = np.nan
    X[rng.random(rows) < 0.2, 5] = 0.0
    return X


def fitted(seed: int, objective: str, leaves: int, **more: Any) -> lightgbm.Booster:
    X = table(seed, 1_500)
    rng = np.random.default_rng(seed)
    signal = np.nan_to_num(X[:, 0]) + (X[:, 4] % 3 == 1) + 0.5 * np.nan_to_num(X[:, 6]) + X[:, 3] ** 2
    y = signal + rng.normal(size=len(X))
    classes = more.get("num_class", 1)
    if classes > 1:
        y = np.digitize(y, np.quantile(y, np.linspace(0, 1, classes + 1)[1:-1]))
    elif objective != "regression":
        y = (y > np.median(y)).astype(float)
    parameters = {
        "objective": objective, "num_leaves": leaves, "min_data_in_leaf": 3, "verbosity": -1,
        "seed": seed, "num_threads": 1, "deterministic": True, "force_row_wise": True, **more,
    }  # fmt: skip
    data = lightgbm.Dataset(X, y, categorical_feature=[4, 8], params={"verbosity": -1})
    return lightgbm.train(parameters, data, 25)


@pytest.mark.parametrize(
    ("objective", "leaves", "more"),
    [
        ("binary", 2, {}),
        ("binary", 15, {}),
        ("binary", 31, {"scale_pos_weight": 3.0, "sigmoid": 0.7}),
        ("binary", 64, {"max_cat_to_onehot": 1}),
        ("binary", 200, {}),
        ("multiclass", 15, {"num_class": 4}),
        ("multiclassova", 7, {"num_class": 3}),
        ("regression", 31, {}),
        ("cross_entropy", 15, {}),
        ("poisson", 15, {}),
    ],
)
def test_predictions_are_lightgbms(objective: str, leaves: int, more: dict[str, Any]) -> None:
    booster = fitted(3, objective, leaves, **more)
    model = TreeModel(booster.model_to_string())
    # What is saved as text may differ from the fitted booster in the last digit; compare the text.
    same = lightgbm.Booster(model_str=model.text)
    for rows in (1, 7, 8, 255, 700):
        X = table(rows, rows)
        expected = same.predict(X, num_threads=1)
        np.testing.assert_allclose(model.predict(X), expected, rtol=1e-14, atol=1e-300)
        assert model.predict(X).shape == expected.shape


@pytest.mark.parametrize("width", [0, 1, 4, 5, 8, COLUMNS])
def test_a_shared_part_changes_no_bit(width: int) -> None:
    model = TreeModel(fitted(5, "binary", 15).model_to_string())
    for moments, rows in ((1, 1), (3, 40), (300, 600)):
        shared = np.ascontiguousarray(table(moments, moments)[:, :width])
        own = np.ascontiguousarray(table(rows + 1, rows)[:, width:])
        row = np.random.default_rng(rows).integers(0, moments, rows)
        whole = np.concatenate([shared[row], own], axis=1)
        assert np.array_equal(model.predict(Design(shared, own, row)), model.predict(whole))


def test_sums_have_lightgbms_bits() -> None:
    model = TreeModel(fitted(11, "regression", 31).model_to_string())
    X = table(8, 900)
    assert np.array_equal(model.predict(X), model.booster.predict(X, num_threads=1))


def test_contributions_add_up_to_the_raw_score() -> None:
    model = TreeModel(fitted(4, "binary", 15).model_to_string())
    X = table(2, 30)
    contributions = model.contributions(X)
    assert contributions.shape == (30, COLUMNS + 1)
    p = model.predict(X)
    np.testing.assert_allclose(contributions.sum(axis=1), np.log(p / (1 - p)), rtol=1e-9)


def test_a_constant_model_and_no_rows() -> None:
    X = np.zeros((60, COLUMNS), np.float32)
    data = lightgbm.Dataset(X, np.arange(60) % 2.0, params={"verbosity": -1})
    booster = lightgbm.train({"objective": "binary", "verbosity": -1}, data, 3)
    model = TreeModel(booster.model_to_string())
    np.testing.assert_allclose(model.predict(X[:4]), 0.5)
    assert model.predict(X[:0]).shape == (0,)


def test_another_number_of_columns_is_refused() -> None:
    model = TreeModel(fitted(4, "binary", 15).model_to_string())
    with pytest.raises(ValueError, match="reads 9 columns, found 8"):
        model.predict(table(1, 3)[:, :8])


@pytest.mark.parametrize("text", ["", "not a model", "tree\nversion=v4\n", "tree\nversion=v9\nnum_class=1\n"])
def test_a_damaged_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="model text"):
        TreeModel(text)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_cut_off_text_is_refused(share: float) -> None:
    text = fitted(4, "binary", 15).model_to_string()
    with pytest.raises(ValueError, match="model text"):
        TreeModel(text[: int(share * text.index("end of trees"))])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("left_child", "0"), ("leaf_value", "x"), ("threshold", ""), ("num_leaves", "1000000"),
        ("split_feature", "-"),
    ],
)  # fmt: skip
def test_a_damaged_tree_is_refused(field: str, value: str) -> None:
    lines = fitted(4, "binary", 15).model_to_string().splitlines()
    at = [number for number, line in enumerate(lines) if line.startswith(f"{field}=")][1]
    lines[at] = f"{field}={value}"
    with pytest.raises(ValueError, match="model text"):
        TreeModel("\n".join(lines))


def test_other_forms_are_named() -> None:
    text = fitted(3, "binary", 15, zero_as_missing=True).model_to_string()
    with pytest.raises(NotReadable, match="zeros"):
        read_model_text(text)
    X = table(5, 50)
    model = TreeModel(text)
    np.testing.assert_allclose(model.predict(X), model.booster.predict(X, num_threads=1), rtol=1e-14)


def test_neither_lightgbm_nor_pandas_is_imported() -> None:
    text = fitted(4, "binary", 15).model_to_string()
    code = (
        "import sys, numpy as np\n"
        "from models.booster import TreeModel\n"
        "model = TreeModel(sys.stdin.read())\n"
        "X = np.zeros((2, 9), np.float32)\n"
        "model.predict(X), model.contributions(X)\n"
        "print(sorted({'pandas', 'sklearn', 'lightgbm'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], input=text, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
