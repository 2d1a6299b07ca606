"""Writes two small exports as other systems make them, so that `map.py` has something to map.

Replace `helpdesk.csv` and `mailings.csv` with exports of your own.
"""

from __future__ import annotations

import csv
import random
from datetime import datetime, timedelta
from pathlib import Path

FOLDER = Path(__file__).parent
DAYS = 90


def main() -> None:
    draw = random.Random(3)
    start = datetime(2026, 1, 5)
    with (FOLDER / "helpdesk.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["Ticket", "Requester", "Created (Berlin)", "Solved (Berlin)", "Category", "Satisfaction"])
        for number in range(600):
            opened = start + timedelta(minutes=draw.randrange(60 * 24 * DAYS))
            solved = opened + timedelta(hours=draw.randrange(2, 90))
            rating = draw.choice(["", "", "good", "bad"])
            topic = draw.choice(["Billing", "Login", "Export"])
            rows.writerow(
                [f"T{number}", f"user{draw.randrange(200)}@example.com", f"{opened:%d.%m.%Y %H:%M}",
                 f"{solved:%d.%m.%Y %H:%M}", topic, rating]
            )  # fmt: skip
    with (FOLDER / "mailings.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["mail_id", "to", "sent_at", "opened_at", "clicked_at", "unsubscribed_at", "list"])
        for number in range(3000):
            sent = start + timedelta(minutes=draw.randrange(60 * 24 * DAYS))
            opened = sent + timedelta(minutes=draw.randrange(5, 600)) if draw.random() < 0.4 else None
            clicked = opened + timedelta(minutes=2) if opened and draw.random() < 0.3 else None
            left = sent + timedelta(hours=3) if draw.random() < 0.02 else None
            rows.writerow(
                [number, f"user{draw.randrange(200)}@example.com"]
                + [one.isoformat() + "Z" if one else "" for one in (sent, opened, clicked, left)]
                + [draw.choice(["newsletter", "upgrade offer"])]
            )


if __name__ == "__main__":
    main()
