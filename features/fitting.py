"""Fit a feature specification on the training period: categories and the population's rates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from data_contracts.configuration import Configuration
from data_contracts.vocabulary import OTHER
from features.columns import Int32, TouchpointColumns
from features.encoding import EncodedHistory, encode
from features.meaning import FLAG, OUTBOUND
from features.specification import FeatureSpecification

MAX_ATTRIBUTE_CATEGORIES = 64


def fit_specification(
    columns: TouchpointColumns,
    configuration: Configuration,
    until: int,
    candidate_attributes: Iterable[Mapping[str, Any]] = (),
    candidate_words: Mapping[str, Iterable[str]] | None = None,
) -> FeatureSpecification:
    """Choose the categories that were seen, and known, before `until` (microseconds).

    `candidate_attributes` are the attributes of the training period's candidates, and
    `candidate_words` their departments, channels and topics: a candidate may name a word that no
    touchpoint has. The most frequent words are kept, up to the configured numbers; ties go by name.
    """
    limits = configuration.vocabulary
    known = (columns.event_time < until) & (columns.ingested_time < until)
    extra = candidate_words or {}

    def frequent(column: str, limit: int) -> tuple[str, ...]:
        indices: Int32 = getattr(columns, column)[known]
        counts = np.bincount(indices[indices >= 0], minlength=len(columns.strings))
        found = {columns.strings[place]: int(counts[place]) for place in np.flatnonzero(counts)}
        for word in extra.get(column, ()):
            found[word] = found.get(word, 0) + 1
        found.pop(OTHER, None)
        ordered = sorted(found, key=lambda word: (-found[word], word))[:limit]
        return tuple(sorted(ordered))

    event_types = frequent("event_type", limits.max_event_types)
    places = {word: place for place, word in enumerate(columns.strings)}
    has_value = known & ~np.isnan(columns.value)
    valued_counts = np.bincount(
        columns.event_type[has_value & (columns.event_type >= 0)], minlength=len(columns.strings)
    )
    valued = tuple(word for word in event_types if word in places and valued_counts[places[word]] > 0)
    attributes = configuration.attributes
    categories: dict[str, tuple[str, ...]] = {}
    for name, kind in attributes.customer.items():
        if kind == "category":
            values = (properties.get(name) for row, properties in columns.properties if known[row])
            categories[f"customer_{name}"] = _most_frequent(values)
    given = list(candidate_attributes)
    for name, kind in attributes.candidate.items():
        if kind == "category":
            categories[f"candidate_{name}"] = _most_frequent(one.get(name) for one in given)
    draft = FeatureSpecification(
        departments=frequent("department", limits.max_departments),
        channels=frequent("channel", limits.max_channels),
        topics=frequent("topic", limits.max_topics),
        sources=frequent("source", limits.max_sources),
        event_types=event_types,
        valued_event_types=valued,
        customer_attributes=dict(attributes.customer),
        candidate_attributes=dict(attributes.candidate),
        attribute_categories=categories,
        rates={"overall": (0.0, 0.0)},
        goals=configuration.goals,
        outcomes=configuration.outcomes,
        vocabulary=configuration.vocabulary,
    )
    rates = population_rates(encode(columns, draft), draft, until)
    return FeatureSpecification(**{**_fields(draft), "rates": rates})


def _fields(specification: FeatureSpecification) -> dict[str, Any]:
    return {name: getattr(specification, name) for name in FeatureSpecification.__dataclass_fields__}


def _most_frequent(values: Iterable[object]) -> tuple[str, ...]:
    counts: dict[str, int] = {}
    for value in values:
        if value is not None:
            counts[str(value)] = counts.get(str(value), 0) + 1
    ordered = sorted(counts, key=lambda word: (-counts[word], word))[:MAX_ATTRIBUTE_CATEGORIES]
    return tuple(sorted(ordered))


def population_rates(
    encoded: EncodedHistory, specification: FeatureSpecification, until: int, prior_weight: float = 50.0
) -> dict[str, tuple[float, float]]:
    """Shares of contacts whose window ended before `until` that were answered, by group.

    A group's rates are shrunk toward the overall ones with the weight of `prior_weight` contacts.
    """
    history = encoded.history
    window = int(specification.outcomes.window_hours * 3_600_000_000)
    contact = (history.flags & FLAG["contact"] != 0) & (history.direction == OUTBOUND)
    rows = np.flatnonzero(contact & (history.event_time + window <= until) & (history.ingested_time < until))
    positive = history.positive_known[rows] <= until
    negative = history.negative_known[rows] <= until
    n = len(rows)
    overall = (float(positive.mean()), float(negative.mean())) if n else (0.0, 0.0)
    rates = {"overall": overall}
    for column, words in (
        ("department", specification.departments),
        ("topic", specification.topics),
        ("channel", specification.channels),
    ):
        codes = getattr(history, column)[rows]
        for code, word in enumerate((*words, OTHER)):
            mine = codes == code
            weight = float(mine.sum()) + prior_weight
            rates[f"{column}:{word}"] = (
                (float(positive[mine].sum()) + prior_weight * overall[0]) / weight,
                (float(negative[mine].sum()) + prior_weight * overall[1]) / weight,
            )
    return rates
