"""The simulation's clock: steps of two hours, each customer on a grid shifted by their own minutes.

Within step *k* of a customer (its grid time is `start + 2 h · k + phase`): decisions fall into the first
minute, `message_sent` into the second, everything that customers do into minutes 10 to 118. So the 72 hours
after a decision are exactly the steps *k* … *k* + 35, and no decision can see its own step.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from data_contracts.times import DAY, HOUR, from_microseconds

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

STEP_HOURS = 2
STEPS_PER_DAY = 24 // STEP_HOURS
STEP = STEP_HOURS * HOUR
WINDOW_STEPS = 72 // STEP_HOURS
LONG_AGO = -1_000_000
"""The step of something that never happened."""


def per_step(daily_rate: Floats | float) -> Floats:
    """Chance within one step of an event with this rate per day."""
    return np.asarray(-np.expm1(-np.asarray(daily_rate) / STEPS_PER_DAY), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Moment:
    """Where each customer's clock stands, shape (n,) each.

    `step` counts from the start of the simulation; `local_hour` is in [0, 24); `weekday` 0 is Monday, both in
    the customer's zone; `utc_hour` and `utc_weekday` are what the company's calendar shows.
    """

    step: Ints
    local_hour: Floats
    weekday: Ints
    utc_hour: Floats
    utc_weekday: Ints

    @property
    def night(self) -> Bools:
        return (self.local_hour >= 21) | (self.local_hour < 8)

    @property
    def office(self) -> Bools:
        return (self.utc_weekday < 5) & (self.utc_hour >= 8) & (self.utc_hour < 18)


class Clock:
    """Turns steps into times, with daylight saving time as the zone's rules have it."""

    def __init__(self, start: int, zones: tuple[str, ...], days: int) -> None:
        self.start = start
        self._weekday = from_microseconds(start).weekday()
        noon = datetime(1970, 1, 1, 12, tzinfo=UTC) + timedelta(days=start // DAY)
        hours = np.zeros((len(zones), days + 2))
        for row, name in enumerate(zones):
            zone = ZoneInfo(name)
            for day in range(days + 2):
                offset = (noon + timedelta(days=day)).astimezone(zone).utcoffset() or timedelta(0)
                hours[row, day] = offset / timedelta(hours=1)
        self._offset_hours = hours

    def moment(self, step: Ints, zone: Ints, phase: Ints) -> Moment:
        """The moment of `step` for customers in `zone` with a grid shifted by `phase` microseconds."""
        day = np.clip(step // STEPS_PER_DAY, 0, self._offset_hours.shape[1] - 1)
        hours = (self.start % DAY) / HOUR + step * float(STEP_HOURS) + phase / HOUR
        local = hours + self._offset_hours[zone, day]
        return Moment(
            step=step,
            local_hour=np.mod(local, 24.0),
            weekday=(np.floor_divide(local, 24.0).astype(np.int64) + self._weekday) % 7,
            utc_hour=np.mod(hours, 24.0),
            utc_weekday=(np.floor_divide(hours, 24.0).astype(np.int64) + self._weekday) % 7,
        )

    def step_at(self, time: Ints, phase: Ints) -> Ints:
        """The first step that begins at `time` (microseconds UTC) or later, for each customer."""
        return np.asarray(-((self.start + phase - time) // STEP), dtype=np.int64)

    def time(self, step: Ints, phase: Ints) -> Ints:
        """Microseconds UTC at which `step` begins for each customer."""
        return self.start + step * STEP + phase
