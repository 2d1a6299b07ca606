"""One bad value costs one row: each bad value with the reason that it is told for."""

from __future__ import annotations

import pytest

from data_contracts.configuration import configuration_from
from data_contracts.row_checks import known_event_types
from data_contracts.tables import read_table

LATER = "2026-07-01T00:00:00Z"

BAD_TOUCHPOINTS = [
    # A value that is not there, or that only stands for one.
    ({"customer_id": None}, "required_missing", "customer_id is missing"),
    ({"customer_id": ""}, "required_missing", "customer_id is missing"),
    ({"customer_id": "  "}, "required_missing", "customer_id is missing"),
    ({"event_time": None}, "required_missing", "event_time is missing"),
    ({"department": None}, "required_missing", "department is missing"),
    ({"event_type": None}, "required_missing", "event_type is missing"),
    ({"customer_id": "nan"}, "text_placeholder", "customer_id 'nan' is the text of a missing value"),
    ({"customer_id": "NULL"}, "text_placeholder", "customer_id 'NULL' is the text of a missing value"),
    # Times.
    ({"event_time": "yesterday"}, "time_unreadable", "event_time 'yesterday' is not an ISO 8601 time"),
    ({"event_time": "1772355600"}, "time_unreadable", "event_time '1772355600' is not an ISO 8601 time"),
    ({"event_time": "2026-02-30T09:00:00Z"}, "time_unreadable", "event_time '2026-02-30T09:00:00Z' is not"),
    (
        {"event_time": "2026-03-01T09:00:00"},
        "time_without_zone",
        "event_time '2026-03-01T09:00:00' has no zone; write UTC as in 2026-03-01T09:00:00Z",
    ),
    ({"event_time": "2026-03-01"}, "time_without_zone", "event_time '2026-03-01' has no zone"),
    (
        {"ingested_time": "2026-03-01 09:00"},
        "time_without_zone",
        "ingested_time '2026-03-01 09:00' has no zone",
    ),
    (
        {"event_time": LATER, "ingested_time": LATER},
        "time_in_future",
        "event_time 2026-07-01T00:00:00Z is later than now (2026-06-01T00:00:00Z)",
    ),
    ({"ingested_time": LATER}, "time_in_future", "ingested_time 2026-07-01T00:00:00Z is later than now"),
    ({"event_time": "1970-12-31T23:59:59Z"}, "time_out_of_range", "is outside the years 1971 to 2200"),
    ({"event_time": "2200-01-01T00:00:00Z"}, "time_out_of_range", "is outside the years 1971 to 2200"),
    ({"event_time": "0001-01-01T00:00:00+05:00"}, "time_out_of_range", "is outside the years 1971 to 2200"),
    (
        {"ingested_time": "2026-03-01T08:59:59Z"},
        "ingested_before_event",
        "ingested_time 2026-03-01T08:59:59Z is before event_time 2026-03-01T09:00:00Z; nothing is known before",
    ),
    # Numbers.
    ({"value": "twelve"}, "number_unreadable", "value 'twelve' is not a number, as in 12.5"),
    ({"value": "1,5"}, "number_unreadable", "value '1,5' is not a number"),
    ({"value": "1_000"}, "number_unreadable", "value '1_000' is not a number"),
    ({"value": "NaN"}, "number_not_finite", "value 'NaN' is not a finite number; leave a gap empty"),
    ({"value": "inf"}, "number_not_finite", "is not a finite number; leave a gap empty"),
    ({"value": "1e16"}, "number_out_of_range", "value 1e+16 is larger than 1e15"),
    ({"sentiment": 1.5}, "number_out_of_range", "sentiment 1.5 is outside -1 to 1"),
    ({"sentiment": -1.01}, "number_out_of_range", "sentiment -1.01 is outside -1 to 1"),
    # Text.
    ({"direction": "in"}, "not_allowed", "direction 'in' is not one of inbound, outbound, internal"),
    ({"direction": "Inbound"}, "not_allowed", "direction 'Inbound' is not one of"),
    ({"customer_id": "c\x07"}, "text_control_character", r"customer_id 'c\x07' holds a control character"),
    ({"topic": "a\nb"}, "text_control_character", r"topic 'a\nb' holds a control character"),
    ({"message_id": "m\x7f"}, "text_control_character", r"message_id 'm\x7f' holds a control character"),
    ({"customer_id": "c" * 513}, "text_too_long", "is longer than 512 characters"),
    ({"message_id": "é" * 513}, "text_too_long", "is longer than 512 characters"),
    # JSON.
    ({"properties": "{plan: pro}"}, "json_invalid", "properties '{plan: pro}' is not a JSON object"),
    ({"properties": "[1]"}, "json_invalid", "properties '[1]' is not a JSON object"),
    ({"properties": '{"a": NaN}'}, "json_invalid", "is not a JSON object"),
    ({"properties": '{"a": "%s"}' % ("x" * 16_384)}, "json_too_long", "is longer than 16,384 characters"),
]

BAD_DECISIONS = [
    ({"decision_id": None}, "required_missing", "decision_id is missing"),
    ({"message_id": None}, "required_missing", "message_id is missing"),
    ({"action": None}, "required_missing", "action is missing"),
    ({"action": "hold"}, "not_allowed", "action 'hold' is not one of send, wait, suppress"),
    ({"mode": None}, "required_missing", "mode is missing"),
    ({"mode": "live"}, "not_allowed", "mode 'live' is not one of enforce, shadow, holdout"),
    ({"send_probability": None}, "required_missing", "send_probability is missing"),
    ({"send_probability": "nan"}, "number_not_finite", "send_probability 'nan' is not a finite number"),
    ({"send_probability": 1.2}, "number_out_of_range", "send_probability 1.2 is outside 0 to 1"),
    ({"send_probability": -0.1}, "number_out_of_range", "send_probability -0.1 is outside 0 to 1"),
    (
        {"decided_at": "2026-03-01T09:00:00"},
        "time_without_zone",
        "decided_at '2026-03-01T09:00:00' has no zone",
    ),
    ({"decided_at": LATER}, "time_in_future", "decided_at 2026-07-01T00:00:00Z is later than now"),
    ({"attributes": "walk"}, "json_invalid", "attributes 'walk' is not a JSON object"),
]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
@pytest.mark.parametrize(
    ("kind", "changes", "code", "reason"),
    [("touchpoints", *case) for case in BAD_TOUCHPOINTS] + [("decisions", *case) for case in BAD_DECISIONS],
)
def test_a_bad_value_rejects_its_row_only(write, make, now, name, kind, changes, code, reason):
    key = "touchpoint_id" if kind == "touchpoints" else "decision_id"
    good, bad = make[kind](**{key: "good"}), make[kind](**changes)
    read = read_table(write([good, bad], name, kind), kind, now=now)
    (rejected,) = read.rejected.to_pylist()
    assert rejected["codes"] == [code]
    assert reason in rejected["reasons"][0]
    assert rejected["severity"] == "error"
    assert (rejected["file"], rejected["row"]) == (name, 3 if name == "a.csv" else 2)
    assert read.frame[key].tolist() == ["good"]
    assert (read.report.rows_read, read.report.rows_kept, read.report.rows_rejected) == (2, 1, 1)
    (finding,) = read.report.findings
    assert (finding.code, finding.rows, finding.example) == (code, 1, rejected["reasons"][0])
    assert finding.place == f"{name}:{rejected['row']}"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"customer_id": 1.5}, "customer_id 1.5 is not text"),
        ({"customer_id": True}, "customer_id True is not text"),
        ({"customer_id": ["c-1"]}, "customer_id ['c-1'] is not text"),
        ({"event_time": 1772355600}, "event_time 1772355600 is not ISO 8601 text with a zone"),
        ({"value": False}, "value False is not a number"),
        ({"value": {"a": 1}}, "value {'a': 1} is not a number"),
        ({"properties": [1]}, "properties [1] is not a JSON object"),
        ({"properties": 1}, "properties 1 is not a JSON object"),
    ],
)
def test_a_json_value_of_a_wrong_type_is_told_once(write, make, now, changes, reason):
    rows = [make["touchpoints"](touchpoint_id="good"), make["touchpoints"](**changes)]
    read = read_table(write(rows, "a.jsonl"), "touchpoints", now=now)
    assert read.rejected["reasons"].to_pylist() == [[reason]]
    assert read.rejected["codes"].to_pylist() == [["wrong_type"]]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
@pytest.mark.parametrize(
    ("kind", "changes", "code", "reason"),
    [
        (
            "touchpoints",
            {"event_type": "nps_answered", "value": 11.0},
            "answer_out_of_range",
            "value 11.0 is no NPS",
        ),
        (
            "touchpoints",
            {"event_type": "csat_answered", "value": 0.0},
            "answer_out_of_range",
            "value 0.0 is no CSAT",
        ),
        (
            "touchpoints",
            {"event_type": "profile_updated", "properties": '{"time_zone": "Mars/Base"}'},
            "time_zone_unknown",
            "properties.time_zone 'Mars/Base' is not an IANA time zone, as in 'Europe/Vienna'",
        ),
        (
            "decisions",
            {"expires_at": "2026-02-28T09:00:00Z"},
            "expires_before_decision",
            "expires_at 2026-02-28T09:00:00Z is before decided_at 2026-03-01T09:00:00Z",
        ),
    ],
)
def test_a_warning_keeps_the_row(write, make, now, name, kind, changes, code, reason):
    read = read_table(write([make[kind](**changes)], name, kind), kind, now=now)
    (finding,) = read.report.findings
    assert (finding.code, finding.severity, finding.rejects) == (code, "warning", False)
    assert reason in finding.example
    assert (read.report.rows_kept, read.report.rejected_share) == (1, 0.0)


def test_values_at_the_limits_are_good(write, make, now):
    rows = [
        make["touchpoints"](touchpoint_id="a", sentiment=-1.0, value=-0.0),
        make["touchpoints"](touchpoint_id="b", sentiment=1.0, value=1e15),
        make["touchpoints"](touchpoint_id="c" * 512, topic="é" * 512),
        make["touchpoints"](touchpoint_id="d", event_time="2026-06-01T00:05:00Z", ingested_time=None),
        make["touchpoints"](touchpoint_id="e", event_time="1971-01-01T00:00:00Z"),
        make["touchpoints"](touchpoint_id="f", event_type="nps_answered", value=10),
        make["touchpoints"](touchpoint_id="g", event_type="profile_updated", properties='{"time_zone": null}'),
        make["touchpoints"](touchpoint_id="h", properties="{}"),
    ]
    for name in ("a.csv", "a.jsonl", "a.parquet"):
        report = read_table(write(rows, name), "touchpoints", now=now).report
        assert (report.rows_kept, report.findings) == (len(rows), ())


def test_a_row_has_all_of_its_reasons(write, make, now):
    bad = make["touchpoints"](customer_id=None, direction="in", sentiment=7, event_time="soon")
    read = read_table(write([bad], "a.jsonl"), "touchpoints", now=now)
    (rejected,) = read.rejected.to_pylist()
    assert set(rejected["codes"]) == {
        "required_missing",
        "not_allowed",
        "number_out_of_range",
        "time_unreadable",
    }
    assert len(rejected["reasons"]) == 4
    assert (rejected["direction"], rejected["event_time"], rejected["customer_id"]) == ("in", "soon", None)
    assert read.report.rows_rejected == 1


def test_unknown_words_are_kept_and_counted(write, make, now):
    rows = [
        make["touchpoints"](touchpoint_id="a", event_type="teleported", department="astronomy", channel="fax"),
        make["touchpoints"](touchpoint_id="b", event_type="teleported"),
    ]
    path = write(rows, "a.csv")
    read = read_table(path, "touchpoints", now=now)
    assert read.report.unknown == {
        "department": {"astronomy": 1},
        "channel": {"fax": 1},
        "event_type": {"teleported": 2},
    }
    assert (read.report.rows_kept, read.report.findings) == (2, ())
    configuration = configuration_from({"goals": {"travel": ["teleported"]}})
    assert (
        "event_type" not in read_table(path, "touchpoints", configuration=configuration, now=now).report.unknown
    )


def test_event_types_that_the_configuration_names_are_known():
    configuration = configuration_from(
        {
            "goals": {"move": ["walked within 1h"]},
            "outcomes": {"progress": ["ran >= 3"], "harm": ["fell"], "helped_linked": ["waved"]},
            "vocabulary": {"roles": {"nps": ["asked"]}},
        }
    )
    assert known_event_types(configuration) >= {"walked", "ran", "fell", "waved", "asked", "message_sent"}
