"""The worst collisions as timelines: a lane for the customer, one for each department."""

from __future__ import annotations

from collections import Counter

from reporting.collisions import Mark, Timeline
from reporting.page.charts import dot, label, line, svg
from reporting.page.words import plain, title_case
from reporting.report import Report

_WIDTH, _LEFT, _RIGHT, _TOP = 1060.0, 104.0, 14.0, 26.0
_LANE, _OWN_LANE = 36.0, 66.0
_LETTER = 5.6
_OFTEN = 6
"""An event that comes more often on one timeline is a tick without a name."""
_ORDER = {"interrupted": 0, "helped": 1, "none": 2}
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_ROUTINE = frozenset({"logged_in", "feature_used", "message_opened", "profile_updated"})


def collisions(report: Report) -> str:
    """The section with every timeline, or the word that there was no collision."""
    lines = "".join(_timeline(one) for one in report.timelines)
    legend = (
        '<div class="legend">'
        '<span><svg viewBox="0 0 14 14"><circle cx="7" cy="7" r="5" class="ink"/></svg>a message</span>'
        '<span><svg viewBox="0 0 14 14"><circle cx="7" cy="7" r="4" class="card" '
        'stroke="var(--soft)" stroke-width="1.6"/></svg>'
        "something the customer did</span>"
        '<span><svg viewBox="0 0 14 14"><path d="M7 2 L12.5 12 L1.5 12 Z" class="g"/></svg>it helped</span>'
        '<span><svg viewBox="0 0 14 14"><path d="M3 3 L11 11 M11 3 L3 11" class="rl" stroke-width="2.6"/></svg>'
        "it interrupted</span>"
        '<span><svg viewBox="0 0 14 14"><rect width="14" height="14" class="band"/></svg>a case is open</span></div>'
    )
    empty = '<div class="empty">No two departments wrote to one customer within 48 hours.</div>'
    return (
        '<section id="collisions"><h2>The worst collisions</h2>'
        "<p>Real customers, under names that can’t be traced back; days and hours in UTC, without the date. Every "
        "message was right in its own department’s plan.</p>"
        f"{legend if lines else ''}{lines or empty}</section>"
    )


def _timeline(one: Timeline) -> str:
    lanes = list(dict.fromkeys(mark.department for mark in one.marks if mark.kind == "contact"))
    height = _TOP + _OWN_LANE + _LANE * len(lanes) + 6
    body = _days(one, height)
    for start, end in one.open_case:
        body += (
            f'<rect x="{_x(one, start):.1f}" y="{_TOP}" width="{max(1.0, _x(one, end) - _x(one, start)):.1f}" '
            f'height="{height - _TOP - 6:.1f}" class="band" opacity="0.55"/>'
        )
    for mark in one.marks:
        if mark.effect == "interrupted" and mark.kind != "contact":
            x = _x(one, mark.hours)
            body += line(x, _TOP, x, height - 6, "rl", 1.0).replace("/>", ' stroke-dasharray="2 3"/>')
    body += label(0, _TOP + _OWN_LANE / 2 + 4, "The customer")
    body += _own_lane(one, [mark for mark in one.marks if mark.kind == "own"])
    for place, name in enumerate(lanes):
        middle = _TOP + _OWN_LANE + _LANE * (place + 0.5)
        body += line(_LEFT, middle + 7, _WIDTH - _RIGHT, middle + 7, "axis")
        body += label(0, middle + 10, title_case(name))
        body += _lane(
            one, [mark for mark in one.marks if mark.department == name and mark.kind == "contact"], middle
        )
    days = one.hours / 24
    ended = f", then: <span class=red>{_said(one.ended)}</span>" if one.ended else ""
    return (
        f'<div class="line"><h3>{one.contacts} messages from {one.departments} departments in {days:.0f} days'
        f'{ended}</h3><div class="soft small">{one.pseudonym}</div>'
        f'<div class="scroll">{svg(_WIDTH, height, body, "timeline")}</div></div>'
    )


def _x(one: Timeline, hours: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * hours / one.hours


def _days(one: Timeline, height: float) -> str:
    body = ""
    for day in range(int(one.hours // 24) + 1):
        x = _x(one, day * 24)
        body += line(x, 16, x, height - 6, "grid")
        if day * 24 + 8 < one.hours:
            body += label(x + 4, 13, f"{_WEEKDAYS[(one.weekday + day) % 7]}", "s")
    return body


def _own_lane(one: Timeline, marks: list[Mark]) -> str:
    """The customer's own events; what matters is named, on up to three levels so that names don't meet."""
    base = _TOP + _OWN_LANE - 14
    marked: list[str] = []
    names = ""
    taken: list[list[tuple[float, float]]] = [[], [], []]
    named: set[tuple[str, int]] = set()
    often = Counter(mark.event_type for mark in marks)
    for mark in sorted(marks, key=lambda one: (_ORDER[one.effect], one.hours)):
        x = _x(one, mark.hours)
        if mark.effect == "interrupted":
            marked.append(_cross(x, base))
        elif mark.effect == "helped":
            marked.append(f'<path d="M{x:.1f} {base - 6:.1f} l5.5 10 h-11 Z" class="g"/>')
        elif mark.event_type in _ROUTINE or often[mark.event_type] > _OFTEN:
            marked.append(line(x, base - 4, x, base + 4, "softline", 1.2))
            continue
        else:
            marked.append(dot(x, base, 3.2, "card", 'stroke="var(--soft)" stroke-width="1.5"'))
        words = _said(mark)
        again = (words, int(mark.hours // 24))
        if again in named and mark.effect == "none":
            continue
        width = len(words) * _LETTER * (1.0 if mark.effect == "none" else 1.15)
        start = min(max(_LEFT, x - 4), _WIDTH - width)
        for level in range(3):
            if all(start > end + 4 or start + width + 4 < begin for begin, end in taken[level]):
                taken[level].append((start, start + width))
                named.add(again)
                kind = "xs"
                style = {
                    "interrupted": ' style="fill:var(--red);font-weight:600"',
                    "helped": ' style="fill:var(--green);font-weight:600"',
                }
                told = label(start, base - 11 - 12 * level, words, kind)
                names += told.replace("<text ", f"<text{style.get(mark.effect, '')} ")
                break
    # What interrupted is drawn last, over all else.
    return line(_LEFT, base, _WIDTH - _RIGHT, base, "axis") + "".join(reversed(marked)) + names


def _lane(one: Timeline, marks: list[Mark], middle: float) -> str:
    """A department's messages, named by topic and channel where there is room."""
    body, free = "", 0.0
    base = middle + 7
    for mark in marks:
        x = _x(one, mark.hours)
        body += dot(x, base, 5, "ink")
        words = plain(mark.topic or "message") + (f" · {plain(mark.channel)}" if mark.channel else "")
        start = min(x - 4, _WIDTH - len(words) * _LETTER)
        if start > free + 4:
            body += label(start, base - 10, words, "xs")
            free = start + len(words) * _LETTER
    return body


def _said(mark: Mark) -> str:
    """The event in words, an answer with its score."""
    if mark.event_type.endswith("_answered") and mark.value is not None:
        name = mark.event_type.removesuffix("_answered")
        return f"{name.upper() if len(name) <= 4 else plain(name)} {mark.value:g}"
    return plain(mark.event_type.removeprefix("message_"))


def _cross(x: float, y: float) -> str:
    return (
        f'<path d="M{x - 5:.1f} {y - 5:.1f} L{x + 5:.1f} {y + 5:.1f} '
        f'M{x + 5:.1f} {y - 5:.1f} L{x - 5:.1f} {y + 5:.1f}" '
        'class="rl" stroke-width="2.6"/>'
    )
