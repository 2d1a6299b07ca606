"""The bundle: everything that an answer needs, in one folder with a format version.

`bundle.json` holds the specification, the configuration it was trained under, calibrators and the
description; each booster is LightGBM's own text in a file beside it. Nothing is pickled. Since format
2 each file is checked against its SHA-256 before it is used (`models.seals`); format 1 has none.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from data_contracts.configuration import Configuration
from data_contracts.errors import BundleUnusable
from data_contracts.times import parse_time
from features.builder import Matrix
from features.columns import Float64
from features.specification import FeatureSpecification
from models.booster import Rows, TreeModel
from models.calibration import Calibrator
from models.seals import check_file, check_seal, file_digest, sealed

FORMAT_VERSION = 2
_READ = (1, 2)
OUTCOMES = ("helps", "interrupts")
GOAL_FLOOR = 1e-6
"""Least chance of a goal, before temperature and normalisation."""


@dataclass(frozen=True)
class ProbabilityModel:
    """A calibrated probability: a booster with its calibrator, or a base rate where none was fitted."""

    base_rate: float
    booster: TreeModel | None = None
    calibrator: Calibrator = field(default_factory=Calibrator)

    def predict(self, matrix: Rows) -> Float64:
        """Probabilities, shape (rows,)."""
        if self.booster is None:
            return np.full(len(matrix), self.base_rate)
        return self.calibrator.apply(self.booster.predict(matrix))


@dataclass(frozen=True)
class LiftModel:
    """The difference that a send makes to a probability: `scale · booster + offset`.

    `scale` and `offset` calibrate it against held-out randomised rows; without a booster the
    average lift, `offset`, serves everywhere.
    """

    booster: TreeModel | None = None
    scale: float = 1.0
    offset: float = 0.0

    def predict(self, matrix: Rows) -> Float64:
        """Lifts, shape (rows,), within [-1, 1]."""
        if self.booster is None:
            return np.full(len(matrix), self.offset)
        return np.clip(self.scale * self.booster.predict(matrix) + self.offset, -1.0, 1.0)


@dataclass(frozen=True)
class OutcomeModel:
    """One outcome under send and under hold.

    `lift` overrides the difference of the two where it is given: it was estimated directly.
    """

    send: ProbabilityModel
    hold: ProbabilityModel
    lift: LiftModel | None = None

    def predict(self, matrix: Rows) -> tuple[Float64, Float64]:
        """(probability if sent, lift of sending), each of shape (rows,)."""
        sent = self.send.predict(matrix)
        if self.lift is not None:
            # The probability under hold can be no less than 0 and no more than 1.
            return sent, np.clip(self.lift.predict(matrix), sent - 1.0, sent)
        return sent, sent - self.hold.predict(matrix)


@dataclass(frozen=True)
class Bundle:
    """All models with what they need to be used.

    `price` is the attention that one more contact costs later (net value units), or None.
    `description` holds what people and answers refer to: `version`, `observational`, `trained_at`,
    `data_from`, `data_until`, `contract_version`, metrics, warnings.
    """

    specification: FeatureSpecification
    configuration: Configuration
    goal: TreeModel | None
    goal_prior: tuple[float, ...]
    goal_temperature: float
    contact: dict[str, OutcomeModel]
    price: LiftModel | None = None
    description: dict[str, Any] = field(default_factory=dict)

    @property
    def version(self) -> str:
        return str(self.description.get("version", "0"))

    @property
    def observational(self) -> bool:
        """Whether the lifts rest on estimated propensities only, with no randomised control."""
        return bool(self.description.get("observational", False))

    @property
    def learned_until(self) -> int:
        """From when on it has learnt from no row, microseconds; 0 where it does not say."""
        told = self.description.get("learned_until") or self.description.get("data_until")
        return parse_time(told) if isinstance(told, str) else 0

    def goal_probabilities(self, state: Matrix) -> Float64:
        """Shape (rows, goals + 1): every configured goal, then none; rows sum to 1."""
        if self.goal is None:
            return np.tile(np.asarray(self.goal_prior), (len(state), 1))
        # A goal that never came in training keeps a chance near nought instead of an exact 0.
        raw = np.maximum(self.goal.predict(state), GOAL_FLOOR)
        if self.goal_temperature != 1.0:
            # Temperature scaling (Guo et al. 2017, eq. 9) on the log of the softmax's output.
            raw = np.power(raw, 1.0 / self.goal_temperature)
        result: Float64 = raw / raw.sum(axis=1, keepdims=True)
        return result

    def save(self, folder: Path) -> None:
        """Write the bundle into `folder`, which is made where it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        boosters: dict[str, str] = {}

        def kept(name: str, model: TreeModel | None) -> str | None:
            if model is None:
                return None
            boosters[name] = model.text
            return f"{name}.txt"

        def probability(name: str, model: ProbabilityModel) -> dict[str, Any]:
            return {
                "base_rate": model.base_rate,
                "booster": kept(name, model.booster),
                "calibrator": model.calibrator.as_dict(),
            }

        def lift(name: str, model: LiftModel | None) -> dict[str, Any] | None:
            if model is None:
                return None
            return {"booster": kept(name, model.booster), "scale": model.scale, "offset": model.offset}

        raw = {
            "format_version": FORMAT_VERSION,
            "digests": {},
            "columns_digest": columns_digest(self.specification),
            "specification": json.loads(self.specification.to_json()),
            "configuration": self.configuration.model_dump(mode="json"),
            "goal": {
                "booster": kept("goal", self.goal),
                "prior": list(self.goal_prior),
                "temperature": self.goal_temperature,
            },
            "contact": {
                outcome: {
                    "send": probability(f"{outcome}_send", model.send),
                    "hold": probability(f"{outcome}_hold", model.hold),
                    "lift": lift(f"{outcome}_lift", model.lift),
                }
                for outcome, model in self.contact.items()
            },
            "price": lift("price", self.price),
            "description": self.description,
        }
        for name, text in boosters.items():
            content = text.encode()
            raw["digests"][f"{name}.txt"] = file_digest(content)
            (folder / f"{name}.txt").write_bytes(content)
        (folder / "bundle.json").write_text(json.dumps(sealed(raw), indent=1), encoding="utf-8")


def columns_digest(specification: FeatureSpecification) -> str:
    """A digest of the design matrix's columns in order, goals included.

    Boosters know columns by place: a bundle whose JSON was written again in another order would
    answer with the wrong column under each name, and nothing else would notice.
    """
    return hashlib.blake2b("\n".join(specification.contact_names).encode(), digest_size=16).hexdigest()


def load_bundle(folder: Path) -> Bundle:
    """Read a bundle; raises BundleUnusable that says what is missing, damaged or of another format."""
    try:
        raw = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
        if raw["format_version"] not in _READ:
            raise BundleUnusable(
                f"{folder}: bundle format {raw['format_version']!r}, but this Tact reads {FORMAT_VERSION}"
            )
        has_seals = raw["format_version"] > 1
        if has_seals:
            check_seal(raw, folder)

        def booster(name: str | None) -> TreeModel | None:
            if name is None:
                return None
            content = (folder / name).read_bytes()
            if has_seals:
                check_file(name, content, raw["digests"], folder)
            return TreeModel(content.decode())

        def probability(part: dict[str, Any]) -> ProbabilityModel:
            calibrator = Calibrator.from_dict(part["calibrator"])
            return ProbabilityModel(part["base_rate"], booster(part["booster"]), calibrator)

        def lift(part: dict[str, Any] | None) -> LiftModel | None:
            return None if part is None else LiftModel(booster(part["booster"]), part["scale"], part["offset"])

        configuration = dict(raw["configuration"])
        configuration["goals"] = {
            "horizon_hours": configuration["goals"]["horizon_hours"],
            "items": configuration["goals"]["items"],
        }
        specification = FeatureSpecification.from_json(json.dumps(raw["specification"]))
        if raw["columns_digest"] != columns_digest(specification):
            raise BundleUnusable(f"{folder}: the features are not those, or not in the order, of the boosters")
        return Bundle(
            specification=specification,
            configuration=Configuration.model_validate(configuration),
            goal=booster(raw["goal"]["booster"]),
            goal_prior=tuple(raw["goal"]["prior"]),
            goal_temperature=raw["goal"]["temperature"],
            contact={
                outcome: OutcomeModel(probability(part["send"]), probability(part["hold"]), lift(part["lift"]))
                for outcome, part in raw["contact"].items()
            },
            price=lift(raw["price"]),
            description=raw["description"],
        )
    except BundleUnusable:
        raise
    except Exception as error:  # LightGBM raises its own error types for damaged text
        raise BundleUnusable(f"{folder}: the bundle can't be read: {type(error).__name__}: {error}") from error
