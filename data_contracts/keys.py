"""What needs the whole table: its total order, repeated keys, decisions that contradict themselves.

Works on columns in any order; what comes out depends on the rows only, never on how they lay in the
files, so that a shuffled or split input gives the same clean table.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.columns import KEYS
from data_contracts.conversion import as_numpy
from data_contracts.findings import Positions
from data_contracts.text_columns import Mask

Columns = Mapping[str, pa.Array]

ORDERS = {
    "touchpoints": ("customer_id", "event_time", "ingested_time", "source", "touchpoint_id"),
    "decisions": ("customer_id", "decided_at", "decision_id", "message_id"),
}
"""The total order of each table; its last columns hold the key, so that no two rows are equal in it."""

FIRST_KNOWN = {"touchpoints": ("ingested_time", "event_time"), "decisions": ("decided_at",)}
"""Of rows with one key the first in these times is kept: later ones are repeated deliveries."""


def total_order(kind: str, columns: Columns) -> Positions:
    """Positions that put the rows into the table's total order, shape (rows,)."""
    names = ORDERS[kind]
    # The last columns of text settle ties only, and ranking a million identifiers is slow.
    ties = [name for name in names if not pa.types.is_dictionary(columns[name].type)]
    ties = [name for name in ties if not pa.types.is_timestamp(columns[name].type)]
    keys = [ranks(columns[name]) for name in names if name not in ties]
    order = np.lexsort(keys[::-1])
    tied = _tied(keys, order)
    if not tied.size:
        return order
    for name in ties:
        rank = np.zeros(order.size, dtype=np.int64)
        rank[tied] = ranks(columns[name].take(pa.array(tied)))
        keys.append(rank)
    return np.lexsort(keys[::-1])


def ranks(array: pa.Array) -> Positions:
    """Whole numbers that order as the values do; text orders by its code points, gaps come first."""
    if pa.types.is_timestamp(array.type):
        return as_numpy(array)[0]
    encoded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    rank = np.empty(order.size + 1, dtype=np.int64)
    rank[order] = np.arange(order.size)
    rank[-1] = -1
    result: Positions = rank[encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
    return result


def _tied(keys: list[Positions], order: Positions) -> Positions:
    """Positions of the rows that equal another row in every key, ascending."""
    same = np.ones(max(order.size - 1, 0), dtype=np.bool_)
    for key in keys:
        same &= key[order[1:]] == key[order[:-1]]
    either = np.zeros(order.size, dtype=np.bool_)
    either[1:] |= same
    either[:-1] |= same
    return np.sort(order[either])


def repeated(kind: str, columns: Columns) -> tuple[Positions, Positions, Mask]:
    """Rows whose key another row has already.

    Returns
    -------
    again : positions of the rows to leave out, ascending
    kept : for each, the position of the row that stays: the first known one
    same : for each, whether it equals that row in everything
    """
    group = _grouped([columns[name] for name in KEYS[kind]])
    rows = np.flatnonzero(pd.Series(group).duplicated(keep=False).to_numpy())
    if not rows.size:
        return rows, rows, np.zeros(0, dtype=np.bool_)
    some = pa.array(rows)
    content = pd.DataFrame({name: array.take(some).to_pandas() for name, array in columns.items()})
    # Ties in the times are settled by content, never by the order in the file: a shuffle changes nothing.
    digest = pd.util.hash_pandas_object(content, index=False).to_numpy()
    times = [as_numpy(columns[name].take(some))[0] for name in FIRST_KNOWN[kind]]
    order = np.lexsort([rows, digest, *times[::-1], group[rows]])
    groups = group[rows][order]
    starts = np.flatnonzero(np.append(True, groups[1:] != groups[:-1]))
    first = np.repeat(order[starts], np.diff(np.append(starts, order.size)))
    later = order != first
    again, kept = rows[order[later]], rows[first[later]]
    same = digest[order[later]] == digest[first[later]]
    ascending = np.argsort(again)
    return again[ascending], kept[ascending], same[ascending]


def contradicted(columns: Columns) -> tuple[Positions, Positions]:
    """Decision rows whose `decision_id` also stands for another customer or another time.

    Returns the rows, ascending, and for each a row of the same `decision_id` that contradicts it.
    Nothing says which of them is right, so all of them are named.
    """
    group = _grouped([columns["decision_id"]])
    meaning = _grouped([columns["customer_id"], columns["decided_at"]])
    if not group.size:
        return group, group
    order = np.lexsort([meaning, group])
    starts = np.flatnonzero(np.append(True, group[order][1:] != group[order][:-1]))
    sizes = np.diff(np.append(starts, order.size))
    first, last = order[starts], order[starts + sizes - 1]
    mixed = np.repeat(meaning[first] != meaning[last], sizes)
    rows = order[mixed]
    least, most = np.repeat(first, sizes)[mixed], np.repeat(last, sizes)[mixed]
    other = np.where(meaning[rows] == meaning[least], most, least)
    ascending = np.argsort(rows)
    return rows[ascending], other[ascending]


def _grouped(arrays: list[pa.Array]) -> Positions:
    """One whole number for each distinct combination of values, shape (rows,)."""
    combined, distinct = np.zeros(len(arrays[0]), dtype=np.int64), 1
    for array in arrays:
        if pa.types.is_timestamp(array.type):
            array = array.cast(pa.int64())
        encoded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        values = len(encoded.dictionary) + 1
        if distinct * values >= 2**62:
            combined, kinds = pd.factorize(combined)
            combined, distinct = combined.astype(np.int64), len(kinds) + 1
        combined = combined * values + codes
        distinct *= values
    return combined
