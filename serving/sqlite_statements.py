"""What the store says to SQLite."""

# ruff: noqa: S608 - put together from our own column names, never from values

from __future__ import annotations

from serving.store import DecisionRow

_LOG_COLUMNS = ", ".join(DecisionRow._fields)
_LOG_PLACES = ", ".join("?" * len(DecisionRow._fields))
_ROW = "row_number, event_time, ingested_time, source, touchpoint_id, row"

LAST_ROW_NUMBER = "SELECT coalesce(max(row_number), 0) FROM touchpoints"
ADD_TOUCHPOINT = """INSERT INTO touchpoints
(customer_id, source, touchpoint_id, event_time, ingested_time, row) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING"""
KEYS_AFTER = "SELECT source, touchpoint_id FROM touchpoints WHERE row_number > ?"

VERSION = "SELECT version FROM customers WHERE customer_id = ?"
HISTORY = "SELECT through, rule, left_out, packed FROM histories WHERE customer_id = ?"
NEW_ROWS = f"SELECT {_ROW} FROM touchpoints WHERE customer_id = ? AND row_number > ?"
SENDS = """SELECT message_id, department, channel, decided_at, reserved_until, state FROM sends
WHERE customer_id = ? AND state <> 'released'
AND decided_at > (SELECT max(decided_at) FROM sends WHERE customer_id = ?) - ?
ORDER BY decided_at"""
FIRST_ASKED = """SELECT message_id, first_asked FROM asked
WHERE customer_id = ? AND message_id IN (SELECT value FROM json_each(?))"""
EARLIER = "SELECT customer_id, body_digest, answer FROM answers WHERE decision_id = ?"

BODY_DIGEST = "SELECT body_digest FROM answers WHERE decision_id = ?"
FIRST_VERSION = "INSERT INTO customers (customer_id, version) VALUES (?, ?) ON CONFLICT DO NOTHING"
MOVE_VERSION = "UPDATE customers SET version = version + 1 WHERE customer_id = ? AND version = ?"
ADD_ANSWER = """INSERT INTO answers
(decision_id, customer_id, decided_at, body_digest, answer, features) VALUES (?, ?, ?, ?, ?, ?)"""
ADD_LOG = f"INSERT INTO decisions ({_LOG_COLUMNS}) VALUES ({_LOG_PLACES})"
ADD_SEND = """INSERT INTO sends
(decision_id, customer_id, message_id, department, channel, decided_at, reserved_until, state)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
ADD_ASKED = """INSERT INTO asked (customer_id, message_id, first_asked) VALUES (?, ?, ?)
ON CONFLICT DO NOTHING"""
WRITE_HISTORY = """INSERT INTO histories (customer_id, through, rule, left_out, packed)
VALUES (?, ?, ?, ?, ?) ON CONFLICT (customer_id) DO UPDATE
SET through = excluded.through, rule = excluded.rule, left_out = excluded.left_out,
packed = excluded.packed"""

LOGGED_SEND = """SELECT d.customer_id, d.action, d.purpose,
s.department, s.channel, s.decided_at, s.reserved_until, s.state FROM decisions d
LEFT JOIN sends s USING (decision_id, message_id) WHERE d.decision_id = ? AND d.message_id = ?"""
# Whoever let something out after a reservation's end did not count it.
LATER_SEND = """SELECT 1 FROM sends WHERE customer_id = ? AND state <> 'released' AND decided_at >= ?
AND (decision_id, message_id) <> (?, ?) LIMIT 1"""
# A send of a shadow or holdout decision reserved nothing: it has no row yet.
SETTLE_SEND = """INSERT INTO sends
(decision_id, customer_id, message_id, department, channel, decided_at, reserved_until, state)
SELECT decision_id, customer_id, message_id, coalesce(department, ''), coalesce(channel, ''),
decided_at, decided_at, ?1 FROM decisions WHERE decision_id = ?2 AND message_id = ?3
ON CONFLICT (decision_id, message_id) DO UPDATE SET state = excluded.state"""
MOVE_VERSION_OF_DECISION = """UPDATE customers SET version = version + 1
WHERE customer_id = (SELECT customer_id FROM answers WHERE decision_id = ?)"""

DECISIONS = f"""SELECT {", ".join(f"d.{name}" for name in DecisionRow._fields)}
FROM answers a JOIN decisions d USING (decision_id) WHERE a.customer_id = ?
ORDER BY a.decided_at DESC, a.decision_id, d.rank LIMIT ?"""
RESERVATIONS = """SELECT decision_id, message_id, department, channel, decided_at, reserved_until, state
FROM sends WHERE customer_id = ? ORDER BY decided_at DESC, decision_id, message_id LIMIT ?"""
STORED_DECISION = """SELECT decision_id, customer_id, decided_at, body_digest, answer, features
FROM answers WHERE decision_id = ?"""
LOG_OF_DECISION = f"SELECT {_LOG_COLUMNS} FROM decisions WHERE decision_id = ? ORDER BY rank"

TOUCHPOINTS = """SELECT row_number, customer_id, event_time, ingested_time, source, touchpoint_id, row
FROM touchpoints WHERE row_number > ? ORDER BY row_number LIMIT ?"""
LOG = f"""SELECT {_LOG_COLUMNS} FROM decisions WHERE (decision_id, message_id) > (?, ?)
ORDER BY decision_id, message_id LIMIT ?"""
ALL_SENDS = """SELECT customer_id, decision_id, message_id, department, channel, decided_at, reserved_until, state
FROM sends WHERE (decision_id, message_id) > (?, ?) ORDER BY decision_id, message_id LIMIT ?"""

ERASE = {
    "touchpoints": "DELETE FROM touchpoints WHERE customer_id = ?",
    "decisions": """DELETE FROM decisions WHERE decision_id IN
(SELECT decision_id FROM answers WHERE customer_id = ?)""",
    "answers": "DELETE FROM answers WHERE customer_id = ?",
    "sends": "DELETE FROM sends WHERE customer_id = ?",
    "asked": "DELETE FROM asked WHERE customer_id = ?",
    "histories": "DELETE FROM histories WHERE customer_id = ?",
    "customers": "DELETE FROM customers WHERE customer_id = ?",
}
ADD_ERASURE = "INSERT INTO erasures (customer_hash, erased_at, counts) VALUES (?, ?, ?)"
