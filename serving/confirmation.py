"""What a confirmation does to a send. No SQL."""

from __future__ import annotations

from typing import Literal, NamedTuple

from data_contracts.errors import Conflict, NotFound
from data_contracts.times import format_time
from policy.situation import Send
from serving.store import Fits, SendOutcome, SendState, Snapshot

STATES: dict[SendOutcome, Literal["sent", "released"]] = {"sent": "sent", "not_sent": "released"}


class LoggedSend(NamedTuple):
    """A row of the log and its send; the last five are None where nothing was reserved (shadow, holdout)."""

    customer_id: str
    action: str
    purpose: str | None
    department: str | None
    channel: str | None
    decided_at: int | None
    reserved_until: int | None
    state: SendState | None


def confirmed_state(
    decision_id: str, message_id: str, found: LoggedSend | None, outcome: SendOutcome
) -> Literal["sent", "released"]:
    """The state after the confirmation, whether it is a new one or was reached before.

    Raises NotFound for an unknown row, Conflict for a row that was no send or was confirmed
    otherwise.
    """
    if found is None:
        raise NotFound(f"there is no decision {decision_id!r} about a message {message_id!r}")
    if found.action != "send":
        raise Conflict(
            f"message {message_id!r} of decision {decision_id!r} was told to {found.action}, not to go"
        )
    wanted = STATES[outcome]
    if found.state not in (None, "reserved", wanted):
        raise Conflict(
            f"message {message_id!r} of decision {decision_id!r} was confirmed as {found.state} before"
        )
    return wanted


def may_be_late(found: LoggedSend, wanted: Literal["sent", "released"]) -> bool:
    """Whether it matters that the reservation has ended: caps hold no transactional message back."""
    return wanted == "sent" and found.state == "reserved" and found.purpose != "transactional"


def check_late(decision_id: str, message_id: str, found: LoggedSend, snapshot: Snapshot, fits: Fits) -> None:
    """Raise Conflict where the place of a send was given to others since its reservation ended.

    Called where another decision let something out after `reserved_until`; up to then nobody can
    have taken the place, and a late confirmation is as good as one in time.
    """
    send = Send(
        message_id,
        found.department or "",
        found.channel or "",
        found.decided_at or 0,
        found.reserved_until or 0,
        "reserved",
    )
    if not fits(send, snapshot):
        raise Conflict(
            f"the reservation of message {message_id!r} ended at {format_time(send.reserved_until)}, and its "
            "place under a cap was given to another message since. If it has not gone out, ask again with a "
            f"new decision_id; if it has, ingest it as a message_sent touchpoint (decision {decision_id!r})"
        )
