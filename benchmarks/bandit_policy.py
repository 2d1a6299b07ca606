"""A contextual bandit from Vowpal Wabbit that starts from the history and goes on learning live.

For every message it draws *send* or *hold* from `--cb_explore_adf` (Bietti, Agarwal & Langford 2021); what came
of either, helped − 2 · interrupted in 72 hours, it learns as soon as it is known. Sends stay under the caps.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from vowpalwabbit import Workspace

from benchmarks.candidates import candidates_of, moments_of
from benchmarks.live import LiveCompany
from benchmarks.logged_answers import LoggedAnswers, live_matrix
from benchmarks.rule_policies import Capped
from data_contracts.configuration import Outcomes
from features.builder import Matrix
from features.columns import Float64, identifier_hash
from simulation.clock import WINDOW_STEPS, Floats
from simulation.company import Company
from simulation.messages import Pool
from simulation.rules import Actions
from simulation.world import World
from training.labels import outcome_labels

FEATURES_KEPT = 40
_OPTIONS = "--cb_explore_adf --cb_type mtr --epsilon 0.02 -q sa --l2 1e-7 --learning_rate 0.2 --quiet"
_PASSES = 3
_REPORTED_STEPS = 3
"""Steps after the window by which answers have been reported."""


@dataclass
class _Open:
    """Decisions whose outcome is not known yet, by the step in which it will be."""

    customer: list[int] = field(default_factory=list)
    moment: list[int] = field(default_factory=list)
    message: list[int] = field(default_factory=list)
    sent: list[bool] = field(default_factory=list)
    chance: list[float] = field(default_factory=list)
    context: list[list[str]] = field(default_factory=list)


class BanditPolicy:
    """See the module.

    Parameters
    ----------
    gains : shape (features,), how useful each feature was to predict answers: the best ones are its context
    """

    def __init__(
        self, answers: LoggedAnswers, gains: Float64, outcomes: Outcomes, seed: int, options: str = _OPTIONS
    ) -> None:
        self._specification = answers.specification
        self._outcomes = outcomes
        self._seed = seed
        names = answers.names
        categories = [
            place for place, name in enumerate(names) if name in self._specification.categorical_names
        ]
        best = [place for place in np.argsort(-gains) if place not in set(categories)][:FEATURES_KEPT]
        self._numbers = np.asarray(best, dtype=np.int64)
        self._message_fields = [names.index(f"candidate_{name}") for name in ("department", "channel", "topic")]
        self._state_fields = [
            place for place in categories if place not in self._message_fields and gains[place] > 0
        ]
        scaled = _logarithmic(answers.matrix[:, self._numbers])
        self._mean, self._spread = np.nanmean(scaled, axis=0), np.nanstd(scaled, axis=0) + 1e-6
        self._workspace = Workspace(f"{options} --random_seed {seed}")
        self._capped = Capped(self._scores)
        self._company: LiveCompany | None = None
        self._open: dict[int, _Open] = {}
        self._learn_history(answers)

    def _learn_history(self, answers: LoggedAnswers) -> None:
        rows = np.flatnonzero(~np.isnan(answers.propensity))
        rows = rows[np.argsort(answers.moment[rows], kind="stable")]
        contexts = self._contexts(answers.matrix[rows])
        reward = answers.helped[rows].astype(float) - 2.0 * answers.interrupted[rows]
        chance = np.where(answers.sent[rows], answers.propensity[rows], 1.0 - answers.propensity[rows])
        for _ in range(_PASSES):
            for context, sent, r, p in zip(
                contexts, answers.sent[rows].tolist(), reward.tolist(), chance.tolist(), strict=True
            ):
                self._learn(context, sent, r, p)

    def observe(self, company: Company) -> None:
        """Learn from the decisions whose outcome is known by now."""
        if not isinstance(company, LiveCompany):
            raise TypeError("the bandit needs a company that keeps what it knows")
        self._company = company
        due = self._open.pop(company.step_number, None)
        if due is None:
            return
        customers, place = np.unique(np.asarray(due.customer, dtype=np.int64), return_inverse=True)
        labels = outcome_labels(
            company.known.columns(customers),
            self._outcomes,
            place.astype(np.int64),
            np.asarray(due.moment, dtype=np.int64),
            np.asarray(due.message, dtype=np.int64),
        )
        reward = labels.helped.astype(float) - 2.0 * labels.interrupted
        for context, sent, r, p in zip(due.context, due.sent, reward.tolist(), due.chance, strict=True):
            self._learn(context, sent, r, p)

    def decide(self, pending: Pool, world: World) -> Actions:
        return self._capped.decide(pending, world)

    def _scores(self, pending: Pool, world: World) -> Floats:
        """The chance of sending where *send* was drawn, −1 where *hold* was."""
        company = self._company
        if company is None:
            raise RuntimeError("the live run has not begun")
        result = np.full(pending.n, -1.0)
        asked = np.flatnonzero(~world.table.transactional[pending.kind])
        if not asked.size:
            return result
        part = pending.take(asked)
        contexts = self._contexts(live_matrix(part, company, self._specification))
        luck = world.draws.keyed(world.state.key[part.customer], part.created, part.kind, "hold")
        moments = moments_of(company, part.customer)
        messages = [identifier_hash(one["message_id"]) for one in candidates_of(part, company)]
        opened = self._open.setdefault(company.step_number + WINDOW_STEPS + _REPORTED_STEPS, _Open())
        for row, context in enumerate(contexts):
            chance = float(self._workspace.predict([context[0], context[1], "|a hold"])[0])
            sends = bool(luck[row] < chance)
            result[asked[row]] = chance if sends else -1.0
            opened.customer.append(int(part.customer[row]))
            opened.moment.append(int(moments[row]))
            opened.message.append(messages[row])
            opened.sent.append(sends)
            opened.chance.append(chance if sends else 1.0 - chance)
            opened.context.append(context)
        return result

    def _learn(self, context: list[str], sent: bool, reward: float, chance: float) -> None:
        label = f"{0 if sent else 1}:{-reward:g}:{max(chance, 0.01):.4f} "
        send, hold = context[1], "|a hold"
        self._workspace.learn([context[0], label + send if sent else send, hold if sent else label + hold])

    def _contexts(self, matrix: Matrix) -> list[list[str]]:
        """Each row's shared line and the line of the action *send*."""
        scaled = (_logarithmic(matrix[:, self._numbers]) - self._mean) / self._spread
        scaled = np.nan_to_num(np.clip(scaled, -4.0, 4.0))
        result = []
        for row in range(len(matrix)):
            numbers = " ".join(
                f"{place}:{value:.3f}" for place, value in enumerate(scaled[row].tolist()) if value
            )
            words = " ".join(f"{place}={matrix[row, place]:g}" for place in self._state_fields)
            about = " ".join(f"{place}={matrix[row, place]:g}" for place in self._message_fields)
            result.append([f"shared |s {numbers} {words}", f"|a send {about}"])
        return result


def _logarithmic(matrix: Matrix) -> Float64:
    wide = matrix.astype(np.float64)
    return np.asarray(np.sign(wide) * np.log1p(np.abs(wide)), dtype=np.float64)
