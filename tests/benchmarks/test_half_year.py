"""The half-year's parts: a month through the real store, the drift that is injected, the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import prometheus_client
import pytest

from benchmarks.half_year import START, Plan, _configuration, _drift, _over
from benchmarks.half_year_page import Month, tables, write_page
from benchmarks.store_policy import StorePolicy, rows_of
from data_contracts.times import DAY
from learning.parity import compare_features, sampled_decisions
from learning.shelf import Shelf
from serving.metrics import Metrics
from simulation.account import Account
from simulation.companies import kind_named
from simulation.company import Company
from simulation.rules import HistoricalPolicy
from tests.serving.live import promote, write_bundle


@pytest.fixture
def metrics() -> Iterator[Metrics]:
    before = set(prometheus_client.REGISTRY._collector_to_names)
    yield Metrics()
    for collector in set(prometheus_client.REGISTRY._collector_to_names) - before:
        prometheus_client.REGISTRY.unregister(collector)


@pytest.mark.slow
def test_the_company_lives_through_the_store_and_its_features_agree(tmp_path: Path, metrics: Metrics) -> None:
    plan = Plan(customers=50, history_days=20, month_days=6)
    company = Company(kind_named("subscription"), 50, 3, start=START, days=40, history_days=20)
    company.run(20)
    promote(tmp_path, write_bundle(tmp_path / "bundle"), "3")
    policy = StorePolicy(tmp_path, "sqlite:///tact.db", _configuration(plan), metrics)
    policy.ingest(rows_of(company, company.touchpoints(START + 20 * DAY)))
    company.run(5, policy)
    logged = [row for batch in policy.store.export_decisions() for row in batch]
    assert len(logged) == policy.asked > 50
    assert sum(row.action == "send" for row in logged) == policy.sent
    # What the company sent is what the log let out (opted-out channels are closed on both sides).
    assert company.account.contacts.sum() + company.account.transactional.sum() >= policy.sent > 0
    sends = [send for batch in policy.store.export_sends() for _, send in batch]
    assert {send.state for send in sends} == {"sent"}
    sample = sampled_decisions(policy.store, 100, 0, START + 60 * DAY)
    found = compare_features(policy.store, sample, Shelf(tmp_path).bundle, policy.configuration)
    assert found.compared > 30 and found.differing == 0, found.told()
    policy.close()


@pytest.mark.slow
def test_the_drift_that_is_injected_is_a_real_one() -> None:
    company = Company(kind_named("subscription"), 300, 5, start=START, days=60, history_days=60)
    company.run(20)
    usual, drifted = company.fork(), company.fork()
    usual.run(20, HistoricalPolicy())
    _drift(company)
    drifted.run(20, HistoricalPolicy())
    value, low, high = _over(drifted.account, usual.account)
    assert value < 0 and high < 0 and low < value


def test_values_are_paired_by_customer() -> None:
    one, other = Account.empty(100), Account.empty(100)
    one.expected_helps += np.arange(100) + 1.0
    other.expected_helps += np.arange(100)
    assert _over(one, other) == pytest.approx((1.0, 1.0, 1.0))


def test_the_page_keeps_what_stands_around_its_tables(tmp_path: Path) -> None:
    bounded = (0.1, 0.0, 0.2)
    month = Month(
        1, bounded, bounded, bounded, 2.0, 3.0, bounded, "version 1 promoted", True, (), 0, None, (9, 0), 5, 6
    )
    months = [replace(month, number=n, found_after=(12.0, 9.5) if n == 5 else None) for n in range(1, 7)]
    text = tables(4, 5, months, "command", 60.0, 100.0, {"customers": 3})
    page = tmp_path / "half-year.md"
    write_page(page, text)
    page.write_text(page.read_text() + "\nWritten by hand.\n")
    write_page(page, text)
    assert page.read_text().count("12 h after it did") == 1 and "usual gap was 9.5 h" in page.read_text()
    assert "Written by hand." in page.read_text() and "| 4 (drift) |" in page.read_text()
