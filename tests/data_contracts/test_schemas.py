"""The golden JSON Schemas are those of the models, and say what the contract's examples need."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from data_contracts.messages import SCHEMAS
from data_contracts.schemas import FOLDER, as_text, schema_of

CANDIDATE: dict[str, Any] = {
    "message_id": "m-1", "department": "marketing", "channel": "email", "topic": "upsell",
    "purpose": "promotional", "value": 1.0, "not_before": None, "expires_at": None,
    "campaign_id": None, "group": None, "attributes": {},
}  # fmt: skip
REQUEST: dict[str, Any] = {
    "customer_id": "c-1042", "candidates": [CANDIDATE], "decision_id": None, "mode": "enforce",
    "now": None, "explain": False,
}  # fmt: skip


def test_the_files_are_up_to_date() -> None:
    assert {file.stem for file in FOLDER.glob("*.json")} == set(SCHEMAS)
    for name in SCHEMAS:
        kept = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
        assert kept == as_text(schema_of(name)), f"run `python -m data_contracts.schemas` ({name})"


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_each_is_a_valid_schema(name: str) -> None:
    schema = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)


def test_the_contracts_request_fits() -> None:
    jsonschema.validate(REQUEST, schema_of("decide_request"))


@pytest.mark.parametrize(
    "change",
    [
        {"customer_id": ""},
        {"candidates": []},
        {"mode": "holdout"},
        {"unknown": 1},
        {"candidates": [CANDIDATE | {"purpose": "spam"}]},
        {"candidates": [CANDIDATE | {"value": "1"}]},
        {"candidates": [CANDIDATE | {"colour": "red"}]},
    ],
)
def test_what_the_service_refuses_the_schema_refuses(change: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(REQUEST | change, schema_of("decide_request"))
