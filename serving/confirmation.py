"""What a confirmation does to a send. No SQL."""

from __future__ import annotations

from typing import Literal

from data_contracts.errors import Conflict, NotFound
from serving.store import SendOutcome, SendState

STATES: dict[SendOutcome, Literal["sent", "released"]] = {"sent": "sent", "not_sent": "released"}


def confirmed_state(
    decision_id: str, message_id: str, action: str | None, state: SendState | None, outcome: SendOutcome
) -> Literal["sent", "released"]:
    """The state after the confirmation, whether it is a new one or was reached before.

    Parameters
    ----------
    action : the log's action for the message, None where the decision or the message is unknown
    state : the state of its send, None where nothing was reserved (shadow, holdout)

    Raises NotFound for an unknown row, Conflict for a row that was no send or was confirmed
    otherwise. Whether a reservation has expired makes no difference: `sent` tells of a message
    that went out, and from then on it counts as a touch again.
    """
    if action is None:
        raise NotFound(f"there is no decision {decision_id!r} about a message {message_id!r}")
    if action != "send":
        raise Conflict(f"message {message_id!r} of decision {decision_id!r} was told to {action}, not to go")
    wanted = STATES[outcome]
    if state not in (None, "reserved", wanted):
        raise Conflict(f"message {message_id!r} of decision {decision_id!r} was confirmed as {state} before")
    return wanted
