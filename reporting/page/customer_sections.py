"""Customers in the figures, short against long, and what makes detractors."""

from __future__ import annotations

from reporting.estimates import Estimate, Figure, Row
from reporting.page.charts import bar, dumbbells, forest, sparkline, stacked
from reporting.page.words import between, caption, number, text, told
from reporting.report import Report

_TILES = (
    ("value", "per customer", "Value of a customer, in the window", "value"),
    ("repeat", "bought again", "Bought again, of those who bought", ""),
    ("retention", "active after 30 days", "Active 30 days after they were first seen", "retention"),
    ("engagement", "own events a week", "Own events a week", "engagement"),
    ("sentiment", "mean", "Sentiment, from −1 to 1", "sentiment"),
    ("nps", "score", "Net promoter score", "nps"),
    ("csat", "mean", "CSAT, from 1 to 5", "csat"),
    ("referrals", "referred somebody", "Referred somebody", ""),
)
_GOOD_WHEN_UP = ("still active", "made progress", "spending")


def customers(report: Report) -> str:
    """Eight tiles, each with its course over time."""
    figure, trends, curve = report.figures["customers"], report.figures["trends"], report.figures["retention"]
    tiles = ""
    for key, part, title, course in _TILES:
        row = figure.find(figure=key, part=part)
        points = [
            one.estimate for one in (curve.rows if course == "retention" else trends.having(figure=course))
        ]
        tiles += _tile(figure, key, title, row, points)
    top = figure.find(figure="value", part="share of the top tenth")
    said = ""
    if top is not None and top.estimate.value is not None:
        said = (
            f" The tenth of customers who spend most bring {number(top.estimate.value, 'share')} "
            f"({between(top.estimate)}) of all that was spent: losing one of them is not an average loss."
        )
    return (
        '<section id="customers"><h2>Customers in the figures</h2>'
        f"<p>What they are worth, whether they stay, what they say.{said} The small curves go by week, "
        "retention by weeks since first seen; the shade is the interval.</p>"
        f'<div class="tiles">{tiles}</div>{caption(figure)}</section>'
    )


def _tile(figure: Figure, key: str, title: str, row: Row | None, points: list[Estimate]) -> str:
    if row is None or row.estimate.value is None:
        reason = "no system reports this" if row is None else row.estimate.reason
        return f'<div class="tile"><h3>{title}</h3><span class="none">{text(reason)}</span></div>'
    one = row.estimate
    drawing = sparkline(points) if points else ""
    more = ""
    parts = {
        "nps": ("detractors", "passives", "promoters"),
        "csat": ("bad (1–2)", "middling (3)", "good (4–5)"),
    }.get(key)
    if parts:
        shares = [
            found.estimate.value or 0.0 for name in parts if (found := figure.find(figure=key, part=name))
        ]
        drawing = stacked(list(zip(shares, ("r", "wash", "g"), strict=True))) + drawing
        last, first = (figure.find(figure=key, part=name) for name in (parts[2], parts[0]))
        if last is not None and first is not None and last.estimate.known and first.estimate.known:
            more = (
                f'<br><span class="green">{number(last.estimate.value or 0, "share")} {text(parts[2])}</span> '
                f'{between(last.estimate)}<br><span class="red">{number(first.estimate.value or 0, "share")} '
                f"{text(parts[0])}</span> {between(first.estimate)}"
            )
    if key == "engagement":
        answered = figure.find(figure="engagement", part="messages answered")
        if answered is not None and answered.estimate.value is not None:
            more = f"<br>{number(answered.estimate.value, 'share')} of messages answered"
    if key == "value":
        spent = figure.find(figure="value", part="spent at all")
        if spent is not None and spent.estimate.value is not None:
            more = f"<br>{number(spent.estimate.value, 'share')} spent at all"
    return (
        f'<div class="tile"><h3>{title}</h3><div class="num">{number(one.value or 0.0, one.unit)}</div>{drawing}'
        f'<div class="n">{between(one)} · {one.customers:,} customers{more}</div></div>'
    )


def short_and_long(report: Report) -> str:
    """Effects within days and within four weeks; crowded customers in their second half."""
    horizons, crowding = report.figures.get("horizons"), report.figures["crowding"]
    if horizons is None:
        drawn = (
            '<div class="empty">What one message does in the long run can be measured where a decision log drew '
            "which ones to hold back. There is none here, so only the comparison of customers below.</div>"
        )
    else:
        panels = ""
        for outcome, kind, title in (("helps", "g", "Helped"), ("interrupts", "r", "Interrupted")):
            names = list(dict.fromkeys(row.labels["department"] for row in horizons.rows))
            rows = [
                (
                    name.capitalize(),
                    _at(horizons, name, "short", outcome),
                    _at(horizons, name, "long", outcome),
                )
                for name in names
            ]
            rows = [row for row in rows if row[1].known or row[2].known]
            if rows:
                panels += f"<div><h3>{title}: change by one message, points</h3>{dumbbells(rows, kind)}</div>"
        legend = (
            '<div class="legend"><span><svg viewBox="0 0 14 14"><circle cx="7" cy="7" r="4.8" class="ink"/></svg>'
            f"within {report.window_hours:g} h</span><span>"
            '<svg viewBox="0 0 14 14"><circle cx="7" cy="7" r="4.2" class="card" stroke="var(--ink)" stroke-width="2"/>'
            "</svg>within 28 days</span></div>"
        )
        few = '<div class="empty">Too little was drawn for any department.</div>'
        drawn = (f'<div class="pairs">{panels}</div>{legend}' if panels else few) + caption(horizons)
    bars = [
        (row.labels["what"], row.estimate, _side(row)) for row in crowding.rows if row.estimate.unit == "points"
    ]
    unknown = (
        "" if bars else '<div class="empty">Too little data: no customer was observed for four weeks.</div>'
    )
    money = crowding.find(what="spending a week")
    spending = (
        ""
        if money is None
        else f"<p class=small>Spending a week, crowded minus calm: {told(money.estimate, signed=True)}</p>"
    )
    forest_drawn = forest(bars, width=760, left=270) if bars else unknown
    return (
        '<section id="horizons"><h2>What wins the day, and what it costs the quarter</h2>'
        "<p>A message can win its click now and lose the customer later; departments are measured by the first.</p>"
        f'{drawn}<h3 style="margin-top:30px">Customers who were crowded in their first half, in their second half: '
        f"difference to calm ones, points</h3>{forest_drawn}{spending}{caption(crowding)}</section>"
    )


def _at(figure: Figure, department: str, horizon: str, outcome: str) -> Estimate:
    row = figure.find(department=department, horizon=horizon, outcome=outcome)
    if row is None:
        raise KeyError(f"{department} {horizon} {outcome}")
    return row.estimate


def _side(row: Row) -> str:
    up = (row.estimate.value or 0.0) > 0
    return "g" if up == row.labels["what"].startswith(_GOOD_WHEN_UP) else "r"


def detractors(report: Report) -> str:
    """Behaviours ranked by the customer weeks that they harmed."""
    figure = report.figures["behaviours"]
    names = list(dict.fromkeys(row.labels["behaviour"] for row in figure.rows))

    def harm_done(name: str) -> float:
        row = figure.find(behaviour=name, cost="harmed")
        return -1e18 if row is None or row.estimate.value is None else row.estimate.value

    def chance(name: str) -> bool:
        row = figure.find(behaviour=name, cost="harmed")
        return row is None or not row.estimate.clear

    # What may be chance comes after what is clear.
    ranked = sorted(names, key=lambda name: (chance(name), -harm_done(name), name))
    most = max((harm_done(name) for name in ranked), default=0.0)
    body, missing = "", []
    for place, name in enumerate(ranked, 1):
        harmed = figure.find(behaviour=name, cost="harmed")
        if harmed is None or harmed.estimate.value is None:
            row = figure.find(behaviour=name, cost="harm")
            missing.append(
                f"{text(name)} ({text(row.estimate.reason.split(';')[0] if row and row.estimate.reason else '')})"
            )
            continue
        one = harmed.estimate
        share = max(0.0, one.value or 0.0) / most if most > 0 else 0.0
        kind = "r" if one.clear and (one.value or 0) > 0 else "f"
        costs = "".join(f"<td>{_cost(figure, name, cost)}</td>" for cost in ("harm", "detractor", "spending"))
        body += (
            f'<tr><td class="r soft">{place}</td><th>{text(name)}</th><td class="r">{one.rows:,}</td>'
            f"<td>{bar(share, kind)}<b>{number(one.value or 0, 'count')}</b> "
            f"<span class=ci>{between(one)}</span></td>{costs}</tr>"
        )
    absent = f'<p class="note">Not ranked: {"; ".join(missing)}.</p>' if missing else ""
    if not body:
        return (
            '<section id="detractors"><h2>What makes detractors, by what it costs</h2>'
            f'<div class="empty">There is too little data to rank behaviours.</div>{absent}{caption(figure)}</section>'
        )
    return (
        '<section id="detractors"><h2>What makes detractors, by what it costs</h2>'
        "<p>Ranked by harmed weeks: customer weeks after the behaviour with a complaint, a bad score, a downgrade, an "
        "escalation or a cancellation, beyond those of like weeks without it. Grey bars may be chance.</p>"
        '<div class="scroll"><table class="data"><thead><tr><th></th><th>Behaviour</th>'
        '<th class="r">Customer weeks with it</th>'
        "<th>Weeks harmed by it</th><th>Harm in the week after, points</th><th>Detractors within 30 days, points</th>"
        f"<th>Spending in the 4 weeks after</th></tr></thead><tbody>{body}</tbody></table></div>{absent}"
        f"{caption(figure)}</section>"
    )


def _cost(figure: Figure, name: str, cost: str) -> str:
    row = figure.find(behaviour=name, cost=cost)
    if row is None:
        return '<span class="none">not reported</span>'
    one = row.estimate
    if one.value is None:
        return f'<span class="none">{text((one.reason or "").split(";")[0])}</span>'
    bad = one.clear and ((one.value > 0) != (cost == "spending"))
    good = one.clear and not bad
    colour = "red" if bad else "green" if good else "soft"
    value = number(one.value, one.unit, signed=True, tight=True)
    return f'<b class="{colour}">{value}</b> <span class="ci">{between(one).replace(" points", "")}</span>'
