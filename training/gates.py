"""Whether a new model becomes champion: a pure function of figures, with its reason in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from training.segments import SegmentChange

Promote = Literal["auto", "always", "never"]

MODELS = ("goal", "helps_send", "interrupts_send")
CHANCES = ("helps_send", "interrupts_send", "helps_hold", "interrupts_hold")
MOST_CALIBRATION_ERROR = 0.03
"""How far the calibration error may lie above twice that of a perfect model on as many rows."""

MOST_POLICY_LOSS = 0.005
"""Net value a row that a new model may lose against the champion, if no more is likely (lower bound)."""


@dataclass(frozen=True)
class Check:
    """One thing looked at."""

    name: str
    passed: bool
    told: str


@dataclass(frozen=True)
class GateResult:
    """Whether the model is promoted, the reason in one sentence, and every check."""

    promoted: bool
    reason: str
    checks: tuple[Check, ...]


def gate(
    promote: Promote,
    metrics: Mapping[str, float],
    against_champion: Mapping[str, float] | None,
    champion: str | None = None,
    segments: Sequence[SegmentChange] = (),
) -> GateResult:
    """Decide.

    Parameters
    ----------
    metrics : the new model's figures (`metric_names`)
    against_champion : its differences to the champion on the same rows, None where there is none
        or where it can't be evaluated
    champion : the champion's version, None for no champion
    segments : the same differences by department, goal and for new customers
    """
    checks = (
        *_beats_baselines(metrics),
        *_calibrated(metrics),
        *_not_worse(against_champion or {}),
        *_no_segment_worse(segments),
    )
    failed = [check.told for check in checks if not check.passed]
    if promote == "never":
        return GateResult(False, "not promoted, as asked (--promote never)", checks)
    if promote == "always":
        told = f"; it would have failed: {'; '.join(failed)}" if failed else ""
        return GateResult(True, f"promoted, as asked (--promote always){told}", checks)
    if failed:
        return GateResult(False, f"not promoted: {'; '.join(failed)}", checks)
    if champion is None:
        reason = "promoted: the first model, no worse than its baselines and calibrated"
    elif against_champion is None:
        reason = (
            f"promoted: no worse than its baselines and calibrated; champion {champion} can't be "
            "evaluated on this data"
        )
    else:
        reason = f"promoted: no worse than champion {champion} on the newest test slice, and calibrated"
    return GateResult(True, reason, checks)


def _beats_baselines(metrics: Mapping[str, float]) -> list[Check]:
    checks = []
    for model in MODELS:
        gain, high = metrics.get(f"{model}_log_loss_gain"), metrics.get(f"{model}_log_loss_gain_high")
        if gain is None or high is None or math.isnan(high):
            continue
        passed = high >= 0.0
        told = f"{model} is {'no worse' if passed else 'worse'} than its baseline (log loss {-gain:+.4f})"
        checks.append(Check(f"{model} against its baseline", passed, told))
    return checks


def _calibrated(metrics: Mapping[str, float]) -> list[Check]:
    checks = []
    for model in CHANCES:
        error, floor = metrics.get(f"{model}_ece"), metrics.get(f"{model}_ece_floor")
        if error is None or floor is None:
            continue
        limit = 2.0 * floor + MOST_CALIBRATION_ERROR
        passed = error <= limit
        told = f"{model} calibration error {error:.3f} is {'within' if passed else 'above'} {limit:.3f}"
        checks.append(Check(f"{model} calibration", passed, told))
    return checks


def _not_worse(change: Mapping[str, float]) -> list[Check]:
    checks = []
    for model in MODELS:
        value, low = change.get(f"{model}_change"), change.get(f"{model}_change_low")
        if value is None or low is None or math.isnan(low):
            continue
        passed = low <= 0.0
        told = f"{model} is {'no worse' if passed else 'worse'} than the champion (log loss {value:+.4f})"
        checks.append(Check(f"{model} against the champion", passed, told))
    value, low = change.get("policy_change"), change.get("policy_change_low")
    if value is not None and low is not None and not math.isnan(low):
        # A value is known far less exactly than a loss: with few draws "not shown to be worse" would let
        # everything through. So it must be as good by its estimate, or shown to lose next to nothing.
        passed = value >= 0.0 or low >= -MOST_POLICY_LOSS
        told = f"the rule's net value is {'no worse' if passed else 'worse'} than the champion's ({value:+.4f} a row)"
        checks.append(Check("policy against the champion", passed, told))
    return checks


def _no_segment_worse(segments: Sequence[SegmentChange]) -> list[Check]:
    return [
        Check(
            f"{one.segment}, {one.figure}",
            not one.worse,
            f"{one.told()} is {'worse' if one.worse else 'no worse'} than the champion",
        )
        for one in segments
        if one.guards
    ]
