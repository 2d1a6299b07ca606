"""Keys: who is let in, for which departments, and how often; against a real service."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from data_contracts.configuration import Service
from data_contracts.errors import Forbidden, TooManyRequests, Unauthorized
from serving.access import Access, Bucket, is_loopback
from tests.serving.live import LiveService, asked, candidate, free_port, promote, toml, touchpoint
from tests.serving.test_http import fields, problem
from tests.serving.test_webhooks import SECRET, signed

SECRETS = {"everyone": "s-1", "marketing only": "s-2", "slow": "s-3"}


def key(name: str, departments: tuple[str, ...] = (), rate: float | None = None) -> dict[str, object]:
    found: dict[str, object] = {
        "name": name,
        "sha256": hashlib.sha256(SECRETS[name].encode()).hexdigest(),
        "departments": departments,
    }
    return found if rate is None else found | {"requests_per_second": rate}


KEYS = [key("everyone"), key("marketing only", ("marketing",)), key("slow", rate=0.05)]
WEBHOOKS = [{"name": "helpdesk", "format": "zendesk", "secret": SECRET}]
ALL, MARKETING, SLOW = ({"Authorization": f"Bearer {secret}"} for secret in SECRETS.values())


@pytest.fixture(scope="module")
def guarded(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    home = tmp_path_factory.mktemp("guarded")
    promote(home, bundle, "3")
    live = LiveService(
        home, {"service": {"api_keys": KEYS, "webhooks": WEBHOOKS}}, arguments=("--host", "0.0.0.0")
    )
    yield live
    live.stop()


@pytest.mark.parametrize("path", ["/decide", "/decide_batch", "/confirm", "/ingest", "/timeline", "/forget"])
@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wrong"}, {"X-API-Key": "S-1"}, {"Authorization": "Basic s-1"}]
)
def test_without_a_known_key_nothing_is_said(guarded: LiveService, path: str, headers: dict[str, str]) -> None:
    response = guarded.post(path, {}, headers=headers)
    problem(response, 401)
    assert response.headers["www-authenticate"].startswith("Bearer")


def test_a_key_of_one_department_erases_nobody(guarded: LiveService) -> None:
    problem(guarded.post("/forget", {"customer_id": "c-f"}, headers=MARKETING), 403)
    assert guarded.post("/forget", {"customer_id": "c-f"}, headers=ALL).status_code == 200


def test_health_and_metrics_need_no_key(guarded: LiveService) -> None:
    for page in ("/livez", "/readyz", "/metrics", "/docs.json"):
        assert guarded.get(page).status_code == 200


def test_a_key_may_stand_in_either_header(guarded: LiveService) -> None:
    assert guarded.post("/decide", asked("c"), headers=ALL).status_code == 200
    assert guarded.post("/decide", asked("c"), headers={"X-API-Key": "s-1"}).status_code == 200


def test_a_keys_departments_limit_what_it_asks_for(guarded: LiveService) -> None:
    assert guarded.post("/decide", asked("c-d"), headers=MARKETING).status_code == 200
    mixed = asked("c-d", candidate("a"), candidate("b", department="support"))
    found = problem(guarded.post("/decide", mixed, headers=MARKETING), 403)
    assert fields(found) == ["candidates[1].department"]
    batch = guarded.post("/decide_batch", {"requests": [mixed, asked("c-d")]}, headers=MARKETING).json()
    assert batch["answers"][0]["status"] == 403 and "decisions" in batch["answers"][1]


def test_a_keys_departments_limit_what_it_ingests_and_reads(guarded: LiveService) -> None:
    rows = [touchpoint("a-1", "c-r", department="marketing"), touchpoint("a-2", "c-r")]
    found = problem(guarded.post("/ingest", {"touchpoints": rows}, headers=MARKETING), 403)
    assert fields(found) == ["touchpoints[1].department"]
    assert guarded.post("/ingest", {"touchpoints": rows}, headers=ALL).json()["accepted"] == 2
    asked_all = asked("c-r", candidate("x"), candidate("y", department="support", purpose="transactional"))
    guarded.post("/decide", asked_all | {"decision_id": "d-r"}, headers=ALL)
    seen = guarded.post("/timeline", {"customer_id": "c-r"}, headers=MARKETING).json()
    assert [row["touchpoint_id"] for row in seen["touchpoints"]] == ["a-1"]
    assert {row["message_id"] for row in seen["decisions"]} == {"x"}
    assert all(one["department"] == "marketing" for one in seen["reservations"])
    whole = guarded.post("/timeline", {"customer_id": "c-r"}, headers=ALL).json()
    assert len(whole["touchpoints"]) == 2 and {row["message_id"] for row in whole["decisions"]} == {"x", "y"}
    theirs = {"decision_id": "d-r", "message_id": "y", "outcome": "sent"}
    problem(guarded.post("/confirm", theirs, headers=MARKETING), 403)
    assert guarded.post("/confirm", theirs, headers=ALL).json()["state"] == "sent"


def test_a_keys_rate_is_kept(guarded: LiveService) -> None:
    assert guarded.post("/decide", asked("c"), headers=SLOW).status_code == 200
    refused = guarded.post("/decide", asked("c"), headers=SLOW)
    problem(refused, 429)
    assert 1 <= int(refused.headers["retry-after"]) <= 20
    assert guarded.post("/decide", asked("c"), headers=ALL).status_code == 200


def test_without_keys_another_address_is_refused_plainly(tmp_path: Path) -> None:
    (tmp_path / "tact.toml").write_text(toml({"service": {"threads": 1}}))
    command = [
        "serve",
        "--host",
        "0.0.0.0",
        "--port",
        str(free_port()),
        "--config",
        str(tmp_path / "tact.toml"),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "command_line.main", *command],
        capture_output=True, text=True, env={"TACT_HOME": str(tmp_path), "PATH": ""}, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and done.stderr.startswith("tact: --host 0.0.0.0: without API keys")
    assert len(done.stderr.splitlines()) == 1


def test_a_taken_port_is_told_plainly(service: LiveService, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "command_line.main", "serve", "--port", str(service.port)],
        capture_output=True, text=True, env={"TACT_HOME": str(tmp_path), "PATH": ""}, check=False,
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2 and "choose another with --port" in done.stderr
    assert httpx.get(f"{service.url}/livez").status_code == 200


# ---- the door by itself


def test_without_keys_only_this_machine_is_let_in() -> None:
    access = Access(Service())
    assert access.admit({}, "127.0.0.1").allows("support")
    assert access.admit({}, "::1").allows("support") and access.admit({}, None).allows("support")
    for address in ("10.0.0.5", "::ffff:10.0.0.5", "fe80::1%eth0", "unknown"):
        with pytest.raises(Forbidden, match="configure service"):
            access.admit({}, address)
    assert is_loopback("::ffff:127.0.0.1")


def test_keys_are_told_apart() -> None:
    access = Access(Service.model_validate({"api_keys": KEYS}))
    assert access.admit({b"x-api-key": b"s-2"}, "10.0.0.5").departments == {"marketing"}
    for headers in ({}, {b"x-api-key": b""}, {b"authorization": b"Bearer"}, {b"authorization": b"Bearer s-4"}):
        with pytest.raises(Unauthorized):
            access.admit(headers, "127.0.0.1")


def test_a_bucket_fills_at_its_rate() -> None:
    bucket = Bucket(2.0)
    assert [bucket.take(0.0) for _ in range(3)] == [0.0, 0.0, 0.5]
    assert bucket.take(0.25) == pytest.approx(0.25)
    assert bucket.take(0.5) == 0.0
    assert [bucket.take(100.0) for _ in range(3)] == [0.0, 0.0, 0.5]
    # A clock that steps back gives nothing away.
    assert bucket.take(50.0) > 0.0


def test_a_rate_is_split_by_the_workers() -> None:
    now = [0.0]
    service = Service.model_validate({"api_keys": [key("slow", rate=4.0)]})
    access = Access(service, workers=2, clock=lambda: now[0])
    headers = {b"x-api-key": b"s-3"}
    access.admit(headers, None), access.admit(headers, None)
    with pytest.raises(TooManyRequests) as refused:
        access.admit(headers, None)
    assert refused.value.retry_after_seconds == pytest.approx(0.5)


# ---- webhooks


def test_a_signed_delivery_becomes_touchpoints_once(guarded: LiveService) -> None:
    sample = Path(__file__).parents[1] / "golden" / "adapters" / "zendesk.json"
    body = json.dumps(json.loads(sample.read_text())["payload"]).encode()
    first = guarded.post("/webhook?name=helpdesk", body, headers=signed(body)).json()
    assert (first["accepted"], first["duplicates"], first["rejected"]) == (6, 0, [])
    assert len(first["ignored"]) == 3
    again = guarded.post("/webhook?name=helpdesk", body, headers=signed(body)).json()
    assert (again["accepted"], again["duplicates"]) == (0, 6), "a replay changes nothing"
    seen = guarded.post("/timeline", {"customer_id": "8447388090494"}, headers=ALL).json()["touchpoints"]
    assert {row["source"] for row in seen} == {"zendesk"} and len(seen) == 6
    assert all(row["ingested_time"] > row["event_time"] for row in seen), "known when it came in"

    other = "whsec_" + base64.b64encode(b"x" * 32).decode()
    problem(guarded.post("/webhook?name=helpdesk", body, headers=signed(body, other)), 401)
    problem(guarded.post("/webhook?name=helpdesk", body, headers={**ALL}), 401)
    problem(guarded.post("/webhook?name=helpdesk", body + b" ", headers=signed(body)), 401)
    problem(guarded.post("/webhook?name=helpdesk", b"{", headers=signed(b"{")), 400)
    problem(guarded.get("/webhook?name=helpdesk"), 405)
    problem(guarded.post("/ingest", body, headers=signed(body)), 401)
    assert "whsec_" not in guarded.log.read_text()
