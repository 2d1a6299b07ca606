"""The service's own touchpoints and decision log → the Parquet form that training reads.

Everything that was known by the end of the data, nothing later, in one pass in bounded memory. The
log goes out with the contract's columns (section 2) and nothing else: held rows, shadow and holdout
rows and the probabilities stand in it as they were logged, and training knows what each may teach.
A send that was confirmed, and that no touchpoint reports, becomes the contact that it was.

An export is finished when its folder has its own name: before that it is `NAME.part`, and is made
anew. What is finished is not made again for the same database and end of the data.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np

from data_contracts.columns import DECISIONS
from data_contracts.configuration import Retraining
from data_contracts.times import DAY, from_microseconds
from features.columns import identifier_hash
from features.packing import TouchpointRow
from learning.parts import PARTS, PartWriter
from serving.store import DecisionRow, Reservation

MANIFEST = "export.json"
FORMAT_VERSION = 1
_LOG_COLUMNS = len(DECISIONS)
"""A stored decision row begins with the contract's columns; the rest is the service's own."""
_json = msgspec.json.Encoder()
Tell = Callable[[str], None]


class Source(Protocol):
    """What of a store an export reads."""

    def export_touchpoints(self, batch_size: int = ...) -> Iterator[list[tuple[str, TouchpointRow]]]: ...
    def export_decisions(self, batch_size: int = ...) -> Iterator[list[DecisionRow]]: ...
    def export_sends(self, batch_size: int = ...) -> Iterator[list[tuple[str, Reservation]]]: ...


@dataclass(frozen=True)
class Export:
    """A finished export.

    Attributes
    ----------
    until : what was known later is not in it, microseconds
    data_end : the latest moment at which anything in it became known, microseconds
    share : of the customers, by a stable hash; below 1 where the rows were more than allowed
    unreported : confirmed sends that no touchpoint reported and that were added as contacts
    released : sends that were let out and did not go; they count as let out (intention to treat)
    """

    folder: Path
    until: int
    data_end: int
    touchpoints: int
    decisions: int
    share: float
    unreported: int
    released: int

    @property
    def touchpoint_files(self) -> Path:
        return self.folder / "touchpoints"

    @property
    def decision_files(self) -> Path | None:
        return self.folder / "decisions" if self.decisions else None

    def told(self) -> str:
        """One line for people."""
        parts = [f"{self.touchpoints:,} touchpoints, {self.decisions:,} decisions"]
        if self.share < 1:
            parts.append(f"{self.share:.0%} of the customers")
        if self.unreported:
            parts.append(f"{self.unreported:,} confirmed sends that no touchpoint reports were added")
        if self.released:
            parts.append(f"{self.released:,} sends let out did not go")
        return "; ".join(parts)


def export_name(database: str, until: int) -> str:
    """The folder's name: the end of the data, and a digest of the database's address."""
    digest = hashlib.blake2b(database.encode(), digest_size=4).hexdigest()
    return f"{from_microseconds(until):%Y%m%dT%H%M%S}-{digest}"


def finished_export(folder: Path) -> Export | None:
    """The export in a folder, None where there is none or its form is another."""
    try:
        raw = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if raw.pop("format_version", None) != FORMAT_VERSION:
        return None
    return Export(folder=folder, **raw)


def pending_exports(root: Path, database: str) -> list[Export]:
    """Finished exports of a database that no run has used up, the newest end of the data first."""
    digest = export_name(database, 0).rpartition("-")[2]
    found = [finished_export(folder) for folder in root.glob(f"*-{digest}")]
    return sorted((one for one in found if one is not None), key=lambda one: -one.until)


def make_export(
    store: Source,
    folder: Path,
    until: int,
    contact_types: Sequence[str],
    limits: Retraining,
    tell: Tell = lambda text: None,
) -> Export:
    """Write the export into `folder`; `until` in microseconds.

    Decisions older than `limits.decision_days` are left out. With more than `limits.max_touchpoints` rows
    whole customers are left out, by a stable hash: what is learnt about the others stays exact, and the
    same ones are left out next time.
    """
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    contacts, latest = array("q"), 0
    since = until - round(limits.decision_days * DAY)
    with PartWriter(part / "touchpoints", "touchpoints") as writer:
        for batch in store.export_touchpoints():
            known = [(customer, row) for customer, row in batch if row.ingested_time <= until]
            for customer, row in known:
                latest = max(latest, row.ingested_time)
                if row.event_type in contact_types and row.message_id:
                    contacts.append(_contact(customer, row.message_id))
            writer.add(_touchpoint(customer, row) for customer, row in known)
            tell(f"{int(writer.rows.sum()):,} touchpoints")
        unreported, released = _add_sends(store, writer, contacts, until, contact_types[0])
    with PartWriter(part / "decisions", "decisions") as log:
        for rows in store.export_decisions():
            decided = [row for row in rows if since < row.decided_at <= until]
            latest = max([latest, *(row.decided_at for row in decided)])
            log.add(row[:_LOG_COLUMNS] for row in decided)
            tell(f"{int(log.rows.sum()):,} decisions")
    kept = _parts_within(writer.rows, limits.max_touchpoints)
    for number in range(kept, PARTS):
        for kind in ("touchpoints", "decisions"):
            (part / kind / f"{number:02}.parquet").unlink(missing_ok=True)
    made = Export(
        folder=folder,
        until=until,
        data_end=latest,
        touchpoints=int(writer.rows[:kept].sum()),
        decisions=int(log.rows[:kept].sum()),
        share=kept / PARTS,
        unreported=unreported,
        released=released,
    )
    raw = {"format_version": FORMAT_VERSION, **asdict(made)}
    del raw["folder"]
    (part / MANIFEST).write_text(json.dumps(raw, indent=1), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
    return made


def _parts_within(rows: np.ndarray[Any, np.dtype[np.int64]], limit: int) -> int:
    """How many of the first parts hold no more than `limit` rows; at least one."""
    return max(1, int(np.searchsorted(np.cumsum(rows), limit, side="right")))


def _add_sends(
    store: Source, writer: PartWriter, contacts: array[int], until: int, contact_type: str
) -> tuple[int, int]:
    """Write confirmed sends without a touchpoint as contacts; returns their number, and that of releases."""
    reported = np.sort(np.frombuffer(contacts, np.int64)) if contacts else np.zeros(0, np.int64)
    unreported = released = 0
    for batch in store.export_sends():
        made = []
        for customer, send in batch:
            if send.decided_at > until:
                continue
            released += send.state == "released"
            key = _contact(customer, send.message_id)
            at = int(np.searchsorted(reported, key))
            if send.state != "sent" or (at < len(reported) and reported[at] == key):
                continue
            unreported += 1
            made.append(_touchpoint(customer, contact_of_send(send, contact_type)))
        writer.add(made)
    return unreported, released


def contact_of_send(send: Reservation, contact_type: str) -> TouchpointRow:
    """A confirmed send as the touchpoint that nobody reported; it was known when it was let out."""
    name = hashlib.blake2b(f"{send.decision_id}\x1f{send.message_id}".encode(), digest_size=16).hexdigest()
    return TouchpointRow(
        event_time=send.decided_at,
        ingested_time=send.decided_at,
        source="tact",
        touchpoint_id=f"send-{name}",
        department=send.department,
        channel=send.channel,
        direction="outbound",
        event_type=contact_type,
        message_id=send.message_id,
        decision_id=send.decision_id,
    )


def _contact(customer: str, message_id: str) -> int:
    return identifier_hash(f"{customer}\x1f{message_id}")


def _touchpoint(customer: str, row: TouchpointRow) -> tuple[Any, ...]:
    """A row in the order of the contract's columns."""
    properties = None if row.properties is None else _json.encode(row.properties).decode()
    return (
        row.touchpoint_id,
        row.source,
        customer,
        row.event_time,
        row.ingested_time,
        row.department,
        row.channel,
        row.direction,
        row.event_type,
        row.topic,
        row.message_id,
        row.campaign_id,
        row.decision_id,
        row.value,
        row.sentiment,
        properties,
    )
