"""The kinds of company that come with Tact. Another kind is another `CompanyKind`."""

from __future__ import annotations

from data_contracts.errors import InvalidRequest
from simulation.companies.retail import RETAIL
from simulation.companies.subscription import SUBSCRIPTION
from simulation.companies.telecoms import TELECOMS
from simulation.kinds import CompanyKind

KINDS: dict[str, CompanyKind] = {kind.name: kind for kind in (SUBSCRIPTION, RETAIL, TELECOMS)}


def kind_named(name: str) -> CompanyKind:
    """The kind of that name; raises InvalidRequest with the names that there are."""
    if name not in KINDS:
        raise InvalidRequest(f"kind: {name!r} is not a kind of company; choose one of {', '.join(KINDS)}")
    return KINDS[name]
