"""Run a suite on a frame, and write what came out as Data Docs (HTML)."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from data_contracts.configuration import Configuration
from data_contracts.expectations import ProgressBarsConfig, RunIdentifier, gx
from data_contracts.suites import (
    Suite,
    decisions_suite,
    service_log_suite,
    touchpoints_suite,
    training_suite,
)

_SITE = "tact"
_EXAMPLES = 5
_LOGO = re.compile(r"""https://great-expectations-web-assets[^"')]*""")


@dataclass(frozen=True, slots=True)
class ExpectationResult:
    """What one expectation found; `rows` is how many broke it, None where it is not about rows."""

    description: str
    severity: str
    passed: bool
    rows: int | None
    examples: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return {
            "description": self.description,
            "severity": self.severity,
            "passed": self.passed,
            "rows": self.rows,
            "examples": list(self.examples),
        }


@dataclass(frozen=True, slots=True)
class SuiteReport:
    """What a suite found: `passed` where no critical expectation failed."""

    suite: str
    results: tuple[ExpectationResult, ...]

    def failed(self, severity: str) -> tuple[ExpectationResult, ...]:
        """The failed expectations of one severity."""
        return tuple(r for r in self.results if not r.passed and r.severity == severity)

    @property
    def passed(self) -> bool:
        return not self.failed("critical")

    def as_dict(self) -> dict[str, Any]:
        return {
            "suite": self.suite,
            "passed": self.passed,
            "results": [result.as_dict() for result in self.results],
        }


def check_touchpoints(
    received: pd.DataFrame, configuration: Configuration, now: int, docs: Path | None = None
) -> SuiteReport:
    """Check touchpoints as `read_table(..., keep_received=True)` received them; `now` in microseconds."""
    return run_suite(received, touchpoints_suite(configuration, now), docs)


def check_decisions(received: pd.DataFrame, now: int, docs: Path | None = None) -> SuiteReport:
    """Check decisions as `read_table(..., keep_received=True)` received them; `now` in microseconds."""
    propensities = bool(received["send_probability"].notna().any())
    return run_suite(received, decisions_suite(now, propensities), docs)


def check_service_log(decisions: pd.DataFrame, now: int, docs: Path | None = None) -> SuiteReport:
    """Check the service's own log, a frame of decisions as `read_table` gives it; `now` in microseconds."""
    return run_suite(decisions, service_log_suite(now), docs)


def check_training_table(rows: pd.DataFrame, goals: Sequence[str], docs: Path | None = None) -> SuiteReport:
    """Check the table that models are fitted on (`suites.TRAINING_COLUMNS`); `goals` with `none`."""
    return run_suite(rows, training_suite(goals), docs)


def run_suite(frame: pd.DataFrame, suite: Suite, docs: Path | None = None) -> SuiteReport:
    """Run a suite on a frame and, where `docs` is given, write Data Docs into that folder anew.

    Raises
    ------
    RuntimeError
        An expectation could not be evaluated at all, which is a fault of the suite.
    """
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("tact").add_dataframe_asset(suite.name)
    batch = asset.add_batch_definition_whole_dataframe("all")
    definition = gx.ValidationDefinition(name=suite.name, data=batch, suite=context.suites.add(suite))
    checkpoint = gx.Checkpoint(
        name=suite.name,
        validation_definitions=[context.validation_definitions.add(definition)],
        result_format={"result_format": "SUMMARY", "partial_unexpected_count": 4 * _EXAMPLES},
    )
    outcome = context.checkpoints.add(checkpoint).run(
        batch_parameters={"dataframe": _without_zones(frame)},
        run_id=RunIdentifier(run_name="tact-validate"),
    )
    (found,) = outcome.run_results.values()
    report = SuiteReport(suite.name, tuple(_result(result) for result in found.results))
    if docs is not None:
        _write_docs(context, docs)
    return report


def _without_zones(frame: pd.DataFrame) -> pd.DataFrame:
    """The same frame with UTC times as plain ones: pairs of columns are compared as NumPy arrays."""
    zoned = frame.select_dtypes("datetimetz")
    return frame.assign(**{str(name): times.dt.tz_convert(None) for name, times in zoned.items()})


def _result(result: Any) -> ExpectationResult:
    configuration = result.expectation_config
    raised = result.exception_info or {}
    flat = [raised] if "raised_exception" in raised else list(raised.values())
    for info in flat:
        if info.get("raised_exception"):
            raise RuntimeError(f"{configuration.description}: {info['exception_message']}")
    details = result.result
    rows = details.get("unexpected_count")
    values = details.get("partial_unexpected_list") or []
    if not result.success and not values and details.get("observed_value") is not None:
        values = [details["observed_value"]]
    distinct = dict.fromkeys(text for value in values if (text := _shown(value)))
    severity = configuration.severity
    return ExpectationResult(
        description=configuration.description,
        severity=getattr(severity, "value", severity),
        passed=bool(result.success),
        rows=None if rows is None else int(rows),
        examples=tuple(distinct)[:_EXAMPLES],
    )


def _shown(value: Any) -> str:
    """An unexpected value, or the values of several columns, as text; a gap is nothing to show."""
    if isinstance(value, dict):
        return ", ".join(map(_shown, value.values()))
    if isinstance(value, (tuple, list)):
        return ", ".join(map(_shown, value))
    return "" if pd.isna(value) else str(value)


def _write_docs(context: Any, docs: Path) -> None:
    shutil.rmtree(docs, ignore_errors=True)
    context.add_data_docs_site(
        _SITE,
        {
            "class_name": "SiteBuilder",
            "store_backend": {
                "class_name": "TupleFilesystemStoreBackend",
                "base_directory": str(docs.absolute()),
            },
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            "show_how_to_buttons": False,
        },
    )
    context.build_data_docs(site_names=[_SITE])
    for page in docs.rglob("*.html"):
        # The logo would be fetched with the time of the build in its address; the site has a copy of it.
        up = "../" * (len(page.relative_to(docs).parts) - 1)
        text = page.read_text(encoding="utf-8")
        page.write_text(_LOGO.sub(f"{up}static/images/logo-long.png", text), encoding="utf-8")
