"""Everything that a worker process holds while it runs, put together and looked after."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

from data_contracts.configuration import Configuration
from data_contracts.errors import StoreUnavailable, TactError
from serving.answering import Answering, clock_microseconds
from serving.champion import Champion, Loaded
from serving.history import HistoryBounds
from serving.logs import LOGGER
from serving.metrics import Metrics
from serving.spool import Spool
from serving.store import open_store

START_WAIT_SECONDS = 20.0
"""How long a starting worker holds back its first answers for the champion to be warm."""
POLL_SECONDS = 1.0
_PATIENCE = 0.4
"""Share of a decision's deadline that one call of the store may wait."""
_DEFAULT_PATIENCE_MS = 2_000
_SWITCH_SECONDS = 0.001
"""The event loop must not wait long for a computing thread (Python's own default is 5 ms)."""
_COLLECTOR_THRESHOLDS = (50_000, 20, 50)
_log = logging.getLogger(LOGGER)


class Runtime:
    """One worker's store, champion, spool, threads and metrics.

    `quick` runs single decisions and confirms, `bulk` what takes long (batches, ingest, timelines),
    `rescue` answers where the others are stuck, and `checks` asks the database how it is.
    """

    def __init__(
        self,
        configuration: Configuration,
        home: Path,
        metrics: Metrics | None = None,
        clock: Callable[[], int] = clock_microseconds,
    ) -> None:
        self.configuration = configuration
        self.home = home
        self.metrics = metrics or Metrics()
        bounds = HistoryBounds.of(configuration)
        url = configuration.service.database
        # Decisions have a deadline, which bulk work may pass: each has its own patience.
        self.store = open_store(within_deadline(url, configuration.service.deadline_ms), home, bounds)
        self.bulk_store = open_store(url, home, bounds)
        self.spool = Spool(home / "spool" / "decisions.jsonl")
        self.champion = Champion(home, configuration, self._after_swap)
        self.answering = Answering(self.store, self.spool, self.champion, configuration, self.metrics, clock)
        threads = configuration.service.threads
        self.quick = ThreadPoolExecutor(threads, "tact-quick")
        self.bulk = ThreadPoolExecutor(1, "tact-bulk")
        self.rescue = ThreadPoolExecutor(1, "tact-rescue")
        self.checks = ThreadPoolExecutor(1, "tact-checks")
        self._stop = threading.Event()
        self._warm = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="tact-keeper", daemon=True)
        self._supervisor = os.environ.get("TACT_SUPERVISOR")
        self._pause_started = 0.0

    def start(self) -> None:
        """Begin to look after everything, and wait a while for the champion to be warm."""
        sys.setswitchinterval(_SWITCH_SECONDS)
        gc.callbacks.append(self._on_collection)
        try:
            self.spool.prepare()
        except StoreUnavailable as error:
            _log.error("the spool can't be written", extra={"fields": {"reason": error.detail}})
        self._check_store()
        self._keeper.start()
        self._warm.wait(START_WAIT_SECONDS)

    def stop(self) -> None:
        """End the threads and give back files and connections."""
        self._stop.set()
        if self._keeper.is_alive():
            self._keeper.join(timeout=10)
        for executor in (self.quick, self.bulk, self.rescue, self.checks):
            executor.shutdown(wait=False, cancel_futures=True)
        if self._on_collection in gc.callbacks:
            gc.callbacks.remove(self._on_collection)
        self.store.close()
        self.bulk_store.close()
        self.spool.close()

    def is_ready(self) -> bool:
        """Whether the model is warm and the database answers, asked anew."""
        if self.champion.current is None:
            return False
        try:
            self.store.health()
        except StoreUnavailable as error:
            self.answering.store_failed(error)
            return False
        return self.answering.store_trouble is None

    def _keep(self) -> None:
        first = True
        while not self._stop.is_set():
            try:
                self.champion.poll()
                if first:
                    self._settle()
                    self._warm.set()
                    first = False
                self._check_store()
                self.metrics.spool_pending.set(int(self.spool.is_pending()))
                self.metrics.ready.set(
                    int(self.champion.current is not None and self.answering.store_trouble is None)
                )
            except Exception as error:  # the keeper must outlive whatever one round meets
                _log.error("housekeeping failed", exc_info=error)
                self._warm.set()
            if self._supervisor and os.getppid() != int(self._supervisor):
                _log.warning("the supervisor is gone; this worker ends")
                os.kill(os.getpid(), signal.SIGTERM)
                return
            self._stop.wait(POLL_SECONDS)

    def _check_store(self) -> None:
        """While the database is away, ask how it is; once it is back, bring it what was spooled."""
        if self.answering.store_trouble is None and not self.spool.is_pending():
            return
        try:
            self.store.health()
            self.answering.replay_spool()
        except StoreUnavailable as error:
            self.answering.store_failed(error)
        except TactError as error:
            _log.error("the spool can't be replayed", extra={"fields": {"reason": error.detail}})
        else:
            if self.answering.store_trouble is not None:
                _log.warning("the database is back")
                self.answering.store_trouble = None

    def _after_swap(self, loaded: Loaded) -> None:
        trained = loaded.bundle.description.get("trained_at")
        self.metrics.model_in_use(loaded.version, _seconds(trained))
        if self._warm.is_set():
            self._settle()

    def _settle(self) -> None:
        """Take what lives for long out of the collector's sight, so that its pauses stay short."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_COLLECTOR_THRESHOLDS)

    def _on_collection(self, phase: str, _: dict[str, Any]) -> None:
        if phase == "start":
            self._pause_started = time.perf_counter()
        else:
            self.metrics.collector.observe(time.perf_counter() - self._pause_started)


def within_deadline(url: str, deadline_ms: float) -> str:
    """The database's URL with waits so short that two tries fit into a decision's deadline.

    A commit that is still on its way when the deadline passes might yet succeed, and then the
    caller's degraded answer would not be the stored one. An option that the URL gives stays.
    """
    option = "timeout_ms" if url.startswith("sqlite:") else "tact_timeout_ms"
    limit = max(10, round(deadline_ms * _PATIENCE))
    if f"{option}=" in url or limit >= _DEFAULT_PATIENCE_MS:
        return url
    return f"{url}{'&' if '?' in url else '?'}{option}={limit}"


def _seconds(text: object) -> float | None:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return None
