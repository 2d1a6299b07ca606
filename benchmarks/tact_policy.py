"""Tact live in the simulated company: the service's decision for one customer at a time, without the service.

One request a customer and step holds all messages that are pending. The ledger of sends, the first time a
message was asked about, and the history as of that moment are kept as the service keeps them; the scorer and
the decision are the real ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.candidates import candidates_of, moments_of, step_at_or_after
from benchmarks.live import LiveCompany
from data_contracts.configuration import Configuration
from data_contracts.vocabulary import EVENT_TYPES
from features.builder import HISTORY_LIMIT
from models.bundle import Bundle
from models.scoring import CustomerScorer
from policy.decision import decide
from policy.situation import Send, columns_with_sends, situation
from policy.verdict import Verdict
from simulation.clock import Ints
from simulation.company import Company
from simulation.messages import Pool
from simulation.rules import SEND, SUPPRESS, WAIT, Actions
from simulation.world import World

_EVENT_BIT = {name: 1 << place for place, name in enumerate(EVENT_TYPES)}
_ACTIONS = {"send": SEND, "wait": WAIT, "suppress": SUPPRESS}
_KEPT_SENDS = 14 * 86_400_000_000
"""How long a send stays in the ledger: by then its own touchpoint has long been reported."""


@dataclass
class Asked:
    """What was answered for every candidate that was asked about, in the order of asking.

    A row is known by its message's number and how often that one had been asked about before. `numbers` are
    p_helps, p_interrupts, lift_helps, lift_interrupts and the price of attention.
    """

    customer: list[int] = field(default_factory=list)
    moment: list[int] = field(default_factory=list)
    kind: list[int] = field(default_factory=list)
    message: list[int] = field(default_factory=list)
    times_asked: list[int] = field(default_factory=list)
    action: list[int] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    numbers: list[tuple[float, float, float, float, float]] = field(default_factory=list)
    goals: list[tuple[float, ...]] = field(default_factory=list)


class TactPolicy:
    """Decides with a bundle under a configuration.

    Parameters
    ----------
    keep : record every answer in `asked` (for calibration), goal probabilities included
    """

    def __init__(self, bundle: Bundle, configuration: Configuration, seed: int, *, keep: bool = False) -> None:
        self.bundle = bundle
        self.configuration = configuration
        self.asked = Asked() if keep else None
        self._seed = seed
        self._company: LiveCompany | None = None
        self._sends: dict[int, list[Send]] = {}
        self._first_asked: dict[int, dict[str, int]] = {}

    def observe(self, company: Company) -> None:
        """See Observer."""
        if not isinstance(company, LiveCompany):
            raise TypeError("Tact needs a company that keeps what it knows")
        self._company = company

    def decide(self, pending: Pool, world: World) -> Actions:
        """Ask for each customer once."""
        company = self._company
        if company is None:
            raise RuntimeError("the live run has not begun")
        result = Actions.of(np.full(pending.n, SUPPRESS, dtype=np.int64), send_probability=np.zeros(pending.n))
        if not pending.n:
            return result
        candidates = candidates_of(pending, company)
        moments = moments_of(company, pending.customer)
        until = np.zeros(pending.n, dtype=np.int64)
        order = np.argsort(pending.customer, kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(pending.customer[order])) + 1):
            verdicts = self._ask(
                company, pending, rows, [candidates[row] for row in rows], int(moments[rows[0]])
            )
            for verdict in verdicts:
                row = rows[verdict.place]
                result.action[row] = _ACTIONS[verdict.action]
                result.send_probability[row] = verdict.send_probability
                until[row] = verdict.wait_until or 0
                result.recheck[row] = sum(
                    _EVENT_BIT[name] for name in set(verdict.recheck_on) & set(_EVENT_BIT)
                )
        waits = np.flatnonzero(result.action == WAIT)
        who = pending.customer[waits]
        later = step_at_or_after(company, who, until[waits])
        # The steps are two hours long: a moment in a message's last step is asked about in that step.
        result.wait_until[waits] = np.minimum(later, pending.expires[waits] - 1)
        return result

    def _ask(
        self, company: LiveCompany, pending: Pool, rows: Ints, candidates: list[dict[str, Any]], now: int
    ) -> list[Verdict]:
        customer = int(pending.customer[rows[0]])
        step = int(company.world.step[customer])
        columns = company.known.columns(np.asarray([customer], dtype=np.int64))
        sends = [one for one in self._sends.get(customer, ()) if one.decided_at > now - _KEPT_SENDS]
        first = self._first_asked.setdefault(customer, {})
        for candidate in candidates:
            first.setdefault(candidate["message_id"], now)
        given = situation(
            columns,
            now=now,
            candidates=candidates,
            sends=sends,
            first_asked=first,
            configuration=self.configuration,
        )
        contact_type = self.configuration.vocabulary.role("contact")[0]
        scorer = CustomerScorer(
            self.bundle,
            columns_with_sends(columns, sends, now, contact_type),
            candidates,
            now,
            HISTORY_LIMIT,
        )
        verdicts = decide(given, scorer, self.configuration.policy, f"{self._seed}-{customer}-{step}")
        for verdict in verdicts:
            candidate = candidates[verdict.place]
            if verdict.action == "send":
                sends.append(
                    Send(
                        candidate["message_id"], candidate["department"], candidate["channel"], now, now, "sent"
                    )
                )
        self._sends[customer] = sends
        if self.asked is not None:
            self._keep(self.asked, pending, rows, verdicts, now, tuple(scorer.now()[1][0].tolist()))
        return verdicts

    def _keep(
        self,
        asked: Asked,
        pending: Pool,
        rows: Ints,
        verdicts: list[Verdict],
        now: int,
        goals: tuple[float, ...],
    ) -> None:
        for verdict in verdicts:
            if verdict.p_helps is None:
                continue
            row = int(rows[verdict.place])
            asked.customer.append(int(pending.customer[row]))
            asked.moment.append(now)
            asked.kind.append(int(pending.kind[row]))
            asked.message.append(int(pending.message[row]))
            asked.times_asked.append(int(pending.asked[row]))
            asked.action.append(_ACTIONS[verdict.action])
            asked.code.append(verdict.reasons[0][0])
            asked.numbers.append(
                (
                    verdict.p_helps,
                    verdict.p_interrupts or 0.0,
                    verdict.lift_helps or 0.0,
                    verdict.lift_interrupts or 0.0,
                    verdict.attention_price or 0.0,
                )
            )
            asked.goals.append(goals)
