"""How numbers and names are said on the page."""

from __future__ import annotations

from html import escape

from reporting.estimates import Estimate, Figure, Unit

MINUS = "−"

FIGURE_NAMES = {
    "first_response_hours": "first answer",
    "resolution_hours": "resolved",
    "csat_good": "CSAT 4–5",
    "open_rate": "opened",
    "click_rate": "clicked",
    "response_rate": "answered",
    "refusal_rate": "refused",
    "activation": "activated",
    "survey_response": "survey answered",
    "renewal_rate": "renewed",
    "nps_coverage": "NPS coverage",
    "delivery_rate": "delivered",
    "leads": "leads",
    "demos": "demos",
    "pipeline": "pipeline",
}
AT_MOST = frozenset({"first_response_hours", "resolution_hours", "refusal_rate"})


def text(value: object) -> str:
    """Escaped for HTML."""
    return escape(str(value))


def title_case(name: str) -> str:
    """A department's name at the head of a row."""
    return text(name[:1].upper() + name[1:].replace("_", " "))


def plain(event_type: str) -> str:
    """An event type in words."""
    return text(event_type.replace("_", " "))


def number(
    value: float, unit: Unit, *, signed: bool = False, tight: bool = False, like: float | None = None
) -> str:
    """A value in its unit.

    `tight` leaves the unit's word out where the place says it; `like` is the number whose digits it takes.
    """
    size = abs(value if like is None else like)
    sign = ("+" if value > 0 else "") if signed else ""
    if unit == "share":
        told = f"{100 * value:.{_digits(100 * size)}f}" + ("" if tight else " %")
    elif unit == "points":
        told = f"{100 * value:.1f}" + ("" if tight else " points")
    elif unit == "hours":
        told = f"{value:.{0 if size >= 10 else 1}f}" + ("" if tight else " h")
    elif unit == "count":
        told = f"{value:,.0f}"
    elif unit == "money":
        told = f"{value:,.{0 if size >= 100 else 2 if size < 1 else 1}f}"
    elif unit == "per_week":
        told = f"{value:.{1 if size >= 1 else 3}f}"
    elif unit == "score":
        told = f"{value:.{1 if size >= 5 else 2}f}"
    else:
        told = f"{value:.{1 if size < 100 else 0}f}"
    if told.startswith("-") and not any(digit in told for digit in "123456789"):
        told = told[1:]  # no minus nought
    return sign + told.replace("-", MINUS)


def _digits(percent: float) -> int:
    return 0 if abs(percent) >= 20 else 1 if abs(percent) >= 0.1 or percent == 0 else 2


def between(estimate: Estimate, *, tight: bool = True) -> str:
    """The interval, as in `4.1 to 5.0`."""
    if estimate.low is None or estimate.high is None:
        return "" if estimate.low is None else f"over {number(estimate.low, estimate.unit, tight=tight)}"
    signed = estimate.unit == "points"
    low = number(estimate.low, estimate.unit, tight=True, signed=signed, like=estimate.value)
    high = number(estimate.high, estimate.unit, tight=tight, signed=signed, like=estimate.value)
    return f"{low} to {high}"


def between_dots(estimate: Estimate) -> str:
    """The interval in the least space, as in `−2.0 … 4.1`."""
    if estimate.low is None or estimate.high is None:
        return ""
    scale = 100.0 if estimate.unit == "points" else 1.0
    ends = (end * scale for end in (estimate.low, estimate.high))
    low, high = (f"{end:.{0 if abs(end) >= 10 else 1}f}".replace("-", MINUS) for end in ends)
    return f"{low} … {high}"


def told(estimate: Estimate, *, signed: bool = False) -> str:
    """Value and interval, or why there is none."""
    if estimate.value is None:
        return f'<span class="none">{text(estimate.reason)}</span>'
    return (
        f'<span class="nowrap">{number(estimate.value, estimate.unit, signed=signed)}</span> '
        f'<span class="ci">{between(estimate)}</span>'
    )


def customers(count: int) -> str:
    """`1 customer`, `1,986 customers`."""
    return f"{count:,} customer" + ("" if count == 1 else "s")


def caption(figure: Figure, *, more: str = "") -> str:
    """The line under a figure: customers, window, interval, what is compared."""
    known = [row.estimate for row in figure.rows if row.estimate.customers]
    most = max((one.customers for one in known), default=0)
    fewest = min((one.customers for one in known), default=0)
    counted = customers(most) if fewest == most else f"{fewest:,} to {customers(most)}, by figure"
    methods = list(dict.fromkeys(one.method for one in known if one.method.startswith("95")))
    intervals = "; ".join(methods) or "none"
    return (
        f'<p class="note"><b>{counted}</b> · {text(figure.since)} to {text(figure.until)} · '
        f"intervals: {text(intervals)}. {text(figure.note)} {more}</p>"
    )
