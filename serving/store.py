"""The store of the service: touchpoints, decisions, reservations and answers behind one interface.

Caps are exact because a customer has a version: `snapshot` reads it with everything a decision looks
at, and `commit` writes only while it is unchanged. Whoever loses a race reads again; after a few
losses it takes the customer's lock (`locked`), where nobody can move the version. Ingesting doesn't
move it: a decision that ran beside an `ingest` counts as made before it.

Times are microseconds since 1970 in UTC. Every method may be called from any thread, blocks until it
is done, and raises StoreUnavailable where the database can't be used; the next call tries again by
itself. What a method has returned is durable (against a killed process; against a power cut as the
database is set up).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, Protocol
from urllib.parse import urlsplit

from data_contracts.errors import ConfigurationError, Conflict
from features.columns import TouchpointColumns
from features.packing import TouchpointRow
from policy.situation import Send
from serving.history import HistoryBounds

SendOutcome = Literal["sent", "not_sent"]
SendState = Literal["reserved", "sent", "released"]


@dataclass(frozen=True, slots=True)
class EarlierAnswer:
    """What was answered before under a decision id."""

    customer_id: str
    body_digest: bytes
    answer: bytes
    """The answer as it went out, JSON."""


class SnapshotKey(NamedTuple):
    """What a snapshot is asked for: a customer, the messages of the request, and its decision id."""

    customer_id: str
    message_ids: Sequence[str]
    decision_id: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that a decision about one customer looks at, as of one moment.

    Attributes
    ----------
    version : the customer's version; 0 where nothing was decided yet
    columns : the customer's rows in the total order, whatever their times (what is visible at a
        moment is the kernel's affair), within the bounds of `HistoryBounds`
    left_out : rows of the customer that the bounds keep out of `columns`; where it is not 0, a
        decision as of an earlier moment can read `Store.history` instead
    sends : reservations that were not released, expired ones included, and confirmed sends
    first_asked : when each of the asked messages was first asked about; new ones are missing
    earlier : the answer under the asked decision id, None where there is none
    unpacked : row numbers that `columns` has and the packed history lacks; the store's own
    repack : whether `commit` should write the packed history anew; the store's own
    """

    customer_id: str
    version: int
    columns: TouchpointColumns
    sends: tuple[Send, ...] = ()
    first_asked: dict[str, int] = field(default_factory=dict)
    earlier: EarlierAnswer | None = None
    left_out: int = 0
    unpacked: tuple[int, ...] = ()
    repack: bool = False


class DecisionRow(NamedTuple):
    """One row of the decision log: the contract's columns, then what else the answer said.

    `attributes` and `reasons` are JSON texts.
    """

    decision_id: str
    customer_id: str
    decided_at: int
    message_id: str
    department: str | None
    channel: str | None
    topic: str | None
    purpose: str | None
    campaign_id: str | None
    value: float | None
    attributes: str | None
    not_before: int | None
    expires_at: int | None
    action: str
    send_probability: float
    mode: str
    model_version: str | None
    rank: int
    net_value: float | None
    wait_until: int | None
    reasons: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one decision wants stored.

    Attributes
    ----------
    body_digest : digest of the request's body, to tell a repetition from another request
    answer : the answer as it goes out, JSON
    rows : the log, one row a candidate, each of this decision and customer
    reservations : the sends that are let out, in state `reserved`; empty in shadow and holdout
    features : the feature vectors and their version in a compact form, for replays; the store
        doesn't look inside
    first_asked : when messages are asked about for the first time; known ones are left as they are
    """

    decision_id: str
    customer_id: str
    decided_at: int
    body_digest: bytes
    answer: bytes
    rows: tuple[DecisionRow, ...]
    reservations: tuple[Send, ...] = ()
    features: bytes | None = None
    first_asked: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reservation:
    """A send that was let out, with what became of it."""

    decision_id: str
    message_id: str
    department: str
    channel: str
    decided_at: int
    reserved_until: int
    state: SendState


@dataclass(frozen=True, slots=True)
class Timeline:
    """All that is stored about a customer, each list with the newest first."""

    customer_id: str
    touchpoints: tuple[TouchpointRow, ...]
    decisions: tuple[DecisionRow, ...]
    reservations: tuple[Reservation, ...]


@dataclass(frozen=True, slots=True)
class StoredDecision:
    """A decision as it was logged, for replays."""

    decision_id: str
    customer_id: str
    decided_at: int
    body_digest: bytes
    answer: bytes
    features: bytes | None
    rows: tuple[DecisionRow, ...]


Fits = Callable[[Send, Snapshot], bool]
"""Whether a send whose reservation has ended would break no cap, asked with the customer's snapshot."""


def no_room(send: Send, snapshot: Snapshot) -> bool:
    """The answer where the caps are not known: none that came too late fits."""
    return False


class LockedCustomer(Protocol):
    """A customer whose version nobody else can move."""

    def snapshot(self, message_ids: Sequence[str], decision_id: str | None = None) -> Snapshot:
        """As `Store.snapshot`."""

    def commit(self, outcome: Outcome, snapshot: Snapshot) -> bool:
        """As `Store.commit`; False only where the decision id was taken meanwhile for the same body."""

    def history(self, customer_id: str) -> TouchpointColumns:
        """As `Store.history`."""


class Store(Protocol):
    """A database behind the service; see the module's text for what holds for every method."""

    def ingest(self, rows: Sequence[tuple[str, TouchpointRow]]) -> list[bool]:
        """Add (customer_id, row) pairs in one transaction; True for each that was new.

        The key is (source, touchpoint_id): of one key the first row stays, inside a batch too.
        """

    def snapshot(
        self, customer_id: str, message_ids: Sequence[str], decision_id: str | None = None
    ) -> Snapshot:
        """Everything that a decision looks at; a customer who was never seen is a normal case."""

    def snapshots(self, keys: Sequence[SnapshotKey]) -> list[Snapshot]:
        """One snapshot for each key, in order, in few round trips."""

    def commit(self, outcome: Outcome, snapshot: Snapshot) -> bool:
        """Store a decision unless the customer's version has moved since the snapshot.

        True: all of it is stored. False: nothing is; the version moved, or the same decision id
        was answered meanwhile for the same body (the next snapshot has it as `earlier`).
        Raises Conflict where the decision id was answered for another body.
        """

    def commit_many(self, decisions: Sequence[tuple[Outcome, Snapshot]]) -> list[bool | Conflict]:
        """`commit` for each, in one transaction; a Conflict stands in its place instead of being raised.

        Of several decisions about one customer with one version the first is stored.
        """

    def locked(self, customer_id: str) -> AbstractContextManager[LockedCustomer]:
        """Hold the customer's lock: a commit of a snapshot taken inside can't lose on the version.

        Everything that was committed inside becomes durable when the block ends without an error;
        an error takes all of it back. Don't call other methods of the store inside.
        """

    def confirm(
        self, decision_id: str, message_id: str, outcome: SendOutcome, fits: Fits = no_room
    ) -> Literal["sent", "released"]:
        """Say whether a send went out; again with the same outcome gives the same answer.

        A reservation that has ended may still be confirmed as sent while nothing was let out since
        its end, and after that where `fits` says so: else what was let out in its place would be
        one too many. A send of a shadow or holdout decision, which reserved nothing, is recorded
        as well. Raises NotFound for an unknown decision or message, Conflict for the other outcome
        than before, for a row that was no send, and for a send that came too late.
        """

    def timeline(self, customer_id: str, limit: int | None = None) -> Timeline:
        """What is stored about a customer; of each list at most the `limit` newest."""

    def decision(self, decision_id: str) -> StoredDecision:
        """One logged decision; raises NotFound."""

    def history(self, customer_id: str, first: int | None = None) -> TouchpointColumns:
        """All rows of a customer in the total order, without bounds; or the `first` that came in.

        In PostgreSQL rows of one customer that came in at the same moment may count in another
        order than they were seen in.
        """

    def compact(self, customer_ids: Sequence[str]) -> int:
        """Pack the histories of customers with many new rows, which later snapshots read faster.

        Decisions do it on their way; this is for after a bulk import. Returns how many were packed.
        """

    def export_touchpoints(self, batch_size: int = 10_000) -> Iterator[list[tuple[str, TouchpointRow]]]:
        """All touchpoints as (customer_id, row), in order of arrival."""

    def export_decisions(self, batch_size: int = 10_000) -> Iterator[list[DecisionRow]]:
        """The whole decision log; the rows of one decision stand together."""

    def export_sends(self, batch_size: int = 10_000) -> Iterator[list[tuple[str, Reservation]]]:
        """The whole ledger of sends as (customer_id, send), ordered by decision and message."""

    def forget(self, customer_id: str, now: int) -> dict[str, int]:
        """Erase everything about a customer; returns how many rows of each table went.

        A record stays with a salted hash of the id (`serving.erasures`), the time and the counts.
        """

    def health(self) -> None:
        """Return where the database can be read and written; raise StoreUnavailable where it can't."""

    def close(self) -> None:
        """Give back files and connections; the store can't be used afterwards."""


def open_store(url: str, home: Path, bounds: HistoryBounds | None = None) -> Store:
    """The store at `sqlite:///FILE` (relative to `home`) or `postgresql://USER@HOST/DATABASE`.

    It touches the database at the first use only, creates or migrates its tables by itself, and
    refuses tables of a newer Tact (SchemaTooNew). `bounds` comes from `HistoryBounds.of(configuration)`.
    Options of SQLite stand behind the file: `?synchronous=full` (also safe against a power cut),
    `?timeout_ms=2000`; of PostgreSQL: `?tact_prepare=on` (prepared statements, not behind a
    PgBouncer below 1.21), `?tact_timeout_ms=5000`. Raises ConfigurationError for any other URL.
    """
    chosen = bounds or HistoryBounds()
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        from serving.sqlite_store import SqliteStore

        return SqliteStore.at(url, home, chosen)
    if scheme in ("postgresql", "postgres"):
        from serving.postgres_store import PostgresStore

        return PostgresStore.at(url, chosen)
    raise ConfigurationError(
        f"service.database: {scheme or 'nothing'} is no database that Tact knows; "
        "write sqlite:///FILE or postgresql://USER@HOST/DATABASE"
    )
