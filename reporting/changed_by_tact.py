"""What Tact changed: customers in the holdout against the others, and the ledger of what was not sent."""

from __future__ import annotations

import numpy as np

from data_contracts.items import MICROSECONDS_PER_HOUR
from features.columns import Float64, Int64
from reporting.customer_kpis import latest_answers
from reporting.decision_rows import DecisionRows
from reporting.differences import between_customers, effect_of, effect_sums
from reporting.estimates import Estimate, Figure, Row, Unit, too_little, unknown
from reporting.occurrences import pair_codes
from reporting.record import Bools
from reporting.resampling import BOOTSTRAP, interval
from reporting.study import Study

_WEEK = 7 * 86_400_000_000.0
_LEAST_IN_ARM = 100
"""Fewest drawn rows of an arm that measure what a department's messages do in a situation."""


def holdout(study: Study) -> Figure | None:
    """Treated customers minus the holdout, from each one's first decision on; None where there is no holdout."""
    decisions, record = study.decisions, study.record
    if decisions is None or not decisions.holdout.any():
        return None
    n = record.n_customers
    held_out = np.bincount(decisions.customer[decisions.holdout], minlength=n) > 0
    treated = (np.bincount(decisions.customer[decisions.enforced], minlength=n) > 0) & ~held_out
    first = np.full(n, record.end, np.int64)
    np.minimum.at(first, decisions.customer, decisions.time)
    weeks = np.maximum(record.ends - first, 0) / _WEEK
    since = record.time >= first[record.customer]
    late = study.contacts.time >= first[study.contacts.customer]
    collided = late & (study.contacts.situation.others(study.contacts.department) >= 1)
    messages = record.per_customer(study.contacts.customer[late])
    rows: list[Row] = []

    def add(what: str, unit: Unit, top: Float64, bottom: Float64) -> None:
        for group, estimate in _groups(study, unit, treated, held_out, top, bottom):
            rows.append(Row({"what": what, "group": group}, estimate))

    def events(*flags: str) -> Float64:
        return record.per_customer(record.customer[since & record.flagged(*flags)])

    add("touches a week", "per_week", messages, weeks)
    add(
        "messages within 48 h of another department’s", "share",
        record.per_customer(study.contacts.customer[collided]), messages,
    )  # fmt: skip
    add("progress events a week", "per_week", events("progress"), weeks)
    add("harm events a week", "per_week", events("harm"), weeks)
    add("negative answers a week", "per_week", events("negative"), weeks)
    bought = since & record.flagged("purchase") & (record.columns.value > 0)
    if bought.any():
        add(
            "spending a week",
            "money",
            record.per_customer(record.customer[bought], record.columns.value[bought]),
            weeks,
        )
    there = (weeks > 2).astype(np.float64)
    active = record.inbound & (record.time >= (record.ends - 14 * 86_400_000_000)[record.customer])
    add(
        "active in the last 14 days", "share", (record.per_customer(record.customer[active]) > 0) * there, there
    )
    customer, score = latest_answers(study, since & record.flagged("nps"))
    if len(customer):
        net = np.where(score >= 9, 100.0, np.where(score <= 6, -100.0, 0.0))
        add(
            "NPS",
            "score",
            np.bincount(customer, weights=net, minlength=n).astype(np.float64),
            np.bincount(customer, minlength=n).astype(np.float64),
        )
    note = (
        "Customers are in the holdout by a stable hash, and Tact only logs there. From each customer’s first "
        "decision to the end of their observation."
    )
    return study.figure("holdout", "Customers with Tact against the holdout", note, rows)


def ledger(study: Study) -> Figure | None:
    """For each department: messages sent at once, later and never, the value lost and the harm avoided.

    What a message would have done is measured on drawn rows of the same department in a like situation
    (another department within 48 h or not, case open or not), or of the whole department where these are few.
    """
    decisions = study.decisions
    if decisions is None or not decisions.enforced.any():
        return None
    asked = _asked(decisions)
    rows: list[Row] = []
    for code in study.senders:
        mine = (decisions.department == code) & ~decisions.transactional & decisions.enforced
        labels = {"department": study.name(code)}
        for what, count in asked.counts(mine):
            rows.append(Row({**labels, "what": what}, count))
        late = np.flatnonzero(mine & asked.later)
        waited = study.draws.median(
            "hours", asked.waited_hours[late], decisions.customer[late], "messages sent later"
        )
        rows.append(Row({**labels, "what": "waited"}, waited))
        lost = np.flatnonzero(mine & asked.never)
        for what, estimate in _lost(study, decisions, code, lost):
            rows.append(Row({**labels, "what": what}, estimate))
    weights = study.record.configuration.policy
    note = (
        "Lost and avoided: messages that a decision held back and that never went out. "
        "Help lost and harm avoided: their number "
        "times the drawn effect of sending for the department in a like situation (another department within 48 h "
        "or not, case open or not). Where a rule held back the worst of these, harm avoided is a low estimate. "
        "Value lost: the sender’s own "
        "value of a message times the help lost. Net for the customer: "
        f"{weights.helps_weight:g} × help lost − {weights.interrupts_weight:g} × harm avoided; below 0, holding "
        "back was right."
    )
    return study.figure("ledger", "The suppression ledger", note, rows)


class _Asked:
    """What became of each message that was asked about: one row stands for it, its last decision.

    `waited_hours` from the first question to the send; infinite where it was never sent.
    """

    def __init__(self, last: Bools, at_once: Bools, waited_hours: Float64) -> None:
        self.last, self.at_once, self.waited_hours = last, at_once, waited_hours
        self.ever_sent = np.isfinite(waited_hours)
        self.never = last & ~self.ever_sent
        self.later = last & self.ever_sent & ~at_once

    def counts(self, mine: Bools) -> list[tuple[str, Estimate]]:
        chosen = mine & self.last
        parts = (
            ("asked", chosen),
            ("sent at once", chosen & self.at_once),
            ("sent later", chosen & self.later),
            ("never sent", chosen & self.never),
        )
        return [(name, _counted(int(rows.sum()))) for name, rows in parts]


def _counted(number: int) -> Estimate:
    return Estimate("count", float(number), None, None, 0, number, "counted")


def _asked(decisions: DecisionRows) -> _Asked:
    group, _ = pair_codes((decisions.customer, decisions.message), (np.zeros(0, np.int64),) * 2)
    order = np.lexsort((decisions.time, group))
    ordered = group[order]
    edge = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    first, last = order[edge], order[np.append(edge[1:], len(order)) - 1]
    is_last = np.zeros(len(group), np.bool_)
    is_last[last] = True
    size = int(group.max(initial=-1)) + 1
    never = np.iinfo(np.int64).max
    sent_at = np.full(size, never, np.int64)
    np.minimum.at(sent_at, group[decisions.sent], decisions.time[decisions.sent])
    asked_at, at_once = np.zeros(size, np.int64), np.zeros(size, np.bool_)
    asked_at[group[first]], at_once[group[first]] = decisions.time[first], decisions.sent[first]
    waited = np.where(sent_at == never, np.inf, (sent_at - asked_at) / MICROSECONDS_PER_HOUR)
    return _Asked(is_last, at_once[group], waited[group])


def _lost(study: Study, decisions: DecisionRows, code: int, lost: Int64) -> list[tuple[str, Estimate]]:
    names = ("help lost", "harm avoided", "value lost", "net")
    customers = len(np.unique(decisions.customer[lost]))
    if (little := too_little("count", customers, len(lost), "messages never sent")) is not None:
        return [(name, little) for name in names]
    measures = np.flatnonzero(decisions.measures & (decisions.department == code))
    situation = decisions.situation
    like = (situation.others(decisions.department) >= 1) * 2 + situation.case_elsewhere
    enough = np.bincount(like[measures], minlength=4) >= 2 * _LEAST_IN_ARM
    if enough[like[lost]].mean() < 0.5:
        reason = "most were held back in situations in which nothing was drawn: what they would have done is not known"
        return [(name, unknown("count", reason, customers, len(lost))) for name in names]
    effects = []
    for outcome in (decisions.helped, decisions.interrupted):
        found = _effects_by_situation(study, decisions, measures, like, outcome.astype(np.float64))
        if found is None:
            reason = "too little was drawn for this department to measure what its messages do"
            return [(name, unknown("count", reason, customers, len(lost))) for name in names]
        effects.append(found)
    n = study.record.n_customers
    weights = np.concatenate([np.ones((1, n)), study.draws.weights.astype(np.float64)])
    # How much was held back in each situation, and its value, in each draw; the first one is the data itself.
    counts, values = np.zeros((len(weights), 4)), np.zeros((len(weights), 4))
    for cell in range(4):
        rows = lost[like[lost] == cell]
        counts[:, cell] = weights @ np.bincount(decisions.customer[rows], minlength=n)
        values[:, cell] = weights @ np.bincount(
            decisions.customer[rows], weights=decisions.value[rows], minlength=n
        )
    helped, harmed = ((counts * one).sum(axis=1) for one in effects)
    policy = study.record.configuration.policy
    net = policy.helps_weight * helped - policy.interrupts_weight * harmed
    told = ((helped, "count"), (harmed, "count"), ((values * effects[0]).sum(axis=1), "money"), (net, "score"))
    result: list[tuple[str, Estimate]] = []
    for name, (drawn, unit) in zip(names, told, strict=True):
        if name == "value lost" and not values[0].any():
            result.append((name, unknown("money", "the log gives no value", customers, len(lost))))
            continue
        low, high = interval(drawn[1:])
        result.append((name, Estimate(unit, float(drawn[0]), low, high, customers, len(lost), BOOTSTRAP)))  # type: ignore[arg-type]
    return result


def _effects_by_situation(
    study: Study, decisions: DecisionRows, rows: Int64, like: Int64, outcome: Float64
) -> Float64 | None:
    """Effects of a send in the 4 situations, shape (1 + draws, 4); the first row is the data itself."""

    def effect(chosen: Int64) -> Float64 | None:
        sent = decisions.sent[chosen]
        if min(int(sent.sum()), int((~sent).sum())) < _LEAST_IN_ARM:
            return None
        n = study.record.n_customers
        sums = effect_sums(decisions.customer[chosen], sent, decisions.propensity[chosen], outcome[chosen], n)
        return np.append(effect_of(sums.sum(axis=0)), effect_of(study.draws.totals(sums)))

    whole = effect(rows)
    if whole is None:
        return None
    cells = [effect(rows[like[rows] == cell]) for cell in range(4)]
    return np.stack([whole if one is None else one for one in cells], axis=1)


def _groups(
    study: Study, unit: Unit, treated: Bools, held_out: Bools, top: Float64, bottom: Float64
) -> list[tuple[str, Estimate]]:
    difference: Unit = "points" if unit == "share" else unit
    result = [
        (
            name,
            study.rate(unit, top * group, bottom * group, int((group & (bottom > 0)).sum()), what="customers"),
        )
        for name, group in (("with Tact", treated), ("holdout", held_out))
    ]
    gap = between_customers(study.draws, difference, treated, held_out, top, bottom)
    return [*result, ("difference", gap)]
