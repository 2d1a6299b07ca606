"""The ceiling learns the truth from what can be seen."""

from __future__ import annotations

import numpy as np

from benchmarks.ceiling import lessons_of, price_of_attention, with_true_contacts, with_true_price
from benchmarks.live import LiveCompany
from simulation.companies import KINDS
from simulation.oracle import LatentOracle
from simulation.rules import HistoricalPolicy
from simulation.snapshots import Snapper
from simulation.truth import true_chances
from tests.benchmarks.companies import START, company, plain_bundle


def test_its_chances_follow_the_truth() -> None:
    kind = KINDS["subscription"]
    larger = LiveCompany(kind, 200, 8, start=START, days=16, history_days=12)
    snapper = Snapper(900, 8)
    larger.watch = snapper
    larger.run(12)
    bundle = plain_bundle(company(), 0.2, 0.1)
    lessons = lessons_of(bundle, larger, snapper, 4, 8)
    ceiling = with_true_price(with_true_contacts(bundle, lessons), lessons, larger.experience)
    snapshots, matrix = lessons.snapshots, lessons.matrix
    sent = np.zeros(snapshots.row.size, np.bool_)
    truth = true_chances(larger.models, snapshots, sent, HistoricalPolicy(), 4, 9)
    price = price_of_attention(larger, snapshots, LatentOracle(larger.experience))
    assert (price >= 0).all()
    assert price.max() > 0
    for outcome, send, hold in (
        ("helps", truth.helps_send, truth.helps_hold),
        ("interrupts", truth.interrupts_send, truth.interrupts_hold),
    ):
        chance, lift = ceiling.contact[outcome].predict(matrix)
        assert np.corrcoef(chance, send)[0, 1] > 0.4, outcome
        assert np.corrcoef(lift, send - hold)[0, 1] > 0.3, outcome
    assert ceiling.price is not None
    assert np.corrcoef(ceiling.price.predict(matrix), price)[0, 1] > 0.4
