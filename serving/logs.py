"""Structured logs: one JSON object a line, with the request's id and no customer data.

Messages of unknown exceptions are left out, since a driver's message can quote a row; set
TACT_DEBUG=1 to see them. What Tact logs itself holds counts, codes, versions and paths only.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from contextvars import ContextVar
from typing import Any

import msgspec

from data_contracts.errors import TactError
from data_contracts.times import format_time

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Id of the request that is being answered; set at the edge, copied into worker threads."""

LOGGER = "tact"


class JsonLines(logging.Formatter):
    """Formats records as JSON; `extra={"fields": {...}}` adds keys."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": format_time(round(record.created * 1e6)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        request_id = REQUEST_ID.get()
        if request_id is not None:
            line["request_id"] = request_id
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            line |= fields
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = described(record.exc_info[1])
        return msgspec.json.encode(line, enc_hook=str).decode("utf-8")


def described(error: BaseException) -> dict[str, Any]:
    """An exception as plain data: its type, where it came from, and our own errors' words."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    result: dict[str, Any] = {
        "type": type(error).__name__,
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if isinstance(error, TactError) or os.environ.get("TACT_DEBUG") == "1":
        result["detail"] = str(error)
    return result


def configure_logs() -> None:
    """Send Tact's, BentoML's and uvicorn's records to stderr as JSON lines; TACT_LOG sets the level."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    level = os.environ.get("TACT_LOG", "info").upper()
    for name in (LOGGER, "bentoml", "uvicorn.error", "circus"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
    logging.getLogger(LOGGER).setLevel(level if level in logging.getLevelNamesMapping() else "INFO")
    for name in ("bentoml", "uvicorn.error", "circus"):
        logging.getLogger(name).setLevel("WARNING")
