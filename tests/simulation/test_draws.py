"""Luck: uniform, the same for the same question, different for every other one."""

from __future__ import annotations

import numpy as np

from simulation.draws import KEYED, PURPOSES, Draws, choose


def test_a_step_has_the_same_luck_whenever_it_is_asked_for() -> None:
    first, again = Draws(5), Draws(5)
    first.block(0, 10, 3)
    np.testing.assert_array_equal(first.block(7, 10, 3)["goal"], again.block(7, 10, 3)["goal"])
    assert not np.array_equal(first.block(8, 10, 3)["goal"], again.block(7, 10, 3)["goal"])
    assert not np.array_equal(Draws(5, stream=1).block(7, 10, 3)["goal"], again.block(7, 10, 3)["goal"])


def test_hashed_numbers_are_uniform_and_unrelated() -> None:
    draws, n = Draws(11), 20_000
    customer = np.arange(n)
    columns = [draws.keyed(customer, 3, 2, purpose) for purpose in KEYED]
    columns += [draws.keyed(customer, 4, 2, "open"), draws.keyed(customer, 3, 1, "open")]
    table = np.stack(columns)
    assert ((table >= 0) & (table < 1)).all()
    # Standard errors at n = 20,000: 0.002 of a mean, 0.007 of a correlation; 4 of them allowed.
    assert np.abs(table.mean(axis=1) - 0.5).max() < 0.009
    assert np.abs(np.corrcoef(table) - np.eye(len(table))).max() < 0.029
    assert len(PURPOSES) == len(set(PURPOSES))


def test_hashed_numbers_don_t_depend_on_who_else_is_asked_for() -> None:
    draws = Draws(11)
    everyone = draws.keyed(np.arange(50), np.full(50, 9), np.full(50, 4), "hold")
    some = draws.keyed(np.array([7, 31]), np.array([9, 9]), np.array([4, 4]), "hold")
    np.testing.assert_array_equal(everyone[[7, 31]], some)


def test_choose_follows_its_weights() -> None:
    uniform = np.linspace(0, 1, 10_000, endpoint=False)
    shares = np.bincount(choose(uniform, np.array([1.0, 0.0, 3.0])), minlength=3) / uniform.size
    np.testing.assert_allclose(shares, [0.25, 0.0, 0.75], atol=1e-3)
    rows = choose(np.array([0.2, 0.2]), np.array([[0.0, 1.0], [1.0, 1.0]]))
    np.testing.assert_array_equal(rows, [1, 0])
