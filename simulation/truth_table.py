"""The true answers as a table: one row a logged decision, in the log's order.

Latent state and the contact's own chances are there for every row; the true chances of the outcomes, which take
branching, for a random sample of the rows (see truth.py).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from simulation.company import Company
from simulation.kinds import GOALS
from simulation.rules import SEND, HistoricalPolicy
from simulation.snapshots import Snapper
from simulation.truth import GOAL_NAMES, true_chances
from simulation.world import Decided

Progress = Callable[[str, float], None]
"""Called with the name of the phase and the share of it that is done."""

_LATENT = (
    "latent_goal", "case_open", "fatigue", "tolerance", "satisfaction", "own_opened", "own_positive",
    "own_negative", "own_progress", "own_harm", "all_sources",
)  # fmt: skip
_CHANCES = (
    "p_helps_send", "p_helps_hold", "p_interrupts_send", "p_interrupts_hold", "se_helps_send", "se_helps_hold",
    "se_interrupts_send", "se_interrupts_hold", "se_lift_helps", "se_lift_interrupts",
)  # fmt: skip


class LatentColumns:
    """Watches a company: keeps each decision row's latent state, and lets `snapper` choose its sample."""

    def __init__(self, snapper: Snapper) -> None:
        self.snapper = snapper
        self._parts: list[dict[str, npt.NDArray[np.generic]]] = []

    def __call__(self, company: Company, decided: Decided) -> None:
        self.snapper(company, decided)
        pending, world = decided.pending, company.world
        if not pending.n:
            return
        state, who = world.state, pending.customer
        chances = company.models.contact.chances(
            state, world.moment(), who, pending.kind, pending.channel, pending.offer
        )
        self._parts.append(
            {
                "latent_goal": state.goal[who],
                "case_open": state.case_open[who],
                "fatigue": state.fatigue[who],
                "tolerance": state.tolerance[who],
                "satisfaction": state.satisfaction[who],
                "own_opened": chances.opened,
                "own_positive": chances.positive,
                "own_negative": chances.negative,
                "own_progress": chances.opened * chances.progress,
                "own_harm": chances.harm,
                "all_sources": np.asarray(state.reports[who].all(axis=1)),
            }
        )

    def columns(self) -> dict[str, pa.Array]:
        """One array a column, goals by name."""
        if not self._parts:
            return {name: pa.array([], pa.float64()) for name in _LATENT}
        found = {name: np.concatenate([part[name] for part in self._parts]) for name in _LATENT}
        goals = pa.DictionaryArray.from_arrays(
            pa.array(found.pop("latent_goal").astype(np.int32)), pa.array(GOALS)
        )
        return {
            "latent_goal": goals.cast(pa.string()),
            **{name: pa.array(item) for name, item in found.items()},
        }


def truth_table(
    company: Company, decided: Decided, log: pa.Table, latent: LatentColumns, replicates: int, tell: Progress
) -> pa.Table:
    """The table: `log` is the decision table of `decided`; `tell` hears of the phase "truth"."""
    columns: dict[str, pa.Array] = {
        name: log.column(name) for name in ("decision_id", "message_id", "customer_id", "decided_at", "action")
    }
    columns.update(latent.columns())
    names = (*_CHANCES, *(f"goal_{name}" for name in GOAL_NAMES))
    values = np.full((decided.pending.n, len(names)), np.nan)
    done = 0
    snapshots = latent.snapper.snapshots()
    if snapshots is not None:
        total = snapshots.row.size

        def rows_done(count: int) -> None:
            nonlocal done
            done += count
            tell("truth", done / total)

        sent = (decided.action == SEND)[snapshots.row]
        policy = HistoricalPolicy(company.ablations.randomise)
        true = true_chances(company.models, snapshots, sent, policy, replicates, company.seed, rows_done)
        chances = (true.helps_send, true.helps_hold, true.interrupts_send, true.interrupts_hold)
        values[true.row] = np.column_stack([*chances, true.errors, true.goals])
    for place, name in enumerate(names):
        columns[name] = pa.array(values[:, place], mask=np.isnan(values[:, place]))
    return pa.table(columns)
