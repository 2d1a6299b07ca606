"""How a customer who was erased is named in the record of it: by a salted hash, never by the id."""

from __future__ import annotations

import hashlib
import hmac
import secrets

_SALT_BYTES = 16


def customer_hash(customer_id: str, salt: bytes | None = None) -> str:
    """`SALT:SHA-256 of salt and id`, both in hexadecimal.

    The salt is drawn for each record: two records don't tell that they are of one customer, and
    whoever has an id can still see whether a record is its own (`is_hash_of`).
    """
    drawn = secrets.token_bytes(_SALT_BYTES) if salt is None else salt
    digest = hashlib.sha256(drawn + customer_id.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{drawn.hex()}:{digest}"


def is_hash_of(record: str, customer_id: str) -> bool:
    """Whether a record's hash is that of `customer_id`; records of schema version 1 have no salt."""
    salt, _, _ = record.rpartition(":")
    wanted = customer_hash(customer_id, bytes.fromhex(salt))
    return hmac.compare_digest(wanted.removeprefix(":"), record)
