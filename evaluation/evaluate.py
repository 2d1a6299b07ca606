"""`tact evaluate` as a function: a study and its contenders → values, and the run that keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_contracts.configuration import Configuration, Policy
from data_contracts.errors import NotFound
from data_contracts.times import format_time
from evaluation.contenders import contenders_of
from evaluation.estimators import CHIEF, ESTIMATORS
from evaluation.study import Model, Study, study_of
from evaluation.values import PolicyValue, done_value, policy_value
from training.inputs import Inputs
from training.metrics import Estimate
from training.progress import Stages
from training.registry import CHAMPION, registered_bundle
from training.tracking import RunIds, open_run


@dataclass(frozen=True)
class Evaluated:
    """Values of policies on one log; `done` is the mean reward of what was done."""

    study: Study
    weights: Policy
    done: Estimate
    policies: tuple[PolicyValue, ...]
    notes: tuple[str, ...]

    @property
    def refusals(self) -> dict[str, str]:
        """Why no value is given, by policy."""
        return {one.name: one.support.refusal for one in self.policies if one.support.refusal is not None}

    def as_dict(self) -> dict[str, Any]:
        """Everything as JSON takes it; intervals are [value, low, high]."""
        randomised = self.study.randomised
        return {
            "since": format_time(self.study.since) if self.study.since else None,
            "rows": len(self.study.logged),
            "randomised_rows": int(randomised.sum()),
            "customers": self.study.resampler.customers,
            "reward": {
                "helps_weight": self.weights.helps_weight,
                "interrupts_weight": self.weights.interrupts_weight,
            },
            "chief_estimator": CHIEF,
            "done": list(self.done),
            "policies": [_as_dict(one) for one in self.policies],
            "notes": list(self.notes),
        }


def evaluate(
    inputs: Inputs,
    configuration: Configuration,
    models: tuple[Model, ...],
    other: tuple[str, Policy] | None,
    since: int | None,
    stages: Stages,
) -> Evaluated:
    """Value the models under their own policies, and the yardsticks, on the log of `inputs`.

    `other`: the name and content of one more policy. The reward's weights are those of `configuration`.
    Raises TooLittleData where hardly anything was drawn at random.
    """
    study = study_of(inputs, configuration, models, since, stages)
    weights = configuration.policy
    with stages.stage("values") as stage:
        own = {model.name: model.bundle.configuration.policy for model in models}
        found = tuple(policy_value(study, one, weights) for one in contenders_of(study, weights, own, other))
        stage.told(f"{len(found)} policies by {len(ESTIMATORS)} estimators")
    notes = [
        *study.notes,
        *_no_choice(study),
        *(_other_outcomes(model) for model in models if _differs(model, configuration)),
    ]
    return Evaluated(study, weights, done_value(study, weights), found, tuple(notes))


def registered_models(home: Path, names: tuple[str, ...]) -> tuple[Model, ...]:
    """Models by version or alias; raises NotFound for one that the registry doesn't hold."""
    found = []
    for name in dict.fromkeys(names):
        registered = registered_bundle(home, name)
        if registered is None:
            raise NotFound(f"--model: the registry holds no {_title(name)}; `tact ui` shows what it holds")
        version, bundle = registered
        before = registered_bundle(home, name, "evaluated")
        title = f"version {name}" if name.isdigit() else f"{name} ({version})"
        found.append(Model(title, bundle, None if before is None else before[1]))
    return tuple(found)


def has_champion(home: Path) -> bool:
    """Whether there is a model to value where none was named."""
    return registered_bundle(home, CHAMPION) is not None


def track(
    evaluated: Evaluated,
    inputs: Inputs,
    configuration: Configuration,
    home: Path,
    experiment: str,
    figures: Mapping[str, Any],
) -> RunIds:
    """Log a run: parameters, inputs, metrics of every policy, its figures, and all values as JSON."""
    with open_run(home, experiment, f"evaluate {format_time(inputs.until)}") as run:
        since = evaluated.as_dict()["since"] or "the beginning"
        run.parameters(
            configuration, {"since": since, "policies": ", ".join(one.name for one in evaluated.policies)}
        )
        run.inputs(inputs.touchpoints_input, inputs.decisions_input, context="evaluation")
        run.tags({"kind": "evaluation", "refused": ", ".join(evaluated.refusals) or "none"})
        metrics = metrics_of(evaluated)
        run.metrics(metrics, known_metrics([one.name for one in evaluated.policies]))
        for name, figure in figures.items():
            run.figure(figure, name)
        run.document(evaluated.as_dict(), "evaluation.json")
        return run.ids


def metrics_of(evaluated: Evaluated) -> dict[str, float]:
    """Values by metric name."""
    found = {"done": evaluated.done.value}
    for one in evaluated.policies:
        name = slug(one.name)
        found[f"{name}_effective_rows"] = one.support.effective_rows
        found[f"{name}_sends"] = one.support.sends
        for estimator, value in one.values.items():
            for bound in Estimate._fields:
                tail = "" if bound == "value" else f"_{bound}"
                found[f"{name}_{estimator}{tail}"] = getattr(value.value, bound)
                found[f"{name}_{estimator}_over_never{tail}"] = getattr(value.over_never, bound)
    return found


def known_metrics(policies: list[str]) -> dict[str, str]:
    """Every metric that a run on these policies may log, with what it is."""
    names = {"done": "Mean reward a row of what was done."}
    for policy in policies:
        name = slug(policy)
        names[f"{name}_effective_rows"] = f"Effective rows that the value of {policy} rests on."
        names[f"{name}_sends"] = f"Share of the randomised rows that {policy} sends."
        for estimator in ESTIMATORS:
            for tail, told in (("", ""), ("_low", ", lower bound"), ("_high", ", upper bound")):
                names[f"{name}_{estimator}{tail}"] = f"Value a row of {policy} by {estimator}{told}."
                names[f"{name}_{estimator}_over_never{tail}"] = f"The same over never sending{told}."
    return names


def slug(name: str) -> str:
    """A policy's name as MLflow takes it in a metric."""
    return "_".join("".join(c if c.isalnum() else " " for c in name.lower()).split())


def _as_dict(one: PolicyValue) -> dict[str, Any]:
    support = one.support
    return {
        "policy": one.name,
        "told": one.contender.told,
        "refused": support.refusal,
        "sends": support.sends,
        "effective_rows": support.effective_rows,
        "effective_sent": support.effective_sent,
        "effective_held": support.effective_held,
        "outside": support.outside,
        "values": {name: value.as_dict() for name, value in one.values.items()},
        "helps_over_never": None if one.helps is None else list(one.helps),
        "interrupts_over_never": None if one.interrupts is None else list(one.interrupts),
        "departments": {name: list(estimate) for name, estimate in one.departments.items()},
    }


def _title(name: str) -> str:
    return f"version {name}" if name.isdigit() else f"alias {name!r}"


def _no_choice(study: Study) -> list[str]:
    """Says how many rows of the period tell nothing, where there are any."""
    share = 1.0 - float(study.randomised.mean())
    if share < 0.005:
        return []
    return [
        f"On {share:.0%} of the logged rows nothing was drawn at random: values are those of the other rows."
    ]


def _differs(model: Model, configuration: Configuration) -> bool:
    return model.bundle.specification.outcomes != configuration.outcomes


def _other_outcomes(model: Model) -> str:
    return f"{model.name} was trained for other [outcomes] than those that it is valued by here."
