"""The clean table depends on the rows only: not on their order, their files or their format."""

from __future__ import annotations

import tempfile
import tracemalloc
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.columns import TABLES
from data_contracts.configuration import configuration_from, load_configuration
from data_contracts.errors import ContractViolation, UnreadableInput
from data_contracts.tables import default_memory_limit, read_table, validated
from data_contracts.times import format_time, parse_time

EXAMPLES = Path(__file__).parents[2] / "examples" / "heartsteps"
START = parse_time("2026-03-01T09:00:00Z")

# Few distinct values, so that keys repeat and times tie.
TEXTS = st.one_of(
    st.none(),
    st.sampled_from(["a", "b", "ä", "Z", "", " ", '"q", x', "nan", "0", "-1.5"]),
)
TOUCHPOINT = st.fixed_dictionaries(
    {
        "touchpoint_id": st.sampled_from(["1", "2", "10", "t,3", "ü"]),
        "source": st.sampled_from([None, "crm", "app"]),
        "customer_id": st.sampled_from(["c-1", "c-2", "C-2", "ç"]),
        "event_time": st.integers(0, 3).map(lambda k: format_time(START + k * 1_000_001)),
        "ingested_time": st.one_of(
            st.none(), st.integers(2, 5).map(lambda k: format_time(START + k * 1_000_001))
        ),
        "department": st.sampled_from(["support", "astronomy"]),
        "channel": st.just("email"),
        "direction": st.sampled_from(["inbound", "outbound"]),
        "event_type": st.sampled_from(["logged_in", "nps_answered", "teleported"]),
        "topic": TEXTS,
        "message_id": TEXTS,
        "value": st.one_of(st.none(), st.floats(-1e15, 1e15)),
        "sentiment": st.sampled_from([None, -1.0, 0.25, 2.0]),
        "properties": st.sampled_from([None, '{"plan": "pro"}', "[]"]),
    }
)
FORMATS = ("csv", "csv.gz", "jsonl", "jsonl.gz", "parquet", "parquet.gz")


@settings(max_examples=60, deadline=None)
@given(data=st.data(), rows=st.lists(TOUCHPOINT, min_size=1, max_size=25))
def test_order_files_and_formats_change_nothing(write_file, now, data, rows):
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.parquet"
        write_file(rows, plain, "touchpoints")
        expected = read_table(plain, "touchpoints", now=now)
        shuffled = data.draw(st.permutations(rows))
        cut = data.draw(st.integers(0, len(rows)))
        parts = Path(folder) / "parts"
        parts.mkdir()
        for name, part in (("b", shuffled[:cut]), ("a", shuffled[cut:])):
            if part:
                ending = data.draw(st.sampled_from(FORMATS))
                write_file(part, parts / f"{name}.{ending}", "touchpoints")
        found = read_table(parts, "touchpoints", now=now)
    pd.testing.assert_frame_equal(found.frame, expected.frame)
    for name in ("rows_read", "rows_kept", "rows_rejected", "rows_repeated", "unknown", "first", "last"):
        assert getattr(found.report, name) == getattr(expected.report, name)
    counted = [(finding.code, finding.field, finding.rows) for finding in found.report.findings]
    assert counted == [(finding.code, finding.field, finding.rows) for finding in expected.report.findings]
    _check_by_hand(rows, expected)


def _check_by_hand(rows, read):
    """A slow, obvious second opinion: which rows are good, which of each key stays, in which order."""
    good = [
        row
        for row in rows
        if row["sentiment"] != 2.0
        and row["properties"] != "[]"
        and (row["ingested_time"] or row["event_time"]) >= row["event_time"]
    ]
    for row in good:
        row["known"] = (row["ingested_time"] or row["event_time"], row["event_time"])
    keys = {(row["source"] or "import", row["touchpoint_id"]) for row in good}
    first = {
        key: min(row["known"] for row in good if (row["source"] or "import", row["touchpoint_id"]) == key)
        for key in keys
    }
    frame = read.frame
    kept = {
        (row.source, row.touchpoint_id): (
            format_time(row.ingested_time.value // 1_000),
            format_time(row.event_time.value // 1_000),
        )
        for row in frame.itertuples()
    }
    assert kept == first
    assert read.report.rows_rejected == len(rows) - len(good)
    assert read.report.rows_repeated == len(good) - len(keys)
    order = [
        (row.customer_id, row.event_time, row.ingested_time, row.source, row.touchpoint_id)
        for row in frame.itertuples()
    ]
    assert order == sorted(order)


@pytest.mark.parametrize("kind", ["touchpoints", "decisions"])
@pytest.mark.parametrize("config", ["tact.toml", "tact_steps.toml"])
def test_real_data_is_clean(kind, config):
    path = EXAMPLES / f"{kind}.parquet"
    configuration = load_configuration(EXAMPLES / config)
    table = validated(path, kind, configuration)
    original = pd.read_parquet(path)
    assert table.report.findings == ()
    assert (table.report.rows_read, table.report.rows_kept) == (len(original), len(original))
    assert table.report.customers == 37
    assert list(table.frame.columns) == [column.name for column in TABLES[kind]]
    for name in original:
        pd.testing.assert_series_equal(
            table.frame[name].astype(original[name].dtype).sort_values(ignore_index=True),
            original[name].sort_values(ignore_index=True),
        )


def test_types_of_the_clean_table(write, make, now):
    row = make["touchpoints"](value=1, properties='{"plan": "pro"}')
    frame = read_table(write([row], "a.csv"), "touchpoints", now=now).frame
    categories = [
        "source",
        "customer_id",
        "department",
        "channel",
        "direction",
        "event_type",
        "topic",
        "campaign_id",
    ]
    assert {str(frame[name].dtype) for name in categories} == {"category"}
    assert {str(frame[n].dtype) for n in ("touchpoint_id", "message_id", "decision_id", "properties")} == {
        "str"
    }
    assert {str(frame[name].dtype) for name in ("event_time", "ingested_time")} == {"datetime64[us, UTC]"}
    assert {str(frame[name].dtype) for name in ("value", "sentiment")} == {"float64"}
    assert frame["customer_id"].cat.categories.tolist() == ["c-1"]


def test_absent_columns_are_filled_and_noted(write, make, now):
    touchpoint, decision = make["touchpoints"](), make["decisions"]()
    for name in ("source", "ingested_time"):
        del touchpoint[name]
    for name in ("send_probability", "mode", "purpose"):
        del decision[name]
    touchpoint["colour"] = "red"
    for ending in ("csv", "jsonl"):
        read = read_table(write([touchpoint], f"t.{ending}"), "touchpoints", now=now)
        assert read.frame["source"].tolist() == ["import"]
        assert (read.frame["ingested_time"] == read.frame["event_time"]).all()
        assert read.report.notes == (
            "dropped columns that the contract does not know: colour",
            "ingested_time is not there: rows count as known when they happened",
            "source is not there: rows count as from 'import'",
        )
    for ending in ("csv", "jsonl", "parquet"):
        read = read_table(write([decision], f"d.{ending}", "decisions"), "decisions", now=now)
        assert read.frame["mode"].tolist() == ["enforce"]
        assert read.frame["send_probability"].isna().all()
        assert read.report.notes == (
            "send_probability is not there: training estimates it",
            "mode is not there: every decision counts as enforced",
        )
        assert read.report.findings == ()


def test_training_refuses_above_the_configured_share(write, make, now):
    rows = [make["touchpoints"](touchpoint_id=f"t-{k}", sentiment=5 if k < 2 else 0) for k in range(100)]
    # Repeated deliveries are no errors, however many they are.
    path = write(rows + rows[2:], "a.csv")
    lenient = configuration_from({"training": {"max_rejected_share": 0.02}})
    strict = configuration_from({"training": {"max_rejected_share": 0.0199}})
    table = validated(path, "touchpoints", lenient, now)
    assert (len(table.frame), table.report.rows_rejected, table.report.rows_repeated) == (98, 2, 98)
    with pytest.raises(ContractViolation) as caught:
        validated(path, "touchpoints", strict, now)
    assert caught.value.detail == (
        f"{path}: 2 of 198 rows (2.00%) break the contract; training.max_rejected_share allows 1.99%. Most "
        f"frequent, in 2 rows: sentiment 5.0 is outside -1 to 1 (at a.csv:2). `tact validate {path}` lists all"
    )


def test_training_refuses_a_table_of_bad_rows_only(write, make, now):
    anything = configuration_from({"training": {"max_rejected_share": 1.0}})
    path = write([make["touchpoints"](direction="sideways")], "a.csv")
    with pytest.raises(ContractViolation, match="1 of 1 rows"):
        validated(path, "touchpoints", anything, now)


def test_a_time_is_compared_with_the_clock_where_no_now_is_given(write, make):
    rows = [
        make["touchpoints"](),
        make["touchpoints"](touchpoint_id="t-2", event_time="2199-01-01T00:00:00Z", ingested_time=None),
    ]
    report = read_table(write(rows, "a.csv"), "touchpoints").report
    assert [(finding.code, finding.rows) for finding in report.findings] == [("time_in_future", 1)]


def test_too_large_a_table_is_refused_with_the_limit(write, make, now):
    rows = [make["touchpoints"](touchpoint_id=f"t-{k}") for k in range(2_000)]
    path = write(rows, "a.jsonl")
    assert read_table(path, "touchpoints", now=now, memory_limit_bytes=1 << 20).report.rows_kept == 2_000
    with pytest.raises(UnreadableInput) as caught:
        read_table(path, "touchpoints", now=now, memory_limit_bytes=1 << 17)
    assert caught.value.detail == (
        f"{path}: too large: its first 2,000 rows (up to a.jsonl) fill the limit of 0.00012 GiB; "
        "split it by customer, or raise the limit"
    )
    assert 0 < default_memory_limit() <= 4 << 30


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "jsonl", "parquet"])
def test_reading_holds_no_more_than_a_batch_beside_what_it_keeps(write, make, now, monkeypatch, ending):
    monkeypatch.setattr("data_contracts.csv_reader.BLOCK_BYTES", 1 << 16)
    monkeypatch.setattr("data_contracts.json_lines_reader.BLOCK_BYTES", 1 << 16)
    monkeypatch.setattr("data_contracts.parquet_reader.BATCH_ROWS", 256)
    # What is read is mostly not kept: a column that the contract does not know, or a topic for all.
    long = "x" * 4_000
    extra = {"topic": long[:500]} if ending == "parquet" else {"notes": long}
    rows = [make["touchpoints"](touchpoint_id=f"t-{k:05}", **extra) for k in range(4_000)]
    path = write(rows, f"a.{ending}")
    del rows
    seen = []
    pool = pa.proxy_memory_pool(pa.default_memory_pool())
    default = pa.default_memory_pool()
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        read_table(path, "touchpoints", now=now, progress=lambda name, count: seen.append(count))
        peak = pool.max_memory() + tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(default)
    assert len(seen) > 8
    assert seen == sorted(seen)
    assert seen[-1] == 4_000
    assert peak < 6 << 20


def test_what_was_received_has_every_row_and_why_it_was_rejected(write, make, now):
    rows = [
        make["touchpoints"](),
        make["touchpoints"](touchpoint_id="t-2", sentiment=3),
        make["touchpoints"](ingested_time="2026-03-02T09:00:00Z"),
    ]
    read = read_table(write(rows, "a.csv"), "touchpoints", now=now, keep_received=True)
    assert read.received["touchpoint_id"].tolist() == ["t-1", "t-2", "t-1"]
    assert read.received["sentiment"].tolist()[1] == 3.0
    assert read.received["rejected_for"].astype(object).tolist()[1] == "number_out_of_range"
    assert read.received["rejected_for"].isna().tolist() == [True, False, True]
    assert read.rejected["severity"].to_pylist() == ["error", "warning"]
