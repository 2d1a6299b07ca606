"""Tables of touchpoints → columns: the training side's edge between pandas and arrays."""

from __future__ import annotations

import json
from collections.abc import Iterable

import numpy as np
import pandas as pd

from data_contracts.columns import TOTAL_ORDER
from features.columns import CATEGORY_COLUMNS, Int64, TouchpointColumns, identifier_hash


def columns_of_table(
    table: pd.DataFrame, also: Iterable[str] = (), *, ordered: bool = False
) -> tuple[TouchpointColumns, list[str]]:
    """Columns of a clean touchpoint table and the customers' ids, by place.

    The table is put into the contract's total order, unless `ordered` says that it is; ids are
    sorted. `also` names customers who have their place even without a touchpoint.
    """
    if not ordered:
        table = table.sort_values(list(TOTAL_ORDER), kind="stable", ignore_index=True)
    codes, found = pd.factorize(table["customer_id"])
    customers = np.asarray(sorted({*map(str, found), *also}), dtype=object)
    place = {name: index for index, name in enumerate(customers)}
    customer = np.fromiter((place[str(name)] for name in found), np.int64, len(found))[codes]
    strings: dict[str, int] = {}
    arrays = {}
    for name in CATEGORY_COLUMNS:
        codes, words = pd.factorize(table[name])
        places = [strings.setdefault(str(word), len(strings)) for word in words]
        arrays[name] = np.asarray([*places, -1], dtype=np.int32)[codes]
    start = np.searchsorted(customer, np.arange(len(customers) + 1)).astype(np.int64)
    raw = table["properties"].astype(object).to_numpy()
    profile = [
        (int(row), parsed)
        for row in np.flatnonzero(table["properties"].notna().to_numpy())
        if isinstance(parsed := json.loads(raw[row]), dict) and parsed
    ]
    columns = TouchpointColumns(
        strings=tuple(strings),
        start=start,
        event_time=microseconds(table["event_time"]),
        ingested_time=microseconds(table["ingested_time"]),
        message=_hashes(table["message_id"]),
        campaign=_hashes(table["campaign_id"]),
        value=table["value"].to_numpy(np.float64),
        sentiment=table["sentiment"].to_numpy(np.float64),
        properties=tuple(profile),
        **arrays,
    )
    return columns, list(customers)


def microseconds(times: pd.Series) -> Int64:
    """Microseconds since 1970 of a column of UTC times; the smallest int64 stands for none."""
    naive = times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[us]")
    return np.asarray(naive.astype(np.int64))


def _hashes(texts: pd.Series) -> Int64:
    codes, words = pd.factorize(texts)
    hashes = np.fromiter((identifier_hash(str(word)) for word in words), np.int64, len(words))
    return np.append(hashes, np.int64(0))[codes]
