"""What Tact changed, the suppression ledger, and how to read the page."""

from __future__ import annotations

from reporting.estimates import Estimate, Figure
from reporting.page.charts import Scale, range_of, strip
from reporting.page.words import between, caption, number, text, title_case, told
from reporting.report import Report

_GOOD_WHEN_DOWN = ("touches", "messages within", "harm", "negative")


def changed(report: Report) -> str:
    """Holdout against treated, then the ledger; each says why it is not there."""
    return (
        '<section id="tact"><h2>What Tact changed</h2>'
        f"{_holdout(report)}</section>"
        f'<section id="ledger"><h2>The suppression ledger</h2>{_ledger(report)}</section>'
    )


def _holdout(report: Report) -> str:
    figure = report.figures.get("holdout")
    if figure is None:
        why = (
            "no decision log was given"
            if report.decisions is None
            else "no row of the decision log has the mode <i>holdout</i>"
        )
        return (
            f'<div class="empty">Nothing can be said here: {why}. With <code>policy.holdout = 0.05</code> a stable '
            "twentieth of customers goes on as before, and this section compares them.</div>"
        )
    body = ""
    for what in dict.fromkeys(row.labels["what"] for row in figure.rows):
        cells = [figure.find(what=what, group=group) for group in ("with Tact", "holdout", "difference")]
        if any(cell is None for cell in cells):
            continue
        treated, held, gap = (cell.estimate for cell in cells if cell is not None)
        body += f"<tr><th>{text(what)}</th><td>{told(treated)}</td><td>{told(held)}</td><td>{_gap(what, gap)}</td></tr>"
    return (
        "<p>The same weeks, the same departments; only who decides differs. Coloured: the interval of the "
        "difference leaves 0 out.</p>"
        '<div class="scroll"><table class="data"><thead><tr><th></th>'
        "<th>With Tact</th><th>Holdout</th><th>Difference</th></tr></thead>"
        f"<tbody>{body}</tbody></table></div>{caption(figure)}"
    )


def _gap(what: str, one: Estimate) -> str:
    if one.value is None:
        return f'<span class="none">{text(one.reason)}</span>'
    good = (one.value < 0) == what.startswith(_GOOD_WHEN_DOWN)
    colour = ("green" if good else "red") if one.clear else "soft"
    return f'<b class="{colour}">{number(one.value, one.unit, signed=True)}</b> <span class="ci">{between(one)}</span>'


def _ledger(report: Report) -> str:
    figure = report.figures.get("ledger")
    if figure is None:
        return (
            '<div class="empty">No decision log was given, so there is nothing that was held back. With '
            "<code>--decisions</code> this is each department’s account: what holding back cost it, and what harm "
            "it spared the customer.</div>"
        )
    names = list(dict.fromkeys(row.labels["department"] for row in figure.rows))
    known = [row.estimate for name in names for row in figure.having(department=name, what="net")]
    scale = Scale(*range_of(known), 4, 146)
    body = ""
    for name in names:
        counts = "".join(
            f'<td class="r">{_count(figure, name, what)}</td>'
            for what in ("asked", "sent at once", "sent later", "never sent")
        )
        net = figure.find(department=name, what="net")
        if net is None or net.estimate.value is None:
            reason = "" if net is None else (net.estimate.reason or "").split(";")[0]
            rest = f'<td colspan="4"><span class="none">{text(reason)}</span></td>'
        else:
            amounts = (_amount(figure, name, what) for what in ("help lost", "harm avoided", "value lost"))
            rest = "".join(f"<td>{one}</td>" for one in amounts) + f"<td>{_verdict(net.estimate, scale)}</td>"
        body += f"<tr><th>{title_case(name)}</th>{counts}{rest}</tr>"
    return (
        "<p>For a sender that was held back: what it cost, what it spared, and whether there is ground for an "
        "appeal.</p>"
        '<div class="scroll"><table class="data"><thead><tr>'
        '<th>Department</th><th class="r">Asked</th><th class="r">Sent at once</th>'
        '<th class="r">Sent later</th><th class="r">Never sent</th><th>Help lost</th><th>Harm avoided</th>'
        "<th>Sender’s value lost</th><th>Net for the customer, of not sending</th></tr></thead>"
        f"<tbody>{body}</tbody></table></div>{caption(figure)}"
    )


def _count(figure: Figure, name: str, what: str) -> str:
    row = figure.find(department=name, what=what)
    if row is None or row.estimate.value is None:
        return ""
    waited = figure.find(department=name, what="waited") if what == "sent later" else None
    after = ""
    if waited is not None and waited.estimate.value is not None:
        after = f'<br><span class="ci">after {number(waited.estimate.value, "hours")}</span>'
    return f"{row.estimate.value:,.0f}{after}"


def _amount(figure: Figure, name: str, what: str) -> str:
    row = figure.find(department=name, what=what)
    if row is None or row.estimate.value is None:
        return f'<span class="none">{text("" if row is None else row.estimate.reason)}</span>'
    return f'<b>{number(row.estimate.value, row.estimate.unit)}</b><br><span class="ci">{between(row.estimate)}</span>'


def _verdict(one: Estimate, scale: Scale) -> str:
    """The sign is turned: what the customer gained by not being written to."""
    turned = Estimate(
        one.unit, -(one.value or 0.0), None if one.high is None else -one.high,
        None if one.low is None else -one.low, one.customers, one.rows, one.method,
    )  # fmt: skip
    turned_scale = Scale(-scale.high, -scale.low, scale.start, scale.end)
    if not one.clear:
        return f'<span class="soft">may go either way</span>{strip(turned, turned_scale, "f", 150)}'
    good = (turned.value or 0.0) > 0
    words, kind = ("right to hold back", "g") if good else ("ground for an appeal", "r")
    colour = "green" if good else "red"
    return f'<b class="{colour}">{words}</b>{strip(turned, turned_scale, kind, 150)}'


def reading(report: Report, files: tuple[str, ...]) -> str:
    """How the figures were made, what the data was like, where they are as files."""
    notes = "".join(f"<p>{text(note)}</p>" for note in report.notes)
    listed = ", ".join(f"<code>{text(name)}</code>" for name in files)
    log = "no decision log" if report.decisions is None else f"a log of {report.decisions:,} decision rows"
    return (
        "<footer>"
        f"<p><b>Data.</b> {report.touchpoints:,} touchpoints of {report.customers:,} customers, {log}. The data ends "
        "at its latest ingested time, or for a customer where their observation ended.</p>"
        f"<p><b>Outcomes.</b> Helped and interrupted are the configuration’s, within {report.window_hours:g} hours "
        "after a moment, ends included.</p>"
        f"<p><b>Intervals.</b> 95 %. Rates, medians and differences: bootstrap of whole customers, {report.draws} "
        "draws from one seed. Shares: Wilson’s interval, with the number of rows divided by the design effect of "
        "customers as clusters. They tell how sure a figure is, one at a time; of twenty differences that are "
        "nothing, one looks clear.</p>"
        "<p><b>Too little data.</b> Figures with fewer than 20 customers or 30 rows are not shown, and say so.</p>"
        "<p><b>Value.</b> Historic spending, in the units of the data. No model of future value is used.</p>"
        f"{notes}<p><b>Files.</b> Every figure: {listed}.</p></footer>"
    )
