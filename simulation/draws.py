"""Random numbers that depend on what they are for, never on what a policy did before.

`block` gives every customer a number for every purpose in every step, whether it is used or not; `keyed`
hashes (customer, step, message type, purpose) for the few customers who need one. Two runs of one company
therefore share all their luck, whatever their policies send (common random numbers).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from simulation.clock import Floats, Ints

PURPOSES: Final = (
    "switch",
    "goal",
    "session",
    "event",
    "second",
    "second_event",
    "third",
    "third_event",
    "time",
    "second_time",
    "third_time",
    "progress_time",
    "harm_time",
    "case_time",
    "purchase",
    "onboarding",
    "renewal",
    "referral",
    "stuck",
    "cancel",
    "downgrade",
    "provoked",
    "gone",
    "contract",
    "trouble",
    "opens_case",
    "case_topic",
    "case_channel",
    "hand_off",
    "escalation",
    "resolution",
    "reply",
    "csat",
    "csat_value",
    "nps",
    "nps_value",
    "friction",
    "consent",
    "payment",
)
PURPOSE: Final = {name: index for index, name in enumerate(PURPOSES)}

_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_S30, _S27, _S31, _S11 = (np.uint64(bits) for bits in (30, 27, 31, 11))

KEYED: Final = (
    "open", "positive", "negative", "kind", "delay", "channel", "offer", "hold", "joint", "good", "alternative",
)  # fmt: skip
_KEYED: Final = {name: index + 1 for index, name in enumerate(KEYED)}


class Block:
    """The numbers of one step: `block[purpose]` has shape (n_customers,)."""

    def __init__(self, numbers: Floats, triggers: Floats) -> None:
        self._numbers = numbers
        self.triggers = triggers

    def __getitem__(self, purpose: str) -> Floats:
        row: Floats = self._numbers[PURPOSE[purpose]]
        return row

    def twice(self) -> Block:
        """The same numbers for two halves of twice as many customers."""
        return Block(np.tile(self._numbers, 2), np.tile(self.triggers, 2))


class Draws:
    """A generator of its own for every step, and hashed numbers (SplitMix64; Steele, Lea and Flood 2014)."""

    def __init__(self, seed: int, stream: int = 0) -> None:
        self._entropy = (seed, stream)
        self._salt = _mix(_mix(np.uint64(seed & 0xFFFF_FFFF_FFFF_FFFF)) ^ np.uint64(stream))

    def block(self, step: int, n_customers: int, n_triggers: int) -> Block:
        """All numbers of `step`; the same for the same seed, step and number of customers."""
        seeds = np.random.SeedSequence((*self._entropy, step))
        generator = np.random.Generator(np.random.SFC64(seeds))
        numbers = generator.random((len(PURPOSES) + n_triggers, n_customers))
        return Block(numbers[: len(PURPOSES)], numbers[len(PURPOSES) :])

    def keyed(self, customer_key: Ints, step: Ints | int, message_type: Ints | int, purpose: str) -> Floats:
        """Uniforms in [0, 1), shape of `customer_key`, one for each combination of the arguments."""
        with np.errstate(over="ignore"):
            state = _mix(customer_key.astype(np.uint64) * _GOLDEN ^ self._salt)
            place = np.asarray(step, dtype=np.int64).astype(np.uint64) * np.uint64(4096)
            place = place + np.asarray(message_type, dtype=np.int64).astype(np.uint64) * np.uint64(32)
            state = _mix(state ^ _mix(place + np.uint64(_KEYED[purpose])))
        return (state >> _S11).astype(np.float64) * 2.0**-53


def _mix(state: npt.NDArray[np.uint64] | np.uint64) -> npt.NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        state = np.asarray(state) + _GOLDEN
        state = (state ^ (state >> _S30)) * _MIX_1
        state = (state ^ (state >> _S27)) * _MIX_2
    return np.asarray(state ^ (state >> _S31), dtype=np.uint64)


def logistic(uniform: Floats) -> Floats:
    """Standard logistic variates from uniforms."""
    inside = np.clip(uniform, 1e-9, 1 - 1e-9)
    return np.asarray(np.log(inside / (1 - inside)), dtype=np.float64)


def sigmoid(value: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-value)), dtype=np.float64)


def choose(uniform: Floats, weights: Floats) -> Ints:
    """Categories drawn with the given weights, shape (n, categories) or (categories,)."""
    total = np.cumsum(np.broadcast_to(weights, (uniform.size, weights.shape[-1])), axis=1)
    return np.asarray((uniform[:, None] * total[:, -1:] >= total).sum(axis=1), dtype=np.int64).clip(
        max=weights.shape[-1] - 1
    )
