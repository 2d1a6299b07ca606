"""What was monitored as files: a page, its figures as JSON, and gauges for Prometheus."""

from __future__ import annotations

import json
import math
from html import escape
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

from data_contracts.errors import InvalidRequest
from data_contracts.times import SECOND, format_time
from learning.monitor import Monitored

_FEATURES_SHOWN = 25
_STYLE = """body{font:15px/1.45 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1d2733}
table{border-collapse:collapse;width:100%;margin:.6rem 0 2rem}th,td{padding:.3rem .6rem;text-align:left;
border-bottom:1px solid #d8dee6}td.n,th.n{text-align:right}.breach{background:#fbe6e4}.few{color:#7b8794}
.state{padding:.8rem 1rem;border-radius:.4rem;background:#e6f3e8}.state.breach{background:#fbe6e4}
@media print{body{margin:0;max-width:none}}"""


def write_page(seen: Monitored, out: Path) -> tuple[Path, Path]:
    """Write the page and the JSON beside it; raises InvalidRequest where a file can't be written."""
    figures = out.with_suffix(".json")
    if figures == out:
        raise InvalidRequest(
            f"--out: {out} is the name of the figures' JSON; give the page another ending, as .html"
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(seen.as_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        figures.write_text(text + "\n", encoding="utf-8")
        out.write_text(page(seen), encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(f"--out: {out} can't be written: {error.strerror or error}") from None
    return out, figures


def page(seen: Monitored) -> str:
    """One self-contained page."""
    breaches = seen.breaches
    state = "".join(f"<li>{escape(one)}</li>" for one in breaches)
    head = (
        f'<div class="state breach"><b>{len(breaches)} breaches</b><ul>{state}</ul></div>'
        if breaches
        else '<div class="state"><b>No breach.</b></div>'
    )
    notes = "".join(f"<p>{escape(note)}</p>" for note in seen.notes)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Tact monitor</title>'
        f"<style>{_STYLE}</style><h1>Tact, watched</h1><p>{format_time(seen.since)} to {format_time(seen.now)}, "
        f"champion {escape(seen.model_version or 'none')}; {seen.fresh_rows:,} recent rows, {seen.settled_rows:,} "
        f"whose outcome is known.</p>{head}{notes}{_feeds(seen)}{_findings(seen)}{_features(seen)}"
        f"<h2>Logged features</h2><p>{escape(seen.parity.told())}.</p></html>\n"
    )


def _feeds(seen: Monitored) -> str:
    rows = "".join(
        f'<tr class="{"breach" if one.silent else "" if one.limit_hours else "few"}"><td>{escape(one.kind)}</td>'
        f'<td>{escape(one.name)}</td><td class="n">{one.arrivals:,}</td><td class="n">{one.quiet_hours:.1f}</td>'
        f'<td class="n">{_number(one.usual_hours)}</td><td class="n">{_number(one.limit_hours)}</td>'
        f'<td class="n">{_number(one.false_alarms_a_month, 2)}</td></tr>'
        for one in sorted(seen.feeds, key=lambda one: (one.kind, one.name))
    )
    return (
        "<h2>Feeds</h2><p>Hours. A feed is silent when nothing has arrived for longer than its limit; false alarms "
        "are those that the same rule would have raised in 30 days of the feed's own past. Grey: too few arrivals "
        'to know.</p><table><tr><th>kind</th><th>feed</th><th class="n">arrivals</th><th class="n">quiet for</th>'
        '<th class="n">usual gap</th><th class="n">limit</th><th class="n">false alarms a month</th></tr>'
        f"{rows}</table>"
    )


def _findings(seen: Monitored) -> str:
    rows = "".join(
        f'<tr class="{"breach" if one.breached else "" if one.judged else "few"}"><td>{one.group}</td>'
        f'<td>{escape(one.told)}</td><td class="n">{_number(one.value, 3)}</td><td class="n">{one.limit:g}</td></tr>'
        for one in seen.findings
    )
    return (
        "<h2>Against the training period</h2><p>A breach is beyond its limit and beyond its noise. Grey: too few rows "
        f'to judge.</p><table><tr><th>what</th><th>found</th><th class="n">value</th><th class="n">limit</th></tr>'
        f"{rows}</table>"
    )


def _features(seen: Monitored) -> str:
    rows = "".join(
        f'<tr><td>{escape(one.name)}</td><td class="n">{one.value:.3f}</td><td class="n">{one.noise:.3f}</td></tr>'
        for one in seen.features[:_FEATURES_SHOWN]
    )
    return (
        f"<h2>Features</h2><p>The {_FEATURES_SHOWN} of {len(seen.features)} with the largest stability index beyond "
        'noise.</p><table><tr><th>feature</th><th class="n">index</th><th class="n">noise</th></tr>'
        f"{rows}</table>"
    )


def write_gauges(seen: Monitored, file: Path) -> None:
    """Gauges for node_exporter's textfile collector, replaced in one step; raises InvalidRequest."""
    registry = CollectorRegistry()

    def gauge(name: str, told: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(f"tact_monitor_{name}", told, labels, registry=registry)

    gauge("timestamp_seconds", "When it was looked at.").set(seen.now / SECOND)
    gauge("breaches", "Breaches found.").set(len(seen.breaches))
    gauge("recent_rows", "Recent decision rows looked at.").set(seen.fresh_rows)
    value = gauge("value", "A comparison with the training period.", ("group", "name"))
    breach = gauge("breach", "1 where the comparison is a breach.", ("group", "name"))
    for one in seen.findings:
        if not math.isnan(one.value):
            value.labels(one.group, one.name).set(one.value)
        breach.labels(one.group, one.name).set(int(one.breached))
    quiet = gauge("feed_quiet_seconds", "Since the feed's last arrival.", ("kind", "feed"))
    limit = gauge("feed_limit_seconds", "From when on the feed counts as silent.", ("kind", "feed"))
    silent = gauge("feed_silent", "1 where the feed is silent.", ("kind", "feed"))
    for feed in seen.feeds:
        quiet.labels(feed.kind, feed.name).set(feed.quiet_hours * 3_600)
        silent.labels(feed.kind, feed.name).set(int(feed.silent))
        if feed.limit_hours is not None:
            limit.labels(feed.kind, feed.name).set(feed.limit_hours * 3_600)
    compared = gauge("features_compared", "Decisions whose logged features were recomputed.")
    compared.set(seen.parity.compared)
    gauge("features_differing", "Those whose features differ from history.").set(seen.parity.differing)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_to_textfile(str(file), registry)
    except OSError as error:
        raise InvalidRequest(f"--textfile: {file} can't be written: {error.strerror or error}") from None


def _number(value: float | None, digits: int = 1) -> str:
    return "" if value is None or math.isnan(value) else f"{value:,.{digits}f}"
