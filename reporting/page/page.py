"""The whole page as one HTML text without any address in it."""

from __future__ import annotations

from reporting.page.customer_sections import customers, detractors, short_and_long
from reporting.page.opening import departments, opening
from reporting.page.style import style
from reporting.page.tact_sections import changed, reading
from reporting.page.timelines import collisions
from reporting.page.weeks_and_matrix import matrix, weeks
from reporting.report import Report


def page(report: Report, files: tuple[str, ...]) -> str:
    """The report as a page; `files` are the names of the figures' files beside it."""
    sections = (
        opening(report),
        departments(report),
        weeks(report),
        matrix(report),
        collisions(report),
        customers(report),
        short_and_long(report),
        detractors(report),
        changed(report),
        reading(report, files),
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Customer report, {report.since} to {report.until}</title><style>{style()}</style></head>\n"
        f"<body><main>{''.join(sections)}</main></body></html>\n"
    )
