"""Pending messages of the simulation as the candidates of a request, and the moment at which they are asked."""

from __future__ import annotations

from typing import Any

import numpy as np

from data_contracts.times import SECOND
from data_contracts.vocabulary import CHANNELS, DEPARTMENTS, PURPOSES
from simulation.clock import Ints
from simulation.company import Company
from simulation.messages import Pool
from simulation.tables import campaign_id, case_id, message_id
from simulation.world import campaign_number

ASKED_AFTER = 2 * SECOND
"""Decisions fall into the first minute of a step, when nothing else happens."""


def moments_of(company: Company, customer: Ints) -> Ints:
    """When each customer's messages are asked about in this step, microseconds."""
    return np.asarray(company.now[customer] + ASKED_AFTER, dtype=np.int64)


def candidates_of(pending: Pool, company: Company) -> list[dict[str, Any]]:
    """The contract's candidates, in the order of `pending`, times in microseconds."""
    table, clock = company.models.table, company.models.clock
    phase = company.world.state.phase[pending.customer]
    cases = case_id(pending.customer, pending.case).to_pylist()
    campaigns = campaign_id(campaign_number(pending), table).to_pylist()
    grouped = company.models.departments.alternatives & ~table.transactional[pending.kind]
    groups = message_id(pending.group).to_pylist()
    fields = zip(
        message_id(pending.message).to_pylist(),
        pending.kind.tolist(),
        pending.channel.tolist(),
        pending.topic.tolist(),
        (case or campaign for case, campaign in zip(cases, campaigns, strict=True)),
        clock.time(pending.created, phase).tolist(),
        clock.time(pending.expires, phase).tolist(),
        pending.offer.tolist(),
        (group if several else None for group, several in zip(groups, grouped.tolist(), strict=True)),
        strict=True,
    )
    return [
        {
            "message_id": message,
            "department": DEPARTMENTS[table.department[kind]],
            "channel": CHANNELS[channel],
            "topic": table.topics[topic],
            "purpose": PURPOSES[table.purpose[kind]],
            "value": float(table.value[kind]),
            "not_before": created,
            "expires_at": expires,
            "campaign_id": campaign,
            "group": group,
            "attributes": {"discount": offer} if table.has_offer[kind] else {},
        }
        for message, kind, channel, topic, campaign, created, expires, offer, group in fields
    ]


def step_at_or_after(company: Company, customer: Ints, time: Ints) -> Ints:
    """The first step of each customer's clock in which a message asked again at `time` would be asked."""
    return company.models.clock.step_at(time - ASKED_AFTER, company.world.state.phase[customer])
