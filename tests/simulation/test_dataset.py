"""The files: the contract's tables, the truth beside them, and the command that writes them."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from command_line.simulate import command
from data_contracts.columns import KEYS, TABLES, TOTAL_ORDER
from data_contracts.errors import InvalidRequest
from data_contracts.tables import read_table
from simulation.companies import KINDS
from simulation.company import Ablations
from simulation.dataset import Summary, simulate
from tests.simulation.small import START, end

DAYS = 30


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary]:
    folder = tmp_path_factory.mktemp("company")
    summary = simulate(
        folder,
        KINDS["telecoms"],
        customers=250,
        days=DAYS,
        seed=5,
        start=START,
        truth_rows=200,
        truth_replicates=8,
    )
    return folder, summary


@pytest.mark.parametrize("kind", ["touchpoints", "decisions"])
def test_files_keep_the_contract(written: tuple[Path, Summary], kind: str) -> None:
    folder, summary = written
    schema = pq.read_schema(folder / f"{kind}.parquet")
    types = {
        "string": pa.string(),
        "timestamp": pa.timestamp("us", tz="UTC"),
        "float": pa.float64(),
        "json": pa.string(),
    }
    assert schema.names == [column.name for column in TABLES[kind]]
    for column in TABLES[kind]:
        assert schema.field(column.name).type == types[column.type], column.name
    frame = pd.read_parquet(folder / f"{kind}.parquet")
    assert not frame.duplicated(list(KEYS[kind])).any()
    for column in TABLES[kind]:
        assert column.nullable or frame[column.name].notna().all(), column.name
    report = read_table(folder / f"{kind}.parquet", kind, now=end(DAYS + 1)).report  # type: ignore[arg-type]
    assert report.rows_rejected == report.rows_repeated == 0
    assert report.rows_kept == len(frame) == getattr(summary, kind)
    assert not report.unknown.get("event_type")


def test_touchpoints_are_ordered_late_and_tied_to_decisions(written: tuple[Path, Summary]) -> None:
    folder, _ = written
    rows = pd.read_parquet(folder / "touchpoints.parquet")
    decisions = pd.read_parquet(folder / "decisions.parquet")
    assert rows.equals(rows.sort_values(list(TOTAL_ORDER), kind="stable"))
    late = (rows.ingested_time - rows.event_time).dt.total_seconds()
    assert (late >= 0).all()
    assert rows.ingested_time.max() <= pd.Timestamp(end(DAYS), unit="us", tz="UTC")
    assert late[rows.source == "crm"].median() > 6 * 3600
    assert late[rows.source == "helpdesk"].median() < 15 * 60
    sent = rows[rows.event_type == "message_sent"].merge(
        decisions, on=["decision_id", "message_id"], how="left"
    )
    assert (sent.action == "send").all()
    assert ((sent.event_time - sent.decided_at).dt.total_seconds().between(1, 60)).all()
    assert (sent.department_x == sent.department_y).all()
    answers = rows[
        rows.event_type.isin(["message_clicked", "message_replied", "unsubscribed", "message_dismissed"])
    ]
    assert set(answers.message_id) <= set(decisions.message_id[decisions.action == "send"])
    cases = rows[rows.event_type.isin(["ticket_opened", "handed_off", "ticket_escalated", "ticket_resolved"])]
    assert cases.campaign_id.str.startswith("case-").all()
    profiles = rows[rows.event_type == "profile_updated"].properties.map(json.loads)
    assert 0.45 < profiles.map(lambda item: "time_zone" in item).mean() < 0.85
    assert profiles.map(lambda item: {"plan", "segment", "tenure_days"} <= set(item)).all()


def test_the_decision_log_separates_chance_from_rules(written: tuple[Path, Summary]) -> None:
    folder, summary = written
    log = pd.read_parquet(folder / "decisions.parquet")
    free = log.purpose == "transactional"
    assert (log[free].send_probability == 1).all()
    assert (log[free].action == "send").all()
    randomised = log.send_probability.between(0, 1, inclusive="neither")
    assert 0.1 < (log[randomised].action != "send").mean() < 0.35
    assert (log[log.send_probability == 0].action != "send").all()
    assert (log["mode"] == "enforce").all()
    assert log.decision_id.duplicated().any(), "some departments ask through one hub"
    assert ((log.not_before <= log.decided_at) & (log.decided_at < log.expires_at)).all()
    discounts = log.attributes.map(json.loads).map(lambda item: item.get("discount"))
    assert {0, 10, 20} <= set(discounts.dropna())
    assert summary.randomised == randomised.sum()
    assert summary.held == (randomised & (log.action != "send")).sum()


def test_the_truth_stands_beside_each_decision(written: tuple[Path, Summary]) -> None:
    folder, summary = written
    truth = pd.read_parquet(folder / "truth.parquet")
    log = pd.read_parquet(folder / "decisions.parquet")
    keys = ["decision_id", "message_id", "customer_id", "decided_at", "action"]
    assert truth[keys].equals(log[keys])
    known = truth.p_helps_send.notna()
    assert known.sum() == summary.true_rows
    assert 150 < known.sum() <= 200
    chances = truth.filter(regex="^(p_|own_(opened|positive|negative))")
    assert chances.min().min() >= 0
    assert truth[known].filter(like="se_").notna().all().all()
    assert truth[known].filter(regex="^goal_").sum(axis=1).between(0.999, 1.001).all()
    assert truth.latent_goal.notna().all()


def test_ablations_reach_the_files(tmp_path: Path) -> None:
    simulate(
        tmp_path, KINDS["subscription"], customers=200, days=20, seed=5, start=START, truth_rows=0,
        ablations=Ablations(new_share=0.5, new_days=7, missing={"helpdesk": 1 / 3}, randomise=False),
    )  # fmt: skip
    rows = pd.read_parquet(tmp_path / "touchpoints.parquet")
    log = pd.read_parquet(tmp_path / "decisions.parquet")
    assert set(log.send_probability.unique()) == {0.0, 1.0}
    first = rows.groupby("customer_id").event_time.min()
    assert 0.3 < (first > pd.Timestamp("2025-01-18", tz="UTC")).mean() < 0.7
    loose = rows[rows.message_id.isna()]
    by_customer = loose.groupby("customer_id").source.agg(set)
    assert by_customer.map(lambda sources: "helpdesk" in sources).mean() < 0.6
    truth = pd.read_parquet(tmp_path / "truth.parquet")
    assert truth.p_helps_send.isna().all()


def test_the_command_writes_the_same_files_again(tmp_path: Path) -> None:
    arguments = [
        "--customers",
        "60",
        "--days",
        "8",
        "--seed",
        "9",
        "--truth-rows",
        "20",
        "--start",
        "2025-03-01",
    ]
    runner = CliRunner()
    shown = runner.invoke(command, ["--out", str(tmp_path / "a"), *arguments], catch_exceptions=False)
    assert shown.exit_code == 0
    assert "touchpoints" in shown.output
    assert str(tmp_path / "a") in shown.output
    as_json = runner.invoke(
        command, ["--out", str(tmp_path / "b"), *arguments, "--json"], catch_exceptions=False
    )
    summary = json.loads(as_json.stdout)
    assert summary["start"] == "2025-03-01T00:00:00Z"
    assert summary["customers"] == 60
    for name in ("touchpoints.parquet", "decisions.parquet", "truth.parquet", "simulation.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--customers", "0"], "--customers: 0 is not between 1 and 1000000"),
        (["--days", "-3"], "--days: -3 is not between 1 and 3650"),
        (
            ["--customers", "1000000", "--days", "100"],
            "--customers × --days: 100000000 is not between 1 and 20000000",
        ),
        (["--seed", "-1"], "--seed: -1 is not between 0"),
        (["--kind", "bank"], "kind: 'bank' is not a kind of company"),
        (["--start", "1st of May"], "--start: '1st of May' is not a day as in 2025-01-06"),
        (["--start", "2199-12-30", "--days", "30"], "--start: the history ends after the year 2199"),
        (["--truth-rows", "-2"], "--truth-rows: -2 is not -1, 0 or more"),
        (["--truth-replicates", "1"], "--truth-replicates: 1 is not between 2 and 10000"),
    ],
)
def test_bad_arguments_are_said_in_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(command, ["--out", str(tmp_path / "out"), *arguments])
    assert isinstance(result.exception, InvalidRequest)
    assert message in str(result.exception)
    assert "\n" not in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("here")
    result = CliRunner().invoke(command, ["--out", str(tmp_path / "out"), "--customers", "5", "--days", "1"])
    assert isinstance(result.exception, InvalidRequest)
    assert "can't be made" in str(result.exception)


def test_one_customer_and_one_day_are_enough(tmp_path: Path) -> None:
    summary = simulate(tmp_path, KINDS["retail"], customers=1, days=1, seed=0, start=START, truth_rows=None)
    assert summary.customers == 1
    assert summary.helped_share_held is None
    assert pd.read_parquet(tmp_path / "truth.parquet").shape[0] == summary.decisions
