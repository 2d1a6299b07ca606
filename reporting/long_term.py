"""Short against long: what a message does within days, and what being crowded does within months."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from features.columns import Float64, Int64
from reporting.customer_kpis import latest_answers
from reporting.differences import drawn_effect, stratified
from reporting.estimates import Figure, Row, Unit
from reporting.record import Bools
from reporting.study import Study

LONG_HOURS = 24.0 * 28


def horizons(study: Study) -> Figure | None:
    """The drawn effect of a send by department, within the window of outcomes and within 28 days.

    None without a log that drew anything.
    """
    decisions = study.decisions
    if decisions is None or not decisions.measures.any():
        return None
    outlook = study.outlook
    long = outlook.over(decisions.customer, decisions.time, LONG_HOURS)
    late = {
        "helps": outlook.helped(decisions.customer, decisions.time, decisions.message, LONG_HOURS),
        "interrupts": outlook.interrupted(decisions.customer, decisions.time, decisions.message, LONG_HOURS),
    }
    early = {"helps": decisions.helped, "interrupts": decisions.interrupted}
    rows: list[Row] = []
    for code in study.senders:
        mine = decisions.measures & (decisions.department == code)
        for horizon, outcomes, watched in (("short", early, mine), ("long", late, mine & long)):
            chosen = np.flatnonzero(watched)
            for outcome, values in outcomes.items():
                estimate = drawn_effect(
                    study.draws,
                    decisions.customer[chosen],
                    decisions.sent[chosen],
                    decisions.propensity[chosen],
                    values[chosen].astype(np.float64),
                )
                rows.append(
                    Row({"department": study.name(code), "horizon": horizon, "outcome": outcome}, estimate)
                )
    note = (
        f"The effect of one send against sending nothing, where the draw decided: within "
        f"{study.record.configuration.outcomes.window_hours:g} hours, and within 28 days of the same rows."
    )
    return study.figure("horizons", "A message now, and four weeks later", note, rows)


def crowding(study: Study) -> Figure:
    """Customers whose first half was crowded against calm ones: what their second half was like."""
    record, contacts = study.record, study.contacts
    middle = record.first + (record.ends - record.first) // 2
    early = contacts.time < middle[contacts.customer]
    weeks = np.maximum(middle - record.first, 1) / (7 * 86_400_000_000)
    touches = record.per_customer(contacts.customer[early]) / weeks
    own_early = record.inbound & (record.time < middle[record.customer])
    activity = record.per_customer(record.customer[own_early]) / weeks
    long_enough = record.ends - record.first >= 28 * 86_400_000_000
    rows: list[Row] = []
    if long_enough.any():
        stratum = np.searchsorted(np.quantile(activity[long_enough], [0.2, 0.4, 0.6, 0.8]), activity)
        low, high = np.quantile(touches[long_enough], [1 / 3, 2 / 3])
        calm, crowded = long_enough & (touches <= low), long_enough & (touches > high)
        for what, unit, known, values in _second_half(study, middle):
            chosen = np.flatnonzero((calm | crowded) & known)
            estimate = stratified(
                study.draws, chosen.astype(np.int64), stratum[chosen], crowded[chosen], values[chosen], unit
            )
            rows.append(Row({"what": what}, estimate))
        told = f"the calm third got up to {low:.1f} touches a week, the crowded third over {high:.1f}"
    else:
        told = "no customer was observed for four weeks"
    note = (
        f"Customers of the most crowded third in their first half against the calmest third ({told}), among "
        "customers who were about as active then. Nothing was drawn: an association, not an effect."
    )
    return study.figure("crowding", "Crowded first, what then?", note, rows)


def _second_half(study: Study, middle: Int64) -> Iterator[tuple[str, Unit, Bools, Float64]]:
    """What is compared: name, unit, customers of whom it is known, values; shapes (customers,)."""
    record = study.record
    late = record.time >= middle[record.customer]
    everyone = np.ones(record.n_customers, np.bool_)
    last = record.ends - 14 * 86_400_000_000
    active = record.inbound & (record.time >= last[record.customer])
    weeks = np.maximum(record.ends - middle, 1) / (7 * 86_400_000_000)

    def has(rows: Bools) -> Float64:
        return (record.per_customer(record.customer[rows]) > 0).astype(np.float64)

    yield "still active in the last 14 days", "points", everyone, has(active)
    yield "said no or was harmed", "points", everyone, has(late & record.flagged("negative", "harm"))
    yield "made progress", "points", everyone, has(late & record.flagged("progress"))
    bought = late & record.flagged("purchase") & (record.columns.value > 0)
    if bought.any():
        spent = record.per_customer(record.customer[bought], record.columns.value[bought])
        yield "spending a week", "money", everyone, spent / weeks
    customer, score = latest_answers(study, late & record.flagged("nps"))
    if len(customer):
        answered = np.zeros(record.n_customers, np.bool_)
        answered[customer] = True
        detractor = np.zeros(record.n_customers)
        detractor[customer] = score <= 6
        yield "is a detractor, of those who answered", "points", answered, detractor
