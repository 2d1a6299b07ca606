"""Each expectation of each suite fails when its table is broken, and the rest stand."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from data_contracts.configuration import Configuration, configuration_from
from data_contracts.suites import TRAINING_COLUMNS
from data_contracts.tables import read_table
from data_contracts.validation import (
    check_decisions,
    check_service_log,
    check_touchpoints,
    check_training_table,
    run_suite,
)


@pytest.fixture
def read(write, now):
    def received(rows, kind):
        return read_table(write(rows, "a.jsonl", kind), kind, now=now, keep_received=True)

    return received


def failures(report):
    """Severity, rows and examples of each expectation that failed."""
    return {r.description: (r.severity, r.rows, r.examples) for r in report.results if not r.passed}


ROW_CHECKS = "every row passes the row checks (shown are the checks that rejected one)"


def test_touchpoints(read, make, now):
    good = [make["touchpoints"](touchpoint_id=f"t-{k}", value=3, sentiment=0.5) for k in range(3)]
    report = check_touchpoints(read(good, "touchpoints").received, Configuration(), now)
    assert (report.passed, failures(report)) == (True, {})
    faults = [
        {"customer_id": None},
        {"event_time": "2026-03-01", "ingested_time": "2026-03-02T00:00:00Z"},
        {"direction": "in"},
        {"sentiment": -3},
        {"value": 1e16},
        {"ingested_time": "2026-02-01T00:00:00Z"},
        {"ingested_time": "2026-06-02T00:00:00Z"},
        {"properties": "[]"},
    ]
    bad = [make["touchpoints"](touchpoint_id=f"bad-{k}") | fault for k, fault in enumerate(faults)]
    report = check_touchpoints(read(good + bad, "touchpoints").received, Configuration(), now)
    rejected_for = (
        *("required_missing", "time_without_zone", "not_allowed", "number_out_of_range"),
        "ingested_before_event",
    )
    assert failures(report) == {
        ROW_CHECKS: ("critical", 8, rejected_for),
        "customer_id is there": ("critical", 1, ()),
        "event_time is there": ("critical", 1, ()),
        "direction is one of inbound, outbound, internal": ("critical", 1, ("in",)),
        "sentiment lies within -1 to 1": ("critical", 1, ("-3.0",)),
        "value lies within -1e+15 to 1e+15": ("critical", 1, ("1e+16",)),
        "ingested_time is not before event_time": (
            "critical",
            1,
            ("2026-02-01T00:00:00.000000, 2026-03-01T09:00:00.000000",),
        ),
        "no ingested_time is later than now (2026-06-01 00:05 UTC)": (
            "critical",
            None,
            ("2026-06-02 00:00:00",),
        ),
    }
    assert not report.passed


def test_warnings_and_counts_break_nothing(read, make, now):
    rows = [
        make["touchpoints"](),
        make["touchpoints"](),
        make["touchpoints"](touchpoint_id="t-2", event_type="nps_answered", value=12),
        make["touchpoints"](touchpoint_id="t-3", event_type="csat_answered", value=0),
        make["touchpoints"](touchpoint_id="t-4", event_type="walked", department="astronomy", value=99),
        make["touchpoints"](touchpoint_id="t-5", event_type="ran"),
    ]
    named = configuration_from({"goals": {"move": ["ran"]}})
    report = check_touchpoints(read(rows, "touchpoints").received, named, now)
    assert {description: found[:2] for description, found in failures(report).items()} == {
        "(warning) no two rows share source and touchpoint_id": ("warning", 2),
        "(warning) value of an NPS answer lies within 0 to 10": ("warning", 1),
        "(warning) value of a CSAT answer lies within 1 to 5": ("warning", 1),
    }
    assert report.passed
    told = {r.description.split()[4]: (r.rows, r.examples) for r in report.results if r.severity == "info"}
    assert told == {
        "event_type": (1, ("walked",)),
        "department": (1, ("astronomy",)),
        "channel": (0, ()),
    }


def test_decisions(read, make, now):
    good = [make["decisions"](decision_id=f"d-{k}") for k in range(3)]
    report = check_decisions(read(good, "decisions").received, now)
    assert (report.passed, failures(report)) == (True, {})
    harmless = [
        make["decisions"](decision_id="d-0"),
        make["decisions"](decision_id="d-8", expires_at="2026-02-01T00:00:00Z"),
    ]
    report = check_decisions(read(good + harmless, "decisions").received, now)
    assert {description: found[:2] for description, found in failures(report).items()} == {
        "(warning) no two rows share decision_id and message_id": ("warning", 2),
        "(warning) expires_at is not before decided_at": ("warning", 1),
    }
    assert report.passed
    faults = [
        {"action": None},
        {"action": "hold"},
        {"mode": "live"},
        {"send_probability": 1.5},
        {"send_probability": None},
        {"decided_at": "2027-01-01T00:00:00Z"},
        {"decision_id": "d-1", "message_id": "m-2", "customer_id": "c-2"},
    ]
    bad = [make["decisions"](decision_id=f"bad-{k}") | fault for k, fault in enumerate(faults)]
    report = check_decisions(read(good + bad, "decisions").received, now)
    assert {description: found[1] for description, found in failures(report).items()} == {
        # The two rows of the contradictory decision are both rejected.
        ROW_CHECKS: 8,
        "action is there": 1,
        "action is one of send, wait, suppress": 1,
        "mode is one of enforce, shadow, holdout": 1,
        "send_probability is there": 1,
        "send_probability lies within 0 to 1": 1,
        "no decided_at is later than now (2026-06-01 00:05 UTC)": None,
    }
    assert not report.passed


def test_a_log_without_probabilities_is_accepted(read, make, now):
    row = make["decisions"]()
    del row["send_probability"]
    report = check_decisions(read([row], "decisions").received, now)
    assert (report.passed, failures(report)) == (True, {})


def test_the_log_of_the_service(read, make, now):
    past = "2026-02-01T00:00:00Z"
    rows = [
        make["decisions"](decision_id="sent"),
        make["decisions"](decision_id="held", expires_at=past, action="suppress", send_probability=0.0),
        make["decisions"](decision_id="shadow", send_probability=0.0, mode="shadow"),
    ]
    report = check_service_log(read(rows, "decisions").frame, now)
    assert (report.passed, failures(report)) == (True, {})
    faults = [
        {"department": None},
        {"channel": None},
        {"purpose": None},
        {"purpose": "fun"},
        {"expires_at": past},
        {"send_probability": 0.0},
        {"model_version": None},
    ]
    bad = [make["decisions"](decision_id=f"bad-{k}") | fault for k, fault in enumerate(faults)]
    table = read(rows + bad, "decisions")
    assert table.report.rows_rejected == 0
    report = check_service_log(table.frame, now)
    assert {description: found[:2] for description, found in failures(report).items()} == {
        "department is there": ("critical", 1),
        "channel is there": ("critical", 1),
        "purpose is there": ("critical", 1),
        "purpose is one of transactional, service, lifecycle, promotional, survey": ("critical", 1),
        "expires_at is not before decided_at, where it was sent": ("critical", 1),
        "send_probability is above 0 where it was sent": ("critical", 1),
        "(warning) model_version is there in 99% of the rows": ("warning", 1),
    }


def training_table():
    decided = pd.date_range("2026-03-01", periods=8, freq="h", tz="UTC").as_unit("us")
    return pd.DataFrame(
        {
            "customer_id": pd.Categorical([f"c-{k % 3}" for k in range(8)]),
            "decided_at": decided,
            "window_end": decided + pd.Timedelta(hours=72),
            "observed_until": pd.Timestamp("2026-04-01", tz="UTC").as_unit("us"),
            "sent": [0, 1] * 4,
            "send_probability": np.linspace(0.1, 0.9, 8),
            "helped": [0, 0, 1, 1] * 2,
            "interrupted": [1, 0, 0, 0] * 2,
            "goal": pd.Categorical(["buy", "none"] * 4),
            "a_feature": np.zeros(8),
        }
    )


def test_the_training_table():
    table, goals = training_table(), ("buy", "use", "none")
    report = check_training_table(table, goals)
    assert (report.passed, failures(report)) == (True, {})
    table.loc[0, "sent"] = 2
    table.loc[1, "helped"] = 3
    table.loc[2, "send_probability"] = 1.0
    table.loc[3, "send_probability"] = 0.0
    table.loc[4, "send_probability"] = np.nan
    table.loc[5, "observed_until"] = pd.Timestamp("2026-03-02", tz="UTC")
    table["interrupted"] = 0
    table["goal"] = pd.Categorical(["travel"] * 2 + ["none"] * 6)
    table["customer_id"] = table["customer_id"].astype(object).where(table.index != 6, None)
    report = check_training_table(table, goals)
    assert {description: found[:2] for description, found in failures(report).items()} == {
        "sent is one of 0, 1": ("critical", 1),
        "helped is one of 0, 1": ("critical", 1),
        "send_probability is below 1 where it was held": ("critical", 1),
        "send_probability is above 0 where it was sent": ("critical", 1),
        "send_probability is there": ("critical", 1),
        "observed_until is not before window_end, so every outcome is decided": ("critical", 1),
        "goal is one of buy, use, none": ("critical", 2),
        "customer_id is there": ("critical", 1),
        "(warning) interrupted is 1 in some rows and 0 in others": ("warning", None),
    }


def test_a_training_table_without_a_column():
    table = training_table().drop(columns="goal")
    with pytest.raises(RuntimeError, match="goal"):
        check_training_table(table, ("buy", "none"))


def test_data_docs_are_a_site_that_reports_nothing(read, make, now, tmp_path):
    docs = tmp_path / "docs"
    (docs / "old").mkdir(parents=True)
    table = read([make["touchpoints"](direction="in"), make["touchpoints"]()], "touchpoints")
    report = check_touchpoints(table.received, Configuration(), now, docs)
    assert not (docs / "old").exists()
    index = (docs / "index.html").read_text(encoding="utf-8")
    (page,) = (docs / "validations").rglob("*.html")
    text = page.read_text(encoding="utf-8")
    for result in report.results:
        assert result.description in text
    assert page.relative_to(docs).as_posix() in index
    for found in (index, text):
        assert "amazonaws" not in found
    (logo,) = re.findall(r'src="([^"]*logo-long\.png)"', text)
    assert (page.parent / logo).resolve() == (docs / "static" / "images" / "logo-long.png").resolve()
    assert (page.parent / logo).exists()


def test_an_expectation_that_can_not_be_evaluated_is_no_verdict(now):
    from data_contracts.suites import service_log_suite

    with pytest.raises(RuntimeError):
        run_suite(pd.DataFrame({"action": ["send"]}), service_log_suite(now))


def test_the_training_columns_are_the_ones_checked():
    assert set(TRAINING_COLUMNS) < set(training_table().columns)
