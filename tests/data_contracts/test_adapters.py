"""Events of other systems: golden samples, whatever is thrown at an adapter, and the contract after it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.adapters.formats import FORMATS, adapted
from data_contracts.adapters.reading import number, snake_case
from serving.row_parsing import parse_touchpoints

GOLDEN = Path(__file__).parents[1] / "golden" / "adapters"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def golden(format_name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((GOLDEN / f"{format_name}.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("format_name", FORMATS)
def test_the_golden_samples(format_name: str) -> None:
    sample = golden(format_name)
    found = adapted(format_name, sample["payload"])
    assert list(found.touchpoints) == sample["touchpoints"]
    assert list(found.ignored) == sample["ignored"]
    good, bad = parse_touchpoints(json.dumps({"touchpoints": found.touchpoints}).encode())
    assert bad == [] and len(good) == len(found.touchpoints) > 0
    keys = {(row.source, row.touchpoint_id) for _, _, row in good}
    assert len(keys) == len(good)


@pytest.mark.parametrize("format_name", FORMATS)
def test_one_event_a_list_and_a_batch_are_the_same(format_name: str) -> None:
    event = golden(format_name)["payload"][0]
    one = adapted(format_name, event)
    assert one == adapted(format_name, [event]) == adapted(format_name, {"batch": [event]})
    assert adapted(format_name, []).touchpoints == ()


@pytest.mark.parametrize("format_name", FORMATS)
def test_nothing_makes_an_adapter_fall_over(format_name: str) -> None:
    events = golden(format_name)["payload"]

    @settings(max_examples=150, deadline=None)
    @given(data=st.data())
    def ask(data: st.DataObject) -> None:
        event = dict(data.draw(st.sampled_from([one for one in events if isinstance(one, dict)])))
        field = data.draw(st.sampled_from(sorted(event)))
        if data.draw(st.booleans()) and isinstance(event[field], dict) and event[field]:
            inner = data.draw(st.sampled_from(sorted(event[field])))
            event[field] = {**event[field], inner: data.draw(JSON)}
        else:
            event[field] = data.draw(JSON)
        found = adapted(format_name, [event, data.draw(JSON)])
        assert len(found.touchpoints) + len(found.ignored) == 2
        # What it makes of nonsense is the contract's affair, which names it row by row.
        good, bad = parse_touchpoints(json.dumps({"touchpoints": found.touchpoints}).encode())
        assert len(good) + len(bad) == len(found.touchpoints)

    ask()


def test_names_and_numbers() -> None:
    names = ("Order Completed", "orderCompleted", "order-completed", "  Order_Completed! ")
    assert {snake_case(name) for name in names} == {"order_completed"}
    assert [number(one) for one in (1, "2.5", "x", None, True, [])] == [1.0, 2.5, None, None, None, None]
