"""Which contact was answered, and from when that could be known."""

from __future__ import annotations

import numba
import numpy as np

from features.columns import Int64

NEVER = np.iinfo(np.int64).max
_CONTACT, _POSITIVE, _NEGATIVE = 1, 2, 4  # the first three of meaning.FLAGS


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def link_answers(
    start: Int64, event_time: Int64, ingested_time: Int64, message: Int64, flags: Int64, window: np.int64
) -> tuple[Int64, Int64]:
    """For each contact the first moment at which an answer in `(sent, sent + window]` was known.

    Returns two arrays of shape (n,), for positive and negative answers, in microseconds; NEVER
    for rows that are no contact or have no answer. An answer is known from the later of its
    `event_time` and `ingested_time`. A message sent twice has its answers counted for both.
    """
    n = len(event_time)
    positive_known = np.full(n, NEVER, np.int64)
    negative_known = np.full(n, NEVER, np.int64)
    previous = np.full(n, -1, np.int64)
    for customer in range(len(start) - 1):
        first, last = start[customer], start[customer + 1]
        contacts = 0
        for row in range(first, last):
            if flags[row] & _CONTACT and message[row] != 0:
                contacts += 1
        if contacts == 0:
            continue
        size = 4
        while size < 2 * contacts:
            size *= 2
        slots = np.full(size, -1, np.int64)  # open addressing: the newest contact of a message
        for row in range(first, last):
            if message[row] == 0 or not flags[row] & (_CONTACT | _POSITIVE | _NEGATIVE):
                continue
            slot = message[row] & (size - 1)
            while slots[slot] >= 0 and message[slots[slot]] != message[row]:
                slot = (slot + 1) & (size - 1)
            if flags[row] & _CONTACT:
                previous[row] = slots[slot]
                slots[slot] = row
                continue
            known = max(event_time[row], ingested_time[row])
            contact = slots[slot]
            while contact >= 0:
                age = event_time[row] - event_time[contact]
                if 0 < age <= window:
                    if flags[row] & _POSITIVE:
                        positive_known[contact] = min(positive_known[contact], known)
                    if flags[row] & _NEGATIVE:
                        negative_known[contact] = min(negative_known[contact], known)
                contact = previous[contact]
    return positive_known, negative_known
