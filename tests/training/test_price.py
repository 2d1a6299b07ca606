"""The price of attention recovers planted losses, and is nought where there are none."""

from __future__ import annotations

import numpy as np
import pytest

from data_contracts.configuration import Policy
from data_contracts.times import DAY, HOUR
from training.price import (
    MEMORY_DAYS,
    Contacts,
    Loss,
    exposures,
    loss,
    price_of_attention,
)

POLICY = Policy()
USUAL = np.asarray([0.30, 0.10])


def company(seed: int, taken: float, added: float, customers: int = 1_500, each: int = 24) -> Contacts:
    """Contacts every two days or so; a contact takes and adds these shares of answers just after it."""
    draw = np.random.default_rng(seed)
    n = customers * each
    customer = np.repeat(np.arange(customers, dtype=np.int64), each)
    moment = np.cumsum(draw.integers(20, 76, size=(customers, each)) * HOUR, axis=1).ravel().astype(np.int64)
    # Whoever answers more is also contacted more often: the arms differ in who is in them.
    keen = draw.random(customers)[customer] < 0.5
    propensity = np.where(keen, 0.8, 0.5)
    propensity[draw.random(n) < 0.2] = np.nan
    sent = draw.random(n) < np.nan_to_num(propensity, nan=1.0)
    kind = draw.integers(0, 2, n).astype(np.int64)
    age = moment / (MEMORY_DAYS * DAY)
    felt = np.zeros(n)
    for row in range(1, n):
        if customer[row] == customer[row - 1]:
            felt[row] = (felt[row - 1] + sent[row - 1]) * np.exp(age[row - 1] - age[row])
    rate = USUAL[kind] * np.where(keen, 1.3, 0.7)
    helps = draw.random(n) < np.clip(rate * (1 - taken * felt), 0, 1)
    interrupts = draw.random(n) < np.clip(0.08 * (1 + added * felt), 0, 1)
    return Contacts(
        customer,
        moment,
        sent,
        propensity,
        kind,
        {"helps": helps & sent, "interrupts": interrupts & sent},
        {"helps": np.full(n, 0.12), "interrupts": np.full(n, 0.04)},
    )


def test_exposure_is_the_sum_over_earlier_draws() -> None:
    whole = company(1, 0.0, 0.0, customers=5, each=12)
    shuffled = np.random.default_rng(2).permutation(len(whole.moment))
    moment = whole.moment - whole.moment % (48 * HOUR)  # ties
    mixed = Contacts(
        whole.customer[shuffled],
        moment[shuffled],
        whole.sent[shuffled],
        whole.propensity[shuffled],
        whole.kind[shuffled],
        {},
        {},
    )
    found = exposures(mixed)
    for j in range(len(found)):
        earlier = (mixed.customer == mixed.customer[j]) & (mixed.moment < mixed.moment[j])
        drawn = np.nan_to_num(mixed.sent - mixed.propensity)
        kernel = np.exp(-(mixed.moment[j] - mixed.moment) / (MEMORY_DAYS * DAY))
        assert found[j] == pytest.approx(float((drawn * kernel)[earlier].sum()), abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_planted_losses_lie_within_their_intervals(seed: int) -> None:
    contacts = company(seed, 0.10, 0.20)
    exposure = exposures(contacts)
    for outcome, sign, truth, usual in (("helps", -1.0, 0.10, None), ("interrupts", 1.0, 0.20, 0.08)):
        found = loss(contacts, exposure, outcome, sign)
        # The usual rate is that among contacts as they were made, fatigue included.
        rate = contacts.answered[outcome][contacts.sent].mean()
        untouched = usual or float(contacts.answered[outcome][contacts.sent].mean()) / (1 - truth * 1.02)
        assert abs(found.share - truth * untouched / rate) < 3.0 * found.error
        assert found.error < 0.06


def test_without_losses_there_is_hardly_a_price() -> None:
    prices = [price_of_attention(company(seed, 0.0, 0.0), 48.0, POLICY).value for seed in range(6)]
    real = price_of_attention(company(0, 0.10, 0.20), 48.0, POLICY).value
    assert np.mean(prices) < 0.25 * real
    assert real > 0.005


def test_a_dear_contact_is_sent_less_often() -> None:
    contacts = company(3, 0.15, 0.4)
    free = price_of_attention(contacts, 48.0, POLICY.model_copy(update={"minimum_net_value": -1.0}))
    charged = price_of_attention(contacts, 48.0, POLICY.model_copy(update={"minimum_net_value": 0.03}))
    assert charged.contacts_per_week < free.contacts_per_week
    assert charged.value < free.value


def test_too_few_messages_are_told() -> None:
    found = price_of_attention(company(5, 0.1, 0.2, customers=20), 48.0, POLICY)
    assert found.value == 0.0
    assert "1,000 are needed" in found.note


def test_a_loss_within_its_error_is_not_charged() -> None:
    assert Loss(0.05, 0.06).shrunk == 0.0
    assert Loss(-0.2, 0.05).shrunk == 0.0
    assert 0.0 < Loss(0.10, 0.05).shrunk < 0.10
