"""Figures with intervals, calibration errors, and the page."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks.cell import CellResult
from benchmarks.checks import Checked, calibration_error, noise_floor
from benchmarks.decisions import _options, plans_of, summaries_of
from benchmarks.figures import DEPARTMENT_KPIS
from benchmarks.intervals import bootstrap_interval, mean_interval, share_of_way
from benchmarks.page import BEGIN, END, table, tables, write_page
from benchmarks.plan import (
    ABLATIONS,
    CEILING,
    CLICK,
    MAIN,
    NEVER,
    NO_WAIT,
    ORACLE,
    TACT,
    USUAL,
    VARIANTS,
    CellPlan,
)

NET = {NEVER: 0.0, CLICK: 0.1, TACT: 0.5, CEILING: 0.6, ORACLE: 1.1, NO_WAIT: 0.4}


def cell(seed: int, variant: str = USUAL) -> CellResult:
    random = np.random.default_rng(seed)
    luck = random.normal(size=400)
    result = CellResult(CellPlan("retail", seed, variant))
    for name, net in NET.items():
        size = 200 if name in ABLATIONS else 400
        own = luck[:size] + net + 0.1 * random.normal(size=size)
        figures = dict.fromkeys(("net", "helps", "interruptions", "realised_net"), own)
        figures |= {"contacts": np.ones(size), "gone": np.zeros(size)}
        figures |= {f"kpi_{kpi}": np.ones(size) for kpi in DEPARTMENT_KPIS}
        result.figures[name] = figures
    estimated = random.random((300, 4))
    result.checked[TACT] = Checked(
        estimated=estimated,
        true=np.clip(estimated + 0.1, 0, 1),
        chosen=estimated[:, 0] > 0.5,
        price=np.zeros(300),
        sent_estimated=estimated[:, :2],
        sent_outcome=(random.random((300, 2)) < estimated[:, :2]).astype(float),
        goal_predicted=np.zeros(50, np.int64),
        goal_probability=np.full(50, 0.5),
        goal_realised=np.arange(50) % 2,
        goal_last=np.ones(50, np.int64),
        goal_best=np.where(np.arange(50) < 40, np.arange(50) % 2, -1),
    )
    return result


def test_paired_differences_are_precise_although_customers_differ() -> None:
    (summary,) = summaries_of([cell(1), cell(2)])
    rows = {row.policy: row for row in summary.rows}
    assert rows[NEVER].net.estimate == 0.0
    assert rows[TACT].net.estimate == pytest.approx(50, abs=2)
    assert rows[TACT].net.high - rows[TACT].net.low < 4
    gap = summary.gap
    assert (gap.best_rule, gap.best_rival) == (CLICK, CLICK)
    assert gap.to_ceiling is not None
    assert gap.to_ceiling.estimate == pytest.approx(0.8, abs=0.05)
    assert gap.to_ceiling.low < 0.8 < gap.to_ceiling.high
    assert gap.to_oracle is not None
    assert gap.to_oracle.estimate == pytest.approx(0.4, abs=0.03)
    assert summary.ablations[NO_WAIT].estimate == pytest.approx(10, abs=3)


def test_the_check_of_chances() -> None:
    (summary,) = summaries_of([cell(1)])
    (check,) = summary.checks
    assert check.against_truth["p_helps"][0] == pytest.approx(0.1, abs=0.02)
    assert check.bias_chosen["p_helps"] == pytest.approx(-0.08, abs=0.02)
    assert check.correlation["lift_helps"] > 0.9
    assert (check.goal_accuracy, check.goal_best, check.goal_last) == (0.5, 1.0, 0.5)


def test_calibration_error_of_known_cases() -> None:
    p = np.linspace(0.05, 0.95, 1_000)
    assert calibration_error(p, p) == 0.0
    assert calibration_error(p, np.minimum(p + 0.03, 1.0)) == pytest.approx(0.03, abs=1e-3)
    assert math.isnan(calibration_error(np.zeros(0), np.zeros(0)))
    assert 0.0 < noise_floor(p) < 0.06
    assert noise_floor(np.zeros(100)) == 0.0


@pytest.mark.parametrize("seed", range(3))
def test_intervals_cover_what_they_should(seed: int) -> None:
    random = np.random.default_rng(seed)
    inside = 0
    for _ in range(200):
        parts = [random.normal(1.0, 2.0, 100) for _ in range(3)]
        interval = mean_interval(parts)
        inside += interval.low <= 1.0 <= interval.high
    assert 180 <= inside <= 199
    columns = [random.normal([0.0, 1.0, 2.0], 1.0, (300, 3)) for _ in range(2)]
    way = bootstrap_interval(columns, lambda means: share_of_way(*map(float, means)))
    assert way.low < 0.5 < way.high
    assert math.isnan(share_of_way(1.0, 1.0, 1.0))


def test_the_page_keeps_what_is_written_around_the_figures(tmp_path: Path) -> None:
    page = tmp_path / "docs" / "page.md"
    write_page(page, "first")
    page.write_text("# Mine\n\nBefore.\n" + page.read_text().split("\n", 1)[1] + "\nAfter.\n")
    write_page(page, "second")
    text = page.read_text()
    assert "first" not in text
    assert text.startswith("# Mine\n\nBefore.")
    assert text.rstrip().endswith("After.")
    assert text.index(BEGIN) < text.index("second") < text.index(END)


def test_tables_are_markdown_and_name_every_policy() -> None:
    summaries = summaries_of(
        [cell(1), cell(2), *(cell(3, variant) for variant in VARIANTS if variant != USUAL)]
    )
    text = tables(summaries, "the command", 3.0)
    for name in NET:
        assert name.removeprefix("Tact ") in text
    assert "`the command`" in text
    assert all(variant in text for variant in VARIANTS if variant != USUAL)
    widths = {line.count("|") for line in table(["a", "b"], [["1", "2"], ["3", "4"]]).splitlines()}
    assert widths == {3}


def test_plans_follow_the_options() -> None:
    plans = plans_of(_options([]))
    usual = [plan for plan in plans if plan.variant == USUAL]
    assert len(usual) == 9
    assert {plan.kind for plan in usual} == {"subscription", "retail", "telecoms"}
    assert len(plans) == 9 + 3 * (len(VARIANTS) - 1)
    quick = plans_of(_options(["--quick", "--kinds", "retail", "--policies", "Tact", "oracle"]))
    assert [(plan.kind, plan.policies) for plan in quick] == [("retail", (NEVER, TACT, ORACLE))]
    assert quick[0].customers < usual[0].customers
    with pytest.raises(SystemExit):
        _options(["--policies", "nonsense"])
    assert set(MAIN) < set(usual[0].policies)
