"""Small drawings as inline SVG; colours come from the page's style, so that they follow dark mode and paper."""

from __future__ import annotations

from collections.abc import Sequence

from reporting.estimates import Estimate
from reporting.page.words import MINUS, text

Point = tuple[float, float]


def svg(width: float, height: float, body: str, label: str) -> str:
    """A drawing that scales with its column."""
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" role="img" '
        f'aria-label="{text(label)}">{body}</svg>'
    )


def line(x1: float, y1: float, x2: float, y2: float, kind: str, width: float = 1.0) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}" '
        f'stroke-width="{width:g}"/>'
    )


def label(x: float, y: float, content: str, kind: str = "t", anchor: str = "start") -> str:
    """Text; `content` is escaped already."""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{content}</text>'


def dot(x: float, y: float, radius: float, kind: str, extra: str = "") -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" class="{kind}" {extra}/>'


class Scale:
    """Numbers → places on an axis; what lies outside sits at the edge."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self.low, self.high, self.start, self.end = low, high if high > low else low + 1.0, start, end

    def __call__(self, value: float) -> float:
        share = min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))
        return self.start + share * (self.end - self.start)


def nice_ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers within a range."""
    span = high - low
    if span <= 0:
        return [low]
    raw = span / about
    power = 10.0 ** _floor_log10(raw)
    step = min((m for m in (1, 2, 2.5, 5, 10) if m * power >= raw), default=10) * power
    first = -(-low // step) * step
    ticks = []
    while first <= high + step * 1e-9:
        ticks.append(0.0 if abs(first) < step * 1e-9 else first)
        first += step
    return ticks


def _floor_log10(value: float) -> int:
    power = 0
    while value >= 10:
        value /= 10
        power += 1
    while value < 1:
        value *= 10
        power -= 1
    return power


def range_of(estimates: Sequence[Estimate], *, with_zero: bool = True) -> tuple[float, float]:
    """A range that holds the estimates and most of their intervals."""
    values = [one.value for one in estimates if one.value is not None]
    if not values:
        return 0.0, 1.0
    ends = sorted(end for one in estimates for end in (one.low, one.high) if end is not None) or values
    low, high = min([*values, ends[len(ends) // 20]]), max([*values, ends[-1 - len(ends) // 20]])
    if with_zero:
        low, high = min(0.0, low), max(0.0, high)
    pad = (high - low) * 0.06 or 1.0
    return (low - pad if low < 0 else low), high + pad


def strip(estimate: Estimate, scale: Scale, kind: str, width: float, height: float = 18) -> str:
    """A dot with its interval on a track: small multiples share the scale."""
    middle = height / 2
    body = line(scale.start, middle, scale.end, middle, "grid", 1)
    if estimate.value is None:
        return ""
    if scale.low < 0 < scale.high:
        body += line(scale(0.0), 2, scale(0.0), height - 2, "zero", 1)
    if estimate.low is not None and estimate.high is not None:
        body += line(scale(estimate.low), middle, scale(estimate.high), middle, f"{kind}l", 2)
    body += dot(scale(estimate.value), middle, 4, kind)
    return svg(width, height, body, f"{estimate.value:.3g}")


def forest(
    rows: Sequence[tuple[str, Estimate, str]], *, width: float = 520, left: float = 170, unit: float = 100.0,
    suffix: str = "points", row_height: float = 26,
) -> str:  # fmt: skip
    """Differences with intervals around zero; `rows` are (label, estimate, colour: g, r or f)."""
    low, high = range_of([one for _, one, _ in rows])
    scale = Scale(low, high, left, width - 14)
    height = 22 + row_height * len(rows) + 4
    body = ""
    for tick in nice_ticks(low, high):
        body += line(scale(tick), 18, scale(tick), height - 4, "zero" if tick == 0 else "grid")
        body += label(scale(tick), 11, _tick(tick * unit, suffix), "xs", "middle")
    for place, (name, estimate, kind) in enumerate(rows):
        y = 22 + row_height * (place + 0.5)
        body += label(left - 12, y + 4, text(name), "t", "end")
        if estimate.value is None:
            body += label(left, y + 4, text(_short(estimate.reason)), "xs")
            continue
        shown = kind if estimate.clear else "f"
        if estimate.low is not None and estimate.high is not None:
            body += line(scale(estimate.low), y, scale(estimate.high), y, f"{shown}l", 2.4)
        body += dot(scale(estimate.value), y, 4.6, shown)
    return svg(width, height, body, "differences with their intervals")


def dumbbells(
    rows: Sequence[tuple[str, Estimate, Estimate]], kind: str, *, width: float = 520, left: float = 100
) -> str:
    """Two horizons a row: the early one filled, the late one hollow, each with its interval."""
    low, high = range_of([one for _, a, b in rows for one in (a, b)])
    scale = Scale(low, high, left, width - 14)
    row_height = 36.0
    height = 22 + row_height * len(rows) + 4
    body = ""
    for tick in nice_ticks(low, high):
        body += line(scale(tick), 18, scale(tick), height - 4, "zero" if tick == 0 else "grid")
        body += label(scale(tick), 11, _tick(tick * 100, "points"), "xs", "middle")
    for place, (name, early, late) in enumerate(rows):
        y = 22 + row_height * (place + 0.5)
        body += label(left - 12, y + 4, text(name), "t", "end")
        for estimate, shift, hollow in ((early, -7.0, False), (late, 7.0, True)):
            if estimate.value is None:
                body += label(left + 4, y + shift + 4, text(_short(estimate.reason)), "xs")
                continue
            if estimate.low is not None and estimate.high is not None:
                body += line(scale(estimate.low), y + shift, scale(estimate.high), y + shift, f"{kind}l", 1.8)
            x = scale(estimate.value)
            if hollow:
                body += dot(
                    x, y + shift, 4.4, f"card {kind}ring", f'stroke="var(--{_colour(kind)})" stroke-width="2"'
                )
            else:
                body += dot(x, y + shift, 4.8, kind)
    return svg(width, height, body, "effects early and late")


def histogram(
    bars: Sequence[tuple[str, Estimate]], worst_from: int, *, width: float = 520, height: float = 190
) -> str:
    """Known shares by number, with their intervals; bars from `worst_from` on are in red."""
    most = max((one.high or one.value or 0.0 for _, one in bars), default=1.0) or 1.0
    step = (width - 20) / max(1, len(bars))
    base = height - 24
    body = line(10, base, width - 10, base, "axis")
    up = Scale(0.0, most, base, 26)
    for place, (name, one) in enumerate(bars):
        share = one.value or 0.0
        tall = base - up(share)
        x = 10 + place * step
        kind = "r" if place >= worst_from else "bar"
        body += _rectangle(x + 3, base - tall, step - 6, tall, kind)
        top = up(one.high if one.high is not None else share)
        if one.low is not None:
            body += line(x + step / 2, up(one.low), x + step / 2, top, "inkline", 1.2)
        body += label(
            x + step / 2,
            top - 5,
            f"{100 * share:.0f} %" if share >= 0.005 else "&lt;1 %",
            "s",
            "middle",
        )
        body += label(x + step / 2, base + 16, text(name), "t", "middle")
    return svg(width, height, body, "shares")


def sparkline(points: Sequence[Estimate], kind: str = "ink", *, width: float = 220, height: float = 46) -> str:
    """A course over time with its band of intervals; gaps where there is too little."""
    known = [(place, one) for place, one in enumerate(points) if one.value is not None]
    if len(known) < 3:
        return ""
    low = min(one.low if one.low is not None else float(one.value or 0) for _, one in known)
    high = max(one.high if one.high is not None else float(one.value or 0) for _, one in known)
    across = Scale(0, max(1, len(points) - 1), 3, width - 5)
    up = Scale(low, high, height - 4, 4)
    upper = [(across(p), up(one.high if one.high is not None else float(one.value or 0))) for p, one in known]
    lower = [(across(p), up(one.low if one.low is not None else float(one.value or 0))) for p, one in known]
    middle = [(across(p), up(float(one.value or 0))) for p, one in known]
    body = f'<polygon points="{_points([*upper, *reversed(lower)])}" class="wash"/>'
    body += f'<polyline points="{_points(middle)}" class="{kind}line" stroke-width="1.6"/>'
    body += dot(*middle[-1], 2.6, kind)
    return svg(width, height, body, "course over time")


def stacked(parts: Sequence[tuple[float, str]], *, width: float = 220, height: float = 14) -> str:
    """One bar of shares, each with its colour's class."""
    body, x = "", 0.0
    for share, kind in parts:
        body += _rectangle(x, 0, max(0.0, share * width - 1.5), height, kind)
        x += share * width
    return svg(width, height, body, "shares")


def bar(share: float, kind: str, *, width: float = 170, height: float = 12) -> str:
    """A bar as long as a share of the width."""
    return svg(width, height, _rectangle(0, 0, share * width, height, kind), "bar")


def _rectangle(x: float, y: float, width: float, height: float, kind: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" class="{kind}"/>'


def _points(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _colour(kind: str) -> str:
    return {"g": "green", "r": "red"}.get(kind, "faint")


def _short(reason: str | None) -> str:
    return (reason or "").split(";")[0]


def _tick(value: float, suffix: str) -> str:
    sign = "+" if value > 0 and suffix == "points" else ""
    return f"{sign}{value:g}".replace("-", MINUS)
