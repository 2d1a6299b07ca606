"""The touchpoints of a company as arrays with their meaning: what every figure of the report reads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from data_contracts.configuration import Configuration
from data_contracts.items import MICROSECONDS_PER_HOUR, Item, parse_item
from data_contracts.vocabulary import OTHER
from features.columns import CATEGORY_COLUMNS, Float64, Int16, Int64, TouchpointColumns, identifier_hash
from features.encoding import History, encode, rows_of_items
from features.fitting import fit_specification
from features.meaning import FLAG, INBOUND
from reporting.occurrences import Occurrences

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Record:
    """Touchpoints of `c` customers in the contract's total order, `n` rows.

    Attributes
    ----------
    customers : ids by place
    departments : words by the codes of `history.department`; the last one is `other`
    first, ends : shape (c,), microseconds: where each customer's observation begins and ends
    begin, end : the same for the whole data; the data ends at the latest `ingested_time`
    """

    columns: TouchpointColumns
    history: History
    configuration: Configuration
    customers: tuple[str, ...]
    departments: tuple[str, ...]
    first: Int64
    ends: Int64
    begin: int
    end: int

    @property
    def n_customers(self) -> int:
        return len(self.customers)

    @cached_property
    def customer(self) -> Int64:
        """Place of the customer of each row, shape (n,)."""
        return np.repeat(np.arange(self.n_customers, dtype=np.int64), np.diff(self.columns.start))

    @property
    def time(self) -> Int64:
        return self.columns.event_time

    @property
    def department(self) -> Int16:
        return self.history.department

    @cached_property
    def inbound(self) -> Bools:
        """Rows in which the customer acted."""
        return np.asarray(self.history.direction == INBOUND)

    @property
    def window(self) -> int:
        """The window of outcomes, in microseconds."""
        return round(self.configuration.outcomes.window_hours * MICROSECONDS_PER_HOUR)

    @cached_property
    def observed_weeks(self) -> Float64:
        """Length of each customer's observation in weeks, shape (c,)."""
        weeks: Float64 = np.maximum(self.ends - self.first, 0) / (168.0 * MICROSECONDS_PER_HOUR)
        return weeks

    def flagged(self, *names: str) -> Bools:
        """Rows with any of the flags of `features.meaning.FLAGS`."""
        mask = np.int64(sum(FLAG[name] for name in names))
        return np.asarray((self.history.flags & mask) != 0)

    def of_types(self, *event_types: str) -> Bools:
        """Rows of any of the event types."""
        return rows_of_items(self.columns, tuple(Item(name) for name in event_types))

    def matching(self, texts: tuple[str, ...]) -> Bools:
        """Rows that match any of the items, as `"csat_answered >= 4"`."""
        return rows_of_items(self.columns, tuple(map(parse_item, texts)))

    def goal(self, name: str) -> Bools:
        """Rows of a goal that the customer started, by the goal's name; none where it isn't configured."""
        names = list(self.configuration.goals.items)
        if name not in names:
            return np.zeros(len(self.columns), np.bool_)
        return np.asarray(self.history.goal == names.index(name))

    def occurrences(self, rows: Bools) -> Occurrences:
        """The chosen rows; places in answers index `np.flatnonzero(rows)`."""
        return Occurrences(self.customer[rows], self.time[rows])

    def per_customer(self, customer: Int64, weights: npt.NDArray[np.number] | None = None) -> Float64:
        """Sums by customer, shape (c,)."""
        return np.bincount(customer, weights=weights, minlength=self.n_customers).astype(np.float64)

    def hash_of(self, texts: pd.Series) -> Int64:
        """`identifier_hash` of each text, 0 for none."""
        return hashes(texts)


def record_of(table: pd.DataFrame, configuration: Configuration, also: tuple[str, ...] = ()) -> Record:
    """The record of a clean touchpoint table in its total order (`data_contracts.tables.validated`).

    `also` names customers that have a place even without a touchpoint (those of a decision log).
    """
    ids = table["customer_id"].cat.categories.to_list()
    customers = tuple(sorted({*map(str, ids), *also}))
    place = {name: index for index, name in enumerate(customers)}
    renumbered = np.fromiter((place[str(name)] for name in ids), np.int64, len(ids))
    customer = renumbered[table["customer_id"].cat.codes.to_numpy()]
    columns = _columns(table, customer, len(customers))
    end = int(columns.ingested_time.max(initial=0))
    specification = fit_specification(columns, configuration, end + 1)
    event_time = columns.event_time
    begin = int(event_time.min(initial=end))
    first = np.full(len(customers), end, np.int64)
    np.minimum.at(first, customer, event_time)
    ends = np.full(len(customers), end, np.int64)
    stops = rows_of_items(
        columns, tuple(Item(name) for name in configuration.vocabulary.role("observation_ended"))
    )
    np.minimum.at(ends, customer[stops], event_time[stops])
    return Record(
        columns=columns,
        history=encode(columns, specification).history,
        configuration=configuration,
        customers=customers,
        departments=(*specification.departments, OTHER),
        first=first,
        ends=ends,
        begin=begin,
        end=end,
    )


def microseconds(times: pd.Series) -> Int64:
    """Microseconds since 1970 of a column of UTC times; the smallest int64 stands for none."""
    naive = times.dt.tz_convert("UTC").dt.tz_localize(None)
    result: Int64 = naive.to_numpy("datetime64[us]").astype(np.int64)
    return result


def hashes(texts: pd.Series) -> Int64:
    """`identifier_hash` of each text, 0 for none, shape (rows,)."""
    codes, words = pd.factorize(texts)
    found = np.fromiter((identifier_hash(str(word)) for word in words), np.int64, len(words))
    result: Int64 = np.append(found, np.int64(0))[codes]
    return result


def _columns(table: pd.DataFrame, customer: Int64, n_customers: int) -> TouchpointColumns:
    strings: dict[str, int] = {}
    arrays = {}
    for name in CATEGORY_COLUMNS:
        codes, words = pd.factorize(table[name])
        places = [strings.setdefault(str(word), len(strings)) for word in words]
        arrays[name] = np.asarray([*places, -1], dtype=np.int32)[codes]
    return TouchpointColumns(
        strings=tuple(strings),
        start=np.searchsorted(customer, np.arange(n_customers + 1)).astype(np.int64),
        event_time=microseconds(table["event_time"]),
        ingested_time=microseconds(table["ingested_time"]),
        message=hashes(table["message_id"]),
        campaign=hashes(table["campaign_id"]),
        value=table["value"].to_numpy(np.float64),
        sentiment=table["sentiment"].to_numpy(np.float64),
        properties=(),  # profiles aren't looked at here
        **arrays,
    )
