"""The dashboard and the alert rules name only metrics and labels that the service has."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.serving.live import LiveService, asked, touchpoint

FOLDER = Path(__file__).parents[2] / "docs" / "operations"
_NAME = re.compile(r"\b((?:tact|bentoml)_[a-z_]+)(\{[^}]*\})?")
_LABEL = re.compile(r"([a-z_]+)\s*(?:=~|!~|!=|=)")
_BY = re.compile(r"\bby \(([a-z_, ]+)\)")


def dashboard() -> Any:
    return json.loads((FOLDER / "grafana-dashboard.json").read_text(encoding="utf-8"))


def rules() -> list[dict[str, Any]]:
    text = (FOLDER / "prometheus-alerts.yml").read_text(encoding="utf-8")
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def expressions() -> dict[str, str]:
    found = {rule["alert"]: rule["expr"] for rule in rules()}
    for panel in dashboard()["panels"]:
        for target in panel["targets"]:
            found[f"{panel['title']} {target['refId']}"] = target["expr"]
    for annotation in dashboard()["annotations"]["list"]:
        found[annotation["name"]] = annotation["expr"]
    return found


@pytest.fixture(scope="module")
def exported(service: LiveService) -> dict[str, set[str]]:
    """Names of samples on /metrics with their labels, once everything happened that makes one."""
    rows = [touchpoint(f"ops-{number}", "c-ops", source="web") for number in range(20)]
    service.post("/ingest", {"touchpoints": rows})
    for number in range(40):
        assert service.post("/decide", asked("c-ops", decision_id=f"d-ops-{number}")).status_code == 200
    assert service.post("/decide", {}).status_code == 422
    found: dict[str, set[str]] = defaultdict(set)
    for line in service.get("/metrics").text.splitlines():
        if line.startswith("# TYPE "):  # a gauge that was never set has no sample, but is there
            found[line.split()[2]] |= set()
        elif not line.startswith("#"):
            name, _, labels = line.partition(" ")[0].partition("{")
            found[name] |= set(re.findall(r'([a-z_]+)="', labels))
    # Sources are those that the model knows; the small bundle of the tests may know none of ours.
    found["tact_history_age_seconds_bucket"] |= {"le", "source"}
    return found


@pytest.mark.parametrize("where", sorted(expressions()))
def test_each_expression_names_what_there_is(exported: dict[str, set[str]], where: str) -> None:
    expression = expressions()[where]
    named = _NAME.findall(expression)
    assert named, "an expression about nothing of ours"
    labels: set[str] = set()
    for name, given in named:
        assert name in exported, f"{name} is no metric of the service"
        asked_for = set(_LABEL.findall(given))
        assert asked_for <= exported[name], f"{name} has no label {sorted(asked_for - exported[name])}"
        labels |= exported[name]
    for group in _BY.findall(expression):
        assert {one.strip() for one in group.split(",")} <= labels


def test_what_the_issue_asks_for_is_on_the_dashboard() -> None:
    text = json.dumps([panel["targets"] for panel in dashboard()["panels"]])
    for name in (
        "tact_decisions_total", "tact_degraded_answers_total", "tact_cap_refusals_total",
        "tact_history_age_seconds", "tact_model_loaded", "tact_model_trained_timestamp_seconds",
        "tact_stage_seconds", "tact_confirms_total", "tact_touchpoints_total",
    ):  # fmt: skip
        assert name in text
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [tuple(panel["gridPos"][side] for side in ("x", "y")) for panel in panels]
    assert len(set(places)) == len(places)


def test_each_alert_says_what_is_wrong() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    for rule in rules():
        assert rule["annotations"]["summary"] and rule["labels"]["severity"] in ("page", "ticket")
