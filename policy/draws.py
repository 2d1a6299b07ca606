"""Random draws that anyone can repeat from the decision id, and the stable split of customers.

The unit of exploration is the decision (all candidates of one request share the draw), the unit
of the holdout is the customer.
"""

from __future__ import annotations

import hashlib


def uniform(*parts: str) -> float:
    """A number in [0, 1) that depends on the parts alone (BLAKE2b, 53 bits)."""
    text = "\x1f".join(parts).encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(text, digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)


def in_holdout(customer_id: str, share: float) -> bool:
    """Whether a customer belongs to the share for whom Tact only logs; the same on every machine.

    A growing share keeps those who are in it already.
    """
    return share > 0 and uniform("holdout", customer_id) < share
