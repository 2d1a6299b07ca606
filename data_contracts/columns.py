"""Columns and types of the tables: one place for files, the database, the suites and the models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ColumnType = Literal["string", "timestamp", "float", "json"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    `required`: the column must be there. `nullable`: where it is there, a row may leave it empty.
    `default` names the value, or the column, that stands in for a gap.
    """

    name: str
    type: ColumnType
    required: bool = False
    nullable: bool = True
    default: str | None = None


TOUCHPOINTS = (
    Column("touchpoint_id", "string", required=True, nullable=False),
    Column("source", "string", default="import"),
    Column("customer_id", "string", required=True, nullable=False),
    Column("event_time", "timestamp", required=True, nullable=False),
    Column("ingested_time", "timestamp", default="event_time"),
    Column("department", "string", required=True, nullable=False),
    Column("channel", "string", required=True, nullable=False),
    Column("direction", "string", required=True, nullable=False),
    Column("event_type", "string", required=True, nullable=False),
    Column("topic", "string"),
    Column("message_id", "string"),
    Column("campaign_id", "string"),
    Column("decision_id", "string"),
    Column("value", "float"),
    Column("sentiment", "float"),
    Column("properties", "json"),
)

DECISIONS = (
    Column("decision_id", "string", required=True, nullable=False),
    Column("customer_id", "string", required=True, nullable=False),
    Column("decided_at", "timestamp", required=True, nullable=False),
    Column("message_id", "string", required=True, nullable=False),
    Column("department", "string"),
    Column("channel", "string"),
    Column("topic", "string"),
    Column("purpose", "string"),
    Column("campaign_id", "string"),
    Column("value", "float"),
    Column("attributes", "json"),
    Column("not_before", "timestamp"),
    Column("expires_at", "timestamp"),
    Column("action", "string", required=True, nullable=False),
    Column("send_probability", "float", nullable=False),
    Column("mode", "string", nullable=False),
    Column("model_version", "string"),
)

TABLES = {"touchpoints": TOUCHPOINTS, "decisions": DECISIONS}
KEYS = {"touchpoints": ("source", "touchpoint_id"), "decisions": ("decision_id", "message_id")}
TOTAL_ORDER = ("customer_id", "event_time", "ingested_time", "source", "touchpoint_id")

MAX_STRING = 512
"""Longest identifier or category, in characters."""
MAX_JSON = 16_384
"""Longest `properties` or `attributes`, in characters of JSON."""
