"""Decisions made without a database are kept, found again by every worker, and replayed once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from data_contracts.errors import Conflict, StoreUnavailable
from policy.situation import Send
from serving.spool import Spool
from serving.store import DecisionRow, Outcome


def outcome(decision_id: str, digest: bytes = b"a", answer: bytes = b'{"x":1}') -> Outcome:
    row = DecisionRow(
        decision_id, "c-1", 5, "m-1", "support", "email", None, "transactional", None, None, None, None, None,
        "send", 1.0, "enforce", None, 1, None, None, "[]",
    )  # fmt: skip
    send = Send("m-1", "support", "email", 5, 9, "reserved")
    return Outcome(decision_id, "c-1", 5, digest, answer, (row,), (send,), b"\x00\xff", {"m-1": 5})


def test_what_was_appended_is_replayed_as_it_was(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "home" / "spool")
    assert not spool.is_pending() and spool.replay(lambda one: None) == 0
    assert spool.append([outcome("d-1"), outcome("d-2")]) == [b'{"x":1}', b'{"x":1}']
    assert spool.is_pending()
    seen: list[Outcome] = []
    assert spool.replay(seen.append) == 2
    assert seen == [outcome("d-1"), outcome("d-2")]
    assert not spool.is_pending() and spool.replay(seen.append) == 0
    spool.close()


def test_the_same_id_gets_the_same_answer_from_another_worker(tmp_path: Path) -> None:
    one, other = Spool(tmp_path / "spool"), Spool(tmp_path / "spool")
    one.append([outcome("d-1", answer=b"first")])
    assert other.append([outcome("d-1", answer=b"second")]) == [b"first"]
    found = other.append([outcome("d-1", digest=b"b"), outcome("d-2")])
    assert isinstance(found[0], Conflict) and found[1] == b'{"x":1}'
    earlier = one.earlier("d-2")
    assert earlier is not None and earlier.answer == b'{"x":1}'
    # A replay by one worker is seen by the other: nothing is written over, nothing twice.
    assert one.replay(lambda _: None) == 2
    assert other.earlier("d-1") is None
    other.append([outcome("d-3")])
    seen: list[str] = []
    assert one.replay(lambda found: seen.append(found.decision_id)) == 1 and seen == ["d-3"]
    one.close(), other.close()


def test_a_failed_replay_keeps_everything(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.append([outcome("d-1"), outcome("d-2")])

    def fails(_: Outcome) -> None:
        raise StoreUnavailable("still away")

    with pytest.raises(StoreUnavailable, match="still away"):
        spool.replay(fails)
    seen: list[str] = []
    assert Spool(tmp_path / "spool").replay(lambda found: seen.append(found.decision_id)) == 2
    assert seen == ["d-1", "d-2"]
    spool.close()


@pytest.mark.parametrize("kept", [0, 1, 25, 200])
def test_a_line_cut_off_by_a_crash_is_left_out_and_written_over(tmp_path: Path, kept: int) -> None:
    file = tmp_path / "spool"
    spool = Spool(file)
    spool.append([outcome("d-1")])
    spool.append([outcome("d-2")])
    spool.close()
    raw = file.read_bytes()
    used = raw[: raw.index(b"\0")]
    start = used[:-1].rfind(b"\n") + 1
    cut = used[: start + kept]
    file.write_bytes(cut + b"\0" * (len(raw) - len(cut)))
    again = Spool(file)
    again.append([outcome("d-3")])
    seen: list[str] = []
    again.replay(lambda found: seen.append(found.decision_id))
    assert seen == ["d-1", "d-3"]
    again.close()


def test_a_damaged_line_does_not_stop_the_others(tmp_path: Path) -> None:
    file = tmp_path / "spool"
    spool = Spool(file)
    spool.append([outcome("d-1"), outcome("d-2")])
    spool.close()
    raw = file.read_bytes()
    file.write_bytes(raw.replace(b'"d-1"', b'"d-1?', 1))
    again = Spool(file)
    seen: list[str] = []
    again.replay(lambda found: seen.append(found.decision_id))
    assert seen == ["d-2"]
    again.close()


def test_its_space_is_taken_beforehand_and_grows(tmp_path: Path) -> None:
    file = tmp_path / "spool"
    spool = Spool(file, reserved_bytes=4_096)
    spool.prepare()
    assert file.stat().st_size == 4_096 and file.stat().st_blocks * 512 >= 4_096
    spool.append([outcome(f"d-{number}") for number in range(100)])
    assert file.stat().st_size > 4_096
    assert spool.replay(lambda _: None) == 100
    spool.close()


def test_an_impossible_place_is_a_plain_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    spool = Spool(tmp_path / "file" / "spool")
    assert not spool.is_pending()
    with pytest.raises(StoreUnavailable, match="spool"):
        spool.append([outcome("d-1")])


def test_a_failed_write_is_not_taken_for_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path / "spool")
    spool.prepare()

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        with pytest.raises(StoreUnavailable, match="No space left"):
            spool.append([outcome("d-1")])
    assert spool.earlier("d-1") is None and not spool.is_pending()
    spool.close()


def test_the_golden_spool_of_format_1_is_still_read(tmp_path: Path) -> None:
    file = tmp_path / "spool"
    file.write_bytes((Path(__file__).parents[1] / "golden" / "spool_1.jsonl").read_bytes())
    spool = Spool(file)
    seen: list[Outcome] = []
    assert spool.replay(seen.append) == 2
    assert seen == [outcome("d-1"), outcome("d-2")]
    spool.close()
