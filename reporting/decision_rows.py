"""The decision log as arrays: arms with their chances, situations and outcomes.

A row of an enforced decision whose arm was drawn measures the effect of sending **against sending nothing**.
A row that was not sent while its decision let another message out is no control and is left out (contract,
section 2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.columns import Float64, Int64
from reporting.moments import Outlook, Situation
from reporting.record import Bools, Record, hashes, microseconds

_LEAST_PROBABILITY = 1e-3
"""Rows with a smaller chance of either arm would weigh over a thousand others; they measure no effect."""


@dataclass(frozen=True)
class DecisionRows:
    """Rows of the log in its order, each of shape (rows,).

    Attributes
    ----------
    sent, held : arms; a row may be neither
    propensity : chance of *sent* against *nothing sent*, NaN where the row measures no effect
    holdout, enforced : by `mode`
    over, helped, interrupted : as in Contacts
    """

    customer: Int64
    time: Int64
    department: Int64
    message: Int64
    value: Float64
    situation: Situation
    sent: Bools
    held: Bools
    propensity: Float64
    enforced: Bools
    holdout: Bools
    transactional: Bools
    over: Bools
    helped: Bools
    interrupted: Bools

    def __len__(self) -> int:
        return len(self.time)

    @property
    def measures(self) -> Bools:
        """Rows that measure the effect of sending against sending nothing."""
        return ~np.isnan(self.propensity) & self.over & ~self.transactional


def decision_rows_of(table: pd.DataFrame, outlook: Outlook) -> DecisionRows:
    """Rows of a clean decision table; every customer of it has a place in the record."""
    record = outlook.record
    customer = _places(table["customer_id"], record)
    time, message = microseconds(table["decided_at"]), hashes(table["message_id"])
    department = _departments(table["department"], record)
    mode = table["mode"].astype(object).fillna("enforce").to_numpy()
    enforced = mode == "enforce"
    sent = enforced & (table["action"].astype(object) == "send").to_numpy()
    decision, _ = pd.factorize(table["decision_id"])
    probability = np.where(enforced, table["send_probability"].to_numpy(np.float64), np.nan)
    propensity, held = propensities(decision.astype(np.int64), sent, probability)
    return DecisionRows(
        customer=customer,
        time=time,
        department=department,
        message=message,
        value=np.nan_to_num(table["value"].to_numpy(np.float64)),
        situation=outlook.situation(customer, time, department),
        sent=sent,
        held=held & enforced,
        propensity=propensity,
        enforced=enforced,
        holdout=mode == "holdout",
        transactional=(table["purpose"].astype(object) == "transactional").to_numpy(),
        over=outlook.over(customer, time),
        helped=outlook.helped(customer, time, message),
        interrupted=outlook.interrupted(customer, time, message),
    )


def propensities(decision: Int64, sent: Bools, probability: Float64) -> tuple[Float64, Bools]:
    """The chance of *this row sent alone* given *it or nothing was sent*, and the rows of quiet decisions.

    `probability` is NaN where nothing was drawn. Rows of one decision were drawn each by itself if the log
    has decisions that sent two drawn rows: then the other rows' factors cancel and the row's own chance is
    left. Else at most one of a decision was sent, and nothing with the chance 1 − Σp.
    """
    n = int(decision.max(initial=-1)) + 1
    sends = np.bincount(decision, weights=sent, minlength=n)
    p = np.nan_to_num(probability)
    drawn = (p > 0.0) & (p < 1.0)
    several = np.bincount(decision, weights=drawn, minlength=n) > 1
    each_by_itself = bool((np.bincount(decision, weights=sent & drawn, minlength=n) > 1).any())
    propensity = p
    if not each_by_itself and several.any():
        nothing = np.clip(1.0 - np.bincount(decision, weights=np.where(drawn, p, 0.0), minlength=n), 0.0, 1.0)
        both = p + nothing[decision]
        exclusive = np.divide(p, both, out=np.zeros_like(p), where=both > 0)
        propensity = np.where(several[decision], exclusive, p)
    others = sends[decision] - sent
    usable = drawn & (others == 0)
    usable &= (propensity >= _LEAST_PROBABILITY) & (propensity <= 1.0 - _LEAST_PROBABILITY)
    return np.where(usable, propensity, np.nan), ~sent & (others == 0)


def _places(ids: pd.Series, record: Record) -> Int64:
    place = {name: index for index, name in enumerate(record.customers)}
    codes, names = pd.factorize(ids)
    return np.fromiter((place[str(name)] for name in names), np.int64, len(names))[codes]


def _departments(names: pd.Series, record: Record) -> Int64:
    """Codes of the record's departments; one that it does not know, or none, is `other`."""
    code = {name: index for index, name in enumerate(record.departments)}
    other = len(record.departments) - 1
    codes, words = pd.factorize(names)
    known = np.fromiter((code.get(str(word), other) for word in words), np.int64, len(words))
    return np.append(known, np.int64(other))[codes]
