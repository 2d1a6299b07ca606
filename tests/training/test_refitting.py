"""What is served has learnt from all rows, and what is evaluated has not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from features.columns import Float64
from models.bundle import OUTCOMES, Bundle
from tests.training.planted import CONFIGURATION, company, write
from training.evaluation import ece_floor
from training.fitting import Fitted, fit
from training.inputs import Inputs, read_inputs
from training.metrics import ece
from training.progress import SilentStages
from training.refitting import refit


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return read_inputs(*write(tmp_path_factory.mktemp("planted"), *company(21)), CONFIGURATION, None)


@pytest.fixture(scope="module")
def fitted(inputs: Inputs) -> Fitted:
    return fit(inputs, CONFIGURATION, 3, SilentStages())


@pytest.fixture(scope="module")
def served(fitted: Fitted, inputs: Inputs) -> Bundle:
    return refit(fitted, inputs, CONFIGURATION, 3, SilentStages())


@pytest.mark.slow
def test_the_evaluated_bundle_stays_as_it_was(fitted: Fitted, served: Bundle, inputs: Inputs) -> None:
    again = fit(inputs, CONFIGURATION, 3, SilentStages())
    for outcome in OUTCOMES:
        one, other = again.bundle.contact[outcome].send, fitted.bundle.contact[outcome].send
        assert np.array_equal(one.predict(fitted.test.matrix), other.predict(fitted.test.matrix))
    assert served.specification == fitted.bundle.specification
    assert served.contact["helps"].send.booster is not fitted.bundle.contact["helps"].send.booster


@pytest.mark.slow
def test_it_has_learnt_from_the_newest_rows(
    fitted: Fitted, served: Bundle, inputs: Inputs, tmp_path: Path
) -> None:
    touchpoints, decisions = company(21)
    cut = np.datetime64(fitted.cuts.test, "us")
    late = touchpoints["event_time"].dt.tz_localize(None) >= cut
    touchpoints.loc[late & (touchpoints["event_type"] == "message_clicked"), "event_type"] = "message_opened"
    silent = read_inputs(*write(tmp_path, touchpoints, decisions), CONFIGURATION, None)
    other = refit(fit(silent, CONFIGURATION, 3, SilentStages()), silent, CONFIGURATION, 3, SilentStages())
    assert chance(other, fitted).mean() < chance(served, fitted).mean() - 0.01


@pytest.mark.slow
def test_its_chances_are_calibrated_on_customers_that_no_model_saw(
    fitted: Fitted, served: Bundle, tmp_path: Path
) -> None:
    fresh = read_inputs(*write(tmp_path, *company(77)), CONFIGURATION, None)
    # Other customers of the same company, designed by the same specification.
    rows = fit(fresh, CONFIGURATION, 3, SilentStages())
    assert rows.bundle.specification.contact_names == served.specification.contact_names
    everything = rows.material.everything
    sent = everything.sent
    for outcome in OUTCOMES:
        p = served.contact[outcome].send.predict(everything.matrix[sent])
        label = everything.labels[outcome][sent]
        assert ece(p, label) < ece_floor(p, 1) + 0.02


def chance(bundle: Bundle, fitted: Fitted) -> Float64:
    return bundle.contact["helps"].send.predict(fitted.test.matrix)
