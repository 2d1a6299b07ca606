"""`tact ingest`, `tact decide` and the root, against a real service."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from command_line import client as client_module
from command_line.audience import BATCH, _answered, batches
from command_line.client import Client
from data_contracts.errors import InvalidRequest, StoreUnavailable
from data_contracts.messages import MAX_BODY_BYTES
from tests.serving.live import LiveService, asked, candidate, touchpoint


def tact(*arguments: object, home: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TACT_")}
    if home is not None:
        kept["TACT_HOME"] = str(home)
    return subprocess.run(
        [sys.executable, "-m", "command_line.main", *map(str, arguments)],
        capture_output=True, text=True, check=False, env=kept | environment,
    )  # fmt: skip


def lines(file: Path, rows: list[Any]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


# ---- ingest


def test_ingest_counts_repeats_and_rejects(service: LiveService, tmp_path: Path) -> None:
    good = [touchpoint(f"cli-{n}", f"c-cli-{n % 7}", properties={"n": n}) for n in range(30)]
    file = lines(tmp_path / "rows.jsonl", good)
    done = tact("ingest", file, "--url", service.url)
    assert done.returncode == 0 and done.stdout.startswith("30 accepted, 0 duplicates, 0 rejected"), done.stderr
    again = tact("ingest", file, "--url", service.url, "--json")
    told = json.loads(again.stdout)
    assert (told["accepted"], told["duplicates"], told["rejected"]) == (0, 30, 0)
    bad = lines(tmp_path / "bad.jsonl", [*good[:2], touchpoint("cli-x", direction="sideways")])
    partly = tact("ingest", bad, "--url", service.url)
    assert partly.returncode == 1 and "1 rejected" in partly.stdout and "sideways" in partly.stdout


def test_ingest_reads_compressed_files_and_splits_large_bodies(service: LiveService, tmp_path: Path) -> None:
    rows = [touchpoint(f"big-{n}", "c-big", properties={"text": "x" * 4_000}) for n in range(1_200)]
    file = tmp_path / "rows.jsonl.gz"
    with gzip.open(file, "wt", encoding="utf-8") as opened:
        opened.writelines(json.dumps(row) + "\n" for row in rows)
    assert file.stat().st_size < MAX_BODY_BYTES < len(json.dumps(rows))
    done = tact("ingest", file, "--url", service.url)
    assert done.returncode == 0 and done.stdout.startswith("1,200 accepted"), done.stderr


def test_ingest_into_a_database(tmp_path: Path) -> None:
    file = lines(tmp_path / "rows.jsonl", [touchpoint(f"db-{n}", f"c-{n % 3}") for n in range(200)])
    done = tact("ingest", file, "--database", "sqlite:///own.db", home=tmp_path)
    assert done.returncode == 0 and done.stdout.startswith("200 accepted"), done.stderr
    assert (tmp_path / "own.db").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("ingest", "missing.jsonl"), "missing.jsonl"),
        (("ingest", "--url", "http://127.0.0.1:1"), "Missing argument"),
        (("decide", "--customer", "c"), "--candidates"),
        (("decide", "--requests", "missing.jsonl", "--out", "o"), "missing.jsonl"),
        (("decide", "--customer", "c", "--candidates", "missing.json"), "missing.json"),
        (("no-such-command",), "No such command"),
        (("serve", "--port", "0"), "--port"),
        (("serve", "--config", "missing.toml"), "missing.toml"),
    ],
)
def test_bad_usage_is_one_plain_line(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    done = tact(*arguments, home=tmp_path)
    assert done.returncode == 2 and told in done.stderr and "Traceback" not in done.stderr
    assert done.stderr.splitlines()[0].startswith("tact: ")


def test_a_service_that_is_not_there_is_told_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_TRIES", 2)
    with Client("http://127.0.0.1:1") as client, pytest.raises(StoreUnavailable, match="no service answers at"):
        client.post("/decide", asked("c"))


def test_the_services_own_words_come_through(service: LiveService) -> None:
    with Client(service.url) as client, pytest.raises(InvalidRequest, match=r"candidates\[0\].purpose"):
        client.post("/decide", asked("c", candidate("m", purpose="spam")))


# ---- decide


def test_decide_prints_the_table_or_json(service: LiveService, tmp_path: Path) -> None:
    file = tmp_path / "candidates.json"
    file.write_text(json.dumps([candidate("offer"), candidate("receipt", purpose="transactional")]))
    arguments = ("decide", "--customer", "c-table", "--candidates", file, "--url", service.url)
    shown = tact(*arguments)
    assert shown.returncode == 0 and "receipt" in shown.stdout and "send" in shown.stdout, shown.stderr
    explained = tact(
        *arguments, "--explain", "--json", "--decision-id", "d-table", "--now", "2026-03-02T12:00:00Z"
    )
    answer = json.loads(explained.stdout)
    assert answer["decision_id"] == "d-table" and answer["decisions"][0]["signals"]
    refused = tact(*arguments, "--decision-id", "d-table")
    assert refused.returncode == 2 and "d-table" in refused.stderr


def test_an_audience_is_asked_and_goes_on_after_an_interruption(service: LiveService, tmp_path: Path) -> None:
    requests = [asked(f"c-aud-{n}", candidate(f"m-{n}")) for n in range(30)]
    requests[4] = {"customer_id": "c-bad"}
    file, out = lines(tmp_path / "audience.jsonl", requests), tmp_path / "answers.jsonl"
    done = tact("decide", "--requests", file, "--out", out, "--url", service.url)
    assert done.returncode == 1 and "1 errors" in done.stderr
    answers = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(answers) == 30 and answers[4]["status"] == 422
    assert [one["customer_id"] for n, one in enumerate(answers) if n != 4] == [
        f"c-aud-{n}" for n in range(30) if n != 4
    ]
    # As if it had been killed in the middle of the twelfth line: the rest is asked again, under the same ids.
    run = out.with_name("answers.jsonl.run")
    assert not run.exists()
    text = out.read_text().splitlines(keepends=True)
    out.write_text("".join(text[:11]) + text[11][:40])
    again = tact("decide", "--requests", file, "--out", out, "--url", service.url)
    assert "already answers 11 of 30" in again.stderr and len(out.read_text().splitlines()) == 30
    nothing = tact("decide", "--requests", file, "--out", out, "--url", service.url)
    assert nothing.returncode == 0 and "0 requests asked" in nothing.stderr


def test_a_run_that_goes_on_asks_under_the_same_ids(tmp_path: Path) -> None:
    file = lines(tmp_path / "a.jsonl", [{"customer_id": f"c-{n}", "candidates": []} for n in range(BATCH + 3)])
    first = [one["decision_id"] for batch in batches(file, 0, "run-1") for one in batch]
    rest = [one["decision_id"] for batch in batches(file, 5, "run-1") for one in batch]
    other = [one["decision_id"] for batch in batches(file, 0, "run-2") for one in batch]
    assert len(set(first)) == BATCH + 3 and rest == first[5:] and not set(first) & set(other)


def test_a_torn_line_of_a_large_file_is_cut_off(tmp_path: Path) -> None:
    out = tmp_path / "answers.jsonl"
    out.write_bytes(b"x" * 3_000_000 + b"\n" + b"y" * 2_000_000)
    assert _answered(out) == 1 and out.stat().st_size == 3_000_001
    out.write_bytes(b"")
    assert _answered(out) == 0


# ---- the root


def test_help_and_version_import_no_command() -> None:
    start = time.monotonic()
    told = tact("--help")
    assert told.returncode == 0 and time.monotonic() - start < 20
    for name in ("simulate", "validate", "train", "serve", "ingest", "decide", "ui"):
        assert f"  {name} " in told.stdout
    assert tact("--version").stdout.startswith("tact, version ")


@pytest.mark.parametrize("name", ["serve", "ingest", "decide", "ui"])
def test_each_commands_help_has_examples(name: str) -> None:
    told = tact(name, "--help")
    assert told.returncode == 0 and "Examples:" in told.stdout and f"tact {name}" in told.stdout


# ---- events of other systems


def test_events_of_another_system_are_ingested(tmp_path: Path) -> None:
    sample = json.loads((Path(__file__).parents[1] / "golden" / "adapters" / "segment.json").read_text())
    whole = tmp_path / "events.json"
    whole.write_text(json.dumps(sample["payload"]))
    database = ("--database", "sqlite:///events.db", "--format", "segment")
    done = tact("ingest", whole, *database, home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("5 accepted, 0 duplicates, 0 rejected")
    assert "3 events are no touchpoints" in done.stdout and "a call of the type 'group'" in done.stdout

    packed = tmp_path / "events.jsonl.gz"
    packed.write_bytes(gzip.compress("".join(json.dumps(one) + "\n" for one in sample["payload"]).encode()))
    again = json.loads(tact("ingest", packed, *database, "--json", home=tmp_path).stdout)
    assert (again["accepted"], again["duplicates"], again["ignored"]) == (0, 5, 3)

    for text, told in (
        ("{", "line 1: not valid JSON"),
        ('{"type": "group"}', "no event in it is a touchpoint"),
    ):
        whole.write_text(text)
        refused = tact("ingest", whole, *database, home=tmp_path)
        assert refused.returncode == 2 and told in refused.stderr, refused.stderr
    missing = tact("ingest", tmp_path / "nothing.json", *database, home=tmp_path)
    assert missing.returncode == 2 and "No such file" in missing.stderr
