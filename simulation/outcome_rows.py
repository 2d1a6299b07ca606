"""Rows of progress and harm; cases and sessions write their own."""

from __future__ import annotations

import numpy as np

from simulation.clock import Floats, Ints
from simulation.kinds import CompanyKind
from simulation.messages import MessageTable
from simulation.outcomes import Did
from simulation.records import Sink
from simulation.state import State


class OutcomeRows:
    """Knows by which touchpoint each outcome shows."""

    def __init__(self, kind: CompanyKind, table: MessageTable) -> None:
        request, bought = kind.leaving.request_event, kind.purchases.event
        #      outcome, event type, department, channel, topic, direction, counts as progress
        self._rows = (
            ("purchase", bought, "billing", "web", "plan", "inbound", True),
            ("onboarding", "onboarding_step_completed", "product", "in_app", "product", "inbound", True),
            ("renewal", "renewed", "billing", "web", "contract", "inbound", True),
            ("contract_renewed", "renewed", "billing", "web", "contract", "internal", True),
            ("referral", "referred", "marketing", "web", "plan", "inbound", True),
            ("cancel", request, "billing", "web", "contract", "inbound", False),
            ("provoked_leave", request, "billing", "web", "contract", "inbound", False),
            ("downgrade", "downgraded", "billing", "web", "contract", "inbound", False),
            ("gone", "cancelled", "billing", "web", "contract", "inbound", False),
            ("contract_cancelled", "cancelled", "billing", "web", "contract", "inbound", False),
        )
        self.table = table
        self._topic = {name: table.topics.index(name) for name in ("product", "plan", "contract", "survey")}

    def write(
        self,
        state: State,
        did: Did,
        revenue: Floats,
        csat: Floats,
        nps: Floats,
        times: dict[str, Ints],
        record: Sink,
    ) -> None:
        """Rows for what came true in a step; `revenue`, `csat` and `nps` hold the values, shape (n,)."""
        progress, harm = times["progress_time"], times["harm_time"]
        for name, event_type, department, channel, topic, direction, helps in self._rows:
            who = np.flatnonzero(did[name])
            if not who.size:
                continue
            at = progress if helps else harm
            value = revenue[who] if name == "purchase" else None
            record.add(
                state, who, at[who], event_type, department, channel, direction,
                topic=self._topic[topic], value=value,
            )  # fmt: skip
        who = np.flatnonzero(did["csat_answer"])
        record.add(
            state, who, progress[who], "csat_answered", "support", "email",
            topic=self.table.case_topic[state.case_topic[who]], case=state.case_opened[who],
            value=csat[who], sentiment=(csat[who] - 3) / 2,
        )  # fmt: skip
        who = np.flatnonzero(did["nps_answer"])
        record.add(
            state, who, progress[who], "nps_answered", "operations", "email",
            topic=self._topic["survey"], message=state.nps_message[who],
            value=nps[who], sentiment=(nps[who] - 5) / 5,
        )  # fmt: skip
