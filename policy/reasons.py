"""The closed list of reason codes, and the sentence that goes with each.

A code never changes its meaning; `docs/reasons.md` lists them for senders.
"""

from __future__ import annotations

from data_contracts.configuration import Cap
from data_contracts.times import DAY, HOUR, format_time

Reason = tuple[str, str]

CODES: dict[str, str] = {
    "transactional": "Transactional messages always go out.",
    "worth_it": "Sending now is expected to help more than it interrupts.",
    "exploration": "Drawn at random, so that help and harm stay measurable.",
    "holdout": "The customer is in the holdout: Tact only logs.",
    "opted_out": "The customer has left this channel.",
    "expired": "The message is past its end.",
    "already_sent": "This message has gone out before.",
    "reserved": "Another decision has let this message out and its outcome is not known yet.",
    "cap": "A cap is used up.",
    "cap_zero": "A cap of 0 allows no such message at all.",
    "sends_zero": "max_sends_per_decision is 0: nothing but transactional messages goes out.",
    "quiet_hours": "It is quiet at the customer's place.",
    "not_before": "The message may not go out yet.",
    "open_case": "The customer has an open case.",
    "better_moment": "A later moment is expected to be better.",
    "not_yet": "Little is missing, and what the customer is doing may change: it is looked at again.",
    "low_value": "It is expected to interrupt more than it helps.",
    "outranked": "A message of more value goes first.",
    "group_alternative": "An alternative of the same group goes out instead.",
    "no_moment": "No allowed moment is left in the message's life.",
    "waited_out": "It has waited for as long as the horizon and no good moment came.",
    "degraded": "The model or the database can't be used.",
    "observational": "No message was ever held back at random: the lifts are estimates from observation.",
    "new_customer": "Nothing is known about this customer yet: the population's figures serve.",
}


def reason(code: str, text: str | None = None) -> Reason:
    """A reason of the closed list; raises KeyError for another code."""
    return code, text or CODES[code]


def span(microseconds: int) -> str:
    """A length of time for people: `40 minutes`, `5.5 hours`, `1.2 days`."""
    if microseconds < 2 * HOUR:
        return f"{max(microseconds, 0) / HOUR * 60:.0f} minutes"
    if microseconds < DAY:
        return f"{microseconds / HOUR:.1f} hours"
    return f"{microseconds / DAY:.1f} days"


def cap_reason(cap: Cap) -> Reason:
    """Which cap holds a message back."""
    parts = [f"{cap.sends} in {cap.window_hours:g} hours"]
    if cap.department:
        parts.append(f"for {cap.department}")
    if cap.channel:
        parts.append(f"on {cap.channel}")
    if cap.sends == 0:
        return reason("cap_zero", f"The cap of {' '.join(parts)} allows no such message at all.")
    return reason("cap", f"The cap of {' '.join(parts)} is used up.")


def open_case_reason(topic: str | None, opened_at: int, now: int, enough: bool) -> Reason:
    """An open case stands in the way; `enough`: its resolution alone would let the message out."""
    name = f"A {topic} case" if topic else "A case"
    text = f"{name} has been open for {span(now - opened_at)}."
    if enough:
        text += " Once it is resolved this message would be sent."
    return reason("open_case", text)


def value_reason(
    code: str, lift_helps: float, lift_interrupts: float, price: float = 0.0, outweighed: bool = False
) -> Reason:
    """What a send is expected to change, for `worth_it` and `low_value`.

    `price` is the attention that it takes from later messages; `outweighed`: but for that it would go.
    """
    text = "It is not worth the attention that it takes from later messages." if outweighed else CODES[code]
    text += (
        f" Sending changes the chance of help by {100 * lift_helps:+.1f} points and of an interruption by "
        f"{100 * lift_interrupts:+.1f} points."
    )
    if price > 0.0:
        text += f" The attention costs {100 * price:.1f} points of help."
    return reason(code, text)


def until_reason(code: str, moment: int) -> Reason:
    """A rule that ends at a known moment."""
    return reason(code, f"{CODES[code]} It ends at {format_time(moment)}.")
