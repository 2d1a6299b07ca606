"""The sizes of trees that compete in cross-validation."""

from __future__ import annotations

from data_contracts.configuration import Training
from training.boosting import ROWS_FOR_THE_LARGEST, Recipe


def goal_recipes(training: Training) -> tuple[Recipe, ...]:
    """For the goal: many classes, so few leaves each."""
    return (
        Recipe("pairs", 4, 0.2, 20, 0.005, 0.3, 5.0),
        Recipe("trees", training.leaves, 0.1, 20, 0.002, 0.3, 5.0),
    )


def contact_recipes(training: Training, positives: int, rows: int) -> tuple[Recipe, ...]:
    """For chances: from stumps for a study of forty people to trees for a company.

    Where there are few positives a leaf must hold more rows to say anything about them. A large table
    bears larger steps.
    """
    rate = training.learning_rate
    pairs = Recipe("pairs", 4, 1.5 * rate, 20, 0.004, 0.3, 10.0)
    if positives < 400:
        return (
            Recipe("additive", 2, 1.5 * rate, 20, 0.02, 0.2, 10.0),
            pairs._replace(share_of_rows=0.02),
        )
    trees = Recipe("trees", training.leaves, rate, 50, 0.003, 0.2, 10.0)
    if rows >= ROWS_FOR_THE_LARGEST:
        return (trees._replace(learning_rate=2.0 * rate, share_of_rows=0.001),)
    return (pairs, trees)


def propensity_recipes() -> tuple[Recipe, ...]:
    """For the chance of a send where nobody logged it."""
    return (
        Recipe("pairs", 4, 0.1, 20, 0.01, 0.3, 10.0),
        Recipe("trees", 15, 0.1, 50, 0.002, 0.3, 10.0),
    )
