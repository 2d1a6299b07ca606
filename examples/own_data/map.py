"""Maps two exports to touchpoints: the whole work of bringing one's own data to Tact.

Each line of an export becomes one row per thing that happened. What matters: a stable
`touchpoint_id`, UTC times with a zone, who acted (`direction`), and `message_id` on a message and
on the answers to it.

    python examples/own_data/map.py && tact validate examples/own_data/touchpoints.csv
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).parent


def helpdesk() -> pd.DataFrame:
    """Tickets: opened by the customer, resolved by us, rated by the customer."""
    export = pd.read_csv(FOLDER / "helpdesk.csv")
    common = pd.DataFrame(
        {
            "source": "helpdesk",
            "customer_id": export["Requester"].str.lower(),
            "department": "support",
            "channel": "email",
            "topic": export["Category"].str.lower(),
            "campaign_id": export["Ticket"],  # ties a case's rows together
        }
    )

    def berlin(column: str) -> pd.Series:
        local = pd.to_datetime(export[column], format="%d.%m.%Y %H:%M")
        return local.dt.tz_localize("Europe/Berlin", ambiguous=True).dt.tz_convert("UTC")

    opened = common.assign(
        touchpoint_id=export["Ticket"] + "-opened",
        event_time=berlin("Created (Berlin)"),
        direction="inbound",
        event_type="ticket_opened",
    )
    resolved = common.assign(
        touchpoint_id=export["Ticket"] + "-resolved",
        event_time=berlin("Solved (Berlin)"),
        direction="internal",
        event_type="ticket_resolved",
    )
    rated = resolved.assign(
        touchpoint_id=export["Ticket"] + "-rated",
        direction="inbound",
        event_type="csat_answered",
        value=export["Satisfaction"].map({"good": 5, "bad": 1}),
    )
    return pd.concat([opened, resolved, rated[rated["value"].notna()]])


def mailings() -> pd.DataFrame:
    """Mails: sent by marketing; opened, clicked or left by the customer."""
    export = pd.read_csv(FOLDER / "mailings.csv")
    parts = []
    for column, event_type, direction in (
        ("sent_at", "message_sent", "outbound"),
        ("opened_at", "message_opened", "inbound"),
        ("clicked_at", "message_clicked", "inbound"),
        ("unsubscribed_at", "unsubscribed", "inbound"),
    ):
        happened = export[export[column].notna()]
        parts.append(
            pd.DataFrame(
                {
                    "touchpoint_id": happened["mail_id"].astype(str) + "-" + event_type,
                    "source": "mailer",
                    "customer_id": happened["to"].str.lower(),
                    "event_time": pd.to_datetime(happened[column], utc=True),
                    "department": "marketing",
                    "channel": "email",
                    "direction": direction,
                    "event_type": event_type,
                    "topic": happened["list"],
                    "message_id": "mail-" + happened["mail_id"].astype(str),
                }
            )
        )
    return pd.concat(parts)


def main() -> None:
    table = pd.concat([helpdesk(), mailings()])
    table["event_time"] = table["event_time"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    table.to_csv(FOLDER / "touchpoints.csv", index=False)
    print(f"{len(table)} touchpoints of {table['customer_id'].nunique()} customers in {FOLDER / 'touchpoints.csv'}")


if __name__ == "__main__":
    main()
