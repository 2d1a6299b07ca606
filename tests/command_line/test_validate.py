"""`tact validate` on good, bad and unreadable input."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from command_line.validate import command
from data_contracts.errors import InvalidRequest, UnreadableInput
from data_contracts.tables import read_table

EXAMPLES = Path(__file__).parents[2] / "examples" / "heartsteps"
HEADER = "touchpoint_id,customer_id,event_time,department,channel,direction,event_type,value\n"
GOOD = "t-{},c-1,2026-03-0{}T09:00:00Z,support,email,inbound,ticket_opened,\n"
NOW = ["--now", "2026-06-01T00:00:00Z"]


@pytest.fixture
def run():
    def invoked(*arguments):
        return CliRunner().invoke(command, [str(argument) for argument in arguments])

    return invoked


def test_good_data_with_a_warning(tmp_path, run):
    path = tmp_path / "crm.csv"
    rows = [
        GOOD.format(2, 2),
        GOOD.format(1, 1),
        GOOD.format(1, 1),
        "t-3,c-1,2026-03-03T09:00:00Z,x,email,inbound,y,\n",
    ]
    path.write_text(HEADER + "".join(rows), encoding="utf-8")
    result = run(path, *NOW)
    assert result.exit_code == 0, result.output
    for text in (
        "touchpoints read     4",
        "kept                 3",
        "repeated deliveries  1",
        "event_type that the vocabulary does not name, kept: y (1)",
        "touchpoint_id 't-1' is there",
        "crm.csv:4",
        "(warning) no two rows share source and touchpoint_id",
    ):
        assert " ".join(text.split()) in " ".join(result.output.split())
    out = tmp_path / "crm.validated"
    assert sorted(file.name for file in out.iterdir()) == [
        "clean.parquet",
        "data_docs",
        "rejected.jsonl",
        "summary.json",
    ]
    assert (out / "data_docs" / "index.html").exists()
    (rejected,) = map(json.loads, (out / "rejected.jsonl").read_text(encoding="utf-8").splitlines())
    assert (rejected["file"], rejected["row"], rejected["codes"]) == ("crm.csv", 4, ["duplicate_key"])
    # The clean copy is input again, and comes out as it was.
    again = read_table(out / "clean.parquet", "touchpoints")
    pd.testing.assert_frame_equal(again.frame, read_table(path, "touchpoints").frame)
    assert again.report.findings == ()


def test_bad_rows_exit_with_1_and_can_be_mended(tmp_path, run):
    path = tmp_path / "crm.jsonl"
    row = {
        "touchpoint_id": "t-1",
        "customer_id": "c-1",
        "event_time": "2026-03-01T09:00:00Z",
        "department": "support",
        "channel": "email",
        "direction": "inbound",
        "event_type": "ticket_opened",
    }
    rows = [row, row | {"touchpoint_id": "t-2", "direction": "in"}]
    path.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    out = tmp_path / "checked"
    result = run(path, "--out", out, "--no-docs", *NOW)
    assert result.exit_code == 1
    assert "direction 'in' is not one of inbound" in " ".join(result.output.split())
    assert "critical: direction is one of inbound, outbound, internal" in result.output
    assert not (out / "data_docs").exists()
    rejected = out / "rejected.jsonl"
    rejected.write_text(rejected.read_text(encoding="utf-8").replace('"in"', '"inbound"'), encoding="utf-8")
    assert read_table(rejected, "touchpoints").report.rows_kept == 1


def test_json_output_is_the_summary(tmp_path, run):
    path = tmp_path / "crm.csv"
    path.write_text(HEADER + GOOD.format(1, 1) + GOOD.format(2, 1).replace("c-1", ""), encoding="utf-8")
    result = run(path, "--json", "--no-docs", *NOW)
    assert result.exit_code == 1
    summary = json.loads(result.stdout)
    assert summary == json.loads((tmp_path / "crm.validated" / "summary.json").read_text(encoding="utf-8"))
    assert summary["format"] == 1
    assert summary["passed"] is False
    assert summary["now"] == "2026-06-01T00:00:00Z"
    assert summary["report"]["rows_rejected"] == 1
    assert summary["report"]["findings"] == [
        {
            "code": "required_missing",
            "field": "customer_id",
            "severity": "error",
            "rejects": True,
            "rows": 1,
            "example": "customer_id is missing",
            "place": "crm.csv:3",
        }
    ]
    assert summary["expectations"]["suite"] == "touchpoints"


@pytest.mark.parametrize("kind", ["touchpoints", "decisions"])
def test_the_real_data_passes(tmp_path, run, kind):
    result = run(
        *(EXAMPLES / f"{kind}.parquet", "--config", EXAMPLES / "tact.toml"), "--out", tmp_path, "--json"
    )
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert (summary["passed"], summary["report"]["kind"]) == (True, kind)
    assert summary["report"]["rows_kept"] == {"touchpoints": 23_942, "decisions": 5_280}[kind]
    assert all(found["passed"] for found in summary["expectations"]["results"])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["nowhere.csv"], UnreadableInput, "there is no such file or folder"),
        (["a.csv"], UnreadableInput, "its columns look neither like touchpoints nor like decisions"),
        (["a.csv", "--kind", "decisions"], UnreadableInput, "the required columns decision_id, .* are missing"),
        (["good.csv", "--now", "noon"], InvalidRequest, "--now: 'noon' is not an ISO 8601 time"),
        (["good.csv", "--out", "a.csv/out"], InvalidRequest, "can't be written"),
        (["good.csv", "--memory-limit", "0.001"], UnreadableInput, "fill the limit of 0.001 GiB"),
    ],
)
def test_unreadable_input_is_one_plain_error(tmp_path, run, monkeypatch, arguments, error, message):
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("name\nx\n", encoding="utf-8")
    Path("good.csv").write_text(HEADER + "".join(GOOD.format(k, 1) for k in range(20_000)), encoding="utf-8")
    result = run(*arguments)
    assert isinstance(result.exception, error)
    assert result.exception.exit_code == 2
    with pytest.raises(error, match=message):
        raise result.exception


def test_help_has_examples(run):
    result = run("--help")
    assert result.exit_code == 0
    assert "tact validate touchpoints.csv" in result.output
