"""Occurrences of customers, ordered by customer and time, and questions about a moment among them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from features.columns import Int64


class Occurrences:
    """Things that happened: `n` pairs of a customer's place and a time in microseconds, in any order.

    Questions are arrays of (customer, moment) of one shape; answers have that shape. Times become ranks, so
    that customer and time fit into one sortable 64-bit number without rounding.
    """

    def __init__(self, customer: npt.NDArray[np.integer], time: Int64) -> None:
        self._times, ranks = np.unique(time, return_inverse=True)
        self._width = np.int64(len(self._times) + 1)
        key = customer.astype(np.int64) * self._width + ranks
        self.order: Int64 = np.argsort(key, kind="stable")
        self._key = key[self.order]
        self._customer = customer.astype(np.int64)[self.order]

    def __len__(self) -> int:
        return len(self._key)

    def _place(self, customer: Int64, moment: Int64, inclusive: bool) -> Int64:
        """How many occurrences come, in the order, before (or up to) the moment."""
        rank = np.searchsorted(self._times, moment, side="right" if inclusive else "left")
        return np.searchsorted(self._key, customer * self._width + rank, side="left").astype(np.int64)

    def count_after(self, customer: Int64, after: Int64, until: Int64) -> Int64:
        """Occurrences in `(after, until]`, the window of outcomes."""
        return self._place(customer, until, True) - self._place(customer, after, True)

    def count_before(self, customer: Int64, since: Int64, before: Int64) -> Int64:
        """Occurrences in `[since, before)`, the window of what came before a moment."""
        return self._place(customer, before, False) - self._place(customer, since, False)

    def next_after(self, customer: Int64, moment: Int64) -> Int64:
        """Place of the first occurrence after each moment, as given to the constructor; -1 for none."""
        if not len(self):
            return np.full(len(moment), -1, np.int64)
        place = self._place(customer, moment, True)
        safe = np.minimum(place, len(self) - 1)
        found = (place < len(self)) & (self._customer[safe] == customer)
        return np.where(found, self.order[safe], -1)

    def last_before(self, customer: Int64, moment: Int64) -> Int64:
        """Place of the last occurrence before each moment, as given to the constructor; -1 for none."""
        if not len(self):
            return np.full(len(moment), -1, np.int64)
        place = self._place(customer, moment, False) - 1
        safe = np.maximum(place, 0)
        found = (place >= 0) & (self._customer[safe] == customer)
        return np.where(found, self.order[safe], -1)


def pair_codes(first: tuple[Int64, Int64], second: tuple[Int64, Int64]) -> tuple[Int64, Int64]:
    """Number the pairs of two sides (each: two arrays) so that equal pairs have the same number."""
    _, inner = np.unique(np.concatenate([first[1], second[1]]), return_inverse=True)
    outer = np.concatenate([first[0], second[0]])
    _, codes = np.unique(outer * np.int64(inner.max(initial=0) + 1) + inner, return_inverse=True)
    codes = codes.astype(np.int64)
    return codes[: len(first[0])], codes[len(first[0]) :]
