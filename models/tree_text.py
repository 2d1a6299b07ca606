"""LightGBM's model text → the arrays that `models.forest` evaluates."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from features.columns import Float64, Int64

MAX_LEAVES = 64
RIGHT_IF_MORE, LEFT_IF_LESS, CATEGORY = 0, 1, 2
"""Kinds of tests: right if x > threshold (an unknown x goes left); left if x <= threshold (an
unknown x goes right); left if x is one of a set of categories."""

_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_ZERO_IS_MISSING, _NAN_IS_MISSING = 1, 2


class Nodes(NamedTuple):
    """The inner nodes of `n_trees` trees, `n` of them, tree by tree in no order within one.

    Attributes
    ----------
    tree, feature, kind : shape (n,)
    threshold : shape (n,), rounded down to float32, which decides the same for every float32
    keeps : shape (n,), bit sets of the leaves (from left to right) that stay possible where the
        test sends a row to the right
    category_start : shape (n,), where a node's words start in `categories`, and how many there are
    categories : sets of categories as bits, 32 in a word
    leaf_start : shape (n_trees + 1,)
    leaves : values of the leaves from left to right, tree by tree
    """

    tree: Int64
    feature: Int64
    kind: npt.NDArray[np.int8]
    threshold: npt.NDArray[np.float32]
    keeps: npt.NDArray[np.uint64]
    category_start: npt.NDArray[np.int64]
    categories: npt.NDArray[np.uint32]
    leaf_start: Int64
    leaves: Float64


class TreeText(NamedTuple):
    """What a model text says: `objective` as LightGBM writes it, trees alternate over classes."""

    objective: str
    n_features: int
    n_classes: int
    nodes: Nodes


class NotReadable(Exception):
    """The model has a form that only LightGBM itself evaluates."""


def read_model_text(text: str) -> TreeText:
    """Read a model text of version v4.

    Raises
    ------
    ValueError : the text is damaged; LightGBM's own reader would end the process over it
    NotReadable : linear trees and the like, in a text that is whole
    """
    body, end, _ = text.partition("\nend of trees")
    head, *parts = body.split("\nTree=")
    meta = _pairs(head)
    if not text.startswith("tree\n") or meta.get("version") != "v4":
        raise ValueError("this is no LightGBM model text of version v4")
    if not end or len(parts) != len(meta.get("tree_sizes", "").split()):
        raise ValueError("the model text is cut off")
    try:
        return _read(head, meta, parts)
    except (LookupError, ValueError, OverflowError) as error:
        raise ValueError(f"the model text is damaged: {type(error).__name__}: {error}") from None


def _read(head: str, meta: dict[str, str], parts: list[str]) -> TreeText:
    if "average_output" in head.splitlines():
        raise NotReadable("a random forest")
    collected = _Collected()
    for number, part in enumerate(parts):
        _add(number, _pairs(part), collected)
    return TreeText(
        objective=meta.get("objective", ""),
        n_features=int(meta["max_feature_idx"]) + 1,
        n_classes=int(meta["num_tree_per_iteration"]),
        nodes=collected.nodes(),
    )


def _pairs(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


class _Collected:
    def __init__(self) -> None:
        self.rows: list[tuple[int, int, int, float, int, int, int]] = []
        self.categories: list[int] = []
        self.leaf_start = [0]
        self.leaves: list[float] = []

    def nodes(self) -> Nodes:
        columns: list[Any] = list(zip(*self.rows, strict=True)) or [()] * 7
        starts = np.stack(
            [np.asarray(columns[5], dtype=np.int64), np.asarray(columns[6], dtype=np.int64)], axis=1
        )
        return Nodes(
            tree=np.asarray(columns[0], dtype=np.int64),
            feature=np.asarray(columns[1], dtype=np.int64),
            kind=np.asarray(columns[2], dtype=np.int8),
            threshold=np.asarray(columns[3], dtype=np.float32),
            keeps=np.asarray(columns[4], dtype=np.uint64),
            category_start=starts,
            categories=np.asarray(self.categories, dtype=np.uint32),
            leaf_start=np.asarray(self.leaf_start, dtype=np.int64),
            leaves=np.asarray(self.leaves, dtype=np.float64),
        )


def _add(number: int, tree: dict[str, str], to: _Collected) -> None:
    n_leaves = int(tree["num_leaves"])
    values = [float(word) for word in tree["leaf_value"].split()]
    if len(values) != n_leaves:
        raise ValueError(f"tree {number} tells of {n_leaves} leaves and gives {len(values)}")
    if tree.get("is_linear", "0") != "0":
        raise NotReadable("linear trees")
    if n_leaves == 1:
        to.leaves.append(values[0])
        to.leaf_start.append(len(to.leaves))
        return
    left, right = _integers(tree["left_child"]), _integers(tree["right_child"])
    if (
        len(left) != n_leaves - 1
        or sorted(left + right) != [*range(-n_leaves, 0), *range(1, n_leaves - 1)]
        or any(0 <= child <= node for side in (left, right) for node, child in enumerate(side))
    ):
        raise ValueError(f"the children of tree {number} do not form a tree")
    if n_leaves > MAX_LEAVES:
        raise NotReadable(f"a tree has {n_leaves} leaves")
    order, spans = _left_to_right(left, right)
    place = {leaf: position for position, leaf in enumerate(order)}
    to.leaves += [values[leaf] for leaf in order]
    to.leaf_start.append(len(to.leaves))
    boundaries = _integers(tree.get("cat_boundaries", ""))
    words = _integers(tree.get("cat_threshold", ""))
    every = (1 << MAX_LEAVES) - 1
    tests = zip(
        _integers(tree["split_feature"]),
        tree["threshold"].split(),
        _integers(tree["decision_type"]),
        strict=True,
    )
    for node, (feature, threshold, decision) in enumerate(tests):
        keeps = every
        for leaf in spans[node]:
            keeps &= ~(1 << place[leaf])
        kind, limit = _test(float(threshold), decision)
        first = length = 0
        if kind == CATEGORY:
            which = int(limit)
            first, length = len(to.categories), boundaries[which + 1] - boundaries[which]
            to.categories += words[boundaries[which] : boundaries[which + 1]]
        to.rows.append((number, feature, kind, limit, keeps, first, length))


def _integers(text: str) -> list[int]:
    return [int(word) for word in text.split()]


def _test(threshold: float, decision: int) -> tuple[int, float]:
    if decision & _CATEGORICAL:
        return CATEGORY, threshold
    missing = (decision >> 2) & 3
    if missing == _ZERO_IS_MISSING:
        raise NotReadable("zeros that stand for missing values")
    # Where NaN was never seen in training LightGBM reads it as 0.
    left = bool(decision & _DEFAULT_LEFT) if missing == _NAN_IS_MISSING else threshold >= 0.0
    rounded = np.float32(threshold)
    if float(rounded) > threshold:
        rounded = np.nextafter(rounded, np.float32(-np.inf))
    return (RIGHT_IF_MORE if left else LEFT_IF_LESS), float(rounded)


def _left_to_right(left: list[int], right: list[int]) -> tuple[list[int], list[list[int]]]:
    """Leaves from left to right, and for each node the leaves under its left child."""
    under: list[list[int]] = [[] for _ in left]
    # Children stand after their parents in LightGBM's order, so one pass from the end suffices.
    reached: list[list[int]] = [[] for _ in left]
    for node in range(len(left) - 1, -1, -1):
        below = [reached[child] if child >= 0 else [~child] for child in (left[node], right[node])]
        under[node] = below[0]
        reached[node] = below[0] + below[1]
    return reached[0], under
