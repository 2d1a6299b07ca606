"""A history in which nothing was held back at random: the card says so, and so does every answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.builder import HISTORY_LIMIT
from features.packing import columns_of_rows
from models.bundle import Bundle, load_bundle
from models.scoring import CustomerScorer
from policy.decision import decide
from policy.situation import situation
from tests.training.planted import QUICK, company, write
from tests.training.test_open_cases import NOW, a_history, candidate
from training.evaluation import evaluate
from training.fitting import fit
from training.inputs import read_inputs
from training.model_card import model_card
from training.progress import SilentStages


def history(kind: str) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """A planted company as other logs would tell of it."""
    touchpoints, decisions = company(41, 80)
    if kind == "no log":
        return touchpoints, None
    if kind == "rules alone":
        decisions["send_probability"] = np.where(decisions["action"] == "send", 1.0, 0.0)
    elif kind == "no probabilities":
        decisions = decisions.drop(columns="send_probability")
    return touchpoints, decisions


def learnt(folder: Path, kind: str) -> tuple[Bundle, str]:
    """The bundle as it comes back from its folder, and its card."""
    inputs = read_inputs(*write(folder, *history(kind)), QUICK, None)
    found = fit(inputs, QUICK, 7, SilentStages())
    found.bundle.save(folder / "bundle")
    card = model_card(found, evaluate(found, QUICK, 7), inputs, QUICK, None, [])
    return load_bundle(folder / "bundle"), card


def reasons_of_answers(bundle: Bundle) -> list[set[str]]:
    """Codes of every verdict on a spread of customers, one that nobody knows among them."""
    found = []
    for seed in range(20):
        rows = a_history(np.random.default_rng(seed)) if seed else []
        columns = columns_of_rows(rows)
        candidates = [
            candidate(1),
            candidate(2, purpose="transactional"),
            candidate(3, expires_at=NOW - 1),
            candidate(4, topic="survey", purpose="survey"),
        ]
        given = situation(
            columns, now=NOW, candidates=candidates, sends=(), first_asked={}, configuration=QUICK
        )
        scorer = CustomerScorer(bundle, columns, candidates, NOW, HISTORY_LIMIT)
        for verdict in decide(given, scorer, QUICK.policy, f"d-{seed}"):
            found.append({code for code, _ in verdict.reasons})
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["no log", "rules alone", "no probabilities"])
def test_without_random_holdbacks_card_and_every_answer_say_observational(tmp_path: Path, kind: str) -> None:
    bundle, card = learnt(tmp_path, kind)
    assert bundle.observational
    assert "**Evidence for lift:** observational: propensities were estimated, nothing was randomised" in card
    answers = reasons_of_answers(bundle)
    assert len(answers) == 80 and all("observational" in codes for codes in answers)
    told = {
        "no log": "no decision log",
        "rules alone": "quiet moments",
        "no probabilities": "no send_probability",
    }
    assert told[kind] in card


@pytest.mark.slow
def test_with_random_holdbacks_nothing_is_called_observational(tmp_path: Path) -> None:
    bundle, card = learnt(tmp_path, "randomised")
    assert not bundle.observational and "**Evidence for lift:** randomised" in card
    assert not any("observational" in codes for codes in reasons_of_answers(bundle))
