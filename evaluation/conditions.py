"""What contact rules see at each logged row: touches so far, channels left, time zones, an open case.

The touches are those of the log, whatever the policy in question would have done before: its value is one
step deep. `not_before`, groups of alternatives and reservations are not looked at.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, replace
from operator import attrgetter, itemgetter

import numpy as np

from data_contracts.configuration import Configuration, Policy
from data_contracts.times import HOUR
from evaluation.rows import LoggedRows
from features.columns import TouchpointColumns
from policy.contact_rules import Ledger, is_quiet
from policy.situation import Situation, situation
from training.labels import Bools


@dataclass(frozen=True)
class Conditions:
    """Per row its customer's situation at the row's moment, and the message's department and channel."""

    situations: tuple[Situation, ...]
    department: tuple[str, ...]
    channel: tuple[str, ...]
    expired: Bools
    open_case: Bools

    def allowed(self, policy: Policy) -> Bools:
        """Whether opt-outs, caps, quiet hours and the message's end let each row go at its moment."""
        longest = max((round(cap.window_hours * HOUR) for cap in policy.caps), default=0)
        result = ~self.expired
        for row, (given, department, channel) in enumerate(
            zip(self.situations, self.department, self.channel, strict=True)
        ):
            if not result[row]:
                continue
            ledger = Ledger(policy.caps)
            for touch in reversed(given.touches):
                if touch.time <= given.now - longest:
                    break
                ledger.add(touch.time, touch.department, touch.channel)
            result[row] = (
                channel not in given.opted_out
                and not is_quiet(given.now, given.zones or policy.time_zones_assumed, policy.quiet_hours)
                and ledger.blocking(given.now, department, channel) is None
            )
        return result


def conditions_of(
    columns: TouchpointColumns,
    logged: LoggedRows,
    open_case: Bools,
    configuration: Configuration,
    tell: Callable[[int], None] = lambda done: None,
) -> Conditions:
    """Read the conditions of each row; `tell` hears of the rows done."""
    rows = logged.rows
    # An empty zone stands for an unknown one, so that each policy can assume its own.
    unknown = configuration.policy.model_copy(update={"time_zones_assumed": ()})
    configuration = configuration.model_copy(update={"policy": unknown})
    situations: list[Situation] = []
    mine, customer = columns, -1
    for row in range(len(rows)):
        if rows.customer[row] != customer:
            customer = int(rows.customer[row])
            mine = _of_customer(columns, customer)
        moment = int(rows.moment[row])
        given = situation(
            mine, now=moment, candidates=(), sends=(), first_asked={}, configuration=configuration
        )
        # A touch at the very moment is the row's own.
        before = tuple(
            sorted((touch for touch in given.touches if touch.time < moment), key=attrgetter("time"))
        )
        situations.append(replace(given, touches=before))
        if row % 500 == 499:
            tell(row + 1)
    return Conditions(
        situations=tuple(situations),
        department=_words(logged, "department"),
        channel=_words(logged, "channel"),
        expired=np.asarray(rows.candidates.expires_at <= rows.moment),
        open_case=open_case,
    )


def _words(logged: LoggedRows, field: str) -> tuple[str, ...]:
    words = (*logged.rows.candidates.words[field], "")
    return tuple(words[place] for place in logged.rows.candidates.codes[field].tolist())


def _of_customer(columns: TouchpointColumns, customer: int) -> TouchpointColumns:
    """The rows of one customer alone."""
    first, last = int(columns.start[customer]), int(columns.start[customer + 1])
    begin = bisect_left(columns.properties, first, key=itemgetter(0))
    end = bisect_left(columns.properties, last, key=itemgetter(0))
    properties = tuple((row - first, given) for row, given in columns.properties[begin:end])
    changed = {
        name: getattr(columns, name)[first:last]
        for name in columns.__dataclass_fields__
        if name not in ("strings", "start", "properties")
    }
    return replace(columns, start=np.asarray([0, last - first], np.int64), properties=properties, **changed)
