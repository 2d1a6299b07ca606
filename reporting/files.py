"""The report as files: the page, one JSON, and a CSV for every figure."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from data_contracts.errors import InvalidRequest
from reporting.estimates import Figure
from reporting.page.page import page
from reporting.report import Report

_NUMBERS = ("value", "low", "high", "unit", "customers", "rows", "interval", "reason")


def write_report(report: Report, out: Path) -> tuple[Path, ...]:
    """Write `out`, and beside it `NAME.json` and `NAME-figures/*.csv`; returns what was written.

    Raises
    ------
    InvalidRequest : a file can't be written.
    """
    folder = out.with_name(f"{out.stem}-figures")
    summary = out.with_suffix(".json")
    if summary == out:
        raise InvalidRequest(
            f"--out: {out} is the name of the figures’ JSON; give the page another ending, as .html"
        )
    tables = {folder / f"{key}.csv": figure_csv(figure) for key, figure in report.figures.items()}
    tables[folder / "timelines.csv"] = timelines_csv(report)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in tables.items():
            path.write_text(content, encoding="utf-8", newline="")
        text = json.dumps(report.as_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        summary.write_text(text + "\n", encoding="utf-8")
        out.write_text(page(report, (summary.name, f"{folder.name}/*.csv")), encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(f"{out}: can't be written: {error.strerror or error}") from None
    return (out, summary, *tables)


def figure_csv(figure: Figure) -> str:
    """A figure as CSV: its labels, the numbers, and its window on every line."""
    labels = list(dict.fromkeys(name for row in figure.rows for name in row.labels))
    lines: list[list[object]] = [[*labels, *_NUMBERS, "since", "until"]]
    for row in figure.rows:
        numbers = row.estimate.as_dict()
        told = ["" if numbers[name] is None else numbers[name] for name in _NUMBERS]
        lines.append([*(row.labels.get(name, "") for name in labels), *told, figure.since, figure.until])
    return _csv(lines)


def timelines_csv(report: Report) -> str:
    """Every mark of every timeline; times as hours since the timeline's beginning."""
    names = ("hours", "weekday", "department", "kind", "event_type", "channel", "topic", "effect", "value")
    lines: list[list[object]] = [["customer", *names]]
    lines += [
        [one.pseudonym, *(getattr(mark, name) for name in names)]
        for one in report.timelines
        for mark in one.marks
    ]
    return _csv(lines)


def _csv(lines: list[list[object]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(lines)
    return buffer.getvalue()
