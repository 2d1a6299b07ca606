"""All chances of the contact models, side by side, and the lifts that follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from data_contracts.configuration import Configuration
from features.columns import Float64
from features.specification import FeatureSpecification
from models.bundle import OUTCOMES, OutcomeModel, ProbabilityModel
from training.boosting import WORKERS
from training.contact_models import FittedChance, Slice, fit_chance, hidden_from
from training.labels import Bools
from training.lift import FittedLift, LiftRows, fit_lift
from training.row_selection import is_linked_only


@dataclass(frozen=True)
class ContactModels:
    """`chances` by model (`helps_send`, `helps_hold`), `answers` (the chance of a linked answer if sent)
    and `lifts` by outcome.
    """

    chances: dict[str, FittedChance]
    answers: dict[str, FittedChance]
    lifts: dict[str, FittedLift]

    def outcome_models(self) -> dict[str, OutcomeModel]:
        """As the bundle holds them."""
        return {
            outcome: OutcomeModel(
                self.chances[f"{outcome}_send"].served,
                self.chances[f"{outcome}_hold"].served,
                self.lifts[outcome].served,
            )
            for outcome in OUTCOMES
        }


def fit_contact_models(
    rows: Slice,
    in_train: Bools,
    in_calibration: Bools,
    specification: FeatureSpecification,
    hidden: Sequence[int],
    configuration: Configuration,
    seed: int,
    seen: bool = False,
) -> ContactModels:
    """Fit chances on the training rows, calibrate them on the calibration rows, and estimate lifts on both.

    `seen`: the calibration rows are among the training rows (see `fit_chance`).

    Models of the held arm, and all that lifts are made from, do not see the `hidden` columns. Chances of
    the sent arm are calibrated on rows that are not transactional, since those are never decided about.
    """
    categorical = [
        place
        for place, name in enumerate(specification.contact_names)
        if name in specification.categorical_names
    ]
    masked = rows if not hidden else hidden_from(rows, hidden)

    later = in_calibration & ~rows.transactional
    arms = {
        name: (which.take(np.flatnonzero(in_train & arm)), which.take(np.flatnonzero(later & arm)))
        for name, which, arm in (("sent", rows, rows.sent), ("held", masked, ~rows.sent))
    }
    # Answers go into the comparison of the arms, so they may not see what the held arm can't.
    arms["sent, masked"] = (
        arms["sent"]
        if masked is rows
        else (hidden_from(arms["sent"][0], hidden), hidden_from(arms["sent"][1], hidden))
    )

    def chance(arm: str, label: str) -> FittedChance:
        return fit_chance(*arms[arm], label, categorical, configuration.training, seed, seen)

    jobs = {}
    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        for outcome in OUTCOMES:
            jobs[f"{outcome}_send"] = pool.submit(chance, "sent", outcome)
            if is_linked_only(configuration, outcome):
                continue
            jobs[f"{outcome}_hold"] = pool.submit(chance, "held", outcome)
            if _linked_items(configuration, outcome):
                jobs[f"{outcome}_answer"] = pool.submit(chance, "sent, masked", f"{outcome}_linked")
        fits = {name: job.result() for name, job in jobs.items()}
    arms.clear()  # copies of most of the matrix

    nothing = FittedChance(ProbabilityModel(0.0), None, 0, 0, "")
    chances, answers = {}, {}
    for outcome in OUTCOMES:
        linked_only = is_linked_only(configuration, outcome)
        held = replace(
            nothing,
            rows=int((in_train & ~rows.sent).sum()),
            note="it is made of answers, so without a send it is 0",
        )
        chances[f"{outcome}_send"] = fits[f"{outcome}_send"]
        chances[f"{outcome}_hold"] = held if linked_only else fits[f"{outcome}_hold"]
        answers[outcome] = fits[f"{outcome}_send"] if linked_only else fits.get(f"{outcome}_answer", nothing)
    learning = np.flatnonzero((in_train | in_calibration) & ~rows.transactional)
    lift_slice, early = masked.take(learning), in_train[learning]
    baseline = {
        outcome: np.column_stack(
            [
                _unseen(answers[outcome], lift_slice, early),
                _unseen(chances[f"{outcome}_hold"], lift_slice, early),
            ]
        )
        for outcome in OUTCOMES
    }

    def lift(outcome: str) -> FittedLift:
        if is_linked_only(configuration, outcome):
            return FittedLift(None)
        other = next(name for name in OUTCOMES if name != outcome)
        return fit_lift(
            LiftRows(
                matrix=lift_slice.matrix,
                sent=lift_slice.sent,
                propensity=lift_slice.propensity,
                label=lift_slice.labels[outcome],
                linked=lift_slice.labels[f"{outcome}_linked"],
                answer=baseline[outcome][:, 0],
                held=baseline[outcome][:, 1],
                other=baseline[other],
            ),
            specification,
            hidden,
            categorical,
            seed,
        )

    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        lifts = dict(zip(OUTCOMES, pool.map(lift, OUTCOMES), strict=True))
    return ContactModels(chances, answers, lifts)


def _unseen(fit: FittedChance, rows: Slice, early: Bools) -> Float64:
    """Calibrated chances by models that have not seen the row's customer (training rows) or time (later)."""
    result = np.empty(len(rows))
    result[early] = fit.out_of_fold(rows.matrix[early], rows.fold[early])
    result[~early] = fit.served.predict(rows.matrix[~early])
    return result


def _linked_items(configuration: Configuration, outcome: str) -> tuple[str, ...]:
    outcomes = configuration.outcomes
    return outcomes.helped_linked if outcome == "helps" else outcomes.interrupted_linked
