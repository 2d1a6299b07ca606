"""The model card in words: what it is for, what it was made from, what it is worth, where it is weak."""

from __future__ import annotations

from collections.abc import Sequence

from data_contracts.configuration import Configuration
from training.evaluation import Evaluation
from training.fitting import Fitted
from training.gates import GateResult
from training.inputs import Inputs, span

PURPOSE = (
    "**For:** deciding whether a message to a customer is sent now, later or not at all. "
    "It scores messages, not people; it is not made for credit, prices, employment or anything of that kind."
)


def registered_page(version: str, fitted: Fitted, gate: GateResult, notes: Sequence[str]) -> str:
    """What the registered model's page says: what it is for and not for, and where its champion is weak."""
    weak = (
        "\n".join(f"- {line}" for line in [*summary_lines(fitted)[1:], *notes]) or "- Nothing was found amiss."
    )
    return (
        f"{PURPOSE}\n\nOne version is one bundle: goal, help and interruption models with everything that an answer "
        f"needs. The service uses the version with the alias `champion`.\n\n**Champion {version}:** {gate.reason}.\n\n"
        f"**Where it is weak**\n{weak}\n\nThe version's own description is its model card."
    )


def summary_lines(fitted: Fitted) -> list[str]:
    """One sentence for each thing that a reader must know before trusting a number."""
    account = fitted.account
    lines = [
        f"Fitted on {account.used['train_rows']:,} rows ({account.used['train_sent']:,} sent, "
        f"{account.used['train_held']:,} held), calibrated on {account.used['calibration_rows']:,} later ones, "
        f"tested on the {account.used['test_rows']:,} newest."
    ]
    if fitted.bundle.configuration.training.refit:
        lines.append(
            "What is served was fitted again on all of these rows by the same steps (training.refit); the figures "
            "are those of the models before that, which had not seen the newest rows."
        )
    for name, chance in fitted.chances.items():
        if chance.note:
            lines.append(f"{name.replace('_', ', ')}: {chance.note}.")
    for outcome, lift in fitted.lifts.items():
        if lift.note:
            lines.append(f"{outcome}, lift: {lift.note}.")
    lines.append(_price(fitted))
    for one in fitted.treatment:
        lines.append(
            f"The field {one.name} tells what was sent (missing in {one.missing_held:.0%} of the held rows and "
            f"{one.missing_sent:.0%} of the sent ones): no model that looks at both arms uses it."
        )
    if not fitted.has_control:
        lines.append("There is no control group in the test slice: no lift is measured, and none is claimed.")
    return [*lines, *account.warnings]


def model_card(
    fitted: Fitted,
    evaluation: Evaluation,
    inputs: Inputs,
    configuration: Configuration,
    gate: GateResult | None,
    notes: Sequence[str],
) -> str:
    """Markdown."""
    observational = fitted.bundle.observational
    first, last = span(inputs.columns.event_time)
    text = [
        "# Tact model card",
        "",
        PURPOSE,
        "",
        f"**Evidence for lift:** {_evidence(observational, fitted.has_control)}.",
        "",
        "## Data",
        f"- Touchpoints: {inputs.touchpoints_input.rows:,} of {len(inputs.customers):,} customers, {first} to {last}; "
        f"digest `{inputs.touchpoints_input.digest}`.",
    ]
    if inputs.decisions_input is not None:
        text.append(f"- Decisions: {inputs.decisions_input.rows:,}; digest `{inputs.decisions_input.digest}`.")
    text += [
        f"- Outcomes within {configuration.outcomes.window_hours:g} h, goals within "
        f"{configuration.goals.horizon_hours:g} h.",
        *(f"- Left out: {rows:,} rows, {reason}." for reason, rows in fitted.account.dropped.items()),
        "",
        "## What to know",
        *(f"- {line}" for line in [*summary_lines(fitted), *notes]),
        "",
        "## Figures on the newest rows",
        "95 % intervals by bootstrap over customers.",
        "",
        "| model | figure | value | baseline | gain over the baseline |",
        "|---|---|---|---|---|",
        *(
            f"| {line.model} | {line.figure} | {line.value} | {line.baseline} | {line.gain} |"
            for line in evaluation.lines
        ),
        "",
    ]
    if gate is not None:
        text += [
            "## Gate",
            gate.reason + ".",
            "",
            *(f"- {'passed' if c.passed else 'FAILED'}: {c.told}" for c in gate.checks),
            "",
        ]
    return "\n".join(text)


def _evidence(observational: bool, has_control: bool) -> str:
    if observational:
        return "observational: propensities were estimated, nothing was randomised"
    return "randomised: propensities were logged" if has_control else "none"


def _price(fitted: Fitted) -> str:
    price = fitted.price
    if price.note:
        return f"Price of attention: {price.note}."
    shares = ", ".join(
        f"{100 * loss.share:+.0f} % [{100 * (loss.share - 1.96 * loss.error):+.0f}, "
        f"{100 * (loss.share + 1.96 * loss.error):+.0f}] {told}"
        for loss, told in (
            (price.losses["helps"], "of the positive answers taken away"),
            (price.losses["interrupts"], "of the negative ones added"),
        )
    )
    return (
        f"Price of attention: a contact costs {price.value:.4f} in net value at {price.contacts_per_week:.2f} "
        f"contacts a week; measured on a message right after it: {shares}."
    )
