"""The tables in SQLite."""

from __future__ import annotations

from serving.schema import Migration

VERSION_1 = (
    "CREATE TABLE schema_version (version INTEGER NOT NULL)",
    "INSERT INTO schema_version VALUES (0)",
    # Small rows apart from the histories: a decision writes the version and not the blob.
    """CREATE TABLE customers (
  customer_id TEXT PRIMARY KEY,
  version INTEGER NOT NULL
) WITHOUT ROWID""",
    # One writer at a time: row numbers grow in the order of the commits, so `through` tells
    # which rows the blob has.
    """CREATE TABLE histories (
  customer_id TEXT PRIMARY KEY,
  through INTEGER NOT NULL,
  rule TEXT NOT NULL,
  left_out INTEGER NOT NULL,
  packed BLOB NOT NULL
)""",
    """CREATE TABLE touchpoints (
  row_number INTEGER PRIMARY KEY,
  customer_id TEXT NOT NULL,
  source TEXT NOT NULL,
  touchpoint_id TEXT NOT NULL,
  event_time INTEGER NOT NULL,
  ingested_time INTEGER NOT NULL,
  row BLOB NOT NULL,
  UNIQUE (source, touchpoint_id)
)""",
    "CREATE INDEX touchpoints_of_customer ON touchpoints (customer_id)",
    """CREATE TABLE answers (
  decision_id TEXT PRIMARY KEY,
  customer_id TEXT NOT NULL,
  decided_at INTEGER NOT NULL,
  body_digest BLOB NOT NULL,
  answer BLOB NOT NULL,
  features BLOB
)""",
    "CREATE INDEX answers_of_customer ON answers (customer_id, decided_at)",
    """CREATE TABLE decisions (
  decision_id TEXT NOT NULL,
  customer_id TEXT NOT NULL,
  decided_at INTEGER NOT NULL,
  message_id TEXT NOT NULL,
  department TEXT,
  channel TEXT,
  topic TEXT,
  purpose TEXT,
  campaign_id TEXT,
  value REAL,
  attributes TEXT,
  not_before INTEGER,
  expires_at INTEGER,
  action TEXT NOT NULL,
  send_probability REAL NOT NULL,
  mode TEXT NOT NULL,
  model_version TEXT,
  rank INTEGER NOT NULL,
  net_value REAL,
  wait_until INTEGER,
  reasons TEXT NOT NULL,
  PRIMARY KEY (decision_id, message_id)
) WITHOUT ROWID""",
    """CREATE TABLE sends (
  decision_id TEXT NOT NULL,
  message_id TEXT NOT NULL,
  customer_id TEXT NOT NULL,
  department TEXT NOT NULL,
  channel TEXT NOT NULL,
  decided_at INTEGER NOT NULL,
  reserved_until INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('reserved', 'sent', 'released')),
  PRIMARY KEY (decision_id, message_id)
) WITHOUT ROWID""",
    "CREATE INDEX sends_of_customer ON sends (customer_id, decided_at)",
    """CREATE TABLE asked (
  customer_id TEXT NOT NULL,
  message_id TEXT NOT NULL,
  first_asked INTEGER NOT NULL,
  PRIMARY KEY (customer_id, message_id)
) WITHOUT ROWID""",
    """CREATE TABLE erasures (
  customer_sha256 TEXT NOT NULL,
  erased_at INTEGER NOT NULL,
  counts TEXT NOT NULL
)""",
)

VERSION_2 = (
    # What names a customer who was erased is salted from here on, and no longer a plain SHA-256.
    "ALTER TABLE erasures RENAME COLUMN customer_sha256 TO customer_hash",
)

MIGRATIONS = (Migration(1, VERSION_1), Migration(2, VERSION_2))
