"""The expectations on each table, as code: on what was received, on training's and on the service's.

Severities: `critical` breaks the contract, `warning` is worth a look, `info` only tells. Times are
expected without a zone (UTC), as `validation` hands them over.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Literal

from data_contracts import vocabulary
from data_contracts.columns import KEYS, TABLES
from data_contracts.configuration import Configuration
from data_contracts.conversion import EARLIEST, MAX_NUMBER
from data_contracts.expectations import Cell, gx, gxe
from data_contracts.reports import Kind
from data_contracts.row_checks import CLOCK_TOLERANCE, known_event_types
from data_contracts.tables import REJECTED_FOR
from data_contracts.times import from_microseconds

Severity = Literal["critical", "warning", "info"]
Expectation = Any
Suite = Any

TRAINING_COLUMNS = (
    "customer_id",
    "decided_at",
    "window_end",
    "observed_until",
    "sent",
    "send_probability",
    "helped",
    "interrupted",
    "goal",
)
"""What the suite of the training table looks at; features may stand beside them.

`window_end` is when a row's outcomes are decided, and `observed_until` where what is known about its
customer ends, both UTC; `sent`, `helped` and `interrupted` are 0 or 1.
"""


def touchpoints_suite(configuration: Configuration, now: int) -> Suite:
    """Touchpoints as received; `now` in microseconds UTC."""
    roles = configuration.vocabulary
    nps, csat = roles.role("nps"), roles.role("csat")
    return _suite(
        "touchpoints",
        [
            *_received("touchpoints"),
            _one_of("direction", vocabulary.DIRECTIONS, "critical"),
            *_moments("event_time", now),
            *_moments("ingested_time", now),
            _at_or_after("ingested_time", "event_time", "critical"),
            _between("sentiment", -1, 1, "critical"),
            _between("value", -MAX_NUMBER, MAX_NUMBER, "critical"),
            _between("value", 0, 10, "warning", Cell("event_type").is_in(list(nps)), "of an NPS answer"),
            _between("value", 1, 5, "warning", Cell("event_type").is_in(list(csat)), "of a CSAT answer"),
            _of_vocabulary("event_type", sorted(known_event_types(configuration))),
            _of_vocabulary("department", vocabulary.DEPARTMENTS),
            _of_vocabulary("channel", vocabulary.CHANNELS),
        ],
    )


def decisions_suite(now: int, with_propensities: bool = True) -> Suite:
    """Decisions as received; `with_propensities` tells whether the log has `send_probability`."""
    return _suite(
        "decisions",
        [
            *_received("decisions", () if with_propensities else ("send_probability",)),
            *_decisions(now),
            _at_or_after("expires_at", "decided_at", "warning"),
            _of_vocabulary("purpose", vocabulary.PURPOSES),
            _of_vocabulary("department", vocabulary.DEPARTMENTS),
            _of_vocabulary("channel", vocabulary.CHANNELS),
        ],
    )


def service_log_suite(now: int) -> Suite:
    """Decisions as this service logs them: what it promises beyond the contract of a log."""
    sent, enforced = Cell("action") == "send", Cell("mode") == "enforce"
    return _suite(
        "service_log",
        [
            *(_known(column.name, "critical") for column in TABLES["decisions"] if not column.nullable),
            *_decisions(now),
            _unique("decisions", "critical"),
            _known("department", "critical"),
            _known("channel", "critical"),
            _one_of("purpose", vocabulary.PURPOSES, "critical"),
            _known("purpose", "critical"),
            _at_or_after("expires_at", "decided_at", "critical", sent, "where it was sent"),
            _chance(above=0, rows=sent & enforced, note="where it was sent"),
            # A degraded answer has no model; many of them are an outage, not a broken log.
            _known("model_version", "warning", mostly=0.99),
        ],
    )


def training_suite(goals: Sequence[str]) -> Suite:
    """The table that the models are fitted on, TRAINING_COLUMNS; `goals` with `none`."""
    binary = [0, 1]
    return _suite(
        "training",
        [
            gxe.ExpectTableColumnsToMatchSet(
                column_set=list(TRAINING_COLUMNS),
                exact_match=False,
                severity="critical",
                description=f"the columns {', '.join(TRAINING_COLUMNS)} are there",
            ),
            _filled(),
            *(_known(name, "critical") for name in TRAINING_COLUMNS if name != "goal"),
            *(_one_of(name, binary, "critical") for name in ("sent", "helped", "interrupted")),
            _one_of("goal", goals, "critical"),
            _between("send_probability", 0, 1, "critical"),
            _chance(above=0, rows=Cell("sent") == 1, note="where it was sent"),
            _chance(below=1, rows=Cell("sent") == 0, note="where it was held"),
            _at_or_after("window_end", "decided_at", "critical"),
            _at_or_after("observed_until", "window_end", "critical", note="so every outcome is decided"),
            # One arm alone measures no lift, and an outcome that never happens teaches nothing.
            _mean("sent", 0.001, 0.999),
            _mean("helped", 1e-6, 0.999),
            _mean("interrupted", 1e-6, 0.999),
        ],
    )


def _suite(name: str, expectations: list[Expectation]) -> Suite:
    for expectation in expectations:
        # Data Docs show descriptions but no severities.
        if expectation.severity != "critical":
            expectation.description = f"({expectation.severity.value}) {expectation.description}"
    return gx.ExpectationSuite(name=name, expectations=expectations)


def _received(kind: Kind, absent: Collection[str] = ()) -> list[Expectation]:
    """What holds for any received table: rows, required values, keys, and every check of its rows."""
    required = [column.name for column in TABLES[kind] if not column.nullable and column.name not in absent]
    return [
        _filled(),
        gxe.ExpectColumnValuesToBeNull(
            column=REJECTED_FOR,
            severity="critical",
            description="every row passes the row checks (shown are the checks that rejected one)",
        ),
        *(_known(name, "critical") for name in required),
        _unique(kind, "warning"),
    ]


def _decisions(now: int) -> list[Expectation]:
    return [
        _one_of("action", vocabulary.ACTIONS, "critical"),
        _one_of("mode", vocabulary.MODES, "critical"),
        _between("send_probability", 0, 1, "critical"),
        *_moments("decided_at", now),
    ]


def _filled() -> Expectation:
    return gxe.ExpectTableRowCountToBeBetween(
        min_value=1, severity="critical", description="the table has rows"
    )


def _known(name: str, severity: Severity, mostly: float = 1.0) -> Expectation:
    share = "" if mostly == 1.0 else f" in {mostly:.0%} of the rows"
    return gxe.ExpectColumnValuesToNotBeNull(
        column=name, mostly=mostly, severity=severity, description=f"{name} is there{share}"
    )


def _unique(kind: Kind, severity: Severity) -> Expectation:
    first, second = KEYS[kind]
    return gxe.ExpectCompoundColumnsToBeUnique(
        column_list=[first, second],
        severity=severity,
        description=f"no two rows share {first} and {second}",
    )


def _one_of(name: str, values: Sequence[Any], severity: Severity) -> Expectation:
    return gxe.ExpectColumnValuesToBeInSet(
        column=name,
        value_set=list(values),
        severity=severity,
        description=f"{name} is one of {', '.join(map(str, values))}",
    )


def _of_vocabulary(name: str, values: Sequence[str]) -> Expectation:
    # Other words are welcome: they are counted here, and fail nothing.
    return gxe.ExpectColumnValuesToBeInSet(
        column=name,
        value_set=list(values),
        mostly=0.0,
        severity="info",
        description=f"counts rows whose {name} neither vocabulary nor configuration names",
    )


def _between(
    name: str, least: float, most: float, severity: Severity, rows: Any = None, note: str = ""
) -> Expectation:
    return gxe.ExpectColumnValuesToBeBetween(
        column=name,
        min_value=least,
        max_value=most,
        row_condition=rows,
        severity=severity,
        description=f"{name} {note + ' ' if note else ''}lies within {least:g} to {most:g}",
    )


def _chance(rows: Any, note: str, above: float | None = None, below: float | None = None) -> Expectation:
    """What was done had a chance to be done."""
    bound = f"above {above:g}" if above is not None else f"below {below:g}"
    return gxe.ExpectColumnValuesToBeBetween(
        column="send_probability",
        min_value=above,
        strict_min=True,
        max_value=below,
        strict_max=True,
        row_condition=rows,
        severity="critical",
        description=f"send_probability is {bound} {note}",
    )


def _mean(name: str, least: float, most: float) -> Expectation:
    return gxe.ExpectColumnMeanToBeBetween(
        column=name,
        min_value=least,
        max_value=most,
        severity="warning",
        description=f"{name} is 1 in some rows and 0 in others",
    )


def _moments(name: str, now: int) -> list[Expectation]:
    # On the extremes: Great Expectations compares times one by one, ten times slower than all else.
    earliest, latest = _without_zone(EARLIEST), _without_zone(now + CLOCK_TOLERANCE)
    return [
        gxe.ExpectColumnMaxToBeBetween(
            column=name,
            max_value=latest,
            severity="critical",
            description=f"no {name} is later than now ({latest:%Y-%m-%d %H:%M} UTC)",
        ),
        gxe.ExpectColumnMinToBeBetween(
            column=name,
            min_value=earliest,
            severity="critical",
            description=f"no {name} is before {earliest:%Y}",
        ),
    ]


def _at_or_after(late: str, early: str, severity: Severity, rows: Any = None, note: str = "") -> Expectation:
    return gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A=late,
        column_B=early,
        or_equal=True,
        ignore_row_if="either_value_is_missing",
        row_condition=rows,
        severity=severity,
        description=f"{late} is not before {early}{', ' + note if note else ''}",
    )


def _without_zone(microseconds: int) -> datetime:
    return from_microseconds(microseconds).replace(tzinfo=None)
