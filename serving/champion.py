"""Which bundle answers: found, loaded beside the old one, warmed, and put in its place in one step.

A bundle comes from, in this order: the folder in TACT_BUNDLE; `TACT_HOME/champion/current.json`
(`{"version", "folder"}`, replaced in one step by training and promotion); the folder `bundle` beside
the packages, which is how a bento carries its champion. A bundle that can't be read, or fails on a
request, is refused with the reason in the log, and the one before it stays.
"""

from __future__ import annotations

import logging
import math
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, time
from typing import Any

import msgspec

from data_contracts.configuration import Configuration
from data_contracts.errors import BundleUnusable
from data_contracts.times import DAY, HOUR
from features.columns import empty_columns
from features.packing import TouchpointRow, columns_of_rows
from models.bundle import Bundle, load_bundle
from serving.answer import Planned
from serving.deciding import plan
from serving.logs import LOGGER
from serving.parsing import DecideCall
from serving.store import Snapshot

PACKAGED = Path(__file__).resolve().parent.parent / "bundle"
REMEMBERED = 16
"""So many real requests are kept in memory to warm the next bundle with."""
_log = logging.getLogger(LOGGER)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a bundle lies: its folder, and what must change for it to be looked at again."""

    folder: Path
    stamp: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A bundle that is in use."""

    bundle: Bundle
    place: Place
    loaded_at: float
    """Seconds since 1970."""

    @property
    def version(self) -> str:
        return self.bundle.version


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A request that was answered, to be asked again of a new bundle."""

    call: DecideCall
    snapshot: Snapshot
    now: int


def find_bundle(home: Path) -> Place | None:
    """Where the bundle is that should answer now; raises BundleUnusable for a broken pointer."""
    given = os.environ.get("TACT_BUNDLE")
    if given:
        return _place(Path(given))
    pointer = home / "champion" / "current.json"
    try:
        text = pointer.read_bytes()
    except FileNotFoundError:
        return _place(PACKAGED) if (PACKAGED / "bundle.json").exists() else None
    except OSError as error:
        raise BundleUnusable(f"{pointer}: {error.strerror or error}") from None
    try:
        folder = str(msgspec.json.decode(text)["folder"])
    except (msgspec.MsgspecError, KeyError, TypeError, UnicodeDecodeError):
        raise BundleUnusable(f'{pointer}: expected {{"version": …, "folder": …}}') from None
    return _place(pointer.parent / folder, text)


def _place(folder: Path, pointer: bytes = b"") -> Place:
    try:
        status = (folder / "bundle.json").stat()
    except OSError:
        return Place(folder, (pointer, None))
    return Place(folder, (pointer, status.st_mtime_ns, status.st_size, status.st_ino))


class Champion:
    """The bundle in use; `current` may be read from any thread at any time.

    Parameters
    ----------
    after_swap : called with the new bundle once it answers
    """

    def __init__(
        self,
        home: Path,
        configuration: Configuration,
        after_swap: Callable[[Loaded], None] = lambda _: None,
    ) -> None:
        self.current: Loaded | None = None
        self.trouble: str | None = "no champion has been promoted yet; train one with `tact train`"
        self._home = home
        self._configuration = configuration
        self._after_swap = after_swap
        self._tried: Place | None = None
        self._recent: deque[Rehearsal] = deque(maxlen=REMEMBERED)

    def remember(self, call: DecideCall, snapshot: Snapshot, now: int) -> None:
        """Keep a real request for the next warm-up."""
        self._recent.append(Rehearsal(call, snapshot, now))

    def poll(self) -> bool:
        """Look for another bundle and put it in use; True where one was. Called by one thread only."""
        try:
            place = find_bundle(self._home)
            if place is None or place == self._tried:
                return False
            self._tried = place
            loaded = self._load(place)
        except BundleUnusable as error:
            self._refuse(error.detail)
            return False
        self.current, self.trouble = loaded, None
        self._after_swap(loaded)
        return True

    def _load(self, place: Place) -> Loaded:
        start = perf_counter()
        bundle = load_bundle(place.folder)
        read = perf_counter()
        rehearsals = list(self._recent) or synthetic_rehearsals(bundle)
        for rehearsal in rehearsals:
            rehearse(bundle, self._configuration, rehearsal)
        fields = {
            "model_version": bundle.version,
            "load_seconds": round(read - start, 3),
            "warm_seconds": round(perf_counter() - read, 3),
            "warmed_with": len(rehearsals),
        }
        if bundle.configuration.goals != self._configuration.goals:
            _log.warning(
                "the bundle was trained with other goals than the configuration has", extra={"fields": fields}
            )
        _log.info("a bundle is ready", extra={"fields": fields})
        return Loaded(bundle, place, time())

    def _refuse(self, why: str) -> None:
        if why != self.trouble:
            stays = None if self.current is None else self.current.version
            _log.error("a bundle is refused", extra={"fields": {"reason": why, "still_serving": stays}})
        if self.current is None:
            self.trouble = why


def rehearse(bundle: Bundle, configuration: Configuration, rehearsal: Rehearsal) -> Planned:
    """Answer a request without storing anything; raises BundleUnusable where the bundle can't."""
    try:
        planned = plan(rehearsal.call, rehearsal.snapshot, bundle, configuration, rehearsal.now, "rehearsal")
        answer = msgspec.json.decode(planned.outcome.answer)
        chances = [one[name] for one in answer["decisions"] for name in ("p_helps", "p_interrupts")]
        total = sum(answer["goal"]["probabilities"].values())
    except Exception as error:  # whatever a wrong bundle raises, it must not be put in use
        raise BundleUnusable(f"it fails on a request: {type(error).__name__}: {error}") from error
    in_holdout = answer["mode"] == "holdout"
    if not (in_holdout or all(p is not None and 0.0 <= p <= 1.0 for p in chances)) or not math.isclose(
        total, 1.0, abs_tol=1e-6
    ):
        raise BundleUnusable("it gives chances that are no probabilities")
    return planned


def synthetic_rehearsals(bundle: Bundle) -> list[Rehearsal]:
    """Requests in the bundle's own words: an unknown customer, and one with a history."""
    now = round(time() * 1e6)
    specification = bundle.specification
    words = {
        "event_type": specification.event_types or ("logged_in",),
        "department": specification.departments or ("support",),
        "channel": specification.channels or ("email",),
        "topic": specification.topics or ("billing",),
        "source": specification.sources or ("import",),
    }
    rows = [
        TouchpointRow(
            event_time=now - 90 * DAY + number * 11 * HOUR,
            ingested_time=now - 90 * DAY + number * 11 * HOUR,
            source=words["source"][number % len(words["source"])],
            touchpoint_id=f"rehearsal-{number}",
            department=words["department"][number % len(words["department"])],
            channel=words["channel"][number % len(words["channel"])],
            direction=("inbound", "outbound", "internal")[number % 3],
            event_type=words["event_type"][number % len(words["event_type"])],
            topic=words["topic"][number % len(words["topic"])],
            message_id=f"m-{number // 3}",
            value=float(number % 10),
        )
        for number in range(180)
    ]

    def call(n: int) -> DecideCall:
        candidates: tuple[dict[str, Any], ...] = tuple(
            {
                "message_id": f"rehearsal-{number}",
                "department": words["department"][number % len(words["department"])],
                "channel": words["channel"][number % len(words["channel"])],
                "topic": words["topic"][number % len(words["topic"])],
                "purpose": ("promotional", "service", "lifecycle", "survey", "transactional")[number % 5],
                "value": 1.0,
                "not_before": None,
                "expires_at": None,
                "campaign_id": None,
                "group": None,
                "attributes": {},
            }
            for number in range(n)
        )
        return DecideCall("rehearsal", candidates, None, "shadow", None, False, b"")

    histories = (empty_columns(), columns_of_rows(rows))
    return [
        Rehearsal(call(n), Snapshot("rehearsal", 0, columns), now) for columns in histories for n in (1, 4, 25)
    ]
