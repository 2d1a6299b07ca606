"""Each address with good and with bad input, against a real service."""

from __future__ import annotations

import json
import math
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import TactError
from data_contracts.messages import MAX_BODY_BYTES, DecideAnswer, IngestAnswer, TimelineAnswer
from tests.serving.live import LiveService, asked, candidate, touchpoint

NOW = "2026-03-02T12:00:00Z"


def problem(response: Any, status: int) -> dict[str, Any]:
    """The response is a problem object of that status."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert set(body) == {"type", "title", "status", "detail", "errors"}
    assert body["status"] == status and body["type"].startswith("urn:tact:problem:") and body["detail"]
    assert response.headers["x-request-id"]
    return body


def fields(body: dict[str, Any]) -> list[str]:
    return [error["field"] for error in body["errors"]]


# ---- /decide


def test_decide_answers_every_candidate_once(service: LiveService) -> None:
    names = [f"m-{number}" for number in range(12)]
    messages = [
        candidate(name, purpose="transactional" if name == "m-3" else "promotional", value=2.5)
        for name in names
    ]
    response = service.post("/decide", asked("c-answers", *messages, now=NOW))
    assert response.status_code == 200 and response.headers["content-type"] == "application/json"
    answer = DecideAnswer.model_validate(response.json())
    assert sorted(one.message_id for one in answer.decisions) == sorted(names)
    assert [one.rank for one in answer.decisions] == list(range(1, 13))
    assert answer.customer_id == "c-answers" and answer.decided_at == NOW and answer.model_version == "3"
    assert not answer.degraded and answer.mode == "enforce"
    assert answer.decisions[0].action == "send" and answer.decisions[0].message_id == "m-3"
    assert math.isclose(sum(answer.goal.probabilities.values()), 1.0, abs_tol=1e-9)
    assert answer.goal.probability == max(answer.goal.probabilities.values())
    assert set(answer.goal.probabilities) == {
        "get_help", "get_started", "evaluate", "buy", "use", "leave", "advocate", "none",
    }  # fmt: skip
    for one in answer.decisions:
        assert (one.wait_until is not None) == (one.action == "wait")
        assert one.reasons and one.p_helps is not None and 0 <= one.p_helps <= 1
        assert one.net_value is not None and one.lift_helps is not None and one.lift_interrupts is not None
        assert math.isclose(one.net_value, one.lift_helps - 2 * one.lift_interrupts, abs_tol=1e-12)


def test_an_unknown_customer_is_a_normal_case(service: LiveService) -> None:
    answer = service.post("/decide", asked("nobody knows me")).json()
    assert any(reason["code"] == "new_customer" for reason in answer["decisions"][0]["reasons"])


def test_explain_names_the_strongest_signals(service: LiveService) -> None:
    answer = service.post("/decide", asked("c-explain", explain=True, now=NOW)).json()
    signals = answer["decisions"][0]["signals"]
    assert 1 <= len(signals) <= 10 and {one["outcome"] for one in signals} <= {"helps", "interrupts"}
    sizes = [abs(one["contribution"]) for one in signals if one["outcome"] == "helps"]
    assert sizes == sorted(sizes, reverse=True) and len(sizes) <= 5
    plain = service.post("/decide", asked("c-explain", now=NOW)).json()
    assert "signals" not in plain["decisions"][0]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, ["customer_id", "candidates"]),
        ({"customer_id": "c"}, ["candidates"]),
        (asked("c") | {"candidates": []}, ["candidates"]),
        (asked("c") | {"candidates": [candidate(f"m-{n}") for n in range(501)]}, ["candidates"]),
        (asked("c", candidate("m"), candidate("n"), candidate("m")), ["candidates[2].message_id"]),
        (asked("c", candidate("m"), candidate("n", purpose="spam")), ["candidates[1].purpose"]),
        (asked("c", candidate("m", value="1")), ["candidates[0].value"]),
        (asked("c", candidate("m", value=1e16)), ["candidates[0].value"]),
        (asked("c", candidate("m", value=True)), ["candidates[0].value"]),
        (asked("c", candidate("m", expires_at="2026-03-01T09:00:00")), ["candidates[0].expires_at"]),
        (asked("c", candidate("m", expires_at="tomorrow")), ["candidates[0].expires_at"]),
        (asked("c", candidate("m", expires_at=1_767_225_600)), ["candidates[0].expires_at"]),
        (asked("c", candidate("m", expires_at="1767225600")), ["candidates[0].expires_at"]),
        (asked("c", candidate("m", not_before="9999-12-31T23:59:59Z")), ["candidates[0].not_before"]),
        (asked("c", candidate("m", not_before="0001-01-01T00:00:00Z")), ["candidates[0].not_before"]),
        (asked("c", candidate("m", attributes=[1])), ["candidates[0].attributes"]),
        (asked("c", candidate("m", attributes={"a": "x" * 20_000})), ["candidates[0].attributes"]),
        (asked("c", candidate("m" * 513)), ["candidates[0].message_id"]),
        (asked("c", candidate("")), ["candidates[0].message_id"]),
        (asked("c", candidate("nul \0")), ["candidates[0].message_id"]),
        (asked("nul \0"), ["customer_id"]),
        (asked("c", {"message_id": "m"}), ["candidates[0].department", "candidates[0].channel"]),
        (asked("c", candidate("m", expire_at=None)), ["candidates[0].expire_at"]),
        (asked("c", mode="holdout"), ["mode"]),
        (asked("c", explain=1), ["explain"]),
        (asked("c", now="now"), ["now"]),
        (asked("c") | {"customer": "c"}, ["customer"]),
        (asked(7), ["customer_id"]),  # type: ignore[arg-type]
        (asked("c") | {"candidates": {"0": candidate()}}, ["candidates"]),
        (asked("c") | {"candidates": ["m-1"]}, ["candidates[0]"]),
        ([asked("c")], [""]),
        ("a string", [""]),
        (None, [""]),
    ],
)
def test_decide_names_each_wrong_field(service: LiveService, body: Any, named: list[str]) -> None:
    found = problem(service.post("/decide", json.dumps(body)), 422)
    assert fields(found) == named


@pytest.mark.parametrize("path", ["/decide", "/decide_batch", "/confirm", "/ingest", "/timeline", "/forget"])
@pytest.mark.parametrize(
    "body",
    [
        b"", b"   ", b"{", b"not json", b'{"customer_id": "c",}', b'{"customer_id": NaN}',
        b'{"candidates": [Infinity]}', b'\xff\xfe{"a": 1}', b'{"a": "\xed\xa0\x80"}', b'{"a": "\\ud800"}',
        b"[" * 100_000, b'{"a":' * 50_000, b'{"a": 1e999999}', b"\x00\x00", b'{"a": 1}}',
    ],
)  # fmt: skip
def test_what_is_no_json_is_told_as_such(service: LiveService, path: str, body: bytes) -> None:
    found = problem(service.post(path, body), 400)
    assert found["type"] == "urn:tact:problem:malformed-body"


def test_huge_numbers_are_refused(service: LiveService) -> None:
    body = json.dumps(asked("c", candidate("m", value=1))).replace('"value": 1', '"value": 1' + "0" * 5_000)
    assert service.post("/decide", body).status_code in (400, 422)


# ---- HTTP itself


def test_an_unknown_address_a_wrong_method_a_wrong_media_type(service: LiveService) -> None:
    problem(service.get("/decisions"), 404)
    problem(service.post("/Decide", {}), 404)
    problem(service.post("/decide/", {}), 404)
    answer = service.get("/decide")
    problem(answer, 405)
    assert answer.headers["allow"] == "POST"
    problem(service.http.put("/decide", json=asked("c")), 405)
    problem(service.post("/livez", {}), 405)
    problem(service.post("/decide", "a=1", headers={"content-type": "application/x-www-form-urlencoded"}), 415)
    problem(service.post("/decide", "x", headers={"content-type": "application/vnd.bentoml+pickle"}), 415)
    problem(service.post("/decide", "x", headers={"content-encoding": "gzip"}), 415)
    odd = {"content-type": "application/json; charset=utf-8"}
    assert service.post("/decide", json.dumps(asked("c")), headers=odd).status_code == 200


def test_a_body_over_two_mebibytes_is_refused(service: LiveService) -> None:
    large = b'{"customer_id": "' + b"x" * MAX_BODY_BYTES + b'"}'
    problem(service.post("/decide", large), 413)

    def chunks() -> Any:
        for _ in range(40):
            yield b" " * 65_536

    response = service.http.post("/decide", content=chunks(), headers={"content-type": "application/json"})
    problem(response, 413)
    just = json.dumps(asked("c-just")).encode()
    assert service.post("/decide", just + b" " * (MAX_BODY_BYTES - len(just))).status_code == 200
    problem(service.post("/decide", just + b" " * (MAX_BODY_BYTES - len(just) + 1)), 413)


def test_a_caller_that_hangs_up_harms_nobody(service: LiveService) -> None:
    for part in (b"POST /decide HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", b"POST /dec"):
        with socket.create_connection(("127.0.0.1", service.port)) as connection:
            connection.sendall(part)
    assert service.post("/decide", asked("c")).status_code == 200


def test_the_request_id_comes_back_or_is_made(service: LiveService) -> None:
    given = service.post("/decide", asked("c"), headers={"x-request-id": "abc-1.2:3"})
    assert given.headers["x-request-id"] == "abc-1.2:3"
    made = service.post("/decide", asked("c"), headers={"x-request-id": "a b\tc" * 50})
    assert len(made.headers["x-request-id"]) == 16


def test_the_pages_of_bentoml_are_there(service: LiveService) -> None:
    assert service.get("/livez").status_code == 200 and service.get("/readyz").status_code == 200
    assert "swagger" in service.get("/").text.lower()
    assert service.get("/static_content/swagger-ui.css").status_code == 200
    problem(service.get("/static_content/c-1042"), 404)
    paths = service.get("/docs.json").json()["paths"]
    for path in ("/decide", "/decide_batch", "/confirm", "/ingest", "/timeline", "/forget"):
        assert "post" in paths[path]
    schema = json.dumps(service.get("/docs.json").json())
    assert "message_id" in schema and "touchpoints" in schema


_CLIENT = """
import bentoml, json, sys
with bentoml.SyncHTTPClient(sys.argv[1]) as client:
    candidates = [{"message_id": "m", "department": "marketing", "channel": "email"}]
    answer = client.decide(customer_id="c-client", candidates=candidates, decision_id="d-client")
    row = {"touchpoint_id": "1", "customer_id": "c-client", "event_time": "2026-03-01T09:00:00Z",
           "department": "product", "channel": "web", "direction": "inbound", "event_type": "logged_in"}
    taken = client.ingest(touchpoints=[row])
    shown = client.timeline(customer_id="c-client")
    try:
        client.confirm(decision_id="never", message_id="m", outcome="sent")
    except bentoml.exceptions.BentoMLException as error:
        refused = int(error.error_code)
print(json.dumps([answer["decision_id"], taken["accepted"], shown["touchpoints"][0]["touchpoint_id"], refused]))
"""


def test_bentomls_own_client_calls_it_by_field(service: LiveService, tmp_path: Path) -> None:
    # In a process of its own: BentoML warns when it is imported, and a warning is an error here.
    done = subprocess.run(
        [sys.executable, "-c", _CLIENT, service.url],
        capture_output=True, text=True, check=False, timeout=60,
        env=os.environ | {"BENTOML_HOME": str(tmp_path), "BENTOML_DO_NOT_TRACK": "true"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout) == ["d-client", 1, "1", 404]


# ---- idempotency


def test_the_same_id_and_body_give_the_same_bytes(service: LiveService) -> None:
    body = asked("c-idem", candidate("a"), candidate("b", value=1.0), decision_id="d-idem", now=NOW)
    first = service.post("/decide", body)
    again = service.post("/decide", body)
    # Another way to write the same request down: other order of keys, defaults spelt out, 1 for 1.0.
    same = {
        "now": "2026-03-02T13:00:00+01:00",
        "explain": False,
        "mode": "enforce",
        **dict(reversed(body.items())),
    }
    same["now"] = "2026-03-02T13:00:00+01:00"
    same["candidates"] = [{"group": None, **body["candidates"][0]}, {**body["candidates"][1], "value": 1}]
    third = service.post("/decide", json.dumps(same, indent=3))
    assert first.status_code == 200 and first.content == again.content == third.content


@pytest.mark.parametrize(
    "change",
    [{"customer_id": "other"}, {"mode": "shadow"}, {"candidates": [candidate("z")]}, {"explain": True}],
)
def test_the_same_id_and_another_body_conflict(service: LiveService, change: dict[str, Any]) -> None:
    body = asked("c-conflict", candidate("a"), decision_id="d-conflict", now=NOW)
    assert service.post("/decide", body).status_code == 200
    found = problem(service.post("/decide", body | change), 409)
    assert "d-conflict" in found["detail"]


# ---- /decide_batch


def test_a_batch_answers_in_order_with_problems_in_their_place(service: LiveService) -> None:
    requests = [
        asked("c-b1", decision_id="d-b1"),
        {"customer_id": "c-b2"},
        asked("c-b3", decision_id="d-b3"),
        asked("c-b1", candidate("other"), decision_id="d-b1"),
        "nonsense",
        asked("c-b1", decision_id="d-b1"),
    ]
    response = service.post("/decide_batch", {"requests": requests})
    assert response.status_code == 200
    answers = response.json()["answers"]
    assert len(answers) == 6
    assert answers[0]["decision_id"] == "d-b1" and answers[2]["customer_id"] == "c-b3"
    assert answers[1]["status"] == 422 and answers[1]["errors"][0]["field"] == "candidates"
    assert answers[3]["status"] == 409 and answers[4]["status"] == 422
    assert answers[5] == answers[0]
    # Each is answered as /decide would.
    assert service.post("/decide", requests[0]).json() == answers[0]


def test_requests_of_one_batch_see_each_other(service: LiveService) -> None:
    marketing = [asked("c-caps", candidate(f"cap-{n}", purpose="promotional")) for n in range(150)]
    answers = service.post("/decide_batch", {"requests": marketing}).json()["answers"]
    sends = [one for answer in answers for one in answer["decisions"] if one["action"] == "send"]
    assert len(sends) <= 1  # one marketing message in 24 hours


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, ["requests"]),
        ({"requests": []}, ["requests"]),
        ({"requests": [{}] * 1_001}, ["requests"]),
        ({"requests": {"a": 1}}, ["requests"]),
        ({"requests": [{}], "more": 1}, ["more"]),
        ([], [""]),
    ],
)
def test_a_batch_that_is_none(service: LiveService, body: Any, named: list[str]) -> None:
    assert fields(problem(service.post("/decide_batch", json.dumps(body)), 422)) == named


# ---- /confirm


def test_confirm_is_idempotent_and_strict(service: LiveService) -> None:
    body = asked(
        "c-confirm", candidate("go", purpose="transactional"), candidate("stay"), decision_id="d-confirm"
    )  # fmt: skip
    decisions = {one["message_id"]: one for one in service.post("/decide", body).json()["decisions"]}
    assert decisions["go"]["action"] == "send"
    sent = {"decision_id": "d-confirm", "message_id": "go", "outcome": "sent"}
    expected = {"decision_id": "d-confirm", "message_id": "go", "state": "sent"}
    assert service.post("/confirm", sent).json() == expected
    assert service.post("/confirm", sent).json() == expected
    problem(service.post("/confirm", sent | {"outcome": "not_sent"}), 409)
    problem(service.post("/confirm", sent | {"message_id": "never asked"}), 404)
    problem(service.post("/confirm", sent | {"decision_id": "never made"}), 404)
    if decisions["stay"]["action"] != "send":
        problem(service.post("/confirm", sent | {"message_id": "stay"}), 409)
    found = problem(service.post("/confirm", {"decision_id": "d-confirm", "outcome": "maybe"}), 422)
    assert sorted(fields(found)) == ["message_id", "outcome"]


def test_a_released_send_gives_its_place_back(service: LiveService) -> None:
    body = asked("c-release", candidate("r-1", purpose="transactional"), decision_id="d-release")
    service.post("/decide", body)
    released = {"decision_id": "d-release", "message_id": "r-1", "outcome": "not_sent"}
    assert service.post("/confirm", released).json()["state"] == "released"
    timeline = service.post("/timeline", {"customer_id": "c-release"}).json()
    assert [one["state"] for one in timeline["reservations"]] == ["released"]


# ---- /ingest and /timeline


def test_ingest_counts_and_names_what_is_wrong(service: LiveService) -> None:
    rows = [
        touchpoint("i-1", "c-ingest", properties={"plan": "gold"}, value=9.5, sentiment=-0.5),
        touchpoint("i-2", "c-ingest", event_time="yesterday"),
        touchpoint("i-1", "c-ingest"),
        touchpoint("i-3", "c-ingest", ingested_time="2026-02-01T00:00:00Z"),
        touchpoint("i-4", "c-ingest", direction="sideways", sentiment=2.0),
        {"touchpoint_id": "i-5"},
        "no row",
        touchpoint("i-6", "c-ingest", event_type="an unknown type", department="a new one"),
        touchpoint("i-7", "nul \0"),
        touchpoint("i-8", "c-ingest", colour="red"),
    ]
    response = service.post("/ingest", json.dumps({"touchpoints": rows}))
    assert response.status_code == 200
    answer = IngestAnswer.model_validate(response.json())
    assert (answer.accepted, answer.duplicates) == (2, 1)
    found = {
        one.index: (one.touchpoint_id, [error["field"] for error in one.errors]) for one in answer.rejected
    }
    assert found == {
        1: ("i-2", ["event_time"]),
        3: ("i-3", ["ingested_time"]),
        4: ("i-4", ["direction", "sentiment"]),
        5: ("i-5", ["customer_id", "event_time", "department", "channel", "direction", "event_type"]),
        6: (None, [""]),
        8: ("i-7", ["customer_id"]),
        9: ("i-8", ["colour"]),
    }
    again = service.post("/ingest", {"touchpoints": rows[:1]}).json()
    assert again == {"accepted": 0, "duplicates": 1, "rejected": []}
    assert service.post("/ingest", {"touchpoints": []}).json()["accepted"] == 0


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, ["touchpoints"]),
        ({"touchpoints": [{}] * 5_001}, ["touchpoints"]),
        ({"touchpoints": "rows"}, ["touchpoints"]),
        ({"touchpoints": [], "rows": []}, ["rows"]),
    ],
)
def test_an_ingest_that_is_none(service: LiveService, body: Any, named: list[str]) -> None:
    assert fields(problem(service.post("/ingest", json.dumps(body)), 422)) == named


def test_the_timeline_shows_everything_newest_first(service: LiveService) -> None:
    rows = [
        touchpoint(f"t-{n}", "c-timeline", event_time=f"2026-03-0{n}T09:00:00Z", properties={"n": n})
        for n in (2, 1, 3)
    ]
    service.post("/ingest", {"touchpoints": rows})
    body = asked(
        "c-timeline", candidate("t-m", purpose="transactional", attributes={"walk": 1}), decision_id="d-time"
    )
    service.post("/decide", body)
    response = service.post("/timeline", {"customer_id": "c-timeline"})
    timeline = TimelineAnswer.model_validate(response.json())
    assert [row["touchpoint_id"] for row in timeline.touchpoints] == ["t-3", "t-2", "t-1"]
    assert timeline.touchpoints[0] == touchpoint(
        "t-3", "c-timeline", event_time="2026-03-03T09:00:00Z", ingested_time="2026-03-03T09:00:00Z",
        properties={"n": 3}, topic=None, message_id=None, campaign_id=None, decision_id=None, value=None,
        sentiment=None,
    )  # fmt: skip
    (row,) = timeline.decisions
    assert row["action"] == "send" and row["send_probability"] == 1.0 and row["mode"] == "enforce"
    assert row["attributes"] == {"walk": 1} and row["reasons"][0]["code"] == "transactional"
    assert timeline.reservations[0]["state"] == "reserved"
    empty = service.post("/timeline", {"customer_id": "nobody"}).json()
    assert empty == {"customer_id": "nobody", "touchpoints": [], "decisions": [], "reservations": []}
    assert fields(problem(service.post("/timeline", {}), 422)) == ["customer_id"]


def test_a_customer_is_erased_and_may_come_back(service: LiveService) -> None:
    row, body = touchpoint("forget-1", "c-forget"), asked("c-forget", decision_id="d-forget")
    service.post("/ingest", {"touchpoints": [row]})
    first = service.post("/decide", body).json()
    told = service.post("/forget", {"customer_id": "c-forget"}).json()
    assert told["erased_at"].endswith("Z")
    assert {name: told["rows"][name] for name in ("touchpoints", "decisions", "answers")} == {
        "touchpoints": 1, "decisions": 1, "answers": 1,
    }  # fmt: skip
    empty = service.post("/timeline", {"customer_id": "c-forget"}).json()
    assert (empty["touchpoints"], empty["decisions"], empty["reservations"]) == ([], [], [])
    assert service.post("/ingest", {"touchpoints": [row]}).json()["accepted"] == 1
    again = service.post("/decide", body)
    assert again.status_code == 200 and again.json()["decided_at"] != first["decided_at"]
    assert fields(problem(service.post("/forget", {}), 422)) == ["customer_id"]
    assert "c-forget" not in service.log.read_text()


def test_what_was_ingested_is_seen_by_the_next_decide(service: LiveService) -> None:
    customer = "c-next"
    rows = [touchpoint("n-1", customer, event_type="opted_out", channel="email", direction="inbound")]
    assert service.post("/ingest", {"touchpoints": rows}).json()["accepted"] == 1
    answer = service.post("/decide", asked(customer, candidate("x"), candidate("y", channel="push"))).json()
    by_id = {one["message_id"]: one for one in answer["decisions"]}
    assert by_id["x"]["action"] == "suppress" and by_id["x"]["reasons"][0]["code"] == "opted_out"
    assert by_id["y"]["reasons"][0]["code"] != "opted_out"


# ---- the clock


def test_with_a_request_clock_only_what_was_known_then_is_seen(service: LiveService) -> None:
    customer = "c-clock"
    late = touchpoint(
        "k-1", customer, event_type="opted_out", channel="email", event_time="2026-03-01T09:00:00Z",
        ingested_time="2026-03-05T00:00:00Z",
    )  # fmt: skip
    future = touchpoint("k-2", customer, event_time="2030-01-01T00:00:00Z")
    assert service.post("/ingest", {"touchpoints": [late, future]}).json()["accepted"] == 2

    def code(now: str) -> str:
        answer = service.post("/decide", asked(customer, mode="shadow", now=now)).json()
        found: str = answer["decisions"][0]["reasons"][0]["code"]
        return found

    assert code("2026-03-04T23:59:59Z") != "opted_out"
    assert code("2026-03-05T00:00:00Z") == "opted_out"
    assert code("2026-03-02T00:00:00Z") != "opted_out"


def test_without_a_request_clock_now_is_refused(strict_service: LiveService) -> None:
    found = problem(strict_service.post("/decide", asked("c", now=NOW)), 422)
    assert fields(found) == ["now"] and "request_clock" in found["detail"]
    batch = strict_service.post("/decide_batch", {"requests": [asked("c", now=NOW), asked("c")]}).json()
    assert batch["answers"][0]["errors"][0]["field"] == "now" and "decisions" in batch["answers"][1]


def test_without_a_request_clock_nothing_is_known_in_the_future(strict_service: LiveService) -> None:
    ahead = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60))
    rows = [
        touchpoint("f-1", ingested_time=ahead),
        touchpoint("f-2", event_time=ahead),
        touchpoint("f-3", event_time=ahead, ingested_time=ahead),
        touchpoint("f-4"),
    ]
    answer = strict_service.post("/ingest", {"touchpoints": rows}).json()
    assert answer["accepted"] == 1
    assert [(one["index"], one["errors"][0]["field"]) for one in answer["rejected"]] == [
        (0, "ingested_time"), (1, "event_time"), (2, "event_time"),
    ]  # fmt: skip


# ---- what is seen from outside


def test_metrics_hold_no_customer_data(service: LiveService) -> None:
    service.post("/decide", asked("c-secret-1042", candidate("m-secret")))
    service.get("/customers/c-secret-1042")
    text = service.get("/metrics").text
    assert 'tact_decisions_total{action="send",reason="transactional"}' in text
    for name in (
        "tact_stage_seconds_bucket",
        "tact_model_loaded",
        "tact_cap_refusals_total",
        "tact_ready_workers",
    ):
        assert name in text
    assert "secret" not in text and 'stage="models"' in text


def test_logs_are_json_lines_without_customer_data(service: LiveService) -> None:
    service.post("/decide", asked("c-secret-1042", candidate("m-secret")))
    service.post("/decide", asked("c-secret-1042", candidate("m-secret", purpose="x")))
    text = service.log.read_text()
    assert "secret" not in text and "Traceback" not in text
    assert any(
        json.loads(line).get("message") == "a bundle is ready" for line in text.splitlines() if line[:1] == "{"
    )


def test_every_error_class_has_a_problem_of_its_own() -> None:
    kinds: list[type[TactError]] = [TactError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    names = [kind.problem for kind in set(kinds)]
    assert all(kind.status >= 400 and kind.title for kind in kinds) and len(names) >= 15
