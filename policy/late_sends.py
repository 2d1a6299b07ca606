"""A send that is confirmed after its reservation has ended: does it still find room under the caps?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from data_contracts.configuration import Configuration
from features.columns import TouchpointColumns, identifier_hash
from features.packing import selected
from policy.contact_rules import Ledger
from policy.situation import Send, live_sends, situation

_ALL_TIMES = int(np.iinfo(np.int64).max)


def still_fits(
    send: Send, columns: TouchpointColumns, sends: Sequence[Send], configuration: Configuration
) -> bool:
    """Whether `send`, whose reservation has ended, breaks no cap if it counts again.

    What counts beside it: every contact that a row reports, every confirmed send, and every
    reservation that ends after the newest confirmed send was decided. Those are the ones that may
    still be confirmed without being looked at again; the others come here themselves. So no clock
    is asked, and a replay of the past gives the same.

    Parameters
    ----------
    columns : the customer's rows, whatever their times
    sends : all sends of the customer that were not released, `send` among them or not
    """
    message = {"message_id": send.message_id}
    reported = situation(
        columns, now=_ALL_TIMES, candidates=[message], sends=(), first_asked={}, configuration=configuration
    )
    if send.message_id in reported.sent:
        return True  # it is a touch already
    others = list(sends)
    if send in others:
        others.remove(send)
    if any(other.message_id == send.message_id for other in others):
        return False  # the message was let out again: it must not be two
    # Of the confirmed ones: a reservation may be released, and then the newest would be another.
    newest = max((other.decided_at for other in others if other.state == "sent"), default=0)
    counted = [replace(other, state="sent") for other in live_sends(others, newest)]
    # A row says when a message went out, which is later than it was let out; decisions that were
    # made in between counted the one time, those since count the other.
    unreported = ~np.isin(columns.message, [identifier_hash(other.message_id) for other in counted])
    for rows in (columns, selected(columns, np.flatnonzero(unreported))):
        seen = situation(
            rows, now=_ALL_TIMES, candidates=(), sends=counted, first_asked={}, configuration=configuration
        )
        ledger = Ledger(configuration.policy.caps)
        for touch in seen.touches:
            ledger.add(touch.time, touch.department, touch.channel)
        if ledger.blocking(send.decided_at, send.department, send.channel) is not None:
            return False
    return True
