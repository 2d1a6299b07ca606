"""What the store says to PostgreSQL; the hot paths are functions of `serving.postgres_schema`."""

# ruff: noqa: S608 - put together from our own column names, never from values

from __future__ import annotations

from serving.store import DecisionRow

_LOG_COLUMNS = ", ".join(DecisionRow._fields)
_LOG_OF_D = ", ".join(f"d.{name}" for name in DecisionRow._fields)

INGEST = "SELECT tact.ingest(%b::text[], %b::text[], %b::text[], %b::bigint[], %b::bigint[], %b::bytea[])"
SNAPSHOT = "SELECT * FROM tact.snapshot(%s::text, %s::text[], %s::text, %s::bigint)"
SNAPSHOTS = """SELECT s.* FROM unnest(%s::text[], %s::int[], %s::int[], %s::text[])
WITH ORDINALITY AS k(customer, first, last, decision, place)
CROSS JOIN LATERAL tact.snapshot(k.customer, (%s::text[])[k.first:k.last], k.decision, %s::bigint) s
ORDER BY k.place"""
COMMIT = """SELECT tact.commit_decision(%s::text, %s::bigint, %s::bigint, %s::text, %s::bigint,
%b::bytea, %b::bytea, %b::bytea, %s::json, %s::json, %s::json, %s::text, %s::bigint, %b::bytea, %s::bigint[])"""
COMMIT_MANY = """SELECT tact.commit_decision(c.customer, c.version, c.first_version, c.decision, c.decided_at,
c.digest, c.answer, c.features, c.log::json, c.sends::json, c.asked::json,
c.rule, c.left_out, c.packed, c.unpacked::bigint[])
FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::bigint[], %s::bytea[], %s::bytea[],
%s::bytea[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bytea[], %s::text[])
WITH ORDINALITY AS c(customer, version, first_version, decision, decided_at, digest, answer, features,
log, sends, asked, rule, left_out, packed, unpacked, place) ORDER BY c.place"""

LOCK_CUSTOMER = """INSERT INTO tact.customers (customer_id, version) VALUES (%s, %s)
ON CONFLICT (customer_id) DO UPDATE SET version = tact.customers.version + 1"""
# One statement, one state: rows that come in meanwhile are in neither column.
ALL_ROWS = """SELECT t.row_number, u.row_number IS NOT NULL,
t.event_time, t.ingested_time, t.source, t.touchpoint_id, t.row FROM tact.touchpoints t
LEFT JOIN tact.unpacked u ON u.customer_id = t.customer_id AND u.row_number = t.row_number
WHERE t.customer_id = %s"""
COMPACT = """SELECT tact.compact(c.customer, c.version, c.first_version,
c.rule, c.left_out, c.packed, c.unpacked::bigint[])
FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::bigint[], %s::bytea[], %s::text[])
AS c(customer, version, first_version, rule, left_out, packed, unpacked)"""

HOLD_CUSTOMER = "SELECT 1 FROM tact.customers WHERE customer_id = %s FOR UPDATE"
SETTLE_IN_TIME = "SELECT tact.settle_in_time(%s::text, %s::text, %s::text)"
LOGGED_SEND = """SELECT d.customer_id, d.action, d.purpose,
s.department, s.channel, s.decided_at, s.reserved_until, s.state FROM tact.decisions d
LEFT JOIN tact.sends s USING (decision_id, message_id) WHERE d.decision_id = %s AND d.message_id = %s"""
# Whoever let something out after a reservation's end did not count it.
LATER_SEND = """SELECT 1 FROM tact.sends WHERE customer_id = %s AND state <> 'released' AND decided_at >= %s
AND (decision_id, message_id) <> (%s, %s) LIMIT 1"""
# A send of a shadow or holdout decision reserved nothing: it has no row yet.
SETTLE_SEND = """INSERT INTO tact.sends
(decision_id, customer_id, message_id, department, channel, decided_at, reserved_until, state)
SELECT decision_id, customer_id, message_id, coalesce(department, ''), coalesce(channel, ''),
decided_at, decided_at, %s FROM tact.decisions WHERE decision_id = %s AND message_id = %s
ON CONFLICT (decision_id, message_id) DO UPDATE SET state = excluded.state"""
MOVE_VERSION = "UPDATE tact.customers SET version = version + 1 WHERE customer_id = %s"

DECISIONS = f"""SELECT {_LOG_OF_D} FROM tact.answers a JOIN tact.decisions d USING (decision_id)
WHERE a.customer_id = %s ORDER BY a.decided_at DESC, a.decision_id, d.rank LIMIT %s"""
RESERVATIONS = """SELECT decision_id, message_id, department, channel, decided_at, reserved_until, state
FROM tact.sends WHERE customer_id = %s ORDER BY decided_at DESC, decision_id, message_id LIMIT %s"""
STORED_DECISION = """SELECT decision_id, customer_id, decided_at, body_digest, answer, features
FROM tact.answers WHERE decision_id = %s"""
LOG_OF_DECISION = f"SELECT {_LOG_COLUMNS} FROM tact.decisions WHERE decision_id = %s ORDER BY rank"

TOUCHPOINTS = """SELECT customer_id, event_time, ingested_time, source, touchpoint_id, row
FROM tact.touchpoints ORDER BY row_number"""
LOG = f"SELECT {_LOG_COLUMNS} FROM tact.decisions ORDER BY decision_id, message_id"
ALL_SENDS = """SELECT customer_id, decision_id, message_id, department, channel, decided_at, reserved_until, state
FROM tact.sends ORDER BY decision_id, message_id"""

# The customer first: decisions about them wait, and then find their version gone.
ERASE = {
    "customers": "DELETE FROM tact.customers WHERE customer_id = %s",
    "touchpoints": "DELETE FROM tact.touchpoints WHERE customer_id = %s",
    "unpacked": "DELETE FROM tact.unpacked WHERE customer_id = %s",
    "decisions": """DELETE FROM tact.decisions WHERE decision_id IN
(SELECT decision_id FROM tact.answers WHERE customer_id = %s)""",
    "answers": "DELETE FROM tact.answers WHERE customer_id = %s",
    "sends": "DELETE FROM tact.sends WHERE customer_id = %s",
    "asked": "DELETE FROM tact.asked WHERE customer_id = %s",
    "histories": "DELETE FROM tact.histories WHERE customer_id = %s",
}
ADD_ERASURE = "INSERT INTO tact.erasures (customer_hash, erased_at, counts) VALUES (%s, %s, %s)"
READ_ONLY = "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean"
