"""`tact forget` on both stores: nothing is left but the record."""

from __future__ import annotations

import json

from click.testing import CliRunner, Result

from command_line.forget import command
from serving.erasures import is_hash_of
from tests.serving.databases import Database
from tests.serving.examples import outcome, touchpoint

NAME = "a-customer@example.com"
TABLES = ("touchpoints", "answers", "decisions", "sends", "asked", "histories", "customers")


def forget(database: Database, *more: str) -> Result:
    arguments = ["--customer", NAME, "--database", database.url, *more]
    return CliRunner(env={"TACT_HOME": str(database.home)}).invoke(command, arguments)


def test_nothing_is_left_but_the_record(database: Database) -> None:
    store = database.store()
    for customer in (NAME, "other"):
        store.ingest([(customer, touchpoint(f"{customer}-{number}", number)) for number in range(12)])
        made = outcome(f"d-{customer}", customer, sends=["m"], waits=["n"])
        assert store.commit(made, store.snapshot(customer, []))
        store.confirm(f"d-{customer}", "m", "sent")
    done = forget(database)
    assert done.exit_code == 0, done.output
    assert "      12  touchpoints" in done.stdout and "       2  decisions" in done.stdout
    assert NAME not in done.stdout
    for table in TABLES:
        assert database.sql(f"SELECT count(*) FROM tact.{table} WHERE customer_id = ?", [NAME]) == [(0,)]
        assert database.sql(f"SELECT count(*) FROM tact.{table}") != [(0,)], "the other one's stay"
    [(record, counts)] = database.sql("SELECT customer_hash, counts FROM tact.erasures")
    assert is_hash_of(record, NAME) and not is_hash_of(record, "other")
    assert json.loads(counts)["touchpoints"] == 12

    assert store.ingest([(NAME, touchpoint(f"{NAME}-0"))]) == [True], "the same key is new"
    assert store.commit(outcome(f"d-{NAME}", NAME, body="another"), store.snapshot(NAME, []))
    again = json.loads(forget(database, "--json").stdout)
    assert (again["rows"]["touchpoints"], again["rows"]["answers"]) == (1, 1)
    assert "nothing was stored" in forget(database).stdout
    hashes = [one for (one,) in database.sql("SELECT customer_hash FROM tact.erasures")]
    assert len(set(hashes)) == 3 and all(is_hash_of(one, NAME) for one in hashes)
