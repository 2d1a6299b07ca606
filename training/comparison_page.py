"""Champion and challenger side by side: one self-contained page among the run's artifacts."""

from __future__ import annotations

from html import escape

from training.champion import Comparison
from training.gates import GateResult

_STYLE = """body{font:15px/1.45 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1d2733}
table{border-collapse:collapse;width:100%;margin:1rem 0 2rem}th,td{padding:.35rem .6rem;text-align:right;
border-bottom:1px solid #d8dee6}th:first-child,td:first-child{text-align:left}.worse{background:#fbe6e4}
.better{background:#e6f3e8}.few{color:#7b8794}"""


def comparison_page(champion: str, compared: Comparison, gate: GateResult) -> str:
    """The page; log losses and calibration errors are better when smaller, net values when larger."""
    figures = "".join(
        f"<tr><td>{escape(name)}</td><td>{theirs:.4f}</td><td>{mine:.4f}</td><td>{mine - theirs:+.4f}</td></tr>"
        for name, (theirs, mine) in compared.figures.items()
    )
    segments = "".join(
        f'<tr class="{_class(one.worse, one.guards, one.figure, one.low, one.high)}"><td>{escape(one.segment)}</td>'
        f"<td>{escape(one.figure)}</td><td>{one.rows:,}</td><td>{one.customers:,}</td><td>{one.value:+.4f}</td>"
        f"<td>{one.low:+.4f} … {one.high:+.4f}</td></tr>"
        for one in compared.segments
    )
    checks = "".join(
        f"<li>{'passed' if check.passed else '<b>failed</b>'}: {escape(check.told)}</li>"
        for check in gate.checks
    )
    notes = "".join(f"<p>{escape(note)}.</p>" for note in compared.notes)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Champion {escape(champion)} and '
        f"challenger</title><style>{_STYLE}</style><h1>Champion {escape(champion)} and its challenger</h1>"
        f"<p><b>{escape(gate.reason)}.</b></p>{notes}"
        "<h2>The same newest rows, both models</h2><table><tr><th>figure</th><th>champion</th><th>challenger</th>"
        f"<th>difference</th></tr>{figures}</table>"
        "<h2>By department, goal and for new customers</h2><p>Challenger less champion. Log losses are better "
        "below 0, net value (policy) above 0. Intervals are widened for the number of segments; grey rows are "
        "too few to guard anything.</p><table><tr><th>segment</th><th>figure</th><th>rows</th>"
        f"<th>customers</th><th>difference</th><th>interval</th></tr>{segments}</table>"
        f"<h2>Checks</h2><ul>{checks}</ul></html>\n"
    )


def _class(worse: bool, guards: bool, figure: str, low: float, high: float) -> str:
    if not guards:
        return "few"
    better = low > 0 if figure == "policy" else high < 0
    return "worse" if worse else "better" if better else ""
