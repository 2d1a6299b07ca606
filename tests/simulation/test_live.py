"""What a live company shows to programs that talk the contract."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from data_contracts.columns import TOUCHPOINTS
from data_contracts.messages import Candidate
from data_contracts.times import HOUR, parse_time
from simulation.clock import STEP
from simulation.company import Ablations
from simulation.live import candidate_table, candidates, now_of, step_at, touchpoints_of
from tests.simulation.small import company


def test_candidates_are_the_contract_s() -> None:
    item = company(customers=300, ablations=Ablations(alternatives=True))
    item.run(3.5)
    world = item.world
    pending = world.ask(world.moment(), world.next_block())
    rows = candidates(pending, world)
    assert len(rows) == pending.n > 15
    now = now_of(pending, world)
    for row, at in zip(rows, now, strict=True):
        assert parse_time(row["now"]) == at
        assert row["customer_id"].startswith("c-")
        assert parse_time(row["not_before"]) <= at < parse_time(row["expires_at"])
        Candidate.model_validate({name: row[name] for name in row if name not in ("customer_id", "now")})
    grouped = [row for row in rows if row["group"]]
    assert grouped
    assert len({row["message_id"] for row in rows}) == len(rows)
    table = candidate_table(pending, world)
    assert pc.all(pc.less(table["now"], table["expires_at"])).as_py()


def test_news_come_when_they_are_known() -> None:
    item = company(customers=200)
    seen = 0
    for _ in range(60):
        item.run(1 / 12)
        seen += item.news.n
        table = touchpoints_of(item, item.news)
        assert table.column_names == [column.name for column in TOUCHPOINTS]
    known = item.touchpoints()
    # The last step's news were known when it began.
    began = item.now[known.customer] - STEP
    assert seen == (known.ingested_time <= began).sum()


def test_a_time_to_wait_until_is_the_first_step_at_or_after_it() -> None:
    item = company(customers=100)
    item.run(2.5)
    world = item.world
    pending = world.ask(world.moment(), world.next_block())
    now = now_of(pending, world)
    step = world.step[pending.customer]
    np.testing.assert_array_equal(step_at(now, pending, world), step)
    np.testing.assert_array_equal(step_at(now + 1, pending, world), step + 1)
    np.testing.assert_array_equal(step_at(now + 5 * HOUR, pending, world), step + 3)
