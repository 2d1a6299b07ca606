"""Customers in the figures: value, retention, repeat, engagement, sentiment, NPS, CSAT, referrals.

Lifetime value is historic: what a customer was seen to spend in the window. A model of future value (BG/NBD
with gamma-gamma) needs `pymc-marketing`, which brings 25 packages and pins an older numba than the feature
kernel needs; it is left out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from data_contracts.times import format_time
from features.columns import Float64, Int64
from reporting.estimates import Estimate, Figure, Row, Unit, unknown
from reporting.moments import DAY, WEEK
from reporting.record import Bools
from reporting.resampling import share
from reporting.study import Study

_RETENTION_DAYS = 30
_MOST_PERIODS = 26
_NOT_REPORTED = "no system reports this"


def customer_kpis(study: Study) -> Figure:
    """One row a figure, over all customers of the window."""
    record = study.record
    rows: list[Row] = []

    def add(figure: str, part: str, estimate: Estimate) -> None:
        rows.append(Row({"figure": figure, "part": part}, estimate))

    spent, bought = spending(study), record.flagged("purchase") & (record.columns.value > 0)
    observed = record.observed_weeks > 0
    if bought.any():
        n = int(observed.sum())
        add("value", "per customer", study.rate("money", spent, observed.astype(float), n, what="customers"))
        add("value", "spent at all", study.share_of_customers(spent > 0, observed))
        add("value", "share of the top tenth", _top_tenth(study, spent))
        times = record.per_customer(record.customer[bought])
        add("repeat", "bought again", study.share_of_customers(times >= 2, times >= 1))
    else:
        add("value", "per customer", unknown("money", _NOT_REPORTED))
        add("repeat", "bought again", unknown("share", _NOT_REPORTED))
    add("retention", f"active after {_RETENTION_DAYS} days", _retained(study))
    own = record.per_customer(record.customer[record.inbound])
    add(
        "engagement",
        "own events a week",
        study.rate("per_week", own, record.observed_weeks, int(own.sum()), what="events"),
    )
    add("engagement", "messages answered", _answered(study))
    mood = ~np.isnan(record.columns.sentiment)
    add("sentiment", "mean", _mean(study, mood, record.columns.sentiment))
    _nps(study, add)
    _csat(study, add)
    referred = record.of_types("referred")
    if referred.any():
        add(
            "referrals",
            "referred somebody",
            study.share_of_customers(record.per_customer(record.customer[referred]) > 0),
        )
    else:
        add("referrals", "referred somebody", unknown("share", _NOT_REPORTED))
    note = (
        "Value is historic: what customers were seen to spend in the window, in the units of the data. "
        "NPS and CSAT count each customer’s latest answer."
    )
    return study.figure("customers", "Customers in the figures", note, rows)


def customer_trends(study: Study) -> Figure:
    """The same figures by week (or by four weeks in a long history)."""
    record = study.record
    weeks = max(1, -(-(record.end - record.begin) // WEEK))
    length = WEEK * (1 if weeks <= _MOST_PERIODS else 4)
    periods = int((record.end - record.begin) // length)
    period = (record.time - record.begin) // length
    rows: list[Row] = []
    value = record.columns.value
    for number in range(periods):
        start = record.begin + number * length
        now = period == number
        labels = {"from": format_time(start)[:10]}
        seen = (
            np.clip(np.minimum(record.ends, start + length) - np.maximum(record.first, start), 0, length) / WEEK
        )

        def rate(rows_now: Bools, seen: Float64 = seen, weights: Float64 | None = None) -> Estimate:
            chosen = None if weights is None else weights[rows_now]
            counts = record.per_customer(record.customer[rows_now], chosen)
            unit: Unit = "per_week" if weights is None else "money"
            return study.rate(
                unit, counts, seen, max(int(rows_now.sum()), int((seen > 0).sum())), what="events"
            )

        rows.append(Row({"figure": "engagement", **labels}, rate(now & record.inbound)))
        rows.append(Row({"figure": "touches", **labels}, rate(now & record.flagged("contact"))))
        rows.append(Row({"figure": "refusals", **labels}, rate(now & record.flagged("negative", "harm"))))
        bought = now & record.flagged("purchase") & (value > 0)
        rows.append(Row({"figure": "value", **labels}, rate(bought, weights=value)))
        mood = now & ~np.isnan(record.columns.sentiment)
        rows.append(Row({"figure": "sentiment", **labels}, _mean(study, mood, record.columns.sentiment)))
        rows.append(Row({"figure": "nps", **labels}, _net(study, now & record.flagged("nps"))))
        csat = now & record.flagged("csat")
        rows.append(Row({"figure": "csat", **labels}, _mean(study, csat, value)))
    return study.figure("trends", "Week by week", "Each point with its interval by customer.", rows)


def retention_curve(study: Study) -> Figure:
    """Share of customers with an event of their own in the k-th week after they were first seen."""
    record = study.record
    own = record.inbound
    age = (record.time - record.first[record.customer]) // WEEK
    rows = []
    whole = (record.ends - record.first) // WEEK
    for week in range(1, int(min(26, whole.max(initial=0)))):
        active = record.per_customer(record.customer[own & (age == week)]) > 0
        rows.append(Row({"week": str(week)}, study.share_of_customers(active, whole > week)))
    note = "Active: at least one event that the customer started, in that week. First seen: in this data."
    return study.figure("retention", "Still active, by weeks since first seen", note, rows)


def spending(study: Study) -> Float64:
    """What each customer was seen to spend, shape (customers,)."""
    record = study.record
    bought = record.flagged("purchase") & (record.columns.value > 0)
    return record.per_customer(record.customer[bought], record.columns.value[bought])


def active_late(study: Study, since: Int64) -> Bools:
    """Customers with an event of their own at or after each one's moment, shape (customers,)."""
    record = study.record
    late = record.inbound & (record.time >= since[record.customer])
    return record.per_customer(record.customer[late]) > 0


def _retained(study: Study) -> Estimate:
    record = study.record
    after = record.first + _RETENTION_DAYS * DAY
    watched = after + WEEK <= record.ends
    own = (
        record.inbound
        & (record.time >= after[record.customer])
        & (record.time < (after + WEEK)[record.customer])
    )
    return study.share_of_customers(record.per_customer(record.customer[own]) > 0, watched)


def _answered(study: Study) -> Estimate:
    contacts = study.contacts
    if not contacts.answered.any():
        return unknown("share", _NOT_REPORTED)
    return study.share_of(contacts.answered, contacts.over, contacts.customer, "messages")


def _mean(study: Study, rows: Bools, values: Float64) -> Estimate:
    record = study.record
    known = rows & ~np.isnan(values)
    if not known.any():
        return unknown("score", _NOT_REPORTED)
    total = record.per_customer(record.customer[known], values[known])
    return study.rate(
        "score", total, record.per_customer(record.customer[known]), int(known.sum()), what="answers"
    )


def _net(study: Study, rows: Bools) -> Estimate:
    record = study.record
    score = np.where(record.columns.value >= 9, 100.0, np.where(record.columns.value <= 6, -100.0, 0.0))
    return _mean(study, rows & ~np.isnan(record.columns.value), score)


def latest_answers(study: Study, rows: Bools) -> tuple[Int64, Float64]:
    """Each customer's latest answer among the rows: (customers who answered, their values)."""
    record = study.record
    chosen = np.flatnonzero(rows & ~np.isnan(record.columns.value))
    customer = record.customer[chosen]
    last = np.append(customer[1:] != customer[:-1], True) if len(chosen) else np.zeros(0, np.bool_)
    return customer[last], record.columns.value[chosen][last]


def _nps(study: Study, add: Callable[[str, str, Estimate], None]) -> None:
    customer, score = latest_answers(study, study.record.flagged("nps"))
    if not len(customer):
        add("nps", "score", unknown("score", _NOT_REPORTED))
        return
    n = study.record.n_customers
    there = np.bincount(customer, minlength=n).astype(np.float64)
    net = np.where(score >= 9, 100.0, np.where(score <= 6, -100.0, 0.0))
    total = np.bincount(customer, weights=net, minlength=n).astype(np.float64)
    add("nps", "score", study.rate("score", total, there, len(customer), what="answers"))
    for part, hits in (
        ("promoters", score >= 9),
        ("passives", (score > 6) & (score < 9)),
        ("detractors", score <= 6),
    ):
        add("nps", part, share(np.bincount(customer[hits], minlength=n).astype(float), there, "answers"))


def _csat(study: Study, add: Callable[[str, str, Estimate], None]) -> None:
    customer, score = latest_answers(study, study.record.flagged("csat"))
    if not len(customer):
        add("csat", "mean", unknown("score", _NOT_REPORTED))
        return
    n = study.record.n_customers
    there = np.bincount(customer, minlength=n).astype(np.float64)
    total = np.bincount(customer, weights=score, minlength=n).astype(np.float64)
    add("csat", "mean", study.rate("score", total, there, len(customer), what="answers"))
    for part, hits in (
        ("good (4–5)", score >= 4),
        ("middling (3)", (score > 2) & (score < 4)),
        ("bad (1–2)", score <= 2),
    ):
        add("csat", part, share(np.bincount(customer[hits], minlength=n).astype(float), there, "answers"))


def _top_tenth(study: Study, spent: Float64) -> Estimate:
    """Share of all spending that comes from the tenth of customers who spend most."""
    seen = study.record.observed_weeks > 0
    cut = float(np.quantile(spent[seen], 0.9)) if seen.any() else 0.0
    top = seen & (spent > cut)
    if int(top.sum()) < 20:
        return unknown("share", f"too little data: {int(top.sum())} customers in the top tenth", int(top.sum()))
    return study.rate("share", spent * top, spent, int((spent > 0).sum()), what="customers")
