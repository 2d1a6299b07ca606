"""A week in a customer's life, the frictions, and the department × department matrix."""

from __future__ import annotations

from reporting.estimates import Estimate, Figure, Row
from reporting.interaction import ANOTHER, ANY, NOBODY
from reporting.page.charts import Scale, histogram, range_of, strip
from reporting.page.words import between, between_dots, caption, number, text, title_case
from reporting.report import Report

_FRICTIONS = (
    ("while_case_open", "messages", "Messages written into another department’s open case"),
    ("others_in_case", "cases", "Cases into which another department wrote"),
    ("after_a_no", "messages", "Messages within 7 days after a no"),
    ("handed_off", "customers", "Customers handed from one to another"),
    ("gate", "customers", "Customers who had to fill in a form to get on"),
    ("contact_unanswered", "customers", "Customers who reached nobody"),
    ("quote_revised", "customers", "Customers with a revised quote"),
)


def weeks(report: Report) -> str:
    """Two histograms of customers' weeks, then the frictions."""
    touches, experience = report.figures["touches"], report.figures["experience"]
    drawn = ""
    for what, title, worst in (
        ("touches", "Messages in a customer’s week, all departments", 5),
        ("departments", "Departments that wrote in a customer’s week", 3),
    ):
        rows = touches.having(what=what)
        if all(row.estimate.known for row in rows):
            bars = [(row.labels["number"], row.estimate) for row in rows]
            drawn += f"<div><h3>{title}</h3>{histogram(bars, worst)}</div>"
        else:
            drawn += f'<div><h3>{title}</h3><div class="empty">{text(rows[0].estimate.reason)}</div></div>'
    tiles = "".join(_friction(experience, *item) for item in _FRICTIONS)
    rate = experience.find(what="touches_a_week")
    average = "" if rate is None or rate.estimate.value is None else (
        f"The average customer gets {number(rate.estimate.value, 'per_week')} messages a week "
        f"({between(rate.estimate)}); averages hide the weeks that people remember. "
    )  # fmt: skip
    return (
        '<section id="weeks"><h2>A week in a customer’s life</h2>'
        f"<p>{average}In red: five or more messages, three or more departments.</p>"
        f'<div class="pairs">{drawn}</div>{caption(touches)}'
        f'<h3 style="margin-top:26px">What got in their way</h3><div class="tiles">{tiles}</div>'
        f"{caption(experience)}</section>"
    )


def _friction(figure: Figure, what: str, of: str, title: str) -> str:
    row = figure.find(what=what, of=of)
    if row is None:
        return ""
    one = row.estimate
    if one.value is None:
        return f'<div class="tile"><h3>{title}</h3><span class="none">{text(one.reason)}</span></div>'
    scale = Scale(0.0, max(0.5, one.value * 1.2), 3, 214)
    months = figure.find(what=what, of="customer months")
    rate = ""
    if months is not None and months.estimate.value is not None:
        rate = f"<br>{number(months.estimate.value, 'per_100_months')} for 100 customers a month"
    return (
        f'<div class="tile"><h3>{title}</h3><div class="num">{number(one.value, one.unit)}</div>'
        f"{strip(one, scale, 'r', 220, 14)}"
        f'<div class="n">{between(one)} · {one.rows:,} {of}{rate}</div></div>'
    )


def matrix(report: Report) -> str:
    """Two matrices: what a further touch does to help and to interruption."""
    figure = report.figures["interaction"]
    drawn = report.decisions is not None and figure.find(earlier=NOBODY) is not None
    helps, interrupts = (_matrix(figure, outcome) for outcome in ("helps", "interrupts"))
    against = "against sending nothing" if drawn else "against the same department’s messages that came alone"
    return (
        '<section id="interaction"><h2>The interaction that no department has</h2>'
        f"<p>{_summary(figure, drawn)}</p>"
        '<div class="pairs scroll">'
        f"<div><h3 class=green>Change in <i>helped</i>, points</h3>{helps}</div>"
        f"<div><h3 class=red>Change in <i>interrupted</i>, points</h3>{interrupts}</div></div>"
        '<div class="legend"><span>Row: who had written in the 48 hours before. Column: who writes now, '
        f"{against}. Bold and coloured: the interval leaves 0 out. Dashed: too little data, with the number "
        "of messages.</span></div>"
        f"{caption(figure)}</section>"
    )


def _summary(figure: Figure, drawn: bool) -> str:
    def said(earlier: str, outcome: str) -> Estimate | None:
        row = figure.find(earlier=earlier, further=ANY, outcome=outcome)
        return None if row is None or row.estimate.value is None else row.estimate

    helps, harms = said(ANOTHER, "helps"), said(ANOTHER, "interrupts")
    if helps is None or harms is None:
        return "There is too little data to say what a further touch does over all departments."
    now = f"interruption by <b>{_points(harms)}</b> and help by <b>{_points(helps)}</b>"
    if not drawn:
        return (
            "Over all departments, messages within 48 hours of another department’s differ from those that came "
            f"alone: interrupted by <b>{_points(harms)}</b>, helped by <b>{_points(helps)}</b>."
        )
    alone_helps, alone_harms = said(NOBODY, "helps"), said(NOBODY, "interrupts")
    alone = ""
    if alone_helps is not None and alone_harms is not None:
        alone = (
            f" Where nobody had written it changes interruption by {_points(alone_harms)} and help by "
            f"{_points(alone_helps)}."
        )
    return f"Within 48 hours of another department, a message changes {now}, against sending nothing.{alone}"


def _points(one: Estimate) -> str:
    return f'<span class="nowrap">{number(one.value or 0.0, "points", signed=True)}</span> ({between(one)})'


def _matrix(figure: Figure, outcome: str) -> str:
    rows = [row for row in figure.having(outcome=outcome) if row.labels["further"] != ANY]
    columns = list(dict.fromkeys(row.labels["further"] for row in rows))
    lines = list(dict.fromkeys(row.labels["earlier"] for row in rows))
    _, most = range_of([row.estimate for row in rows])
    head = "".join(f"<th>{title_case(name)}</th>" for name in columns)
    body = ""
    for earlier in lines:
        cells = "".join(
            _cell(figure.find(earlier=earlier, further=one, outcome=outcome), outcome, most) for one in columns
        )
        base = ' class="base"' if earlier == NOBODY else ""
        body += f"<tr{base}><th>{title_case(earlier)}</th>{cells}</tr>"
    return f'<table class="matrix"><thead><tr><th class="corner"></th>{head}</tr></thead><tbody>{body}</tbody></table>'


def _cell(row: Row | None, outcome: str, most: float) -> str:
    if row is None:
        return "<td></td>"
    one = row.estimate
    if one.value is None:
        return f'<td class="few" title="{text(one.reason)}">too few<br>{one.rows:,}</td>'
    value = number(one.value, "points", signed=True, tight=True)
    inside = f"<b>{value}</b><span>{between_dots(one)}</span>"
    if not one.clear:
        return f'<td class="unsure">{inside}</td>'
    good = (one.value > 0) == (outcome == "helps")
    strength = 0.12 + 0.38 * min(1.0, abs(one.value) / most)
    colour = "green" if good else "red"
    return f'<td style="background:rgba(var(--{colour}-rgb),{strength:.2f})">{inside}</td>'
