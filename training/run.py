"""`tact train` as a function: files → fitted bundle → MLflow run → registered version → gate → champion."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from data_contracts.configuration import Configuration
from data_contracts.errors import BundleUnusable, ContractViolation
from data_contracts.times import format_time
from models.bundle import Bundle
from training.champion import Comparison, against_champion
from training.comparison_page import comparison_page
from training.evaluation import Evaluation, evaluate
from training.figures import all_figures
from training.fitting import Fitted, fit
from training.gates import GateResult, Promote, gate
from training.inputs import Inputs, read_inputs, span
from training.model_card import model_card, registered_page, summary_lines
from training.progress import SilentStages
from training.reference import Rows, profile
from training.refitting import refit
from training.registry import (
    CHALLENGER,
    CHAMPION,
    PROMOTED_TAG,
    champion_bundle,
    export_champion,
    now_text,
    registered_bundle,
)
from training.tracking import code_version, open_run

if TYPE_CHECKING:
    from data_contracts.validation import SuiteReport

CONTRACT_VERSION = "1"
_EXAMPLE_ROWS = 25


@dataclass(frozen=True)
class Outcome:
    """What a training run came to."""

    version: str
    run_id: str
    experiment: str
    tracking_uri: str
    fitted: Fitted
    evaluation: Evaluation
    gate: GateResult
    champion: str | None
    notes: tuple[str, ...]
    seconds: dict[str, float]


def train(
    touchpoints: Path,
    decisions: Path | None,
    configuration: Configuration,
    home: Path,
    *,
    experiment: str = "tact",
    promote: Promote = "auto",
    until: int | None = None,
    stages: SilentStages | None = None,
    documents: Mapping[str, dict[str, Any]] | None = None,
    kind: str = "train",
) -> Outcome:
    """Train, track, register, and promote if the gates say so.

    `until` is in microseconds: what was not known by then is left out. `documents` are logged with the
    run, by file name; `kind` is the first word of the run's name. Raises what reading and fitting raise;
    nothing is logged before the models are fitted.
    """
    begun, shown = time.perf_counter(), stages or SilentStages()
    seed = configuration.training.seed
    with shown.stage("read and validate") as stage:
        inputs = read_inputs(touchpoints, decisions, configuration, until)
        log = "no decision log" if inputs.decisions is None else f"{len(inputs.decisions):,} decisions"
        stage.told(f"{len(inputs.columns):,} touchpoints of {len(inputs.customers):,} customers, {log}")
    fitted = fit(inputs, configuration, seed, shown)
    with shown.stage("training table") as stage:
        suite = _checked(fitted, configuration)
        held = sum(result.passed for result in suite.results)
        stage.told(f"{held} of {len(suite.results)} expectations hold")
    with shown.stage("evaluation") as stage:
        evaluation = evaluate(fitted, configuration, seed)
        stage.told(f"{len(fitted.test):,} test rows")
    with shown.stage("champion") as stage:
        compared, champion = _compare(home, inputs, fitted, evaluation, configuration, seed)
        stage.told(f"version {champion}" if champion else "none yet")
    against, notes = compared.metrics or None, tuple(compared.notes)
    evaluation.metrics |= compared.metrics
    decision = gate(promote, evaluation.metrics, against, champion, compared.segments)
    served = (
        refit(fitted, inputs, configuration, seed, shown) if configuration.training.refit else fitted.bundle
    )
    evaluation.metrics |= {
        **{
            f"{name}_rows": float(fitted.account.used[f"{name}_rows"])
            for name in ("train", "calibration", "test")
        },
        "train_seconds": time.perf_counter() - begun,
    }
    bundle = _described(served, fitted, evaluation, inputs)
    card = model_card(fitted, evaluation, inputs, configuration, decision, notes)
    with (
        shown.stage("MLflow run") as stage,
        open_run(home, experiment, f"{kind} {format_time(inputs.until)}") as run,
    ):
        run.parameters(
            configuration, {"touchpoints": touchpoints, "decisions": decisions or "none", "seed": seed}
        )
        run.inputs(inputs.touchpoints_input, inputs.decisions_input)
        run.tags(
            _tags(bundle, inputs)
            | {"mlflow.note.content": card, "gate": decision.reason, "against_champion": champion or "none"}
        )
        for name, figure in all_figures(fitted, evaluation).items():
            run.figure(figure, name)
        run.text(card, "model_card.md")
        run.document(suite.as_dict(), "data/training_table.json")
        if champion is not None:
            run.text(comparison_page(champion, compared, decision), "champion_vs_challenger.html")
        for name, document in (documents or {}).items():
            run.document(document, name)
        names = list(bundle.specification.contact_names)
        example = pd.DataFrame(fitted.test.matrix[:_EXAMPLE_ROWS], columns=names)
        tags = _tags(bundle, inputs) | {"gate": decision.reason}
        before = None if served is fitted.bundle else fitted.bundle
        version = run.model(bundle, example, card, tags, before)
        # After the model: MLflow's client asks for the history of each metric that a run has when it logs one.
        run.metrics(evaluation.metrics)
        run.alias(CHALLENGER, version)
        if decision.promoted:
            run.alias(CHAMPION, version)
            run.version_tag(version, PROMOTED_TAG, now_text())
            run.describe_model(registered_page(version, fitted, decision, notes))
        ids = run.ids
        stage.told(f"version {version} of run {ids.run_id[:8]}")
    if decision.promoted:
        with shown.stage("export champion") as stage:
            champion = export_champion(home)
            stage.told(str(home / "champion"))
    return Outcome(
        version,
        ids.run_id,
        experiment,
        ids.tracking_uri,
        fitted,
        evaluation,
        decision,
        champion,
        notes,
        dict(shown.seconds),
    )


def _checked(fitted: Fitted, configuration: Configuration) -> SuiteReport:
    """Check the training table; raises ContractViolation where a critical expectation fails."""
    # Great Expectations takes seconds to import, and fitting alone does not need it.
    from data_contracts.validation import check_training_table

    suite = check_training_table(fitted.table, configuration.goals.names)
    for failed in suite.failed("warning"):
        fitted.account.warn(f"Training table: it is not so that {failed.description}.")
    if not suite.passed:
        told = "; ".join(result.description for result in suite.failed("critical"))
        raise ContractViolation(f"the table made for training breaks its contract: it is not so that {told}")
    return suite


def _compare(
    home: Path, inputs: Inputs, fitted: Fitted, evaluation: Evaluation, configuration: Configuration, seed: int
) -> tuple[Comparison, str | None]:
    """The comparison with the champion, and its version; `?` where it can't be read."""
    try:
        found = champion_bundle(home)
    except BundleUnusable as error:
        return Comparison(notes=[f"The champion can't be read: {error.detail}"]), "?"
    if found is None:
        return Comparison(), None
    version, champion = found
    notes = []
    if champion.learned_until > fitted.cuts.test:
        before = registered_bundle(home, CHAMPION, "evaluated")
        if before is not None:
            champion = before[1]
            notes.append(
                f"Champion {version} has learnt from rows of this test slice: it is compared as it was before its refit"
            )
        if champion.learned_until > fitted.cuts.test:
            notes.append(
                f"Champion {version} was trained on data until {format_time(champion.learned_until)}, inside this "
                "test slice: the comparison favours it"
            )
    compared = against_champion(champion, inputs, fitted, evaluation, configuration, seed)
    compared.notes += notes
    return compared, version


def _described(served: Bundle, fitted: Fitted, evaluation: Evaluation, inputs: Inputs) -> Bundle:
    first, _ = span(inputs.columns.event_time)
    description = {
        **served.description,
        "version": "0",
        "trained_at": now_text(),
        "data_from": first,
        "data_until": format_time(inputs.until),
        "contract_version": CONTRACT_VERSION,
        "code_version": code_version(),
        "metrics": {name: value for name, value in evaluation.metrics.items() if np.isfinite(value)},
        "warnings": summary_lines(fitted),
        "reference": profile(fitted.bundle, reference_rows(fitted), inputs, fitted.cuts.test),
    }
    return replace(served, description=description)


def reference_rows(fitted: Fitted) -> Rows:
    """The test rows that are decided about, as the bundle's reference is made from."""
    places = np.flatnonzero(~fitted.test.transactional)
    test, goals = fitted.test.take(places), fitted.goal_test
    return Rows(
        matrix=test.matrix,
        customer=test.customer,
        sent=test.sent,
        labels=test.labels,
        goal=goals.label,
        goal_chances=goals.probabilities,
        goal_customer=goals.customer,
    )


def _tags(bundle: Bundle, inputs: Inputs) -> dict[str, str]:
    described = bundle.description
    return {
        "contract_version": CONTRACT_VERSION,
        "code_version": str(described["code_version"]),
        "data_from": str(described["data_from"]),
        "data_until": str(described["data_until"]),
        "observational": str(bundle.observational).lower(),
        "touchpoints_digest": inputs.touchpoints_input.digest,
        "decisions_digest": inputs.decisions_input.digest if inputs.decisions_input else "none",
    }
