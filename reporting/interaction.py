"""The interaction metric: what a further touch by one department does after another one has written."""

from __future__ import annotations

import numpy as np

from reporting.differences import drawn_effect, stratified
from reporting.estimates import Estimate, Figure, Row
from reporting.study import Study

NOBODY, ANOTHER, ANY = "nobody", "another department", "any department"


def interaction(study: Study) -> Figure:
    """Rows by `earlier` (who wrote in the 48 hours before), `further` (who writes now) and `outcome`."""
    if study.decisions is not None and study.decisions.measures.any():
        return _against_nothing(study)
    return _against_alone(study)


def _against_nothing(study: Study) -> Figure:
    decisions = study.decisions
    if decisions is None:
        raise ValueError("there is no decision log")
    measures = decisions.measures
    others = decisions.situation.others(decisions.department)
    rows: list[Row] = []
    asked = [code for code in study.senders if (measures & (decisions.department == code)).any()]
    for further in asked:
        mine = measures & (decisions.department == further)
        for earlier in [None, *study.senders]:
            # Nobody at all: its own earlier message is on the diagonal.
            quiet = ~decisions.situation.touched.any(axis=1)
            touched = quiet if earlier is None else decisions.situation.touched[:, earlier]
            chosen = np.flatnonzero(mine & touched)
            for outcome, values in (("helps", decisions.helped), ("interrupts", decisions.interrupted)):
                estimate = drawn_effect(
                    study.draws,
                    decisions.customer[chosen],
                    decisions.sent[chosen],
                    decisions.propensity[chosen],
                    values[chosen].astype(np.float64),
                )
                rows.append(_row(study, earlier, further, outcome, estimate))
    for earlier_name, touched in ((NOBODY, ~decisions.situation.touched.any(axis=1)), (ANOTHER, others >= 1)):
        chosen = np.flatnonzero(measures & touched)
        for outcome, values in (("helps", decisions.helped), ("interrupts", decisions.interrupted)):
            estimate = drawn_effect(
                study.draws,
                decisions.customer[chosen],
                decisions.sent[chosen],
                decisions.propensity[chosen],
                values[chosen].astype(np.float64),
            )
            rows.append(Row({"earlier": earlier_name, "further": ANY, "outcome": outcome}, estimate))
    note = (
        "From the decision log: the effect of sending, against sending nothing, where the draw decided "
        "(weighted by the logged chances). Rows: who had written in the 48 hours before."
    )
    return study.figure("interaction", "What a further touch does", note, rows)


def _against_alone(study: Study) -> Figure:
    contacts = study.contacts
    situation = contacts.situation
    others = situation.others(contacts.department)
    rows: list[Row] = []
    for further in study.senders:
        mine = contacts.over & (contacts.department == further)
        for earlier in study.senders:
            touched = situation.touched[:, earlier]
            alone = ~touched if earlier == further else others == 0
            chosen = np.flatnonzero(mine & (touched | alone))
            for outcome, values in (("helps", contacts.helped), ("interrupts", contacts.interrupted)):
                estimate = stratified(
                    study.draws,
                    contacts.customer[chosen],
                    situation.stratum[chosen],
                    touched[chosen],
                    values[chosen].astype(np.float64),
                )
                rows.append(_row(study, earlier, further, outcome, estimate))
    chosen = np.flatnonzero(contacts.over)
    stratum = situation.stratum[chosen] + contacts.department[chosen] * (situation.stratum.max() + 1)
    for outcome, values in (("helps", contacts.helped), ("interrupts", contacts.interrupted)):
        estimate = stratified(
            study.draws,
            contacts.customer[chosen],
            stratum,
            others[chosen] >= 1,
            values[chosen].astype(np.float64),
        )
        rows.append(Row({"earlier": ANOTHER, "further": ANY, "outcome": outcome}, estimate))
    note = (
        "From touchpoints alone: messages sent after another department’s, against the same department’s "
        "messages that came alone, among customers in a like situation (open case, own activity, earlier "
        "touches). Nothing was drawn, so part of a difference may be who gets such messages. With a decision log "
        "the comparison is with sending nothing."
    )
    return study.figure("interaction", "What a further touch does", note, rows)


def _row(study: Study, earlier: int | None, further: int, outcome: str, estimate: Estimate) -> Row:
    name = NOBODY if earlier is None else study.name(earlier)
    return Row({"earlier": name, "further": study.name(further), "outcome": outcome}, estimate)
