"""Search over the settings of training: Optuna's trials as nested runs, judged before the test slice begins.

What `tact train` would test on is not even read: the data is cut where its test slice begins, and every
setting is fitted on the older part and judged on the newest part of the rest, which is the calibration
slice. So the test slice stays what nothing was chosen on.

A trial is judged on a quarter of the customers first, then on half, then on all; one that is worse than
the median of the others at a step ends there (Golovin et al. 2017, section 3.2.2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_contracts.configuration import Configuration
from data_contracts.errors import ConfigurationError, TooLittleData
from data_contracts.times import format_time
from training.account import Account
from training.evaluation import Evaluation, evaluate
from training.fitting import fit
from training.gates import MODELS
from training.inputs import Inputs, read_inputs
from training.labels import longest_window, observed_until
from training.progress import SilentStages
from training.row_selection import select_rows
from training.some_customers import some_customers
from training.splits import cuts_of
from training.tracking import Run, open_run

STEPS = (0.25, 0.5, 1.0)
"""Shares of the customers on which a trial is judged, one after the other."""
_KEPT_METRICS = ("goal_log_loss", "policy_gain_rule", "policy_gain_rule_low", "policy_gain_rule_high")
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Found:
    """What a search came to: `score` is below 1 where the models beat their baselines (see `score`)."""

    study: str
    run_id: str
    trials: int
    pruned: int
    score: float
    default_score: float | None
    settings: dict[str, Any]

    @property
    def toml(self) -> str:
        """The best settings as a piece of a configuration."""
        lines = [f"{name} = {value:.4g}" if isinstance(value, float) else f"{name} = {value}"
                 for name, value in self.settings.items()]  # fmt: skip
        return "\n".join(["[training]", *lines]) + "\n"


def search(
    touchpoints: Path,
    decisions: Path | None,
    configuration: Configuration,
    home: Path,
    trials: int,
    *,
    experiment: str = "tact",
    tell: Tell = lambda text: None,
) -> Found:
    """Run trials until the study has `trials` of them; a study of the same data is taken up where it ended.

    Raises ConfigurationError where Optuna is not installed, and what reading and fitting raise.
    """
    optuna = _optuna()
    inputs, inner = before_the_test(read_inputs(touchpoints, decisions, configuration, None), configuration,
                                    touchpoints, decisions)  # fmt: skip
    digest = inputs.touchpoints_input.digest
    name = f"{experiment} {digest} {format_time(inputs.until)}"
    home.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        study_name=name,
        storage=f"sqlite:///{home / 'search.db'}",
        sampler=optuna.samplers.TPESampler(seed=configuration.training.seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=0),
        load_if_exists=True,
    )
    defaults = {one: getattr(configuration.training, one) for one in ("learning_rate", "leaves", "folds")}
    if not study.trials:
        # The settings as they are come first: what is found must be better than those.
        study.enqueue_trial(defaults)
    done = _finished(optuna, study)
    with open_run(
        home, experiment, f"search {format_time(inputs.until)}", study.user_attrs.get("run_id")
    ) as parent:
        study.set_user_attr("run_id", parent.ids.run_id)
        parent.tags({"kind": "search", "study": name, "data_until": format_time(inputs.until)})
        parent.inputs(inputs.touchpoints_input, inputs.decisions_input)

        def objective(trial: Any) -> float:
            return _trial(trial, inputs, inner, parent, tell)

        study.optimize(objective, n_trials=max(trials - done, 0), catch=(TooLittleData,))
        best = study.best_trial
        settings = dict(best.params)
        parent.metrics({"search_score": float(best.value or 0.0)})
        pruned = sum(one.state == optuna.trial.TrialState.PRUNED for one in study.trials)
        first = study.trials[0]
        found = Found(
            study=name,
            run_id=parent.ids.run_id,
            trials=_finished(optuna, study),
            pruned=pruned,
            score=float(best.value or 0.0),
            default_score=first.value if first.params == defaults else None,
            settings=settings,
        )
        parent.text(found.toml, "best.toml")
    return found


def before_the_test(
    inputs: Inputs, configuration: Configuration, touchpoints: Path, decisions: Path | None
) -> tuple[Inputs, Configuration]:
    """The inputs up to where the test slice begins, and shares that make the calibration slice the judge."""
    training = configuration.training
    known = observed_until(inputs.columns, configuration.vocabulary, inputs.until)
    window = longest_window(configuration.outcomes)
    rows = select_rows(inputs, configuration, known, window, Account(), training.seed).rows
    cut = cuts_of(rows.moment, training).test
    # A row is used where its window is over: the judged rows are those that calibration would use.
    earlier = read_inputs(touchpoints, decisions, configuration, cut - 1)
    rest = 1.0 - training.test_share
    shares = {"test_share": training.calibration_share / rest, "calibration_share": training.calibration_share}
    return earlier, configuration.model_copy(update={"training": training.model_copy(update=shares)})


def score(evaluation: Evaluation) -> float:
    """Mean of the models' log losses over those of their baselines; smaller is better, 1 is no better."""
    metrics = evaluation.metrics
    ratios = [
        metrics[f"{model}_log_loss"] / metrics[f"{model}_log_loss_prior"]
        for model in MODELS
        if f"{model}_log_loss" in metrics and metrics[f"{model}_log_loss_prior"] > 0
    ]
    if not ratios:
        raise TooLittleData("no model could be judged before the test slice: a longer history helps most")
    return float(sum(ratios) / len(ratios))


def _trial(trial: Any, inputs: Inputs, inner: Configuration, parent: Run, tell: Tell) -> float:
    """One setting on more and more customers, as a nested run."""
    settings = {
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.3, log=True),
        "leaves": trial.suggest_int("leaves", 4, 63, log=True),
        "folds": trial.suggest_int("folds", 2, 5),
    }
    training = inner.training.model_copy(update=settings)
    configuration = inner.model_copy(update={"training": training})
    found = float("nan")
    evaluation, pruned = None, False
    with parent.nested(f"trial {trial.number}") as run:
        run.settings(settings)
        for step, share in enumerate(STEPS):
            try:
                fitted = fit(
                    some_customers(inputs, share, training.seed), configuration, training.seed, SilentStages()
                )
            except TooLittleData:
                if share >= 1.0:
                    raise
                continue
            evaluation = evaluate(fitted, configuration, training.seed)
            found = score(evaluation)
            trial.report(found, step)
            if share < 1.0 and trial.should_prune():
                run.tags({"pruned_at": f"{share:.0%} of the customers"})
                pruned = True
                break
        metrics = {} if evaluation is None else evaluation.metrics
        kept = {name: metrics[name] for name in _KEPT_METRICS if name in metrics}
        run.metrics(kept | {"search_score": found})
    tell(f"trial {trial.number}: {found:.4f}{', cut short' if pruned else ''}")
    if pruned:
        raise _optuna().TrialPruned
    return found


def _finished(optuna: Any, study: Any) -> int:
    """Trials that came to an end, be it that they were cut short; those of a killed process don't count."""
    ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return sum(one.state in ended for one in study.trials)


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise ConfigurationError("the search needs Optuna: pip install 'tact[search]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
