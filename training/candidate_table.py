"""Candidate messages of many rows as columns, before a specification gives their words codes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.builder import NO_EXPIRY
from features.columns import Float64, Int16, Int32, Int64, identifier_hash
from features.encoding import attribute_value
from features.match import CandidateArrays
from features.specification import FeatureSpecification
from training.history import microseconds

WORD_FIELDS = ("department", "channel", "topic", "purpose")


@dataclass(frozen=True)
class CandidateTable:
    """Candidates of `n` rows.

    Attributes
    ----------
    words, codes : per field of WORD_FIELDS its words and each row's place among them, -1 for none
    message, campaign : `identifier_hash`, 0 for none
    expires_at : microseconds, NO_EXPIRY for never
    value : the sender's own value, NaN for none
    attribute_sets, attribute_code : the distinct attribute objects and each row's place among them
    """

    words: Mapping[str, tuple[str, ...]]
    codes: Mapping[str, Int32]
    message: Int64
    campaign: Int64
    expires_at: Int64
    value: Float64
    attribute_sets: tuple[Mapping[str, Any], ...]
    attribute_code: Int32

    def __len__(self) -> int:
        return len(self.message)

    def take(self, rows: npt.NDArray[Any]) -> CandidateTable:
        """The candidates of some rows (a mask or places)."""
        return replace(
            self,
            codes={name: codes[rows] for name, codes in self.codes.items()},
            message=self.message[rows],
            campaign=self.campaign[rows],
            expires_at=self.expires_at[rows],
            value=self.value[rows],
            attribute_code=self.attribute_code[rows],
        )

    def words_of(self, field: str) -> list[str]:
        """The words that the rows use in one field."""
        used = np.unique(self.codes[field])
        return [self.words[field][place] for place in used if place >= 0]

    def attributes_in_use(self) -> list[Mapping[str, Any]]:
        """The attribute objects that the rows use."""
        return [self.attribute_sets[place] for place in np.unique(self.attribute_code)]

    def missing(self, field: str) -> npt.NDArray[np.bool_]:
        """Where a field is missing; `attributes.x` asks for one attribute."""
        if field in self.codes:
            return np.asarray(self.codes[field] < 0)
        if field == "campaign_id":
            return np.asarray(self.campaign == 0)
        if field == "expires_at":
            return np.asarray(self.expires_at == NO_EXPIRY)
        if field == "value":
            return np.isnan(self.value)
        name = field.removeprefix("attributes.")
        absent = np.fromiter(
            (one.get(name) is None for one in self.attribute_sets), np.bool_, len(self.attribute_sets)
        )
        return absent[self.attribute_code]

    def arrays(self, specification: FeatureSpecification) -> CandidateArrays:
        """As the match kernel reads them; equal to `features.builder.candidate_arrays` on the same rows."""
        codes = specification.codes

        def coded(field: str, known: Mapping[str, int], missing: int) -> Int16:
            table = np.fromiter(
                (known.get(word, len(known)) for word in self.words[field]), np.int16, len(self.words[field])
            )
            return np.append(table, np.int16(missing))[self.codes[field]]

        purposes = specification.purpose_codes
        purpose = np.fromiter((purposes.get(word, -1) for word in self.words["purpose"]), np.int16)
        declared = specification.candidate_attributes
        values = np.full((len(self.attribute_sets), len(declared)), np.nan)
        for place, (name, kind) in enumerate(declared.items()):
            for row, one in enumerate(self.attribute_sets):
                values[row, place] = attribute_value(f"candidate_{name}", one.get(name), kind, specification)
        return CandidateArrays(
            department=coded("department", codes["department"], len(codes["department"])),
            channel=coded("channel", codes["channel"], len(codes["channel"])),
            topic=coded("topic", codes["topic"], -1),
            purpose=np.append(purpose, np.int16(-1))[self.codes["purpose"]],
            message=self.message,
            campaign=self.campaign,
            expires_at=self.expires_at,
            attributes=np.ascontiguousarray(values[self.attribute_code]),
        )


def candidates_of_decisions(table: pd.DataFrame) -> CandidateTable:
    """The candidates of a clean decision table, in its order."""
    words, codes = {}, {}
    for field in WORD_FIELDS:
        place, found = pd.factorize(table[field])
        words[field] = tuple(map(str, found))
        codes[field] = place.astype(np.int32)
    place, found = pd.factorize(table["attributes"])
    sets = [parsed if isinstance(parsed := json.loads(text), dict) else {} for text in map(str, found)]
    expires = microseconds(table["expires_at"])
    return CandidateTable(
        words=words,
        codes=codes,
        message=_hashes(table["message_id"]),
        campaign=_hashes(table["campaign_id"]),
        expires_at=np.where(table["expires_at"].isna().to_numpy(), NO_EXPIRY, expires),
        value=table["value"].to_numpy(np.float64),
        attribute_sets=(*sets, {}),
        attribute_code=np.where(place < 0, len(sets), place).astype(np.int32),
    )


def concatenated(parts: Sequence[CandidateTable]) -> CandidateTable:
    """The rows of several tables, one after the other."""
    words: dict[str, tuple[str, ...]] = {}
    codes: dict[str, Int32] = {}
    for field in WORD_FIELDS:
        places: dict[str, int] = {}
        moved = []
        for part in parts:
            table = [places.setdefault(word, len(places)) for word in part.words[field]]
            moved.append(np.asarray([*table, -1], np.int32)[part.codes[field]])
        words[field], codes[field] = tuple(places), np.concatenate(moved)
    shifts = np.cumsum([0, *(len(part.attribute_sets) for part in parts)])
    return CandidateTable(
        words=words,
        codes=codes,
        message=np.concatenate([part.message for part in parts]),
        campaign=np.concatenate([part.campaign for part in parts]),
        expires_at=np.concatenate([part.expires_at for part in parts]),
        value=np.concatenate([part.value for part in parts]),
        attribute_sets=tuple(one for part in parts for one in part.attribute_sets),
        attribute_code=np.concatenate(
            [part.attribute_code + np.int32(shift) for part, shift in zip(parts, shifts, strict=False)]
        ),
    )


def _hashes(texts: pd.Series) -> Int64:
    codes, words = pd.factorize(texts)
    hashes = np.fromiter((identifier_hash(str(word)) for word in words), np.int64, len(words))
    return np.append(hashes, np.int64(0))[codes]
