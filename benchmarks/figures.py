"""The true figures of a run by customer, and what the departments watch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from data_contracts.vocabulary import DEPARTMENTS
from simulation.account import Account
from simulation.clock import Floats, Ints

INTERRUPTS_WEIGHT = 2.0

CUSTOMER_FIGURES = ("net", "helps", "interruptions", "contacts", "gone")
DEPARTMENT_KPIS: dict[str, str] = {
    "support": "cases resolved",
    "marketing": "value of answers",
    "sales": "value of answers",
    "product": "set-up steps done",
    "success": "contracts renewed",
    "billing": "revenue",
    "operations": "surveys answered",
}
"""What each department is measured by, all per customer in the live weeks."""

Figures = Mapping[str, Floats]
"""By name, shape (panel,) each."""


def figures_of(account: Account, panel: Ints) -> dict[str, Floats]:
    """Sums over the run for the customers of the panel.

    `net` is expected helps − 2 · expected interruptions: sums of true chances, right before each event, from
    the latent state. Only differences between policies mean something; what happens anyway is in all of them.
    """
    helps, interruptions = account.expected_helps[panel], account.expected_interruptions[panel]
    value = account.value_by_department[panel]
    by_department = {name: value[:, DEPARTMENTS.index(name)] for name in ("marketing", "sales")}
    by_department |= {
        "support": account.resolved_cases[panel],
        "product": account.onboarding_steps[panel],
        "success": account.renewals[panel],
        "billing": account.revenue[panel],
        "operations": account.nps_answers[panel],
    }
    return {
        "net": helps - INTERRUPTS_WEIGHT * interruptions,
        "helps": helps,
        "interruptions": interruptions,
        "realised_net": account.helps[panel] - INTERRUPTS_WEIGHT * account.interruptions[panel],
        "contacts": account.contacts[panel],
        "gone": np.asarray(account.gone[panel], dtype=np.float64),
        **{f"kpi_{name}": np.asarray(by_department[name], dtype=np.float64) for name in DEPARTMENT_KPIS},
    }
