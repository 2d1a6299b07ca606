"""Figures of a company that can be counted by hand (`careless_company`: 40 customers, 160 messages)."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_contracts.configuration import configuration_from
from reporting.behaviours import behaviours
from reporting.customer_kpis import customer_kpis, retention_curve
from reporting.department_kpis import department_kpis, same_customers
from reporting.estimates import Estimate, Figure
from reporting.experience import experience, touches_histogram
from reporting.interaction import interaction
from reporting.long_term import crowding, horizons
from reporting.study import Study
from reporting.targets import DEFAULTS, load_targets
from tests.reporting.companies import careless_company, study_of, touch


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return study_of(tmp_path_factory.mktemp("careless"), careless_company())


def found(figure: Figure, /, **labels: str) -> Estimate:
    row = figure.find(**labels)
    if row is None:
        raise AssertionError(f"{figure.key} has no row {labels}")
    return row.estimate


def test_department_figures(study: Study) -> None:
    figure = department_kpis(study, DEFAULTS)
    expected = {
        ("marketing", "click_rate"): 10 / 40,
        ("marketing", "refusal_rate"): 4 / 40,
        ("support", "first_response_hours"): 6.0,
        ("support", "resolution_hours"): 48.0,
    }
    for (department, name), value in expected.items():
        assert found(figure, department=department, figure=name).value == pytest.approx(value), name
    verdicts = {(row.labels["department"], row.labels["figure"]): row.labels["met"] for row in figure.rows}
    assert verdicts[("marketing", "click_rate")] == "yes"
    assert verdicts[("marketing", "refusal_rate")] == "no"
    assert verdicts[("support", "resolution_hours")] == "yes"


def test_own_targets_take_the_place_of_rules_of_thumb(study: Study, tmp_path: Path) -> None:
    file = tmp_path / "targets.toml"
    file.write_text("resolution_hours = 24\n", encoding="utf-8")
    figure = department_kpis(study, load_targets(file))
    row = figure.find(department="support", figure="resolution_hours")
    assert row is not None
    assert (row.labels["target"], row.labels["met"]) == ("24", "no")


def test_what_the_same_customers_went_through(study: Study) -> None:
    figure = same_customers(study)
    # Sales writes 24 h after marketing, product 18 h after support; marketing comes first.
    shares = {"marketing": 0.0, "sales": 1.0, "support": 0.0, "product": 1.0}
    for department, value in shares.items():
        assert found(figure, department=department, what="after_another_department").value == value
    assert found(figure, department="product", what="while_case_open").value == 1.0
    assert found(figure, department="sales", what="while_case_open").value == 0.0
    assert found(figure, department="support", what="others_in_case").value == 1.0
    # Unsubscribing interrupts marketing's message; an NPS of 3 at hour 200 is within 72 h of product's at 144.
    assert found(figure, department="marketing", what="interrupted").value == pytest.approx(4 / 40)
    assert found(figure, department="product", what="interrupted").value == pytest.approx(15 / 40)


def test_experience(study: Study) -> None:
    figure = experience(study)
    assert found(figure, what="after_another_department").value == pytest.approx(80 / 160)
    assert found(figure, what="three_departments").value == 0.0
    assert found(figure, what="while_case_open").value == pytest.approx(40 / 160)
    assert found(figure, what="others_in_case").value == 1.0
    # The four who unsubscribed at hour 12 got sales, support and product within 7 days.
    assert found(figure, what="after_a_no").value == pytest.approx(12 / 160)
    assert found(figure, what="handed_off", of="customers").value == pytest.approx(20 / 40)
    weeks = 800 / 168
    assert found(figure, what="touches_a_week").value == pytest.approx(4 / weeks)
    monthly = found(figure, what="handed_off", of="customer months")
    assert monthly.value == pytest.approx(100 * 20 / (40 * 800 / 720))
    gate = found(figure, what="gate", of="customers")
    assert (gate.value, gate.reason) == (None, "no system reports this")


def test_weeks_of_customers(study: Study) -> None:
    figure = touches_histogram(study)
    # Four whole weeks each: all four messages of four departments in the first one, none in the others.
    assert found(figure, what="touches", number="4").value == pytest.approx(0.25)
    assert found(figure, what="touches", number="0").value == pytest.approx(0.75)
    assert found(figure, what="departments", number="4").value == pytest.approx(0.25)
    assert found(figure, what="departments", number="5+").value == 0.0


def test_customers_in_the_figures(study: Study) -> None:
    figure = customer_kpis(study)
    assert found(figure, figure="value", part="per customer").value == pytest.approx(12 * 30 / 40)
    assert found(figure, figure="value", part="spent at all").value == pytest.approx(8 / 40)
    repeat = found(figure, figure="repeat", part="bought again")
    assert repeat.reason == "too little data: 8 customers of 8 customers; needs 30 customers of 20 customers"
    assert found(figure, figure="nps", part="promoters").value == pytest.approx(10 / 40)
    assert found(figure, figure="nps", part="detractors").value == pytest.approx(15 / 40)
    assert found(figure, figure="nps", part="score").value == pytest.approx(100 * (10 - 15) / 40)
    assert found(figure, figure="csat", part="mean").reason == "no system reports this"
    assert found(figure, figure="engagement", part="messages answered").value == pytest.approx(10 / 160)
    assert found(figure, figure="referrals", part="referred somebody").reason == "no system reports this"


def test_retention_by_week(study: Study) -> None:
    figure = retention_curve(study)
    # Hours 168 to 335: the NPS answer of everybody. Hours 336 to 503: the second purchase of four.
    assert found(figure, week="1").value == 1.0
    assert found(figure, week="2").value == pytest.approx(4 / 40)


def test_latest_answer_counts(tmp_path: Path) -> None:
    rows = []
    for place in range(40):
        rows += [
            touch(f"c{place}", 0, "marketing", "message_sent", message_id=f"m{place}"),
            touch(f"c{place}", 5, "operations", "nps_answered", value=2),
            touch(f"c{place}", 9, "operations", "nps_answered", value=10),
            touch(f"c{place}", 9, "support", "csat_answered", value=1 if place < 10 else 5),
        ]
    figure = customer_kpis(study_of(tmp_path, rows))
    assert found(figure, figure="nps", part="score").value == 100.0
    assert found(figure, figure="csat", part="mean").value == pytest.approx(4.0)
    assert found(figure, figure="csat", part="bad (1–2)").value == pytest.approx(0.25)


def test_outcomes_are_the_configurations(tmp_path: Path) -> None:
    configuration = configuration_from(
        {"outcomes": {"window_hours": 24, "harm": ["steps_counted < 100 within 1h"], "progress": []}}
    )
    rows = []
    for place in range(40):
        rows += [
            touch(f"c{place}", 0, "product", "message_sent", message_id=f"m{place}"),
            touch(f"c{place}", 1 if place < 10 else 2, "product", "steps_counted", value=50),
            touch(f"c{place}", 99, "product", "logged_in"),
        ]
    figure = same_customers(study_of(tmp_path, rows, configuration=configuration))
    # One hour after belongs to the window, two hours do not.
    assert found(figure, department="product", what="interrupted").value == pytest.approx(10 / 40)


def test_what_was_not_observed_to_its_end_does_not_count(tmp_path: Path) -> None:
    rows = []
    for place in range(60):
        name = f"c{place:02d}"
        rows += [
            touch(name, 0, "marketing", "message_sent", message_id=f"m{place}"),
            {
                **touch(name, 50 if place < 20 else 100, "operations", "observation_ended"),
                "direction": "internal",
            },
        ]
        if place >= 45:
            rows.append(touch(name, 72, "marketing", "complained", message_id=f"m{place}"))
    figure = same_customers(study_of(tmp_path, rows))
    interrupted = found(figure, department="marketing", what="interrupted")
    assert (interrupted.value, interrupted.rows) == (15 / 40, 40)


def test_interaction_from_touchpoints_recovers_what_was_planted(tmp_path: Path) -> None:
    rows = []
    for place in range(400):
        name, collided = f"c{place:03d}", place % 2 == 0
        rows.append(touch(name, 0, "sales", "message_sent", message_id=f"s{place}")) if collided else None
        rows.append(touch(name, 24, "marketing", "message_sent", message_id=f"m{place}"))
        # 30 % of the collided complain, 10 % of the others.
        if place // 2 % 10 < (3 if collided else 1):
            rows.append(touch(name, 25, "marketing", "complained", message_id=f"m{place}"))
        rows.append(touch(name, 200, "product", "logged_in"))
    figure = interaction(study_of(tmp_path, rows))
    harm = found(figure, earlier="sales", further="marketing", outcome="interrupts")
    assert harm.value == pytest.approx(0.2)
    assert harm.clear
    assert harm.low is not None and harm.high is not None
    assert 0.1 < harm.low < 0.2 < harm.high < 0.3
    pooled = found(figure, earlier="another department", further="any department", outcome="interrupts")
    # Sales' messages all came alone, so only marketing's can be compared.
    assert pooled.value == pytest.approx(0.2)
    assert found(figure, earlier="marketing", further="sales", outcome="helps").reason == (
        "too little data: 0 moments of 0 customers with it; needs 30 of 20"
    )


def test_behaviours_name_what_nobody_reports(study: Study) -> None:
    figure = behaviours(study)
    assert found(figure, behaviour="A gate", cost="harm").reason == "no system reports this"
    assert (
        found(figure, behaviour="Three or more departments within 48 h", cost="harm").reason
        == "it did not happen"
    )
    slow = found(figure, behaviour="First answer to a case takes over 24 h", cost="harm")
    assert slow.reason == "it did not happen"


def test_behaviours_find_what_was_planted(tmp_path: Path) -> None:
    rows = []
    for place in range(300):
        name, gated = f"c{place:03d}", place % 3 == 0
        rows.append(touch(name, 0, "product", "logged_in"))
        rows.append(touch(name, 1, "marketing", "message_sent", message_id=f"m{place}"))
        if gated:
            rows.append({**touch(name, 30, "marketing", "gate_hit"), "direction": "internal"})
        # In the week after, 40 of the 100 who met a gate cancel, and 20 of the 200 others.
        if place // 3 % 10 < (4 if gated else 1):
            rows.append(touch(name, 200, "billing", "cancelled"))
        rows.append(touch(name, 700, "product", "logged_in"))
    figure = behaviours(study_of(tmp_path, rows))
    harm = found(figure, behaviour="A gate", cost="harm")
    assert harm.value == pytest.approx(0.3)
    assert harm.clear
    harmed = found(figure, behaviour="A gate", cost="harmed")
    assert (harmed.value, harmed.rows) == (pytest.approx(30.0), 100)


def test_without_a_log_there_are_no_horizons(study: Study) -> None:
    assert horizons(study) is None
    assert all(row.estimate.value is None for row in crowding(study).rows)
