"""Schema versions: what the tables are, how older ones are brought up, and why newer ones are refused.

A migration is added, never changed. Each database has its own list; the versions go together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from data_contracts.errors import SchemaTooNew


@dataclass(frozen=True, slots=True)
class Migration:
    """The statements that bring the tables from the version before to `version`."""

    version: int
    statements: tuple[str, ...]


def pending(found: int, migrations: Sequence[Migration], where: str) -> list[Migration]:
    """The migrations that tables of version `found` still need, 0 for none at all.

    Raises SchemaTooNew where the tables are of a version that no migration here knows; `where`
    names the database for the message.
    """
    newest = migrations[-1].version
    if found > newest:
        raise SchemaTooNew(
            f"{where} has tables of version {found}, and this Tact knows up to version {newest}: "
            "start the newer Tact that wrote them, or restore a copy from before its first start"
        )
    return [migration for migration in migrations if migration.version > found]


def migrate(
    found: int,
    migrations: Sequence[Migration],
    where: str,
    execute: Callable[[str], object],
    table: str = "schema_version",
) -> None:
    """Run what is pending and write down the version; the caller holds the transaction and its lock.

    `execute` runs one statement; `table` has one row with the version, and the first migration
    makes it.
    """
    for migration in pending(found, migrations, where):
        for statement in migration.statements:
            execute(statement)
        execute(f"UPDATE {table} SET version = {migration.version}")  # noqa: S608 - our own numbers
