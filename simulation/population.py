"""The customers at the start: traits, attributes, and where they stand on day 0."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from data_contracts.vocabulary import CHANNELS
from simulation.clock import LONG_AGO, STEP, STEPS_PER_DAY, Ints
from simulation.draws import choose
from simulation.kinds import PROGRESS_KINDS, SOURCES, CompanyKind
from simulation.state import State

_PREFERRED = {"email": 0.5, "in_app": 0.25, "sms": 0.1, "push": 0.1, "phone": 0.05}

_CLOSABLE = ("email", "sms", "push")
"""Channels that some customers had closed before; the first touchpoints say so."""


def draw_population(
    kind: CompanyKind,
    n_customers: int,
    seed: int,
    days: int,
    new_share: float,
    new_days: float | None,
    missing: Mapping[str, float],
) -> State:
    """Customers of a company.

    Parameters
    ----------
    days : how long the history is going to be; a share `new_share` of the customers arrives within it, or
        within its last `new_days`.
    missing : share of customers whom a source doesn't report on, by source.
    """
    random = np.random.default_rng([seed, 1])
    n = n_customers

    def ints(value: int) -> Ints:
        return np.full(n, value, dtype=np.int64)

    zones = tuple(kind.rhythm.zones)
    zone = choose(random.random(n), np.array([kind.rhythm.zones[name] for name in zones]))
    new = random.random(n) < new_share
    last_days = days if new_days is None else min(new_days, days)
    arrives = ((days - last_days * random.random(n)) * STEPS_PER_DAY).astype(np.int64)
    tenure = np.where(new, 0.0, np.maximum(1.0, random.exponential(400.0, n)))
    tolerance = np.exp(kind.attention.tolerance_spread * random.standard_normal(n))
    steps = kind.onboarding.steps
    done = np.where(
        new | (tenure < 40) & (random.random(n) < 0.5), random.integers(0, steps + 1, n) // 2, steps
    )
    done = np.where(new, 0, done)
    last_purchase = -random.exponential(kind.purchases.cycle_days or 60.0, n) * STEPS_PER_DAY
    arrival = np.where(new, arrives, 0)
    if kind.contract.days:
        contract_days = random.choice(np.array(kind.contract.days), n)
        into = np.where(new, 0.0, random.random(n))
        contract_step = (arrival + contract_days * (1 - into) * STEPS_PER_DAY).astype(np.int64)
    else:
        contract_days, contract_step = ints(0), ints(-LONG_AGO)
    invoice_every = max(1, kind.contract.invoice_every_days) * STEPS_PER_DAY
    invoice = arrival + random.integers(1, invoice_every + 1, n)
    reports = np.ones((n, len(SOURCES)), dtype=np.bool_)
    for column, source in enumerate(SOURCES):
        reports[:, column] = random.random(n) >= missing.get(source, 0.0)
    ends = random.random(n) < kind.observation_ends_share
    observed_until = np.where(ends, random.integers(1, days * STEPS_PER_DAY + 1, n), -LONG_AGO)
    preferred = choose(random.random(n), np.array([_PREFERRED.get(name, 0.0) for name in CHANNELS]))
    return State(
        key=np.arange(n, dtype=np.int64),
        # Grids of whole seconds, so that times stay readable.
        phase=(random.integers(0, STEP // 1_000_000, n) * 1_000_000).astype(np.int64),
        zone=zone,
        arrival=arrival,
        tenure_days=tenure,
        tolerance=tolerance,
        responsiveness=np.exp(0.45 * random.standard_normal(n)),
        interest=np.exp(0.6 * random.standard_normal(n)),
        activity=np.exp(0.5 * random.standard_normal(n)),
        rhythm=np.mod(kind.rhythm.peak_hour + kind.rhythm.peak_hour_spread * random.standard_normal(n), 24.0),
        preferred_channel=preferred,
        plan=choose(random.random(n), np.array(list(kind.plans.values()))),
        segment=choose(random.random(n), np.array(list(kind.segments.values()))),
        reports=reports,
        observed_until=observed_until.astype(np.int64),
        active=np.zeros(n, dtype=np.bool_),
        goal=np.where(new & (steps > 0), 2, choose(random.random(n), np.array(kind.goals.weights))),
        fatigue=np.where(new, 0.0, random.gamma(2.0, 0.6, n)),
        satisfaction=0.3 + 0.6 * random.standard_normal(n),
        boost=np.zeros((n, len(PROGRESS_KINDS))),
        provoked=np.zeros(n),
        consent=(random.random((n, len(CHANNELS))) >= 0.03) | ~np.isin(CHANNELS, _CLOSABLE),
        onboarding=done.astype(np.int64),
        stuck=(done < steps) & (random.random(n) < 0.3),
        contract_step=contract_step,
        contract_days=contract_days.astype(np.int64),
        invoice_step=invoice.astype(np.int64) if kind.contract.invoice_every_days else ints(-LONG_AGO),
        overdue=np.zeros(n, dtype=np.bool_),
        leaving=np.zeros(n, dtype=np.bool_),
        case_open=np.zeros(n, dtype=np.bool_),
        case_topic=ints(0),
        case_channel=ints(0),
        case_opened=ints(LONG_AGO),
        case_word=ints(LONG_AGO),
        case_answered=np.zeros(n, dtype=np.bool_),
        case_good=np.zeros(n, dtype=np.bool_),
        case_hand_offs=ints(0),
        case_escalated=np.zeros(n, dtype=np.bool_),
        csat_left=ints(0),
        csat_mood=np.zeros(n),
        nps_left=ints(0),
        nps_message=ints(-1),
        last_session=np.where(new, arrival, -random.integers(0, 60, n)).astype(np.int64),
        last_pricing=ints(LONG_AGO),
        last_checkout=ints(LONG_AGO),
        last_purchase=np.where(new, LONG_AGO, last_purchase).astype(np.int64),
        last_candidate=np.full((n, len(kind.messages)), LONG_AGO, dtype=np.int64),
        last_sent=np.full((n, len(kind.messages)), LONG_AGO, dtype=np.int64),
        sent_today=ints(0),
        sent_this_week=ints(0),
    )
