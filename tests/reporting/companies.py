"""Tiny companies whose figures can be counted by hand; they go through the contract's own reader."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from data_contracts.configuration import Configuration
from data_contracts.tables import validated
from reporting.contacts import contacts_of
from reporting.decision_rows import decision_rows_of
from reporting.moments import Outlook
from reporting.record import record_of
from reporting.resampling import Resampler
from reporting.study import Study

START = pd.Timestamp("2025-03-03T00:00:00Z")  # a Monday
Row = dict[str, object]


def at(hours: float) -> str:
    """Hours since the start as the files write times."""
    return (START + pd.Timedelta(hours=hours)).isoformat()


def touch(customer: str, hours: float, department: str, event_type: str, **fields: object) -> Row:
    """One touchpoint; outbound where it is a message, else the customer's."""
    direction = "outbound" if event_type == "message_sent" else "inbound"
    return {
        "customer_id": customer,
        "event_time": at(hours),
        "department": department,
        "channel": "email",
        "direction": direction,
        "event_type": event_type,
        **fields,
    }


def table(rows: list[Row], path: Path) -> Path:
    """Write touchpoints as CSV, numbered."""
    frame = pd.DataFrame(rows)
    if "decision_id" not in frame or "action" not in frame:
        frame.insert(0, "touchpoint_id", [f"t{place}" for place in range(len(frame))])
    frame.to_csv(path, index=False)
    return path


def study_of(
    folder: Path,
    rows: list[Row],
    decisions: list[Row] | None = None,
    configuration: Configuration | None = None,
    draws: int = 200,
) -> Study:
    """What the figures are drawn from."""
    chosen = configuration or Configuration()
    frame = validated(table(rows, folder / "touchpoints.csv"), "touchpoints", chosen).frame
    log = None
    if decisions is not None:
        log = validated(table(decisions, folder / "decisions.csv"), "decisions", chosen).frame
    also = () if log is None else tuple(map(str, log["customer_id"].cat.categories))
    record = record_of(frame, chosen, also)
    outlook = Outlook(record)
    return Study(
        outlook,
        contacts_of(outlook),
        None if log is None else decision_rows_of(log, outlook),
        Resampler.of(record.n_customers, 7, draws),
    )


def careless_company(customers: int = 40) -> list[Row]:
    """Everyone's four weeks are the same, but for what they answer.

    Each customer gets: marketing at hour 10 (customers 0–9 click, 10–13 unsubscribe), sales at 34 (24 h after
    marketing), opens a case at 120, support answers at 126 (6 h), product writes into the case at 144, the
    case is resolved at 168 (48 h), NPS at 200 (0–9: a 10, 10–24: an 8, the others a 3). The first 20 are
    handed off once. Customers 0–7 buy for 30, of them 0–3 twice. All are last seen at hour 800.
    """
    rows: list[Row] = []
    for place in range(customers):
        name = f"customer-number-{place:03d}"
        rows += [
            touch(name, 0, "product", "logged_in"),
            touch(name, 10, "marketing", "message_sent", message_id=f"m{place}", topic="upsell"),
            touch(name, 34, "sales", "message_sent", message_id=f"s{place}", topic="demo"),
            touch(name, 120, "support", "ticket_opened", topic="billing", campaign_id=f"case{place}"),
            touch(name, 126, "support", "message_sent", message_id=f"a{place}", campaign_id=f"case{place}"),
            touch(name, 144, "product", "message_sent", message_id=f"p{place}", topic="survey"),
            {
                **touch(name, 168, "support", "ticket_resolved", campaign_id=f"case{place}"),
                "direction": "internal",
            },
            touch(name, 200, "operations", "nps_answered", value=10 if place < 10 else 8 if place < 25 else 3),
            touch(name, 800, "product", "logged_in"),
        ]
        if place < 10:
            rows.append(touch(name, 11, "marketing", "message_clicked", message_id=f"m{place}"))
        elif place < 14:
            rows.append(touch(name, 12, "marketing", "unsubscribed", message_id=f"m{place}"))
        if place < 20:
            rows.append(
                {
                    **touch(name, 130, "support", "handed_off", campaign_id=f"case{place}"),
                    "direction": "internal",
                }
            )
        if place < 8:
            rows.append(touch(name, 300, "billing", "purchased", value=30))
        if place < 4:
            rows.append(touch(name, 400, "billing", "purchased", value=30))
    return rows


def decision(place: int, customer: str, hours: float, action: str, probability: float, **fields: object) -> Row:
    """One row of a log."""
    return {
        "decision_id": f"d{place}",
        "customer_id": customer,
        "decided_at": at(hours),
        "message_id": f"m{place}",
        "department": "marketing",
        "channel": "email",
        "purpose": "promotional",
        "value": 2.0,
        "action": action,
        "send_probability": probability,
        "mode": "enforce",
        **fields,
    }
