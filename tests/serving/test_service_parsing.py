"""The quick decoder accepts only what the models accept, with the same values."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.errors import InvalidRequest
from data_contracts.messages import Candidate, DecideRequest, Touchpoint
from serving import parsing, row_parsing
from serving.parsing import parse_decide
from serving.row_parsing import parse_touchpoints

WORDS = st.one_of(
    st.sampled_from(
        ["email", "x", "", "  ", "Ünïcode ✓", "a" * 512, "a" * 513, "nul\0", "\ud800", "line\nbreak"]
    ),
    st.text(max_size=6),
)
TIMES = st.sampled_from(
    [
        None, "2026-03-01T09:00:00Z", "2026-03-01T10:00:00+01:00", "2026-03-01T09:00:00.123456Z",
        "2026-03-01T09:00:00.1234567Z", "2026-03-01 09:00Z", "20260301T090000Z", "2026-03-01T09:00:00",
        "2026-03-01", "1700000000", "", "never", 5, 1.5, True, "1970-01-01T00:00:00Z", "2200-01-01T00:00:00Z",
        "2026-02-30T00:00:00Z", "2026-03-01T24:00:00Z", "2026-03-01T09:00:60Z",
    ]
)  # fmt: skip
NUMBERS = st.one_of(
    st.none(), st.floats(), st.integers(), st.booleans(), st.sampled_from(["1", 1e15, 1e16, -1e15, 10**30])
)
OBJECTS = st.one_of(
    st.none(),
    st.dictionaries(WORDS, st.one_of(WORDS, NUMBERS, st.lists(NUMBERS, max_size=2)), max_size=3),
    st.sampled_from([[], "text", 1, {"a": "x" * 16_000}, {"a": "x" * 17_000}, {"deep": [[[[{"a": None}]]]]}]),
)


def fields(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional | {"unknown": st.just(1)})


CANDIDATES = fields(
    {"message_id": WORDS, "department": WORDS, "channel": WORDS},
    {
        "topic": st.one_of(st.none(), WORDS),
        "purpose": st.sampled_from(["transactional", "survey", "spam", None, 1]),
        "value": NUMBERS,
        "not_before": TIMES,
        "expires_at": TIMES,
        "campaign_id": st.one_of(st.none(), WORDS),
        "group": st.one_of(st.none(), WORDS),
        "attributes": OBJECTS,
    },
)
REQUESTS = fields(
    {"customer_id": WORDS, "candidates": st.lists(CANDIDATES, max_size=3)},
    {
        "decision_id": st.one_of(st.none(), WORDS),
        "mode": st.sampled_from(["enforce", "shadow", "holdout", None]),
        "now": TIMES,
        "explain": st.sampled_from([True, False, 0, 1, "true", None]),
    },
)
ROWS = fields(
    {
        "touchpoint_id": WORDS, "customer_id": WORDS, "event_time": TIMES, "department": WORDS, "channel": WORDS,
        "direction": st.sampled_from(["inbound", "outbound", "internal", "sideways"]), "event_type": WORDS,
    },
    {
        "source": WORDS, "ingested_time": TIMES, "topic": st.one_of(st.none(), WORDS), "value": NUMBERS,
        "sentiment": NUMBERS, "properties": OBJECTS, "message_id": st.one_of(st.none(), WORDS),
    },
)  # fmt: skip


def as_json(value: Any) -> bytes:
    # Lone surrogates go as escapes, NaN as the token that is no JSON.
    return json.dumps(value).encode("ascii")


def outcome(work: Any, body: bytes) -> Any:
    try:
        return work(body)
    except InvalidRequest as error:
        return type(error).__name__


@given(REQUESTS)
def test_requests_are_read_alike_on_both_ways(request: dict[str, Any]) -> None:
    body = as_json(request)
    quick = outcome(parse_decide, body)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(parsing, "_call", _refuse)
        slow = outcome(parse_decide, body)
    assert quick == slow
    if isinstance(quick, parsing.DecideCall):
        assert list(quick.candidates[0]) == list(Candidate.model_fields)


@given(ROWS)
def test_rows_are_read_alike_on_both_ways(row: dict[str, Any]) -> None:
    body = as_json({"touchpoints": [row]})
    quick = outcome(parse_touchpoints, body)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(row_parsing, "_quick_row", _refuse)
        slow = outcome(parse_touchpoints, body)
    assert quick == slow


def _refuse(*_: Any, **__: Any) -> None:
    raise ValueError("the quick way is closed in this test")


def test_the_quick_rows_have_the_models_fields() -> None:
    assert set(row_parsing._Touchpoint.__struct_fields__) == set(Touchpoint.model_fields)
    assert list(parsing._Request.__struct_fields__) == list(DecideRequest.model_fields)


def test_most_bodies_take_the_quick_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "validated", _refuse)
    monkeypatch.setattr(row_parsing, "validated", _refuse)
    body = {
        "customer_id": "c-1",
        "candidates": [{
            "message_id": "m", "department": "marketing", "channel": "email", "topic": None, "value": 1,
            "expires_at": "2026-03-01T09:00:00+01:00", "attributes": {"walk": 1},
        }],
    }  # fmt: skip
    call = parse_decide(as_json(body))
    assert call.candidates[0]["expires_at"] == 1_772_352_000_000_000
    row = {
        "touchpoint_id": "t", "customer_id": "c", "event_time": "2026-03-01T09:00:00Z", "department": "d",
        "channel": "e", "direction": "inbound", "event_type": "x",
    }  # fmt: skip
    good, bad = parse_touchpoints(as_json({"touchpoints": [row]}))
    assert len(good) == 1 and not bad and good[0][2].ingested_time == good[0][2].event_time


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"mode": "enforce"}, {}, True),
        ({"now": "2026-03-01T09:00:00Z"}, {"now": "2026-03-01T10:00:00+01:00"}, True),
        ({"decision_id": "a"}, {"decision_id": "b"}, True),
        ({"explain": True}, {}, False),
        ({"mode": "shadow"}, {}, False),
        ({"customer_id": "other"}, {}, False),
    ],
)
def test_the_digest_is_of_what_is_asked(one: dict[str, Any], other: dict[str, Any], same: bool) -> None:
    base = {"customer_id": "c", "candidates": [{"message_id": "m", "department": "d", "channel": "e"}]}
    digests = {parse_decide(as_json(base | change)).digest for change in (one, other)}
    assert (len(digests) == 1) is same


def test_so_many_errors_are_named_and_no_more() -> None:
    body = as_json({"customer_id": "c", "candidates": [{"x": 1} for _ in range(500)]})
    with pytest.raises(InvalidRequest) as error:
        parse_decide(body)
    assert len(error.value.errors) == parsing.MAX_ERRORS and len(error.value.detail) < 400
