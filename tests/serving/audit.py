"""After the storm: is everything there that was acknowledged, and did every cap hold?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from data_contracts.times import HOUR
from tests.serving.databases import Database
from tests.serving.senders import CUSTOMERS, WITH_TRANSACTIONAL, Acknowledged


class _Row(NamedTuple):
    decision_id: str
    message_id: str
    customer_id: str
    department: str
    channel: str
    decided_at: int
    reserved_until: int
    state: str
    purpose: str


@dataclass(frozen=True)
class Audit:
    """What was acknowledged and found again; `faults` says what is wrong, one sentence each."""

    decisions: int
    confirms: int
    touchpoints: int
    sends: int
    caps_broken: int
    faults: tuple[str, ...]


def audit(database: Database, told: Acknowledged, caps: Sequence[Mapping[str, Any]]) -> Audit:
    """Compare the database with what the senders were told; no service needs to run."""
    faults = list(told.faults)
    answers = dict(database.sql("SELECT decision_id, answer FROM tact.answers"))
    for decision_id, given in told.answers.items():
        # What was answered from the spool stands beside another answer under the same id.
        stored = set()
        name = decision_id
        while name in answers:
            stored.add(bytes(answers[name]))
            name += "~spooled"
        if not given <= stored:
            faults.append(f"an acknowledged answer of {decision_id} is not there")
    rows = [
        _Row(*row)
        for row in database.sql(
            """SELECT s.decision_id, s.message_id, s.customer_id, s.department, s.channel, s.decided_at,
            s.reserved_until, s.state, d.purpose
            FROM tact.sends s JOIN tact.decisions d ON d.decision_id = s.decision_id AND d.message_id = s.message_id"""
        )
    ]
    states = {(row.decision_id, row.message_id): row.state for row in rows}
    for key, state in told.states.items():
        if states.get(key) != state:
            faults.append(f"{key} was confirmed as {state} and is {states.get(key)}")
    found = {name for (name,) in database.sql("SELECT touchpoint_id FROM tact.touchpoints")}
    missing = told.rows - found
    if missing:
        faults.append(f"{len(missing)} acknowledged touchpoints are not there, one is {min(missing)}")
    (half,) = database.sql(
        """SELECT count(*) FROM tact.answers a
        WHERE NOT EXISTS (SELECT 1 FROM tact.decisions d WHERE d.decision_id = a.decision_id)"""
    )
    if half[0]:
        faults.append(f"{half[0]} decisions were stored without their log")
    sent = Counter(row.message_id for row in rows if row.state == "sent" and row.purpose != "transactional")
    faults += [f"{name} was sent {times} times" for name, times in sent.items() if times > 1]
    broken = [one for customer in CUSTOMERS for one in _broken(rows, customer, caps)]
    return Audit(
        decisions=len(told.answers),
        confirms=len(told.states),
        touchpoints=len(told.rows),
        sends=sum(row.state != "released" for row in rows),
        caps_broken=len(broken),
        faults=(*faults, *broken),
    )


def _broken(rows: Sequence[_Row], customer: str, caps: Sequence[Mapping[str, Any]]) -> list[str]:
    """Windows of a cap that hold too many sends, by two counts.

    Confirmed sends: no window at all may hold too many. Of everything that was let out: none may
    have been while those that were let out before it, and whose reservations had not ended then,
    filled the cap. Transactional messages pass every cap; with them in play only the others count.
    """
    found = []
    ours = sorted(
        (
            row
            for row in rows
            if row.customer_id == customer
            and row.state != "released"
            and not (customer == WITH_TRANSACTIONAL and row.purpose == "transactional")
        ),
        key=lambda row: row.decided_at,
    )
    for cap in caps:
        window, most = round(cap["window_hours"] * HOUR), cap["sends"]
        counted = [
            row
            for row in ours
            if cap.get("department") in (None, row.department) and cap.get("channel") in (None, row.channel)
        ]
        sent = [row for row in counted if row.state == "sent"]
        for first, last in zip(sent, sent[most:], strict=False):
            if last.decided_at - first.decided_at < window:
                found.append(f"{customer}: {most + 1} confirmed sends within one window of {dict(cap)}")
        for place, row in enumerate(counted):
            held = sum(
                other.decided_at > row.decided_at - window and other.reserved_until > row.decided_at
                for other in counted[:place]
            )
            if held >= most:
                found.append(f"{customer}: {row.decision_id} was let out over {held} touches of {dict(cap)}")
    return found
