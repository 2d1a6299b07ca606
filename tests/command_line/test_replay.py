"""`tact replay` on both stores: what was logged comes out again, and what differs is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
from click.testing import CliRunner, Result

from command_line.replay import command
from data_contracts.configuration import load_configuration
from data_contracts.errors import InvalidRequest, NotFound
from data_contracts.times import DAY, HOUR, format_time
from policy.late_sends import still_fits
from serving.answering import Answering
from serving.champion import Champion
from serving.history import HistoryBounds
from serving.metrics import Metrics
from serving.parsing import parse_decide
from serving.spool import Spool
from serving.store import Store
from tests.features.seeded import random_rows
from tests.serving.databases import Database
from tests.serving.live import asked, candidate, promote, toml, write_bundle

START = 1_772_452_800_000_000  # 2026-03-02T12:00:00Z
SECTIONS: dict[str, dict[str, Any]] = {
    "policy": {"minimum_net_value": -100.0, "exploration": 0.3, "max_sends_per_decision": 2},
    "service": {"request_clock": True, "history_limit": 150},
}


@pytest.fixture(scope="module")
def metrics() -> Iterator[Metrics]:
    before = set(prometheus_client.REGISTRY._collector_to_names)
    yield Metrics()
    for collector in set(prometheus_client.REGISTRY._collector_to_names) - before:
        prometheus_client.REGISTRY.unregister(collector)


class Lived:
    """A customer with a past, whose decisions were made as the rows came in."""

    def __init__(self, database: Database, bundle: Path, metrics: Metrics) -> None:
        self.home = database.home
        self.url = database.url
        promote(self.home, bundle, "3")
        self.config = self.home / "tact.toml"
        self.config.write_text(toml(SECTIONS))
        self.configuration = load_configuration(self.config)
        self.store: Store = database.store(HistoryBounds.of(self.configuration))
        champion = Champion(self.home, self.configuration)
        assert champion.poll()
        self.now = START
        self._answering = Answering(
            self.store, Spool(self.home / "spool"), champion, self.configuration, metrics, lambda: self.now
        )

    def ask(self, decision_id: str, *candidates: dict[str, Any], **fields: Any) -> dict[str, Any]:
        body = json.dumps(asked("c-1", *candidates, decision_id=decision_id, **fields)).encode()
        answer: dict[str, Any] = json.loads(self._answering.decide(parse_decide(body)))
        return answer

    def live(self) -> list[str]:
        """Twelve days: rows, decisions, confirmations, releases; the ids of the decisions."""
        rows = sorted(random_rows(21, 600), key=lambda row: row.ingested_time)
        ids = []
        for day in range(12):
            self.now = START + day * DAY // 2
            ripe = [row for row in rows if row.ingested_time <= self.now]
            self.store.ingest([("c-1", row) for row in ripe])
            name = f"d-{day}"
            messages = [
                candidate(f"{name}-a", group="g", value=day / 3, attributes={"discount": 0.1 * day, "x": None}),
                candidate(f"{name}-b", group="g", channel="push", department="support", topic="billing"),
                candidate("again", department="sales", expires_at=format_time(self.now + 3 * DAY)),
                candidate(f"{name}-t", purpose="transactional", not_before=format_time(START)),
            ]
            fields: dict[str, Any] = {"explain": day % 3 == 0}
            if day % 4 == 3:
                fields["mode"] = "shadow"
            if day % 2:
                fields["now"] = format_time(self.now - HOUR)
            answer = self.ask(name, *messages[day % 2 :], **fields)
            ids.append(name)
            for one in answer["decisions"]:
                if one["action"] == "send" and fields.get("mode") != "shadow" and day % 5:
                    outcome = "sent" if day % 3 else "not_sent"
                    self.store.confirm(name, one["message_id"], outcome, self._fits)  # type: ignore[arg-type]
        return ids

    def _fits(self, send: Any, snapshot: Any) -> bool:
        return still_fits(send, snapshot.columns, snapshot.sends, self.configuration)

    def replay(self, decision_id: str, *more: str) -> Result:
        arguments = [decision_id, "--database", self.url, "--config", str(self.config), *more]
        return CliRunner(env={"TACT_HOME": str(self.home)}).invoke(command, arguments)

    def told(self, decision_id: str) -> tuple[int, dict[str, Any]]:
        done = self.replay(decision_id, "--json")
        return done.exit_code, json.loads(done.stdout)


@pytest.fixture
def lived(database: Database, bundle: Path, metrics: Metrics) -> Lived:
    return Lived(database, bundle, metrics)


def test_decisions_of_a_past_come_out_again(lived: Lived) -> None:
    ids = lived.live()
    # What comes in later changes nothing, whatever it says of when it was known.
    for hours, name in ((24, "later"), (-24 * 30, "backdated")):
        late = [
            row._replace(touchpoint_id=f"{row.touchpoint_id}-{name}", ingested_time=lived.now + hours * HOUR)
            for row in random_rows(22, 60)
        ]
        assert all(lived.store.ingest([("c-1", row) for row in late]))
    actions = set()
    for decision_id in ids:
        code, told = lived.told(decision_id)
        assert (code, told["same"], told["differences"]) == (0, True, []), decision_id
        assert told["answer"] == json.loads(lived.store.decision(decision_id).answer)
        actions |= {one["action"] for one in told["answer"]["decisions"]}
    assert actions >= {"send", "suppress"}
    shown = lived.replay("d-3")
    assert shown.exit_code == 0 and "the same answer, from the same features bit for bit" in shown.stdout


def test_what_differs_is_named(lived: Lived, database: Database, tmp_path: Path) -> None:
    lived.live()
    lived.config.write_text(toml({**SECTIONS, "policy": {**SECTIONS["policy"], "helps_weight": 3.0}}))
    code, told = lived.told("d-8")
    fields = {one["field"] for one in told["differences"]}
    assert code == 1 and "decisions[d-8-a].net_value" in fields
    assert not any(field.startswith("features") for field in fields)
    lived.config.write_text(toml(SECTIONS))

    # Rows that were there are there no more.
    database.sql("DELETE FROM tact.touchpoints WHERE touchpoint_id BETWEEN 't-1' AND 't-5'")
    code, told = lived.told("d-8")
    assert code == 1 and any(one["field"].startswith("features") for one in told["differences"])
    shown = lived.replay("d-8").stdout
    assert "fields differ:" in shown and "features." in shown and "logged" in shown

    promote(lived.home, write_bundle(tmp_path / "bundles" / "4", "4"), "4")
    _, told = lived.told("d-0")
    assert {"field": "model_version", "logged": "3", "found": "4"} in told["differences"]


def test_a_changed_request_does_not_pass_for_the_logged_one(lived: Lived, database: Database) -> None:
    lived.live()
    database.sql("UPDATE tact.decisions SET campaign_id = 'other' WHERE decision_id = 'd-2'")
    code, told = lived.told("d-2")
    assert code == 1 and "request" in {one["field"] for one in told["differences"]}


def test_what_can_not_be_replayed_is_said(lived: Lived) -> None:
    lived.ask("d-1", candidate("a"))
    unknown = lived.replay("nobody")
    assert isinstance(unknown.exception, NotFound) and unknown.exception.exit_code == 2
    lived._answering.champion.current = None
    lived.ask("d-2", candidate("b"))
    degraded = lived.replay("d-2")
    assert isinstance(degraded.exception, InvalidRequest) and "answered degraded" in degraded.exception.detail
