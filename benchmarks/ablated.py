"""Tact with one part taken out: a change of the bundle or of the policy, never of the code."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.plan import NO_EXPLORATION, NO_GOAL, NO_LIFT, NO_PRICE, NO_WAIT
from data_contracts.configuration import Configuration
from models.bundle import Bundle, OutcomeModel, ProbabilityModel

_NOTHING = ProbabilityModel(0.0)


def ablated(name: str, bundle: Bundle, configuration: Configuration) -> tuple[Bundle, Configuration]:
    """The bundle and the configuration of an ablation; any other name leaves both as they are."""
    if name == NO_LIFT:
        # What happens anyway is taken for nothing: the chances themselves decide.
        contact = {outcome: OutcomeModel(model.send, _NOTHING) for outcome, model in bundle.contact.items()}
        return replace(bundle, contact=contact), configuration
    if name == NO_PRICE:
        return replace(bundle, price=None), configuration
    if name == NO_WAIT:
        return bundle, _with(configuration, horizon_hours=0.0)
    if name == NO_GOAL:
        # Everybody has the population's goals.
        return replace(bundle, goal=None), configuration
    if name == NO_EXPLORATION:
        return bundle, _with(configuration, exploration=0.0)
    return bundle, configuration


def _with(configuration: Configuration, **changes: float) -> Configuration:
    policy = configuration.policy.model_copy(update=changes)
    return configuration.model_copy(update={"policy": policy})
