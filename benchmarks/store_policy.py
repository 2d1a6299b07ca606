"""Tact live in the simulated company through the service's own code: its store, its answers, its confirms.

Each step's news is ingested into a real store as it became known; all requests of the step are answered
by `serving.answering`, which reads, decides, logs and reserves; what goes out is confirmed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.candidates import candidates_of
from data_contracts.configuration import Configuration
from data_contracts.errors import TactError
from data_contracts.times import parse_time, to_microseconds
from data_contracts.vocabulary import EVENT_TYPES
from features.packing import TouchpointRow
from serving.answering import Answering
from serving.champion import Champion
from serving.history import HistoryBounds
from serving.metrics import Metrics
from serving.parsing import DecideCall
from serving.spool import Spool
from serving.store import open_store
from simulation.clock import Ints
from simulation.company import Company
from simulation.live import touchpoints_of
from simulation.messages import Pool
from simulation.rules import SEND, SUPPRESS, WAIT, Actions
from simulation.tables import customer_id
from simulation.world import World

_ACTIONS = {"send": SEND, "wait": WAIT, "suppress": SUPPRESS}
_EVENT_BIT = {name: 1 << place for place, name in enumerate(EVENT_TYPES)}
_AT_ONCE = 200
Filter = Callable[[str, TouchpointRow], bool]


def rows_of(company: Company, news: Any) -> list[tuple[str, TouchpointRow]]:
    """Simulated rows as (customer_id, row), as the store takes them."""
    found = []
    for one in touchpoints_of(company, news).to_pylist():
        fields: dict[str, Any] = dict(one)
        customer = fields.pop("customer_id")
        for name in ("event_time", "ingested_time"):
            fields[name] = to_microseconds(fields[name])
        if fields["properties"] is not None:
            fields["properties"] = json.loads(fields["properties"])
        found.append((customer, TouchpointRow(**fields)))
    return found


@dataclass
class StorePolicy:
    """Asks a service that lives in this process.

    `feed` sees every row (with its customer) on its way into the store; where it says False the row does
    not arrive.
    `sent`, `asked` count messages.
    """

    home: Path
    database: str
    configuration: Configuration
    metrics: Metrics
    feed: Filter = lambda customer, row: True
    asked: int = 0
    sent: int = 0
    _company: Company | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.store = open_store(self.database, self.home, HistoryBounds.of(self.configuration))
        self.champion = Champion(self.home, self.configuration)
        spool = Spool(self.home / "spool" / "decisions.jsonl")
        self.answering = Answering(self.store, spool, self.champion, self.configuration, self.metrics)
        self.champion.poll()

    def observe(self, company: Company) -> None:
        """See Observer: what became known goes into the store."""
        self._company = company
        if company.news.n:
            self.ingest(rows_of(company, company.news))

    def ingest(self, rows: list[tuple[str, TouchpointRow]]) -> None:
        arrived = [(customer, row) for customer, row in rows if self.feed(customer, row)]
        if arrived:
            self.store.ingest(arrived)

    def decide(self, pending: Pool, world: World) -> Actions:
        """One request a customer and step, for all messages that are pending."""
        company = self._company
        if company is None:
            raise RuntimeError("the live run has not begun")
        result = Actions.of(np.full(pending.n, SUPPRESS, dtype=np.int64), send_probability=np.zeros(pending.n))
        if not pending.n:
            return result
        # At the step's own moment: what was revealed in this step is exactly what was known by then.
        now = company.now
        candidates, names = candidates_of(pending, company), customer_id(pending.customer).to_pylist()
        order = np.argsort(pending.customer, kind="stable")
        groups = np.split(order, np.flatnonzero(np.diff(pending.customer[order])) + 1)
        calls = [self._call(rows, names, candidates, pending, now, company) for rows in groups]
        until = np.zeros(pending.n, dtype=np.int64)
        for first in range(0, len(calls), _AT_ONCE):
            answers = self.answering.decide_many(calls[first : first + _AT_ONCE])
            for rows, raw in zip(groups[first : first + _AT_ONCE], answers, strict=True):
                if isinstance(raw, TactError):
                    raise raw
                self._take(json.loads(raw), rows, candidates, result, until)
        waits = np.flatnonzero(result.action == WAIT)
        phase = world.state.phase[pending.customer[waits]]
        later = world.models.clock.step_at(until[waits], phase)
        # The steps are two hours long: a moment in a message's last step is asked about in that step.
        result.wait_until[waits] = np.minimum(later, pending.expires[waits] - 1)
        return result

    def close(self) -> None:
        self.store.close()

    def _call(
        self,
        rows: Ints,
        names: list[str],
        candidates: list[dict[str, Any]],
        pending: Pool,
        now: Ints,
        company: Company,
    ) -> DecideCall:
        customer = int(pending.customer[rows[0]])
        decision = f"{names[rows[0]]}-{int(company.world.step[customer])}"
        asked = tuple(candidates[row] for row in rows)
        self.asked += len(asked)
        return DecideCall(
            names[rows[0]], asked, decision, "enforce", int(now[customer]), False, decision.encode()
        )

    def _take(
        self,
        answer: dict[str, Any],
        rows: Ints,
        candidates: list[dict[str, Any]],
        result: Actions,
        until: Ints,
    ) -> None:
        places = {candidates[row]["message_id"]: int(row) for row in rows}
        for one in answer["decisions"]:
            row = places[one["message_id"]]
            result.action[row] = _ACTIONS[one["action"]]
            result.send_probability[row] = one["send_probability"]
            until[row] = parse_time(one["wait_until"]) if one["wait_until"] else 0
            result.recheck[row] = sum(_EVENT_BIT.get(name, 0) for name in set(one["recheck_on"]))
            if one["action"] == "send":
                self.sent += 1
                self.store.confirm(answer["decision_id"], one["message_id"], "sent")
