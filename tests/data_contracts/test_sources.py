"""Files that can't be read are refused in one plain sentence that names the file and the remedy."""

from __future__ import annotations

import gzip
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.errors import TactError, UnreadableInput
from data_contracts.readers import guess_kind
from data_contracts.sources import find_sources, output_folder
from data_contracts.tables import read_table

HEADER = b"touchpoint_id,customer_id,event_time,department,channel,direction,event_type\n"
ROW = b"t-1,c-1,2026-03-01T09:00:00Z,support,email,inbound,logged_in\n"
CUT_GZIP = gzip.compress(HEADER + ROW * 500)[:60]
BROKEN_GZIP = gzip.compress(HEADER + ROW)[:-8] + b"\0" * 8


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "the file is empty"),
        ("a.csv.gz", b"", "the file is empty"),
        ("a.csv", HEADER, "there are no rows in it"),
        ("a.csv", HEADER.strip(), "there are no rows in it"),
        ("a.jsonl", b"\n \n", "there are no rows in it"),
        ("a.xlsx", b"PK", r"the ending \(.xlsx\) is not known; give .parquet, .csv or .jsonl, each optionally"),
        ("a", b"x", r"the ending \(none\) is not known"),
        ("a.json", b"[]", r"the ending \(.json\) is not known"),
        ("a.parquet", b"PAR1 and then nothing of the kind", "not readable as parquet"),
        ("a.parquet", HEADER + ROW, "not readable as parquet"),
        ("a.csv.gz", CUT_GZIP, "the gzip data is damaged or cut off"),
        ("a.csv.gz", BROKEN_GZIP, "the gzip data is damaged or cut off"),
        ("a.csv.gz", HEADER + ROW, "ends in .gz but is not gzip data"),
        ("a.csv", gzip.compress(HEADER + ROW), "is gzip data; add .gz to its name"),
        ("a.csv", (HEADER + ROW).decode().encode("utf-16"), "the text is UTF-16; save it as UTF-8"),
        ("a.csv", (HEADER + ROW).decode().encode("utf-16-le"), "line 1 holds NUL bytes"),
        (
            "a.csv",
            b"touchpoint_id,stra\xdfe\n1,2\n",
            r"line 1 \(the header\) is not UTF-8, at byte 19 \(0xdf\)",
        ),
        ("a.csv", HEADER.replace(b",", b";") + ROW, "the cells are separated by ';'; separate them by commas"),
        ("a.csv", b"touchpoint_id,customer_id,customer_id\n1,2,3\n", "the column 'customer_id' is there twice"),
        (
            "a.csv",
            HEADER.replace(b"customer_id", b"customerid") + ROW,
            "the required column customer_id is missing; the columns there are: touchpoint_id, customerid, "
            ".*; is 'customerid' meant to be customer_id",
        ),
        (
            "a.jsonl",
            b'{"touchpoint_id": "1"}\n',
            "the required columns customer_id, event_time, .* are missing",
        ),
        (
            "a.csv",
            b"decision_id,customer_id,decided_at,message_id,action\n1,2,3,4,send\n",
            "are missing; .*; these are decisions, which are read apart",
        ),
        ("a.csv", HEADER + ROW + b'"' + b"x" * (17 << 20), "after row 2 is longer than 4 MiB; a quote may"),
        ("a.jsonl", b'{"a": "' + b"x" * (17 << 20), "line 1 is longer than 4 MiB"),
    ],
)
def test_unreadable_input(write, name, content, message):
    path = write(content if not name.endswith(".gz") else b"", name)
    path.write_bytes(content)
    with pytest.raises(UnreadableInput, match=message) as caught:
        read_table(path, "touchpoints")
    assert str(path) in caught.value.detail
    assert "\n" not in caught.value.detail
    assert caught.value.exit_code == 2


def test_nothing_there(tmp_path):
    with pytest.raises(UnreadableInput, match=r"nowhere.csv: there is no such file or folder"):
        read_table(tmp_path / "nowhere.csv", "touchpoints")


def test_folder_without_readable_files(write, tmp_path):
    with pytest.raises(UnreadableInput, match=r"no file in this folder ends in .parquet.*; it is empty"):
        read_table(tmp_path, "touchpoints")
    write(b"x", "notes.txt")
    with pytest.raises(UnreadableInput, match=r"it holds notes.txt"):
        read_table(tmp_path, "touchpoints")


def test_a_file_that_may_not_be_opened(write, make, monkeypatch):
    path = write([make["touchpoints"]()], "a.csv")
    # Root may open anything, so the refusal of the system is played here.
    monkeypatch.setattr("pathlib.Path.open", lambda *_: (_ for _ in ()).throw(PermissionError(13, "denied")))
    with pytest.raises(UnreadableInput, match=re.escape(f"{path}: denied")):
        read_table(path, "touchpoints")


def test_a_folder_is_every_readable_file_below_it(write, make, tmp_path):
    one, two, three = (make["touchpoints"](touchpoint_id=f"t-{k}") for k in range(3))
    write([one], "2026/b.csv")
    write([two], "2026/a.jsonl.gz")
    write([three], "z.parquet")
    for name in ("_SUCCESS.csv", ".hidden.csv", "z.parquet.validated/clean.csv", "2026/.cache/x.csv"):
        write(b"never read", name)
    write(b"x", "README.md")
    sources, notes = find_sources(tmp_path)
    assert [source.name for source in sources] == ["2026/a.jsonl.gz", "2026/b.csv", "z.parquet"]
    assert notes == ("left out for their endings: README.md",)
    report = read_table(tmp_path, "touchpoints").report
    assert report.rows_kept == 3
    assert report.files == ("2026/a.jsonl.gz", "2026/b.csv", "z.parquet")


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.jsonl", "a.jsonl.gz", "a.parquet", "a.parquet.gz"])
@pytest.mark.parametrize("kind", ["touchpoints", "decisions"])
def test_the_kind_is_guessed_by_the_columns(write, make, name, kind):
    path = write([make[kind]()], name, kind)
    assert guess_kind(path) == kind
    assert read_table(path, kind).report.rows_kept == 1


def test_a_kind_that_can_not_be_guessed(write):
    path = write(b"name,size\nx,1\n", "a.csv")
    with pytest.raises(UnreadableInput, match=r"neither like touchpoints nor like decisions; .*: name, size"):
        guess_kind(path)


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("crm.csv", "crm.validated"),
        ("crm.2026.jsonl.gz", "crm.2026.validated"),
        ("exports/a.parquet", "a.validated"),
    ],
)
def test_what_is_written_lies_beside_the_input(write, name, folder):
    path = write(b"x", name)
    assert output_folder(path) == path.with_name(folder)


def test_what_is_written_for_a_folder_lies_beside_it(tmp_path):
    (tmp_path / "exports.2026").mkdir()
    assert output_folder(tmp_path / "exports.2026") == tmp_path / "exports.2026.validated"


PIECES = [b'"', b",", b"\n", b"\x00", b"\xff", b"1e999", b"null", b"\r", b"[", b"\\ud800", b"\xed\xa0\x80", b""]
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 30), st.one_of(st.sampled_from(PIECES), st.binary(max_size=3))),
    min_size=1,
    max_size=6,
)


@settings(max_examples=150, deadline=None)
@given(ending=st.sampled_from(["csv", "csv.gz", "jsonl", "parquet", "parquet.gz"]), edits=EDITS)
def test_damage_costs_rows_or_is_told_in_one_line(write_file, make, now, ending, edits):
    rows = [make["touchpoints"](touchpoint_id=f"t-{k}", topic="ä", value=k / 3) for k in range(20)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a.{ending}"
        write_file(rows, path, "touchpoints")
        content = path.read_bytes()
        for where, length, piece in edits:
            at = round(where * len(content))
            content = content[:at] + piece + content[at + length :]
        path.write_bytes(content)
        try:
            report = read_table(path, "touchpoints", now=now).report
        except TactError as error:
            assert str(path) in error.detail
            assert "\n" not in error.detail
        else:
            assert report.rows_read == report.rows_kept + report.rows_rejected + report.rows_repeated
