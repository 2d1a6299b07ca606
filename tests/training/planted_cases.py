"""A small company where an open case decides: what people come back for, and whether a message hurts.

Before seven of ten decisions a customer has opened a ticket, and three of these are resolved by then. Who still
waits replies to it soon (the goal `get_help`), and a send makes them cancel; who does not wait looks at prices, and
answers messages.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from data_contracts.configuration import Configuration, configuration_from
from tests.training.planted import HOUR, START

TOPICS = ("billing", "technical", "delivery")
CONFIGURATION: Configuration = configuration_from(
    {
        "goals": {
            "horizon_hours": 24,
            "get_help": ["ticket_replied"],
            "evaluate": ["pricing_viewed"],
            "leave": ["cancelled"],
        },
        "outcomes": {
            "window_hours": 24,
            "helped_linked": ["message_clicked"],
            "interrupted_linked": ["message_dismissed"],
            "progress": ["purchased"],
            "harm": ["cancelled"],
        },
        "training": {"rounds": 80, "minimum_customers": 20, "minimum_rows": 200, "minimum_positives": 30}
        | {"max_goal_rows": 4_000},
    }
)


def company(seed: int, customers: int = 250, decisions: int = 14) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Touchpoints and decisions, one decision each four days, all drawn with p = 0.5."""
    draw = np.random.default_rng(seed)
    touches: list[dict[str, object]] = []
    log: list[dict[str, object]] = []

    def touch(
        customer: str, time: int, event_type: str, direction: str, department: str, **more: object
    ) -> None:
        row = {
            "touchpoint_id": f"t-{len(touches)}", "customer_id": customer, "event_time": time,
            "event_type": event_type, "direction": direction, "department": department, "channel": "email",
        }  # fmt: skip
        touches.append(row | more)

    for number in range(customers):
        customer = f"c-{number:04d}"
        begin = START + int(draw.integers(0, 48 * 60)) * HOUR // 60
        for step in range(decisions):
            moment = begin + step * 96 * HOUR + int(draw.integers(0, 24 * 60)) * HOUR // 60
            luck = draw.random()
            waits, resolved = bool(luck < 0.4), bool(0.4 <= luck < 0.7)
            case = {"topic": TOPICS[int(draw.integers(len(TOPICS)))], "campaign_id": f"case-{number}-{step}"}
            # From a second to a day and a half before the decision.
            age = int(np.exp(draw.uniform(np.log(1e6), np.log(36 * HOUR))))
            if resolved:
                touch(customer, moment - age, "ticket_opened", "inbound", "support", **case)
                done = moment - int(age * draw.random()) - 1
                touch(customer, done, "ticket_resolved", "internal", "support", **case)
            if waits:
                touch(customer, moment - age, "ticket_opened", "inbound", "support", **case)
                if draw.random() < 0.85:
                    soon = moment + int(draw.integers(1, 12)) * HOUR
                    touch(customer, soon, "ticket_replied", "inbound", "support", **case)
                touch(customer, moment + 30 * HOUR, "ticket_resolved", "internal", "support", **case)
            elif draw.random() < 0.8:
                touch(
                    customer, moment + int(draw.integers(1, 12)) * HOUR, "pricing_viewed", "inbound", "product"
                )
            message = {"message_id": f"m-{number}-{step}", "topic": "upsell", "department": "marketing"}
            sent = bool(draw.random() < 0.5)
            log.append(
                {
                    "decision_id": f"d-{number}-{step}", "customer_id": customer, "decided_at": moment,
                    "channel": "email", "purpose": "promotional", "action": "send" if sent else "suppress",
                    "send_probability": 0.5, "mode": "enforce", **message,
                }
            )  # fmt: skip
            if sent:
                touch(customer, moment + 1, "message_sent", "outbound", **message)  # type: ignore[arg-type]
                if not waits and draw.random() < 0.4:
                    touch(customer, moment + HOUR, "message_clicked", "inbound", **message)  # type: ignore[arg-type]
            if draw.random() < (0.35 if sent and waits else 0.03):
                touch(customer, moment + int(draw.integers(13, 23)) * HOUR, "cancelled", "inbound", "product")
        touch(customer, begin + decisions * 96 * HOUR, "logged_in", "inbound", "product")
    return _frame(touches, "event_time"), _frame(log, "decided_at")


def _frame(rows: list[dict[str, object]], time: str) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    frame[time] = pd.to_datetime(frame[time], unit="us", utc=True)
    return frame
