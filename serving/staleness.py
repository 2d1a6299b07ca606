"""How old each source's newest row about a customer is, for the metrics."""

from __future__ import annotations

from collections.abc import Sequence

from features.columns import TouchpointColumns
from serving.metrics import Metrics


def observe_staleness(
    metrics: Metrics, columns: TouchpointColumns, known_sources: Sequence[str], now: int
) -> None:
    """Note how old each source's newest row about a customer is; only sources that the model knows."""
    seen: set[int] = set()
    for row in range(len(columns) - 1, -1, -1):
        source = int(columns.source[row])
        if source in seen:
            continue
        seen.add(source)
        name = columns.strings[source] if source >= 0 else ""
        if name in known_sources:
            metrics.staleness.labels(name).observe(max(0, now - int(columns.event_time[row])) / 1e6)
        if len(seen) >= len(known_sources) or len(columns) - row > 200:
            break
