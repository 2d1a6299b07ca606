"""What a live company shows to a program that talks the contract: candidates, touchpoints, times."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.times import format_time, to_microseconds
from data_contracts.vocabulary import CHANNELS, DEPARTMENTS, PURPOSES
from simulation.clock import Ints
from simulation.company import Company
from simulation.messages import Pool
from simulation.records import Rows
from simulation.tables import attributes, campaign_id, case_id, customer_id, message_id, touchpoint_table
from simulation.world import World, campaign_number

_TIMES = ("not_before", "expires_at", "now")


def touchpoints_of(company: Company, rows: Rows) -> pa.Table:
    """Rows (`company.news`, for instance) as the contract's table, in its total order."""
    return touchpoint_table(rows, company.kind, company.recorder.properties)


def now_of(pending: Pool, world: World) -> Ints:
    """Now on the clock of each message's customer, microseconds UTC, shape (n,)."""
    return world.models.clock.time(world.step[pending.customer], world.state.phase[pending.customer])


def step_at(time: Ints, pending: Pool, world: World) -> Ints:
    """The first step that begins at `time` (microseconds UTC) or later on each message's customer's clock:
    what `Actions.wait_until` wants."""
    return world.models.clock.step_at(time, world.state.phase[pending.customer])


def candidate_table(pending: Pool, world: World) -> pa.Table:
    """Pending messages with the contract's candidate columns, `customer_id` and `now`, one row each.

    `group` is missing where a message comes without alternatives; times are timestamps in UTC.
    """
    table, clock = world.table, world.models.clock
    phase = world.state.phase[pending.customer]
    stamp = pa.timestamp("us", tz="UTC")
    grouped = world.models.departments.alternatives & ~table.transactional[pending.kind]

    def named(names: Sequence[str], codes: Ints) -> pa.Array:
        return pa.array(np.array(names, dtype=object)[codes], pa.string())

    return pa.table(
        {
            "customer_id": customer_id(pending.customer),
            "now": pa.array(now_of(pending, world)).cast(stamp),
            "message_id": message_id(pending.message),
            "group": pc.if_else(pa.array(grouped), message_id(pending.group), pa.scalar(None, pa.string())),
            "department": named(DEPARTMENTS, table.department[pending.kind]),
            "channel": named(CHANNELS, pending.channel),
            "topic": named(table.topics, pending.topic),
            "purpose": named(PURPOSES, table.purpose[pending.kind]),
            "campaign_id": pc.coalesce(
                case_id(pending.customer, pending.case), campaign_id(campaign_number(pending), table)
            ),
            "value": pa.array(table.value[pending.kind]),
            "attributes": pa.array(attributes(pending, table), pa.string()),
            "not_before": pa.array(clock.time(pending.created, phase)).cast(stamp),
            "expires_at": pa.array(clock.time(pending.expires, phase)).cast(stamp),
        }
    )


def candidates(pending: Pool, world: World) -> list[dict[str, Any]]:
    """The same in the contract's JSON form: times as texts, attributes as objects."""
    rows: list[dict[str, Any]] = candidate_table(pending, world).to_pylist()
    for row in rows:
        row["attributes"] = json.loads(row["attributes"])
        row.update({name: format_time(to_microseconds(row[name])) for name in _TIMES})
    return rows
