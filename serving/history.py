"""A customer's stored history: how it is bounded, encoded by row, and kept packed. No SQL."""

from __future__ import annotations

from dataclasses import dataclass

from data_contracts.configuration import Configuration, Vocabulary

_DAY_HOURS = 24.0
_KEPT_ROLES = ("profile", "opted_out", "opted_in", "observation_ended")


def _types_of(roles: tuple[str, ...], vocabulary: Vocabulary) -> frozenset[str]:
    return frozenset(name for role in roles for name in vocabulary.role(role))


@dataclass(frozen=True, slots=True)
class HistoryBounds:
    """How much of a customer's history a decision reads.

    Attributes
    ----------
    rows : the newest rows that are kept at hand
    kept_types : event types that are kept whatever their age: profile, consent, end of observation
    contact_types : of these the newest `rows` are kept beside the others, since caps count them
    sends_hours : sends older than that before the newest one are not read
    """

    rows: int = 5_000
    kept_types: frozenset[str] = _types_of(_KEPT_ROLES, Vocabulary())
    contact_types: frozenset[str] = _types_of(("contact",), Vocabulary())
    sends_hours: float = 400 * _DAY_HOURS

    @classmethod
    def of(cls, configuration: Configuration) -> HistoryBounds:
        """The bounds that a configuration asks for; no cap's window is longer than the sends read."""
        windows = [cap.window_hours for cap in configuration.policy.caps]
        return cls(
            rows=configuration.service.history_limit,
            kept_types=_types_of(_KEPT_ROLES, configuration.vocabulary),
            contact_types=_types_of(("contact",), configuration.vocabulary),
            sends_hours=max([cls().sends_hours, *windows]),
        )
