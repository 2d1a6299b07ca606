"""Features that decisions saw, recomputed from a real store afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import prometheus_client
import pytest

from data_contracts.configuration import Configuration, configuration_from
from data_contracts.times import DAY, HOUR
from learning.parity import Parity, compare_features, sampled_decisions
from learning.shelf import Shelf
from serving import feature_log
from serving.answering import Answering
from serving.champion import Champion
from serving.metrics import Metrics
from serving.parsing import parse_decide
from serving.spool import Spool
from tests.features.seeded import random_rows
from tests.serving.databases import Database
from tests.serving.live import asked, candidate, promote

NOW = 1_772_452_800_000_000  # 2026-03-02T12:00:00Z


class Service:
    """An Answering on a real store, with a clock that a test moves."""

    def __init__(self, database: Database, home: Path, bundle: Path, metrics: Metrics) -> None:
        self.now = NOW
        policy = {
            "quiet_hours": False,
            "exploration": 0.2,
            "minimum_net_value": -100.0,
            "horizon_hours": 0,
            "caps": [],
        }
        self.configuration: Configuration = configuration_from({"policy": policy})
        self.store, self.home, self.database = database.store(), home, database
        promote(home, bundle, "3")
        champion = Champion(home, self.configuration)
        assert champion.poll()
        self.answering = Answering(
            self.store, Spool(home / "spool"), champion, self.configuration, metrics, clock=lambda: self.now
        )

    def ask(self, customer: str, *names: str, **fields: Any) -> dict[str, Any]:
        messages = [
            candidate(
                name,
                attributes={"walk": 2.0},
                expires_at="2026-03-20T00:00:00Z",
                value=float(place),
                purpose="transactional" if place == 1 else "promotional",
            )
            for place, name in enumerate(names)
        ]
        body = json.dumps(asked(customer, *messages, **fields)).encode()
        answer: dict[str, Any] = json.loads(self.answering.decide(parse_decide(body)))
        return answer

    def parity(self) -> Parity:
        sample = sampled_decisions(self.store, 1_000, 0, self.now)
        return compare_features(self.store, sample, Shelf(self.home).bundle, self.configuration)


@pytest.fixture(scope="module")
def metrics() -> Iterator[Metrics]:
    before = set(prometheus_client.REGISTRY._collector_to_names)
    yield Metrics()
    for collector in set(prometheus_client.REGISTRY._collector_to_names) - before:
        prometheus_client.REGISTRY.unregister(collector)


@pytest.fixture
def service(database: Database, tmp_path: Path, bundle: Path, metrics: Metrics) -> Service:
    found = Service(database, tmp_path, bundle, metrics)
    for number in range(4):
        rows = random_rows(number, 120)
        shift = NOW - DAY - max(row.ingested_time for row in rows)
        moved = [
            row._replace(
                event_time=row.event_time + shift,
                ingested_time=row.ingested_time + shift,
                touchpoint_id=f"{number}-{row.touchpoint_id}",
            )
            for row in rows
        ]
        found.store.ingest([(f"c-{number}", row) for row in moved])
    return found


def live(service: Service) -> None:
    """Two days of decisions, with sends that are confirmed, released, left alone, and reported late."""
    for step in range(8):
        for number in range(4):
            customer = f"c-{number}"
            while pending and pending[0][0] <= service.now:
                _, who, row = pending.pop(0)
                service.store.ingest([(who, row)])
            answer = service.ask(customer, *(f"m-{step}-{number}-{n}" for n in range(3)))
            for place, one in enumerate(d for d in answer["decisions"] if d["action"] == "send"):
                if (step + place) % 3:
                    said = "sent" if step % 2 else "not_sent"
                    service.now += 60_000_000
                    service.store.confirm(answer["decision_id"], one["message_id"], said)
                if step % 2:
                    # The sending system reports it hours later, and says so.
                    row = random_rows(7, 1)[0]._replace(
                        event_time=service.now, ingested_time=service.now + 9 * HOUR, source="mailer",
                        touchpoint_id=one["message_id"], event_type="message_sent", direction="outbound",
                        message_id=one["message_id"], department="marketing", channel="email",
                    )  # fmt: skip
                    pending.append((service.now + 9 * HOUR, customer, row))
        service.now += 6 * HOUR


pending: list[Any] = []


def test_history_says_what_every_decision_saw(service: Service) -> None:
    pending.clear()
    live(service)
    stand_ins = [
        row for n in range(4) for row in service.store.timeline(f"c-{n}").touchpoints if row.source == "mailer"
    ]
    assert len(stand_ins) > 8, "sends were reported after decisions had seen them in the ledger"
    found = service.parity()
    assert found.compared == 32 and found.numbers > 32 * 300
    assert found.differing == 0, found.told()


def test_a_row_that_came_later_changes_nothing_if_it_says_so(service: Service) -> None:
    service.ask("c-1", "a", "b")
    late = random_rows(5, 1)[0]._replace(
        event_time=NOW - 3 * HOUR, touchpoint_id="late", event_type="ticket_opened", direction="inbound"
    )
    service.now += HOUR
    service.store.ingest([("c-1", late._replace(ingested_time=service.now))])
    assert service.parity().differing == 0
    # The same row without its second clock claims to have been known: that is found, by feature.
    service.store.ingest([("c-1", late._replace(ingested_time=late.event_time, touchpoint_id="back-dated"))])
    found = service.parity()
    assert found.differing == 1 and "event_ticket_opened_count_24h" in found.features
    assert "back" not in found.told() and "1 of 1 decisions differ" in found.told()


def test_an_altered_vector_and_a_row_that_is_gone_are_found(service: Service) -> None:
    answer = service.ask("c-2", "a", "b")
    decision = answer["decision_id"]
    assert service.parity().differing == 0
    kept = service.store.decision(decision).features
    assert kept is not None
    body = msgspec.msgpack.decode(kept)
    columns, missing, zero, told = body[2]
    values = np.frombuffer(told, "<f4").copy()
    values[3] += 1.0
    body[2] = [columns, missing, zero, values.tobytes()]
    altered = feature_log._encoder.encode(body)
    service.database.sql("UPDATE tact.answers SET features = ? WHERE decision_id = ?", (altered, decision))
    found = service.parity()
    assert found.differing == 1 and sum(one.mismatch for one in found.features.values()) == 1
    service.database.sql("UPDATE tact.answers SET features = ? WHERE decision_id = ?", (kept, decision))
    assert service.parity().differing == 0
    service.database.sql("DELETE FROM tact.touchpoints WHERE customer_id = ?", ("c-2",))
    found = service.parity()
    assert found.differing == 1 and sum(one.missing for one in found.features.values()) > 0


def test_what_can_not_be_compared_is_counted(service: Service) -> None:
    service.ask("c-3", "a")
    service.database.sql("UPDATE tact.answers SET features = NULL", ())
    found = service.parity()
    assert found.compared == 0 and found.skipped == {"no features were logged": 1}
    service.ask("c-3", "b")
    sample = sampled_decisions(service.store, 10, 0, service.now)
    gone = compare_features(service.store, sample, lambda version: None, service.configuration)
    assert gone.skipped["the bundle of version 3 is gone"] == 1


def test_the_sample_is_the_same_again_and_within_its_window(service: Service) -> None:
    for number in range(12):
        service.ask(f"c-{number % 4}", f"m-{number}")
        service.now += HOUR
    everything = sampled_decisions(service.store, 100, 0, service.now)
    assert len(everything) == 12
    some = sampled_decisions(service.store, 5, 0, service.now)
    assert some == everything[:5] and sampled_decisions(service.store, 0, 0, service.now) == []
    assert len(sampled_decisions(service.store, 100, NOW + 6 * HOUR, service.now)) == 6
