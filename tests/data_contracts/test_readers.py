"""Each format: its places, its types, and rows that have no form."""

from __future__ import annotations

import datetime
import decimal

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from data_contracts import csv_reader, json_lines_reader
from data_contracts.errors import ContractViolation
from data_contracts.tables import read_table

HEADER = b"touchpoint_id,customer_id,event_time,department,channel,direction,event_type,topic\n"
REST = b",2026-03-01T09:00:00Z,support,email,inbound,logged_in,billing\n"
ZONED = datetime.datetime(2026, 3, 1, 10, 0, tzinfo=datetime.timezone(datetime.timedelta(hours=1)))


def places(read):
    return [(row["row"], row["codes"][0]) for row in read.rejected.to_pylist()]


def test_csv_rows_are_numbered_as_a_spreadsheet_shows_them(write, now):
    lines = [
        b"1,c-1" + REST,
        b"2,c-1,too few\n",
        b"\n",
        b'3,"c\n1"' + REST,
        b",,,,,,,\n",
        b"4,c-1" + REST.replace(b"\n", b",too many\n"),
        b"5," + REST,
        b"6,c-1,too few at the end\n",
    ]
    read = read_table(write(HEADER + b"".join(lines), "a.csv"), "touchpoints", now=now)
    assert places(read) == [
        (3, "row_malformed"),
        (5, "text_control_character"),
        (7, "row_malformed"),
        (8, "required_missing"),
        (9, "row_malformed"),
    ]
    assert read.rejected["reasons"][0].as_py() == ["the row has 3 cells where the header has 8"]
    assert read.rejected["raw"][0].as_py() == "2,c-1,too few"
    assert "skipped 2 blank rows" in read.report.notes
    assert read.frame["touchpoint_id"].tolist() == ["1"]


def test_csv_places_hold_over_many_blocks(write, now, monkeypatch):
    monkeypatch.setattr(csv_reader, "BLOCK_BYTES", 512)
    lines = [
        b"t%d,broken\n" % k if k % 7 == 0 else b"t%d,%s" % (k, b"c" if k % 5 else b"") + REST
        for k in range(400)
    ]
    read = read_table(write(HEADER + b"".join(lines), "a.csv"), "touchpoints", now=now)
    expected = [
        (k + 2, "row_malformed" if k % 7 == 0 else "required_missing")
        for k in range(400)
        if k % 7 == 0 or k % 5 == 0
    ]
    assert places(read) == expected
    assert read.report.rows_read == 400


def test_a_quote_that_is_never_closed_is_told(write, now):
    lines = [b'1,"c-1' + REST, b"2,c-1" + REST]
    read = read_table(write(HEADER + b"".join(lines), "a.csv"), "touchpoints", now=now)
    (reason,) = read.rejected["reasons"][0].as_py()
    assert reason.endswith("it runs over 2 lines, so a quote may never be closed in it")


def test_mixed_encodings_reject_rows_and_not_the_file(write, now):
    lines = [
        b"1,caf\xe9" + REST,
        "2,café".encode() + REST,
        b"3,c-1" + REST.replace(b"billing", b"Geb\xfchr"),
        b"\xff4,c-1" + REST,
        b"5,caf\xe9,too few\n",
    ]
    read = read_table(write(HEADER + b"".join(lines), "a.csv"), "touchpoints", now=now)
    assert [row["reasons"] for row in read.rejected.to_pylist()] == [
        [r"customer_id 'caf\xe9' is not UTF-8 (byte 0xe9)"],
        [r"topic 'Geb\xfchr' is not UTF-8 (byte 0xfc)"],
        [r"touchpoint_id '\xff4' is not UTF-8 (byte 0xff)"],
        ["the row has 3 cells where the header has 8"],
    ]
    assert places(read) == [
        (2, "text_undecodable"),
        (4, "text_undecodable"),
        (5, "text_undecodable"),
        (6, "row_malformed"),
    ]
    assert read.rejected["topic"].to_pylist() == ["billing", r"Geb\xfchr", "billing", None]
    assert read.rejected["raw"][3].as_py() == r"5,caf\xe9,too few"
    assert read.frame["customer_id"].tolist() == ["café"]


def test_csv_with_a_mark_crlf_and_quotes(write, now):
    content = b"\xef\xbb\xbf" + HEADER + b'"1","c,""1""' + REST.removeprefix(b",").join([b'",', b""])
    read = read_table(write(content.replace(b"\n", b"\r\n"), "a.csv"), "touchpoints", now=now)
    assert read.frame[["touchpoint_id", "customer_id", "topic"]].values.tolist() == [["1", 'c,"1"', "billing"]]


def test_json_lines_without_an_object(write, make, now, monkeypatch):
    monkeypatch.setattr(json_lines_reader, "BLOCK_BYTES", 1_000)
    good = [make["touchpoints"](touchpoint_id=f"t-{k}", properties={"plan": "pro"}, value=k) for k in range(30)]
    path = write(good, "a.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    lines[3:3] = [b"[1, 2]\n", b"\n", b'{"touchpoint_id": \n', b'{"customer_id": "caf\xe9"}\n', b"null\n"]
    path.write_bytes(b"\xef\xbb\xbf" + b"".join(lines).rstrip(b"\n"))
    read = read_table(path, "touchpoints", now=now)
    assert places(read) == [(row, "row_malformed") for row in (4, 6, 7, 8)]
    assert [row["reasons"][0] for row in read.rejected.to_pylist()] == [
        "the line holds no JSON object (Expected `object`, got `array`)",
        "the line holds no JSON object (Input data was truncated)",
        "the line holds bytes that are not UTF-8",
        "the line holds no JSON object (Expected `object`, got `null`)",
    ]
    assert read.rejected["raw"][2].as_py() == r'{"customer_id": "caf\xe9"}'
    assert read.report.rows_kept == 30
    assert set(read.frame["properties"]) == {'{"plan":"pro"}'}


def test_json_numbers_for_identifiers_are_text_and_text_for_numbers_is_read(write, make, now):
    row = make["touchpoints"](touchpoint_id=17, customer_id=2**70, value="12.5", sentiment=1)
    read = read_table(write([row], "a.jsonl"), "touchpoints", now=now)
    columns = ["touchpoint_id", "customer_id", "value", "sentiment"]
    assert read.frame[columns].values.tolist() == [["17", str(2**70), 12.5, 1.0]]


def columns_with(name, array):
    table = {
        "touchpoint_id": pa.array(["1"]),
        "customer_id": pa.array(["c-1"]),
        "event_time": pa.array([ZONED]).cast(pa.timestamp("us", "UTC")),
        "department": pa.array(["support"]),
        "channel": pa.array(["email"]),
        "direction": pa.array(["inbound"]),
        "event_type": pa.array(["logged_in"]),
    }
    return pa.table(table | {name: array})


@pytest.mark.parametrize(
    ("name", "array", "value"),
    [
        ("event_time", pa.array([ZONED]).cast(pa.timestamp("s", "UTC")), "2026-03-01T09:00:00"),
        ("event_time", pa.array([ZONED]).cast(pa.timestamp("ms", "Europe/Vienna")), "2026-03-01T09:00:00"),
        (
            "event_time",
            pa.array([1772355600_123456789]).cast(pa.timestamp("ns", "UTC")),
            "2026-03-01T09:00:00.123456",
        ),
        ("event_time", pa.array(["2026-03-01T10:00:00.1234567+01:00"]), "2026-03-01T09:00:00.123456"),
        ("event_time", pa.array(["2026-03-01T09:00:00Z"]).dictionary_encode(), "2026-03-01T09:00:00"),
        ("customer_id", pa.array([1042]), "1042"),
        ("customer_id", pa.array(["c-1"]).dictionary_encode(), "c-1"),
        ("customer_id", pa.array(["c-1"], pa.large_string()), "c-1"),
        ("customer_id", pa.array(["c-1"], pa.string_view()), "c-1"),
        ("touchpoint_id", pa.array(["1"]).dictionary_encode(), "1"),
        ("value", pa.array([3], pa.int8()), 3.0),
        ("value", pa.array([1.5], pa.float32()), 1.5),
        ("value", pa.array([decimal.Decimal("1.25")]), 1.25),
        ("value", pa.array(["1.5"]), 1.5),
        ("value", pa.array([float("nan")]), None),
        ("value", pa.array([None], pa.null()), None),
        ("topic", pa.array([None], pa.null()), None),
        ("topic", pa.array([""]), None),
    ],
)
def test_parquet_types_that_hold_the_contract(tmp_path, now, name, array, value):
    parquet.write_table(columns_with(name, array), tmp_path / "a.parquet")
    read = read_table(tmp_path / "a.parquet", "touchpoints", now=now)
    assert read.report.findings == ()
    (found,) = read.frame[name].astype(object).where(read.frame[name].notna(), None)
    if name == "event_time":
        found = found.tz_localize(None).isoformat()
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        (
            "event_time",
            pa.array([1_772_355_600]).cast(pa.timestamp("us")),
            r"the column event_time has times without a zone \(timestamp\[us\]\); write it in UTC, in pandas: ",
        ),
        (
            "event_time",
            pa.array([1772355600]),
            "the column event_time has the type int64; write a timestamp in UTC",
        ),
        ("event_time", pa.array([datetime.date(2026, 3, 1)]), "the column event_time has the type date32"),
        ("customer_id", pa.array([1042.0]), "the column customer_id has the type double; write text"),
        ("topic", pa.array([True]), "the column topic has the type bool; write text"),
        ("value", pa.array([True]), "the column value has the type bool; write numbers"),
        (
            "properties",
            pa.array([{"a": 1}]),
            "the column properties has the type struct.*; write text that holds",
        ),
    ],
)
def test_a_parquet_column_that_is_wrong_as_a_whole_is_one_error(tmp_path, now, name, array, message):
    path = tmp_path / "a.parquet"
    parquet.write_table(columns_with(name, array), path)
    with pytest.raises(ContractViolation, match=message) as caught:
        read_table(path, "touchpoints", now=now)
    assert caught.value.exit_code == 1
    assert "\n" not in caught.value.detail


@pytest.mark.parametrize(
    ("name", "array", "reason"),
    [
        (
            "event_time",
            pa.array([2**62]).cast(pa.timestamp("ms", "UTC")),
            f"event_time {2**62} (ms since 1970) is outside the years 1971 to 2200",
        ),
        ("value", pa.array([float("inf")]), "value inf is not a finite number; leave a gap empty"),
        (
            "topic",
            pa.array([b"Geb\xfchr"]).view(pa.string()),
            r"topic 'Geb\xfchr' is not UTF-8 (byte 0xfc)",
        ),
        (
            "message_id",
            pa.array([b"m\xfc"]).view(pa.string()),
            r"message_id 'm\xfc' is not UTF-8 (byte 0xfc)",
        ),
    ],
)
def test_a_bad_parquet_value_rejects_its_row(tmp_path, now, name, array, reason):
    table = pa.concat_tables([columns_with(name, array), columns_with(name, pa.nulls(1, array.type))])
    if name == "event_time":
        table = columns_with(name, array)
    parquet.write_table(table, tmp_path / "a.parquet")
    read = read_table(tmp_path / "a.parquet", "touchpoints", now=now)
    assert read.rejected["reasons"].to_pylist() == [[reason]]
    assert read.rejected["row"].to_pylist() == [1]


def test_a_parquet_file_of_many_batches_keeps_its_places(write, make, now, monkeypatch):
    monkeypatch.setattr("data_contracts.parquet_reader.BATCH_ROWS", 7)
    rows = [
        make["touchpoints"](touchpoint_id=f"t-{k:03}", sentiment=9.0 if k in (6, 50) else None)
        for k in range(60)
    ]
    read = read_table(write(rows, "a.parquet"), "touchpoints", now=now)
    assert places(read) == [(7, "number_out_of_range"), (51, "number_out_of_range")]
    assert read.frame["touchpoint_id"].tolist() == [f"t-{k:03}" for k in range(60) if k not in (6, 50)]
