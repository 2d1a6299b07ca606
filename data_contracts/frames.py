"""Arrow columns of the contract → pandas: text that repeats as categories, times in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc


def combined(chunks: list[pa.Array]) -> pa.Array:
    """Chunks of one column as one array with one dictionary."""
    whole = pa.chunked_array(chunks).unify_dictionaries().combine_chunks()
    return whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole


def as_frame(columns: Mapping[str, pa.Array]) -> pd.DataFrame:
    """A frame of these columns, in their order."""
    return pd.DataFrame({name: as_series(array) for name, array in columns.items()}, copy=False)


def as_series(array: pa.Array) -> pd.Series[Any]:
    """One column; the categories are those in use, sorted by code points."""
    if not pa.types.is_dictionary(array.type):
        series: pd.Series[Any] = array.to_pandas()
        return series
    codes = array.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    used = np.flatnonzero(np.bincount(codes + 1, minlength=len(array.dictionary) + 1)[1:])
    values = array.dictionary.take(pa.array(used))
    order = pc.sort_indices(values).to_numpy().astype(np.int64)
    renumbered = np.full(len(array.dictionary) + 1, -1, dtype=np.int32)
    renumbered[used[order]] = np.arange(used.size, dtype=np.int32)
    categories = pd.Index(values.take(pa.array(order)).to_pandas(), dtype="str")
    return pd.Series(pd.Categorical.from_codes(renumbered[codes], categories=categories))
