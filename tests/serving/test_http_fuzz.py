"""Every address fuzzed from its own OpenAPI document: no 5xx, no hang, nothing undocumented."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from serving.edge import API_PATHS
from tests.serving.live import LiveService

UNSAYABLE = ("stands twice", "NUL character", "outside the years", "is not an ISO 8601 time")
"""Rules that the document can't say, so that what it calls good may be refused for them."""


@pytest.fixture(scope="module")
def documented(service: LiveService) -> Any:
    return schemathesis.openapi.from_url(f"{service.url}/docs.json")


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("path", API_PATHS)
def test_it_answers_as_documented(
    service: LiveService, documented: Any, path: str, mode: GenerationMode
) -> None:
    operation = documented[path]["POST"]

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        response = case.call(base_url=service.url, timeout=20)
        case.validate_response(response, excluded_checks=[positive_data_acceptance])
        assert response.status_code < 500
        if mode.is_positive and response.status_code == 422:
            assert any(rule in response.text for rule in UNSAYABLE), response.text[:500]

    ask()
