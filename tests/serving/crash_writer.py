"""A process that writes and says what was acknowledged, until it is killed.

python -m tests.serving.crash_writer URL HOME NAME
"""

from __future__ import annotations

import sys
from pathlib import Path

from serving.store import open_store
from tests.serving.examples import START, outcome, touchpoint


def main() -> None:
    url, home, name = sys.argv[1:]
    store = open_store(url, Path(home))
    for number in range(1_000_000):
        customer_id, decision_id = f"c-{number % 4}", f"{name}-{number}"
        rows = [touchpoint(f"{decision_id}-{k}", number + k) for k in range(7)]
        store.ingest([(customer_id, row) for row in rows])
        print("rows", decision_id, flush=True)
        snapshot = store.snapshot(customer_id, [])
        at = START + number
        if store.commit(outcome(decision_id, customer_id, sends=["m"], waits=["n"], at=at), snapshot):
            print("decision", decision_id, flush=True)
            state = store.confirm(decision_id, "m", "sent" if number % 2 else "not_sent")
            print(state, decision_id, flush=True)


if __name__ == "__main__":
    main()
