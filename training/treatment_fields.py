"""Fields that are filled in only where something was sent: they are the treatment, not a feature.

A log often learns a message's topic or text when it goes out. Used as a feature such a field tells
the arms apart, and the estimated effect becomes that of knowing the field. Under the logged
propensities a field's missingness is balanced between the arms; where it is not, the field is named
and no model that looks at both arms may use it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from features.specification import FeatureSpecification
from training.candidate_table import CandidateTable

LEAST_DIFFERENCE = 0.05
"""Smallest difference between the arms' weighted shares of gaps that counts."""
NEARLY_CERTAIN = 0.9
"""The same where the arms were not drawn at random."""
LEAST_Z = 5.0
"""Smallest difference in standard errors that counts: a false alarm in two million fields."""
_ALWAYS_THERE = ("channel", "department", "topic", "purpose", "campaign_id", "value", "expires_at")


class TreatmentField(NamedTuple):
    """A field that tells the arms apart, with the shares of gaps in each."""

    name: str
    missing_sent: float
    missing_held: float


def treatment_fields(
    candidates: CandidateTable,
    sent: npt.NDArray[np.bool_],
    propensity: npt.NDArray[np.float64] | None,
) -> tuple[TreatmentField, ...]:
    """Find them among rows of both arms.

    `propensity` is the chance of *sent*, strictly inside (0, 1). Where it is None nothing was drawn at
    random, so arms may differ for many reasons, and only a field that gives the arm away is named.
    """
    if sent.all() or not sent.any():
        return ()
    least = LEAST_DIFFERENCE if propensity is not None else NEARLY_CERTAIN
    if propensity is None:
        propensity = np.full(len(sent), 0.5)
    names = dict.fromkeys(
        [*_ALWAYS_THERE, *(f"attributes.{key}" for one in candidates.attributes_in_use() for key in one)]
    )
    weight = np.where(sent, 1.0 / propensity, 1.0 / (1.0 - propensity))
    found = []
    for name in names:
        missing = candidates.missing(name)
        shares, variances = [], []
        for arm in (sent, ~sent):
            mine = weight[arm] / weight[arm].sum()
            share = float(mine @ missing[arm])
            shares.append(share)
            variances.append(float(np.square(mine) @ np.square(missing[arm] - share)))
        difference = abs(shares[0] - shares[1])
        # A half of a row of uncertainty keeps an arm without any variance from deciding alone.
        error = np.sqrt(sum(variances) + 0.25 / min(int(sent.sum()), int((~sent).sum())) ** 2)
        if difference > least and difference > LEAST_Z * error:
            found.append(TreatmentField(name, shares[0], shares[1]))
    return tuple(found)


def features_of_field(specification: FeatureSpecification, field: str) -> tuple[str, ...]:
    """The contact features that are made from a candidate's field."""
    if field.startswith("attributes."):
        wanted = {f"candidate_{field.removeprefix('attributes.')}"}
        return tuple(name for name in specification.candidate_names if name in wanted)
    prefixes = {
        "department": ("candidate_department", "own_department_", "others_"),
        "channel": ("candidate_channel", "own_channel_"),
        "topic": ("candidate_topic", "own_topic_", "topic_matches_"),
        "purpose": ("candidate_purpose",),
        "campaign_id": ("same_campaign_",),
        "expires_at": ("hours_to_expiry",),
    }.get(field, ())
    return (
        tuple(name for name in specification.candidate_names if name.startswith(prefixes)) if prefixes else ()
    )


def masked_places(specification: FeatureSpecification, fields: tuple[TreatmentField, ...]) -> list[int]:
    """Places in `contact_names` that models of both arms must not see."""
    hidden = {name for one in fields for name in features_of_field(specification, one.name)}
    return [place for place, name in enumerate(specification.contact_names) if name in hidden]
