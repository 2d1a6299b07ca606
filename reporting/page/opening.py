"""The top of the page: green dashboards beside what the same customers went through; then each department."""

from __future__ import annotations

from reporting.estimates import Estimate, Figure, Row
from reporting.page.charts import Scale, range_of, strip
from reporting.page.words import AT_MOST, FIGURE_NAMES, between, caption, number, text, title_case
from reporting.report import Report

_MOST_FACTS = 5
_MANY_SILENT = 0.4
_HOLD_TO = {
    "yes": ("✓", "green", "on target"),
    "no": ("✕", "red", "off target"),
    "": ("·", "soft", "no target"),
}


def opening(report: Report) -> str:
    """The headline with its two panels."""
    departments = report.figures["departments"]
    judged = [row for row in departments.rows if row.labels["met"]]
    green = sum(row.labels["met"] == "yes" for row in judged)
    facts = _facts(report)
    return (
        '<header><div class="kicker">Customer report · '
        f"{text(report.since)} to {text(report.until)}</div>"
        f"<h1>{_headline(green, len(judged), bool(facts))}</h1>"
        f'<p class="lead">{report.customers:,} customers, {report.messages:,} messages from '
        f"{len(_senders(departments))} departments. Each department looks at its own figures; nobody’s dashboard "
        "shows how the touches add up for the person who receives them.</p></header>"
        '<div class="hero"><div class="panel good"><div class="kicker">What the dashboards say</div>'
        f'<div class="big"><span class="green">{green} of {len(judged)}</span> figures on target</div>'
        f"{_dashboard(departments)}</div>"
        '<div class="panel bad"><div class="kicker">What the same customers went through</div>'
        f'<div class="big">{_worst(report)}</div><ul class="facts">{"".join(facts)}</ul></div></div>'
        f"{caption(report.figures['experience'])}{_warning(report)}"
    )


def departments(report: Report) -> str:
    """Each department's figures with intervals and targets, beside its customers' side."""
    own, theirs = report.figures["departments"], report.figures["same_customers"]
    measures = [
        ("touches_a_week", "Touches a week, from everybody", "ink"),
        ("after_another_department", "Its messages within 48 h of another department’s", "r"),
        ("in_case", "Written into an open case of another department", "r"),
        ("interrupted", "Its messages followed by an interruption", "r"),
    ]
    width = 112.0
    scales = {
        name: Scale(*range_of([row.estimate for row in _of(theirs, name)]), 4, width - 6)
        for name, _, _ in measures
    }
    head = "".join(f"<th>{title}</th>" for _, title, _ in measures)
    body = ""
    for name in _senders(own):
        lines = '<div class="kpis">' + "".join(_own_line(row) for row in own.having(department=name)) + "</div>"
        cells = ""
        for measure, _, kind in measures:
            found = [row for row in _of(theirs, measure) if row.labels["department"] == name]
            cells += (
                f"<td>{_strip_cell(found[0], scales[measure], kind, width)}</td>"
                if found
                else '<td><span class="none">no cases reported</span></td>'
            )
        body += f'<tr><th>{title_case(name)}</th><td class="top">{lines}</td>{cells}</tr>'
    return (
        '<section id="departments"><h2>Every metric green, the customer lost</h2>'
        "<p>On the left, what each department is held to. On the right, what the customers that it wrote to "
        "went through, from all departments together.</p>"
        f'<div class="scroll"><table class="data"><thead><tr><th>Department</th>'
        f"<th>Its own figures, intervals, targets</th>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>{caption(own)}{caption(theirs)}</section>"
    )


def _warning(report: Report) -> str:
    """Customers who went silent long before the end: gone, or no longer observed? The data can't tell."""
    row = report.figures["experience"].find(what="silent_at_the_end")
    if row is None or row.estimate.value is None or row.estimate.value < _MANY_SILENT:
        return ""
    return (
        f'<p class="note"><b class="amber">{number(row.estimate.value, "share")} of customers have no touchpoint at '
        "all in the last third of the window.</b> They count as customers who went silent. Where they were just no "
        "longer observed, report <code>observation_ended</code> for them: "
        "weeks, retention and rates then stop there.</p>"
    )


def _headline(green: int, judged: int, lost: bool) -> str:
    if not judged:
        return "What the customers went through"
    if green == judged:
        return "Every metric is green, and the customer is lost" if lost else "Every metric is green"
    share = green / judged
    opening_words = (
        "Nearly every metric is green" if share >= 0.75 else f"{green} of {judged} metrics are green"
    )
    return f"{opening_words}. Now look from the customer’s side" if lost else opening_words


def _senders(figure: Figure) -> list[str]:
    return list(dict.fromkeys(row.labels["department"] for row in figure.rows))


def _dashboard(figure: Figure) -> str:
    rows = ""
    for name in _senders(figure):
        pills = ""
        for row in figure.having(department=name):
            if row.estimate.value is None:
                continue
            mark, colour, hint = _HOLD_TO[row.labels["met"]]
            said = FIGURE_NAMES.get(row.labels["figure"], row.labels["figure"])
            value = number(row.estimate.value, row.estimate.unit)
            pills += (
                f'<span class="pill" title="{hint}"><i class="{colour}">{mark}</i>{text(said)} {value}</span>'
            )
        pills = pills or '<span class="none">too little data</span>'
        rows += f"<tr><th>{title_case(name)}</th><td>{pills}</td></tr>"
    return f'<table class="depts">{rows}</table>'


def _worst(report: Report) -> str:
    three = _estimate(report, "three_departments")
    if three is not None and three.value is not None and three.value >= 0.01:
        return (
            f'<span class="red">{number(three.value, "share")}</span> of customers heard from three or more '
            "departments within 48 hours"
        )
    after = _estimate(report, "after_another_department")
    if after is not None and after.value is not None:
        return (
            f'<span class="red">{number(after.value, "share")}</span> of messages came within 48 hours of '
            "another department’s"
        )
    return "Too little data to say"


def _facts(report: Report) -> list[str]:
    experience, customers = report.figures["experience"], report.figures["customers"]
    found: list[str] = []

    def add(row: Row | None, words: str, what: str, least: float = 0.005) -> None:
        if row is None or row.estimate.value is None or row.estimate.value < least or len(found) >= _MOST_FACTS:
            return
        one = row.estimate
        found.append(
            f'<li><span class="num">{number(one.value or 0.0, one.unit)}</span><span>{words}'
            f'<span class="soft">{between(one)} · {_behind(one, what)}</span></span></li>'
        )

    three = experience.find(what="three_departments")
    said_three = three is not None and three.estimate.value is not None and three.estimate.value >= 0.01
    if said_three:
        add(
            experience.find(what="after_another_department"),
            "of messages came within 48 hours of another department’s", "messages",
        )  # fmt: skip
    add(
        experience.find(what="others_in_case"),
        "of cases had another department writing into them while open",
        "cases",
    )
    add(customers.find(figure="nps", part="detractors"), "of those who answered are detractors", "answers")
    add(experience.find(what="handed_off", of="customers"), "were handed from one to another", "customers")
    add(experience.find(what="after_a_no"), "of messages came within 7 days of the customer’s “no”", "messages")
    add(experience.find(what="contact_unanswered", of="customers"), "called and reached nobody", "customers")
    add(experience.find(what="touches_a_week"), "touches a week for the average customer", "messages")
    return found


def _behind(one: Estimate, what: str) -> str:
    counted = f"{one.customers:,} customers"
    return counted if what == "customers" or one.rows == one.customers else f"{one.rows:,} {what} of {counted}"


def _estimate(report: Report, what: str) -> Estimate | None:
    row = report.figures["experience"].find(what=what)
    return None if row is None else row.estimate


def _of(figure: Figure, measure: str) -> list[Row]:
    names = ("others_in_case", "while_case_open") if measure == "in_case" else (measure,)
    return [row for row in figure.rows if row.labels["what"] in names]


def _own_line(row: Row) -> str:
    mark, colour, hint = _HOLD_TO[row.labels["met"]]
    name, target = row.labels["figure"], row.labels["target"]
    said = FIGURE_NAMES.get(name, name)
    goal = ""
    if target and target != "first half":
        sign = "≤" if name in AT_MOST else "≥"
        goal = f"{sign} {number(float(target), row.estimate.unit)}"
    elif target:
        goal = "≥ first half"
    one = row.estimate
    if one.value is None:
        why = f'<span class="none" style="grid-column:3/6">{text(one.reason)}</span>'
        return f'<b class="soft">·</b><span>{text(said)}</span>{why}'
    return (
        f'<b class="{colour}" title="{hint}">{mark}</b><span>{text(said)}</span>'
        f'<b class="r nowrap">{number(one.value, one.unit)}</b><span class="ci">{between(one)}</span>'
        f'<span class="none nowrap">{goal}</span>'
    )


def _strip_cell(row: Row, scale: Scale, kind: str, width: float) -> str:
    one = row.estimate
    if one.value is None:
        return f'<span class="none">{text(one.reason)}</span>'
    extra = (
        '<div class="none">cases with others’ messages</div>' if row.labels["what"] == "others_in_case" else ""
    )
    drawn = strip(one, scale, kind, width)
    return f'<b>{number(one.value, one.unit)}</b> <span class="ci">{between(one)}</span>{drawn}{extra}'
