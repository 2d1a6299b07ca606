"""What the benchmark of decisions runs: companies, seeds, policies, and the changes that test robustness."""

from __future__ import annotations

from dataclasses import dataclass

from simulation.company import Ablations

NEVER, SEND_ALL, CAPS, CAPS_CASE = "never send", "send all", "caps", "caps, not while a case is open"
CLICK, CLICK_LESS_REFUSAL = "click propensity × value", "click − unsubscribe propensity"
BANDIT, TACT, CEILING, ORACLE = "contextual bandit", "Tact", "observable ceiling", "oracle"
RULES = (NEVER, SEND_ALL, CAPS, CAPS_CASE, CLICK, CLICK_LESS_REFUSAL)
"""What companies do today: contact rules, and the suites' propensities under caps."""
LEARNED_RIVALS = (CLICK, CLICK_LESS_REFUSAL, BANDIT)
MAIN = (*RULES, BANDIT, TACT, CEILING, ORACLE)

NO_LIFT, NO_PRICE = "Tact without lift", "Tact without the price of attention"
NO_WAIT, NO_GOAL, NO_EXPLORATION = "Tact without wait", "Tact without goal", "Tact without exploration"
ABLATIONS = (NO_LIFT, NO_PRICE, NO_WAIT, NO_GOAL, NO_EXPLORATION)

USUAL, NEW_CUSTOMERS = "usual", "half of the customers new"
SILENT, NO_HOLDBACKS = "a third without one department's data", "a history without random hold-backs"
VARIANTS: dict[str, Ablations] = {
    USUAL: Ablations(),
    NEW_CUSTOMERS: Ablations(new_share=0.5, new_days=14.0),
    SILENT: Ablations(missing={"helpdesk": 1 / 3}),
    NO_HOLDBACKS: Ablations(randomise=False),
}
"""The company as it is, and what is changed about it to see what breaks."""


@dataclass(frozen=True)
class CellPlan:
    """One company at one seed.

    Parameters
    ----------
    customers, history_days : what is learnt from
    panel, live_days : how many of these customers the policies run for, and for how long
    ablation_panel : the same for the ablations, whose differences to Tact are precise with fewer
    ceiling_factor : how many times the customers the ceiling learns from
    truth_rows, truth_replicates : decisions whose true chances the ceiling learns, and branches for each arm
    trial_customers : whom the ceiling is tried on, to see how often it sends and what attention then costs
    checked_rows, checked_replicates : the same for the calibration of the live decisions
    """

    kind: str
    seed: int
    variant: str = USUAL
    policies: tuple[str, ...] = (*MAIN, *ABLATIONS)
    customers: int = 2_000
    history_days: int = 60
    live_days: int = 21
    panel: int = 1_000
    ablation_panel: int = 500
    ceiling_factor: int = 4
    truth_rows: int = 100_000
    truth_replicates: int = 4
    trial_customers: int = 300
    checked_rows: int = 3_000
    checked_replicates: int = 16

    @property
    def name(self) -> str:
        return f"{self.kind}, seed {self.seed}" + ("" if self.variant == USUAL else f", {self.variant}")

    def panel_of(self, policy: str) -> int:
        return self.ablation_panel if policy in ABLATIONS else self.panel
