"""Senders that ask, confirm, release and report at random, and keep what was acknowledged.

A sender asks again, at any of the services and with the same id, until it is answered. What it was
told is in `Acknowledged`; what must never happen, whatever is killed, is in its `faults`.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tests.serving.fleet import RESERVATION_SECONDS
from tests.serving.live import candidate, touchpoint

CUSTOMERS = ("hot-1", "hot-2", "hot-3")
WITH_TRANSACTIONAL = "hot-3"
"""The one customer who also gets transactional messages, which no cap holds back."""
SENDERS = 32
_DEPARTMENTS = ("marketing", "sales", "product", "success")
_CHANNELS = ("email", "push", "sms")
_GIVE_UP_SECONDS = 60.0
_SHARED = 60
_BATCH = 12


@dataclass
class Acknowledged:
    """What the services said, from all senders; written under `lock`."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    answers: dict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    customers: dict[str, str] = field(default_factory=dict)
    """Of each acknowledged decision."""
    states: dict[tuple[str, str], str] = field(default_factory=dict)
    rows: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def answered(self, decision_id: str, customer: str, answer: bytes) -> None:
        """One answer; of two that are not degraded, both must be the same bytes."""
        with self.lock:
            self.counts["decisions"] += 1
            self.customers[decision_id] = customer
            self.answers[decision_id].add(answer)
            whole = [one for one in self.answers[decision_id] if b'"degraded":false' in one]
            self.counts["degraded"] += b'"degraded":true' in answer
            if len(whole) > 1:
                self.faults.append(f"{decision_id} was answered in two ways")

    def confirmed(self, decision_id: str, message_id: str, state: str) -> None:
        with self.lock:
            self.counts[f"confirmed {state}"] += 1
            if self.states.setdefault((decision_id, message_id), state) != state:
                self.faults.append(f"{decision_id}, {message_id} was confirmed in two ways")

    def note(self, what: str, fault: str | None = None) -> None:
        with self.lock:
            self.counts[what] += 1
            if fault is not None:
                self.faults.append(fault)


class Sender:
    """One of the senders: a thread with a connection of its own to each service."""

    def __init__(self, number: int, run: str, urls: list[str], acknowledged: Acknowledged) -> None:
        self._run, self._number, self._urls = run, number, urls
        self._rng = random.Random(f"{run}-{number}")
        self._told = acknowledged
        self._connections: dict[str, http.client.HTTPConnection] = {}
        self._later: list[tuple[float, dict[str, str]]] = []
        self._asked = 0

    def work(self, stop: threading.Event) -> None:
        """Ask until told to stop, then confirm what is still to be confirmed."""
        while not stop.is_set():
            self.ask()
            if self._rng.random() < 0.15:
                self.report()
            self.confirm_due(time.monotonic())
        self.confirm_due(float("inf"))
        for connection in self._connections.values():
            connection.close()

    def ask(self) -> None:
        """One decision, or as often several in a batch."""
        bodies = [request(self._decision_id()) for _ in range(self._rng.choice([1, _BATCH]))]
        path, body = ("/decide", bodies[0]) if len(bodies) == 1 else ("/decide_batch", {"requests": bodies})
        answer = self.call(path, body)
        if answer is None:
            return
        status, text = answer
        if status != 200:
            self._told.note("refused", f"{path} answered {status}: {text[:300]!r}")
        elif len(bodies) == 1:
            self._answered(bodies[0], text)
        else:
            answers = msgspec.json.decode(text, type=dict[str, list[msgspec.Raw]])["answers"]
            for one, told in zip(bodies, answers, strict=True):
                self._answered(one, bytes(told))

    def _decision_id(self) -> str:
        self._asked += 1
        if self._rng.random() < 0.1:  # several senders ask under one id, with one body
            return f"{self._run}-shared-{self._rng.randrange(_SHARED)}"
        return f"{self._run}-{self._number}-{self._asked}"

    def _answered(self, body: dict[str, Any], text: bytes) -> None:
        told, decision_id = json.loads(text), body["decision_id"]
        if "decisions" not in told:
            self._told.note("refused", f"{decision_id} was answered with {text[:300]!r}")
            return
        self._told.answered(decision_id, body["customer_id"], text)
        if told["degraded"]:
            return
        for one in told["decisions"]:
            fate = random.Random(f"fate of {decision_id} {one['message_id']}").random()
            if one["action"] == "send" and fate < 0.85:
                said = {"decision_id": decision_id, "message_id": one["message_id"]}
                said["outcome"] = "sent" if fate < 0.6 else "not_sent"
                # Some at once, some later, some after the reservation has ended.
                waits = self._rng.choice([0.0, 0.3, 0.9, 1.1, 2.5]) * RESERVATION_SECONDS
                self._later.append((time.monotonic() + waits, said))

    def confirm_due(self, now: float) -> None:
        due = [said for at, said in self._later if at <= now]
        self._later = [(at, said) for at, said in self._later if at > now]
        for said in due:
            for _ in range(self._rng.choice([1, 1, 2])):
                self.confirm(said)

    def confirm(self, said: dict[str, str]) -> None:
        answer = self.call("/confirm", said)
        if answer is None:
            return
        status, text = answer
        if status == 200:
            self._told.confirmed(said["decision_id"], said["message_id"], json.loads(text)["state"])
            if said["outcome"] == "sent" and self._rng.random() < 0.3:
                messages = {one["message_id"]: one for one in request(said["decision_id"])["candidates"]}
                message = messages[said["message_id"]]
                self.report(
                    message_id=said["message_id"],
                    decision_id=said["decision_id"],
                    department=message["department"],
                    channel=message["channel"],
                )
        elif status == 409 and b"reservation" in text and said["outcome"] == "sent":
            self._told.note("too late")
        else:
            self._told.note("refused", f"/confirm of {said} answered {status}: {text[:300]!r}")

    def report(self, **sent: str) -> None:
        """Touchpoints; with `sent` the message_sent row of a confirmed send, which is the same touch."""
        customer = self._told.customers[sent["decision_id"]] if sent else self._rng.choice(CUSTOMERS)
        at = datetime.now(UTC).isoformat()
        rows = []
        for number in range(1 if sent else self._rng.randrange(1, 8)):
            self._asked += 1
            name = f"{self._run}-row-{self._number}-{self._asked}-{number}"
            more = {"event_type": "message_sent", "direction": "outbound", **sent} if sent else {}
            rows.append(touchpoint(name, customer, event_time=at, **more))
        answer = self.call("/ingest", {"touchpoints": rows})
        if answer is None:
            return
        told = json.loads(answer[1])
        if answer[0] != 200 or told["accepted"] + told["duplicates"] != len(rows):
            self._told.note("refused", f"/ingest answered {answer}")
            return
        with self._told.lock:
            self._told.counts["touchpoints"] += len(rows)
            self._told.rows.update(row["touchpoint_id"] for row in rows)

    def call(self, path: str, body: dict[str, Any]) -> tuple[int, bytes] | None:
        """POST until there is an answer that says something; None where it never came."""
        text = json.dumps(body).encode()
        until = time.monotonic() + _GIVE_UP_SECONDS
        while time.monotonic() < until:
            url = self._rng.choice(self._urls)
            try:
                status, answer = self._post(url, path, text)
            except (OSError, http.client.HTTPException):
                self._connections.pop(url).close()
                self._told.note("retries")
                time.sleep(0.05)
                continue
            if status != 503:
                return status, answer
            self._told.note("retries")
            time.sleep(0.1)
        self._told.note("given up")
        return None

    def _post(self, url: str, path: str, text: bytes) -> tuple[int, bytes]:
        connection = self._connections.get(url)
        if connection is None:
            connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=15)
            self._connections[url] = connection
        connection.request("POST", path, text, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()


def request(decision_id: str) -> dict[str, Any]:
    """The body that belongs to a decision id; some message ids come back under other ids."""
    rng = random.Random(f"body of {decision_id}")
    customer = rng.choice(CUSTOMERS)
    messages = []
    for number in range(rng.randrange(1, 4)):
        name = f"{decision_id}-m{number}"
        if rng.random() < 0.1:
            name = f"{decision_id.split('-')[0]}-{customer}-again-{rng.randrange(40)}"
        purpose = "promotional"
        if customer == WITH_TRANSACTIONAL and rng.random() < 0.1:
            name, purpose = f"{decision_id}-t{number}", "transactional"
        messages.append(
            candidate(name, department=rng.choice(_DEPARTMENTS), channel=rng.choice(_CHANNELS), purpose=purpose)
        )
    unique = {one["message_id"]: one for one in messages}
    return {"customer_id": customer, "decision_id": decision_id, "candidates": list(unique.values())}


@contextmanager
def storm(run: str, urls: list[str], acknowledged: Acknowledged) -> Iterator[None]:
    """All senders at work for the length of a block; afterwards they confirm what is still to be confirmed."""
    stop = threading.Event()
    threads = [
        threading.Thread(target=_guarded, args=(Sender(number, run, urls, acknowledged), acknowledged, stop))
        for number in range(SENDERS)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(2 * _GIVE_UP_SECONDS)


def _guarded(sender: Sender, acknowledged: Acknowledged, stop: threading.Event) -> None:
    try:
        sender.work(stop)
    except Exception as error:  # a sender that fell over must not pass for one that was content
        acknowledged.note("fell over", f"a sender fell over: {type(error).__name__}: {error}")
