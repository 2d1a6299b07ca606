"""Boosted trees evaluated for many rows at once, with the bits of LightGBM's own answer.

QuickScorer (Lucchese et al. 2015, "QuickScorer: a fast algorithm to rank documents with additive
ensembles of regression trees", SIGIR): every node's test is made for all rows, and a failed test
strikes out the leaves under its left child; the first leaf that is left is the row's. No branch
depends on the data, so the loops over rows run in vector registers. Values are added tree by tree
in LightGBM's order, so that the sums are the same to the last bit.

Rows of one decision share the customer's state. `raw` takes it once per moment beside the
candidates' own columns, and makes the tests on it once per moment instead of once per row.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from features.builder import Matrix
from features.columns import Float64, Int64
from models.tree_text import CATEGORY, LEFT_IF_LESS, TreeText

BLOCK = 256
"""Rows that are evaluated together: their used columns stay in the second-level cache."""
_LANES = 8
"""Rows are padded to whole vector registers; a remainder would run one by one."""


@intrinsic  # type: ignore[untyped-decorator]
def _first_bit(typing_context: Any, bits: Any) -> Any:
    """The place of the lowest bit that is set (one instruction)."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))
        return place if bits.bitwidth == 64 else builder.zext(place, ir.IntType(64))

    return types.uint64(bits), generate


_compiled = numba.njit(cache=True, nogil=True)


class _Tests(NamedTuple):
    """Nodes sorted by tree; in each tree those on shared columns come first.

    `first`, `own` : shape (trees + 1,), where a tree's nodes start, and those on own columns.
    `column` points into the gathered columns of its part.
    """

    first: Int64
    own: Int64
    column: Int64
    kind: npt.NDArray[np.int8]
    threshold: npt.NDArray[np.float32]
    keeps: npt.NDArray[Any]
    category_start: npt.NDArray[np.int64]
    categories: npt.NDArray[np.uint32]
    leaf_start: Int64
    leaves: Float64


@_compiled  # type: ignore[untyped-decorator]
def _apply(tests: _Tests, start: int, end: int, columns: Any, bits: Any, full: Any) -> None:
    """Strike out leaves of one tree for every row of `columns`, shape (columns, rows)."""
    for node in range(start, end):
        x = columns[tests.column[node]]
        keeps, limit = tests.keeps[node], tests.threshold[node]
        kind = tests.kind[node]
        if kind == CATEGORY:
            begin, length = tests.category_start[node, 0], tests.category_start[node, 1]
            for row in range(len(bits)):
                value = x[row]
                inside = False
                if value >= 0.0 and value < 32.0 * length:
                    code = np.int64(value)
                    word = tests.categories[begin + (code >> 5)]
                    inside = (word >> np.uint32(code & 31)) & np.uint32(1) != 0
                if not inside:
                    bits[row] &= keeps
        elif kind == LEFT_IF_LESS:
            for row in range(len(bits)):
                bits[row] &= full if x[row] <= limit else keeps
        else:
            for row in range(len(bits)):
                bits[row] &= keeps if x[row] > limit else full


@_compiled  # type: ignore[untyped-decorator]
def _gather(matrix: Matrix, start: int, end: int, used: Int64, out: Matrix) -> None:
    """The used columns of rows start:end, one column after the other; padded rows stay 0."""
    for row in range(start, end):
        for place in range(len(used)):
            out[place, row - start] = matrix[row, used[place]]


@_compiled  # type: ignore[untyped-decorator]
def _evaluate(
    tests: _Tests,
    shared: Matrix,
    own: Matrix,
    shared_row: Int64,
    rows: int,
    n_classes: int,
    full: Any,
    out: Float64,
) -> None:
    """Add every tree's leaf values to `out`, shape (rows, classes); `shared_row` has one entry a row."""
    shared_bits = np.empty(shared.shape[1], tests.keeps.dtype)
    bits = np.empty(own.shape[1], tests.keeps.dtype)
    for tree in range(len(tests.first) - 1):
        shared_bits[:] = full
        _apply(tests, tests.first[tree], tests.own[tree], shared, shared_bits, full)
        for row in range(rows):
            bits[row] = shared_bits[shared_row[row]]
        _apply(tests, tests.own[tree], tests.first[tree + 1], own, bits, full)
        begin = tests.leaf_start[tree]
        which = tree % n_classes
        for row in range(rows):
            out[row, which] += tests.leaves[begin + np.int64(_first_bit(bits[row]))]


class _Split(NamedTuple):
    """The tests for one width of the shared part, and the columns that they use of each part."""

    tests: _Tests
    shared_used: Int64
    own_used: Int64


class Forest:
    """The trees of one model text; `raw` is safe to call from several threads."""

    def __init__(self, read: TreeText) -> None:
        self.n_features = read.n_features
        self.n_classes = read.n_classes
        self._nodes = read.nodes
        widest = int(np.diff(read.nodes.leaf_start).max(initial=1))
        self._bits: Any = np.uint32 if widest <= 32 else np.uint64
        self._full = self._bits(np.iinfo(self._bits).max)
        self._splits: dict[int, _Split] = {}

    def raw(self, shared: Matrix, own: Matrix, shared_row: Int64) -> Float64:
        """Sums of leaf values, shape (rows, classes).

        Parameters
        ----------
        shared : shape (moments, first columns)
        own : shape (rows, remaining columns)
        shared_row : shape (rows,), the row of `shared` that belongs to each row of `own`
        """
        split = self._splits.get(shared.shape[1]) or self._split(shared.shape[1])
        out = np.zeros((len(own), self.n_classes))
        # Many moments are as many rows: then nothing is shared, and a block holds its own part only.
        wide = _gathered(shared, 0, len(shared), split.shared_used) if len(shared) <= BLOCK else None
        for start in range(0, len(own), BLOCK):
            end = min(start + BLOCK, len(own))
            row = shared_row[start:end]
            if wide is None:
                needed, row = np.unique(row, return_inverse=True)
                part = _gathered(shared[needed], 0, len(needed), split.shared_used)
            else:
                part = wide
            _evaluate(
                split.tests,
                part,
                _gathered(own, start, end, split.own_used),
                row,
                end - start,
                self.n_classes,
                self._full,
                out[start:end],
            )
        return out

    def _split(self, width: int) -> _Split:
        nodes = self._nodes
        is_own = nodes.feature >= width
        order = np.lexsort((is_own, nodes.tree))
        is_own, tree = is_own[order], nodes.tree[order]
        feature = nodes.feature[order]
        shared_used = np.unique(feature[~is_own])
        own_used = np.unique(feature[is_own])
        column = np.where(
            is_own, np.searchsorted(own_used, feature), np.searchsorted(shared_used, feature)
        ).astype(np.int64)
        trees = np.arange(len(nodes.leaf_start))
        first = np.searchsorted(tree, trees).astype(np.int64)
        own = first[:-1] + np.bincount(tree[~is_own], minlength=len(trees) - 1).astype(np.int64)
        tests = _Tests(
            first=first,
            own=own,
            column=column,
            kind=nodes.kind[order],
            threshold=nodes.threshold[order],
            keeps=nodes.keeps[order].astype(self._bits),
            category_start=nodes.category_start[order],
            categories=nodes.categories,
            leaf_start=nodes.leaf_start,
            leaves=nodes.leaves,
        )
        split = _Split(tests, shared_used.astype(np.int64), (own_used - width).astype(np.int64))
        self._splits[width] = split
        return split


def _gathered(matrix: Matrix, start: int, end: int, used: Int64) -> Matrix:
    padded = -(-(end - start) // _LANES) * _LANES
    out = np.zeros((len(used), padded), np.float32)
    _gather(matrix, start, end, used, out)
    return out
