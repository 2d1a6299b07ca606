"""Contact rules as arithmetic on moments: caps, quiet hours, the earliest moment that is allowed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from data_contracts.configuration import Cap, QuietHours
from data_contracts.times import DAY, HOUR, MINUTE
from features.zones import offset_minutes

_ROUNDS = 64
"""Rules can push each other's moment later only so often within a year's caps and nights."""


@dataclass(slots=True)
class Ledger:
    """Touches of one customer by the caps that they use up; times in microseconds.

    Sends that are planned for later in the same answer are added as they are found, so that
    waiting messages are spread instead of all coming at the first free moment.
    """

    caps: Sequence[Cap]
    times: list[list[int]] = field(default_factory=list)
    known: dict[tuple[int, tuple[int, ...], int | None], int | None] = field(default_factory=dict)
    """Earliest allowed moments that were asked for since the last touch: messages that use up the
    same caps share them."""
    _applying: dict[tuple[str, str], tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.times = [[] for _ in self.caps]

    def applying(self, department: str, channel: str) -> tuple[int, ...]:
        """Places of the caps that a message of this department and channel uses up."""
        found = self._applying.get((department, channel))
        if found is None:
            found = tuple(place for place, cap in enumerate(self.caps) if _applies(cap, department, channel))
            self._applying[department, channel] = found
        return found

    def add(self, time: int, department: str, channel: str) -> None:
        """Count one touch."""
        self.known.clear()
        for place in self.applying(department, channel):
            insort(self.times[place], time)

    def blocking(self, time: int, department: str, channel: str) -> Cap | None:
        """The first cap that a touch at `time` would break, None where all hold.

        A cap holds for every window of its length that contains `time`, not only for the one
        that ends there: a send that is planned for later, or logged by a clock that runs ahead,
        counts as well.
        """
        for place in self.applying(department, channel):
            if not _fits(self.times[place], time, self.caps[place]):
                return self.caps[place]
        return None

    def earliest(self, time: int, department: str, channel: str) -> int | None:
        """The first moment from `time` on at which no cap would be broken; None where there is none."""
        for _ in range(_ROUNDS):
            moved = time
            for place in self.applying(department, channel):
                free = _first_fit(self.times[place], moved, self.caps[place])
                if free is None:
                    return None
                moved = free
            if moved == time:
                return time
            time = moved
        return None


def _applies(cap: Cap, department: str, channel: str) -> bool:
    return cap.department in (None, department) and cap.channel in (None, channel)


def _fits(times: list[int], time: int, cap: Cap) -> bool:
    """Whether no half-open window of the cap's length around `time` would hold too many touches."""
    window = round(cap.window_hours * HOUR)
    near = times[bisect_left(times, time - window + 1) : bisect_left(times, time + window)]
    if len(near) < cap.sends:
        return True
    if cap.sends == 0:
        return False
    # With the touch at `time` among them, no `sends + 1` consecutive touches may span less than
    # the window.
    both = sorted([*near, time])
    return all(both[k + cap.sends] - both[k] >= window for k in range(len(both) - cap.sends))


def _first_fit(times: list[int], time: int, cap: Cap) -> int | None:
    if cap.sends == 0:
        return None
    if _fits(times, time, cap):
        return time
    window = round(cap.window_hours * HOUR)
    # Touches whose window has passed by then free nothing.
    for touch in times[bisect_right(times, time - window) :]:
        free = touch + window
        if _fits(times, free, cap):
            return free
    return None


def is_quiet(moment: int, zones: Sequence[str], quiet: QuietHours | bool) -> bool:
    """Whether it is quiet at `moment` in any of the zones."""
    return _quiet_left(moment, zones, quiet) > 0


def after_quiet(moment: int, zones: Sequence[str], quiet: QuietHours | bool) -> int | None:
    """The first moment from `moment` on that is quiet in none of the zones; None where always one is."""
    for _ in range(_ROUNDS):
        left = _quiet_left(moment, zones, quiet)
        if left == 0:
            return moment
        moment += left
    return None


def _quiet_left(moment: int, zones: Sequence[str], quiet: QuietHours | bool) -> int:
    """Microseconds of quiet that are left at `moment`, the longest of the zones; 0 for none."""
    if isinstance(quiet, bool):
        return 0
    start, end = (minutes * MINUTE for minutes in quiet.minutes)
    longest = 0
    for zone in zones:
        clock = (moment + round(offset_minutes(zone, moment) * MINUTE)) % DAY
        inside = start <= clock < end if start <= end else clock >= start or clock < end
        if inside:
            longest = max(longest, (end - clock) % DAY)
    return longest


def earliest_allowed(
    moment: int,
    candidate: Mapping[str, Any],
    ledger: Ledger,
    zones: Sequence[str],
    quiet: QuietHours | bool,
) -> int | None:
    """The first moment from `moment` on that every contact rule allows; None where there is none.

    One ledger goes with one customer's zones and quiet hours, so answers are kept in it.
    `candidate` has the contract's field names, `not_before` in microseconds or None.
    """
    not_before = candidate.get("not_before")
    department, channel = candidate["department"], candidate["channel"]
    key = (moment, ledger.applying(department, channel), not_before)
    if key not in ledger.known:
        time = max(moment, not_before or moment)
        ledger.known[key] = _earliest_allowed(time, department, channel, ledger, zones, quiet)
    return ledger.known[key]


def _earliest_allowed(
    time: int, department: str, channel: str, ledger: Ledger, zones: Sequence[str], quiet: QuietHours | bool
) -> int | None:
    for _ in range(_ROUNDS):
        awake = after_quiet(time, zones, quiet)
        if awake is None:
            return None
        free = ledger.earliest(awake, department, channel)
        if free is None or free == awake:
            return free
        time = free
    return None
