"""Small companies for tests, and what of a run is comparable."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from data_contracts.times import DAY, parse_time
from simulation.companies import KINDS
from simulation.company import Ablations, Company
from simulation.records import Rows

START = parse_time("2025-01-06T00:00:00Z")


def company(
    kind: str = "subscription",
    customers: int = 120,
    days: int = 20,
    seed: int = 3,
    ablations: Ablations | None = None,
) -> Company:
    return Company(KINDS[kind], customers, seed, start=START, days=days, ablations=ablations)


def end(days: int) -> int:
    return START + days * DAY


def own_doing(rows: Rows) -> npt.NDArray[np.int64]:
    """What customers do by themselves: rows without a message, as sortable numbers, shape (n, 6)."""
    free = rows.take(rows.message < 0)
    columns = (free.customer, free.event_time, free.event_type, free.channel, free.direction, free.topic)
    table = np.stack(columns, axis=1)
    return table[np.lexsort(table.T[::-1])]
