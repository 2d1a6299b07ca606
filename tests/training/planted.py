"""A small company whose effects are planted: who answers, who buys anyway, and what a send adds.

Half of the customers are *keen* (they view prices before a decision), half are not. A send of `offer`
is answered with the chance ANSWER[keen]; whoever is not sent anything buys with the chance BUYS, and a
send adds ADDS[keen] to that, whether it is answered or not. A send of `nag` makes people cancel.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from data_contracts.configuration import Configuration, configuration_from

HOUR = 3_600_000_000
START = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
ANSWER = {True: 0.35, False: 0.05}
BUYS = 0.10
ADDS = {True: 0.15, False: 0.0}
CANCELS = {"offer": 0.0, "nag": 0.15}

CONFIGURATION: Configuration = configuration_from(
    {
        "goals": {
            "horizon_hours": 24,
            "evaluate": ["pricing_viewed"],
            "buy": ["purchased"],
            "leave": ["cancelled"],
        },
        "outcomes": {
            "window_hours": 24,
            "helped_linked": ["message_clicked"],
            "interrupted_linked": ["message_dismissed"],
            "progress": ["purchased"],
            "harm": ["cancelled"],
        },
        "training": {"rounds": 80, "minimum_customers": 20, "minimum_rows": 200, "minimum_positives": 30},
    }
)

QUICK: Configuration = CONFIGURATION.model_copy(
    update={"training": CONFIGURATION.training.model_copy(update={"max_goal_rows": 2_000})}
)
"""The same where the goal is not what a test is about: no random moments join those of the decisions."""


def true_lift(keen: bool, topic: str) -> tuple[float, float]:
    """Lifts of helped and of interrupted."""
    if topic == "nag":
        return 0.0, CANCELS["nag"] * (1 - 0.02)
    held = BUYS
    sent = 1 - (1 - ANSWER[keen]) * (1 - (BUYS + ADDS[keen]))
    return sent - held, 0.0


def company(
    seed: int, customers: int = 300, decisions: int = 16, *, effects: float = 1.0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Touchpoints and decisions, one decision each three days; send probabilities differ by topic and kind."""
    draw = np.random.default_rng(seed)
    touches: list[dict[str, object]] = []
    log: list[dict[str, object]] = []

    def touch(customer: str, time: int, event_type: str, direction: str, **more: object) -> None:
        touches.append(
            {
                "touchpoint_id": f"t-{len(touches)}",
                "customer_id": customer,
                "event_time": time,
                "department": more.pop("department", "product"),
                "channel": more.pop("channel", "web"),
                "direction": direction,
                "event_type": event_type,
            }
            | more
        )

    for number in range(customers):
        customer, keen = f"c-{number:04d}", number % 2 == 0
        begin = START + int(draw.integers(0, 48)) * HOUR
        for step in range(decisions):
            moment = begin + step * 72 * HOUR + int(draw.integers(0, 24 * 60)) * 60_000_000
            if keen:
                touch(customer, moment - 2 * HOUR, "pricing_viewed", "inbound")
            topic = "offer" if draw.random() < 0.6 else "nag"
            message = f"m-{number}-{step}"
            # Those who would do well anyway are sent to more often, so arms can't simply be compared.
            probability = 0.7 if keen else 0.4
            sent = bool(draw.random() < probability)
            message_fields = {
                "message_id": message,
                "topic": topic,
                "department": "marketing",
                "channel": "email",
            }
            log.append(
                {
                    "decision_id": f"d-{number}-{step}",
                    "customer_id": customer,
                    "decided_at": moment,
                    "purpose": "promotional",
                    "action": "send" if sent else "suppress",
                    "send_probability": probability,
                    "mode": "enforce",
                    **message_fields,
                }
            )
            buys, cancels = BUYS, 0.02
            if sent:
                touch(customer, moment + 1_000_000, "message_sent", "outbound", **message_fields)
                if topic == "offer":
                    if draw.random() < effects * ANSWER[keen]:
                        touch(customer, moment + HOUR, "message_clicked", "inbound", **message_fields)
                    buys += effects * ADDS[keen]
                cancels += effects * CANCELS[topic] * (1 - 0.02)
            if draw.random() < buys:
                touch(customer, moment + int(draw.integers(2, 23)) * HOUR, "purchased", "inbound")
            if draw.random() < cancels:
                touch(customer, moment + int(draw.integers(2, 23)) * HOUR, "cancelled", "inbound")
        touch(customer, begin + decisions * 72 * HOUR, "logged_in", "inbound")
    return _frame(touches, "event_time"), _frame(log, "decided_at")


def write(folder: Path, touchpoints: pd.DataFrame, decisions: pd.DataFrame | None) -> tuple[Path, Path | None]:
    """Write the tables as Parquet; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    touchpoints.to_parquet(folder / "touchpoints.parquet")
    if decisions is None:
        return folder / "touchpoints.parquet", None
    decisions.to_parquet(folder / "decisions.parquet")
    return folder / "touchpoints.parquet", folder / "decisions.parquet"


def _frame(rows: list[dict[str, object]], time: str) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    frame[time] = pd.to_datetime(frame[time], unit="us", utc=True)
    return frame
