"""The service's own figures in Prometheus' form, right for several workers, without customer data.

The client library must be imported after PROMETHEUS_MULTIPROC_DIR is set, so the metrics are made
when the service starts and not when a module is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from policy.reasons import CODES

if TYPE_CHECKING:
    from prometheus_client import Counter, Gauge, Histogram

STAGES = ("parse", "history", "features", "models", "policy", "answer", "log")
_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_AGES = (60.0, 600.0, 3_600.0, 21_600.0, 86_400.0, 259_200.0, 604_800.0, 2_592_000.0)
_ACTIONS = ("send", "wait", "suppress")
_CAP_CODES = ("cap", "cap_zero")
_LABELS = (
    ("degraded", ("model", "database", "deadline", "unlogged")),
    ("touchpoints", ("accepted", "duplicate", "rejected")),
    ("confirms", ("sent", "released", "late")),
)


class Metrics:
    """All counters, gauges and histograms; one instance a process."""

    def __init__(self) -> None:
        import prometheus_client as prometheus

        forget_dead_workers()
        self.decisions: Counter = prometheus.Counter(
            "tact_decisions", "Candidates decided on, by action and first reason.", ["action", "reason"]
        )
        self.degraded: Counter = prometheus.Counter(
            "tact_degraded_answers", "Answers given without the model or the database.", ["cause"]
        )
        self.cap_refusals: Counter = prometheus.Counter(
            "tact_cap_refusals", "Candidates that a cap held back.", []
        )
        self.retries: Counter = prometheus.Counter(
            "tact_decide_retries", "Decisions computed again because the customer changed meanwhile.", []
        )
        self.touchpoints: Counter = prometheus.Counter(
            "tact_touchpoints", "Touchpoints received, by what became of them.", ["result"]
        )
        self.confirms: Counter = prometheus.Counter(
            "tact_confirms", "Sends confirmed, released, or confirmed too late and refused.", ["state"]
        )
        self.problems: Counter = prometheus.Counter(
            "tact_problems", "Requests answered with a problem, by its type.", ["problem"]
        )
        self.stages: Histogram = prometheus.Histogram(
            "tact_stage_seconds", "Time of one decision by stage.", ["stage"], buckets=_SECONDS
        )
        self.staleness: Histogram = prometheus.Histogram(
            "tact_history_age_seconds",
            "Age of a customer's newest touchpoint when a decision was made, by source.",
            ["source"],
            buckets=_AGES,
        )
        self.collector: Histogram = prometheus.Histogram(
            "tact_collector_pause_seconds", "Pauses for Python's garbage collector.", buckets=_SECONDS
        )
        self.model: Gauge = prometheus.Gauge(
            "tact_model_loaded", "1 for the model version that answers.", ["version"],
            multiprocess_mode="livemax",
        )  # fmt: skip
        self.model_trained: Gauge = prometheus.Gauge(
            "tact_model_trained_timestamp_seconds", "When the model in use was trained.",
            multiprocess_mode="livemostrecent",
        )  # fmt: skip
        self.ready: Gauge = prometheus.Gauge(
            "tact_ready_workers", "Workers whose model is warm and whose database answers.",
            multiprocess_mode="livesum",
        )  # fmt: skip
        self.spool_pending: Gauge = prometheus.Gauge(
            "tact_spool_pending", "1 while decisions on this machine's disk wait for the database.",
            multiprocess_mode="livemax",
        )  # fmt: skip
        # A counter that is there before its first event: else nobody sees the first one happen.
        for counter, values in _LABELS:
            for value in values:
                getattr(self, counter).labels(value)
        self._version: str | None = None
        self._decision = {
            (action, code): self.decisions.labels(action, code) for action in _ACTIONS for code in CODES
        }
        self._stage = {stage: self.stages.labels(stage) for stage in STAGES}

    def decided(self, counts: tuple[tuple[str, str, int], ...], seconds: Mapping[str, float]) -> None:
        """Count one decision's candidates and note its stages."""
        for action, code, number in counts:
            counter = self._decision.get((action, code)) or self.decisions.labels(action, "other")
            counter.inc(number)
            if code in _CAP_CODES:
                self.cap_refusals.inc(number)
        for stage, spent in seconds.items():
            self._stage[stage].observe(spent)

    def model_in_use(self, version: str, trained_at: float | None) -> None:
        """Say which model answers; the one before it goes to 0."""
        if self._version is not None and self._version != version:
            self.model.labels(self._version).set(0)
        self._version = version
        self.model.labels(version).set(1)
        if trained_at is not None:
            self.model_trained.set(trained_at)


def forget_dead_workers() -> None:
    """Take the gauges of workers that were killed out of the sums; BentoML leaves them."""
    from prometheus_client.multiprocess import mark_process_dead

    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    for file in Path(folder).glob("gauge_live*_*.db") if folder else ():
        worker = file.stem.rpartition("_")[2]
        if worker.isdigit() and not _is_alive(int(worker)):
            mark_process_dead(int(worker))  # type: ignore[no-untyped-call]  # the library is half typed


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
