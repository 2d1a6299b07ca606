"""Schema versions: golden tables, migrations that run by themselves, newer ones refused; formats at rest."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

from data_contracts.errors import SchemaTooNew, StoreUnavailable
from features.packing import TouchpointRow, columns_of_rows, pack, unpack
from serving import postgres_database, postgres_schema, sqlite_database, sqlite_schema
from serving.history import decoded_row, encoded_row
from serving.schema import Migration, pending
from serving.store import Store
from tests.features.test_packing import assert_same
from tests.serving.databases import Database
from tests.serving.examples import outcome, touchpoint

GOLDEN = Path(__file__).parents[1] / "golden" / "store_1"
ROWS = [
    TouchpointRow(
        event_time=1_767_225_600_000_001,
        ingested_time=1_767_225_661_000_000,
        source="crm",
        touchpoint_id="t-1",
        department="support",
        channel="email",
        direction="inbound",
        event_type="ticket_opened",
        topic="Größe",
        message_id="m-1",
        campaign_id="case-7",
        decision_id="d-1",
        value=-0.1,
        sentiment=0.5,
        properties={"time_zone": "Europe/Vienna", "plan": None, "tags": [1, 2.5, True]},
    ),
    TouchpointRow(
        event_time=1_767_225_600_000_000,
        ingested_time=1_767_225_600_000_000,
        source="web",
        touchpoint_id="t-2",
        department="product",
        channel="web",
        direction="inbound",
        event_type="logged_in",
    ),
]


def golden(name: str, found: str) -> None:
    """Compare with a file; where it is missing it is written, and the test fails once."""
    file = GOLDEN / name
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(found, encoding="utf-8")
        raise AssertionError(f"{file} was missing and is written now: look at it and commit it")
    assert found == file.read_text(encoding="utf-8"), (
        f"{name}: a format at rest has changed; old databases have the old one. Add a migration and a "
        "new version beside it"
    )


def test_the_format_of_a_row() -> None:
    golden("row.hex", "".join(encoded_row(row).hex() + "\n" for row in ROWS))
    for row, line in zip(ROWS, (GOLDEN / "row.hex").read_text().split(), strict=True):
        assert decoded_row(*row[:4], bytes.fromhex(line)) == row


def test_the_format_of_a_packed_history() -> None:
    golden("packed_history.hex", pack(columns_of_rows(ROWS)).hex() + "\n")
    found = unpack(bytes.fromhex((GOLDEN / "packed_history.hex").read_text()))
    assert_same(found, columns_of_rows(ROWS))


@pytest.mark.parametrize(
    ("name", "migrations"),
    [("sqlite.sql", sqlite_schema.MIGRATIONS), ("postgresql.sql", postgres_schema.MIGRATIONS)],
)
@pytest.mark.parametrize("version", [1, 2])
def test_the_statements_of_a_version(name: str, migrations: tuple[Migration, ...], version: int) -> None:
    made = migrations[version - 1]
    assert made.version == version
    golden(f"../store_{version}/{name}", "".join(f"{statement};\n" for statement in made.statements))


def test_the_tables_are_those_of_the_golden_file(sqlite: Database) -> None:
    sqlite.store().health()
    found = sqlite.sql("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")
    wanted = (GOLDEN / "sqlite.sql").read_text(encoding="utf-8").replace("customer_sha256", "customer_hash")
    for (statement,) in found:
        assert statement.replace('"', "") + ";" in wanted
    assert len(found) == len(re.findall("^CREATE ", wanted, re.MULTILINE))


def modules(database: Database) -> tuple[str, tuple[Migration, ...]]:
    module = sqlite_database if database.kind == "sqlite" else postgres_database
    return f"{module.__name__}.MIGRATIONS", module.MIGRATIONS


def with_next_version(database: Database, monkeypatch: pytest.MonkeyPatch, statements: tuple[str, ...]) -> None:
    """From now on the program knows a version more."""
    path, known = modules(database)
    if database.kind == "sqlite":
        statements = tuple(statement.replace("tact.", "") for statement in statements)
    monkeypatch.setattr(path, (*known, Migration(known[-1].version + 1, statements)))


def with_some_data(store: Store) -> None:
    store.ingest([("c", touchpoint(f"t-{number}", number)) for number in range(20)])
    assert store.commit(outcome("d", "c", sends=["m"]), store.snapshot("c", []))


def test_an_older_schema_is_brought_up_by_itself(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    old = database.store()
    with_some_data(old)
    [(version,)] = database.sql("SELECT version FROM tact.schema_version")
    with_next_version(
        database,
        monkeypatch,
        (
            "ALTER TABLE tact.sends ADD COLUMN note TEXT",
            "UPDATE tact.sends SET note = 'from before'",
        ),
    )
    stores = [database.store() for _ in range(4)]
    threads = [threading.Thread(target=store.health) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert database.sql("SELECT version FROM tact.schema_version") == [(version + 1,)]
    assert database.sql("SELECT note FROM tact.sends") == [("from before",)]
    assert len(stores[0].snapshot("c", []).columns) == 20
    assert stores[0].confirm("d", "m", "sent") == "sent"


def test_a_migration_that_fails_changes_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with_some_data(database.store())
    with monkeypatch.context() as patch:
        with_next_version(
            database, patch, ("ALTER TABLE tact.sends ADD COLUMN note TEXT", "SELECT 1 FROM nowhere")
        )
        with pytest.raises(StoreUnavailable, match="nowhere"):
            database.store().health()
    store = database.store()
    store.health()
    assert store.confirm("d", "m", "sent") == "sent"
    assert database.sql("SELECT version FROM tact.schema_version") == [(2,)]


def test_a_newer_schema_is_refused(database: Database) -> None:
    store = database.store()
    with_some_data(store)
    store.close()
    database.sql("UPDATE tact.schema_version SET version = 99")
    for _ in range(2):
        with pytest.raises(
            SchemaTooNew, match=r"has tables of version 99, and this Tact knows up to version 2: "
        ):
            database.store().ingest([("c", touchpoint("late"))])
    assert database.sql("SELECT count(*) FROM tact.touchpoints") == [(20,)]


def test_pending_migrations_are_in_order() -> None:
    known = tuple(Migration(version, ()) for version in (1, 2, 3))
    assert [migration.version for migration in pending(0, known, "it")] == [1, 2, 3]
    assert [migration.version for migration in pending(2, known, "it")] == [3]
    assert pending(3, known, "it") == []
    with pytest.raises(SchemaTooNew, match="it has tables of version 4"):
        pending(4, known, "it")


@pytest.mark.parametrize("migrations", [sqlite_schema.MIGRATIONS, postgres_schema.MIGRATIONS])
def test_versions_count_from_one(migrations: tuple[Migration, ...]) -> None:
    assert [migration.version for migration in migrations] == list(range(1, len(migrations) + 1))
