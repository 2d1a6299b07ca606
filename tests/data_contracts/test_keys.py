"""Repeated keys, contradictory decisions and the total order."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from data_contracts.keys import contradicted, total_order
from data_contracts.tables import read_table


def test_of_a_repeated_key_the_first_known_row_stays(write, make, now):
    rows = [
        make["touchpoints"](ingested_time="2026-03-03T09:00:00Z", topic="late"),
        make["touchpoints"](ingested_time="2026-03-02T09:00:00Z", topic="first"),
        make["touchpoints"](ingested_time="2026-03-02T09:00:00Z", topic="first"),
        make["touchpoints"](source="app", topic="of another source"),
    ]
    read = read_table(write(rows, "a.jsonl"), "touchpoints", now=now)
    assert sorted(read.frame["topic"]) == ["first", "of another source"]
    assert read.rejected["codes"].to_pylist() == [["duplicate_key"]] * 2
    reasons = [row["reasons"][0] for row in read.rejected.to_pylist()]
    kept = "a.jsonl:3" if "a.jsonl:3" in reasons[0] else "a.jsonl:2"
    assert reasons[0] == (f"source 'crm', touchpoint_id 't-1' is there already at {kept} (with other values)")
    assert reasons[1].endswith("(the same row)")
    assert (read.report.rows_rejected, read.report.rows_repeated) == (0, 2)
    (finding,) = read.report.findings
    assert (finding.code, finding.severity, finding.rejects, finding.rows) == (
        "duplicate_key",
        "warning",
        True,
        2,
    )


def test_a_bad_row_does_not_take_the_place_of_a_good_one(write, make, now):
    rows = [make["touchpoints"](direction="sideways"), make["touchpoints"](topic="good")]
    read = read_table(write(rows, "a.csv"), "touchpoints", now=now)
    assert read.frame["topic"].tolist() == ["good"]


def test_a_decision_of_two_customers_or_times_is_rejected_as_a_whole(write, make, now):
    rows = [
        make["decisions"](decision_id="two-customers", message_id="m-1"),
        make["decisions"](decision_id="two-customers", message_id="m-2", customer_id="c-2"),
        make["decisions"](decision_id="two-times", message_id="m-1"),
        make["decisions"](decision_id="two-times", message_id="m-2", decided_at="2026-03-01T09:00:00.000001Z"),
        make["decisions"](decision_id="good", message_id="m-1"),
        make["decisions"](decision_id="good", message_id="m-2"),
        make["decisions"](decision_id="good", message_id="m-2"),
    ]
    read = read_table(write(rows, "a.jsonl", "decisions"), "decisions", now=now)
    assert read.frame[["decision_id", "message_id"]].values.tolist() == [["good", "m-1"], ["good", "m-2"]]
    codes = [row["codes"] for row in read.rejected.to_pylist()]
    assert codes == [["decision_conflict"]] * 4 + [["duplicate_key"]]
    assert read.rejected["reasons"][1].as_py() == [
        "decision_id 'two-customers' stands for customer 'c-2' here and for another customer or time "
        "at a.jsonl:1"
    ]
    assert (read.report.rows_rejected, read.report.rows_repeated) == (4, 1)


def test_contradictions_against_a_slow_check():
    random = np.random.default_rng(7)
    for _ in range(50):
        rows = int(random.integers(1, 12))
        decision = random.integers(0, 4, rows)
        customer = random.integers(0, 2, rows)
        time = random.integers(0, 2, rows)
        columns = {
            "decision_id": pa.array(decision.astype(str)),
            "customer_id": pa.array(customer.astype(str)).dictionary_encode(),
            "decided_at": pa.array(time).cast(pa.timestamp("us", "UTC")),
        }
        found, other = contradicted(columns)
        expected = [
            k
            for k in range(rows)
            if any(
                decision[j] == decision[k] and (customer[j], time[j]) != (customer[k], time[k])
                for j in range(rows)
            )
        ]
        assert found.tolist() == expected
        for k, j in zip(found, other, strict=True):
            assert decision[j] == decision[k]
            assert (customer[j], time[j]) != (customer[k], time[k])


def test_the_total_order_against_sorted():
    random = np.random.default_rng(7)
    names = np.array(["Z", "a", "ä", "b", "ab"])
    for _ in range(30):
        rows = int(random.integers(1, 40))
        texts = {
            name: names[random.integers(0, 5, rows)] for name in ("customer_id", "source", "touchpoint_id")
        }
        times = {name: random.integers(0, 3, rows) for name in ("event_time", "ingested_time")}
        columns = {
            **{name: pa.array(values.tolist()) for name, values in texts.items()},
            **{name: pa.array(values).cast(pa.timestamp("us", "UTC")) for name, values in times.items()},
        }
        for name in ("customer_id", "source"):
            columns[name] = columns[name].dictionary_encode()
        order = total_order("touchpoints", columns)
        everything = texts | times
        tuples = [
            tuple(
                everything[n][k]
                for n in ("customer_id", "event_time", "ingested_time", "source", "touchpoint_id")
            )
            for k in range(rows)
        ]
        assert [tuples[k] for k in order] == sorted(tuples)
        assert sorted(order) == list(range(rows))
