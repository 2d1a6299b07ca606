"""Copies of the world right before decisions, from which the truth is branched."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulation.clock import Floats, Ints
from simulation.company import Company
from simulation.draws import Draws
from simulation.messages import Pool
from simulation.rules import SEND
from simulation.state import State
from simulation.world import Decided, World


@dataclass(slots=True)
class Snapshots:
    """Sampled rows with the world right before them: `state` one entry a row, `also` what else was sent to
    the customer in that step and `later` what still waited, both with the row's number as `customer`."""

    luck: Floats
    row: Ints
    step: Ints
    state: State
    own: Pool
    also: Pool
    later: Pool


class Snapper:
    """Watches a company and keeps a random sample of its decision rows (those with the lowest of uniform
    numbers; `n_rows` None keeps all of them)."""

    def __init__(self, n_rows: int | None, seed: int) -> None:
        self._wanted = n_rows
        self._draws = Draws(seed, stream=77)
        self._limit = 1.0
        self._parts: list[Snapshots] = []
        self._kept = 0
        self._seen = 0

    def __call__(self, company: Company, decided: Decided) -> None:
        world, pending = company.world, decided.pending
        first = self._seen
        self._seen += pending.n
        if not pending.n or self._wanted == 0:
            return
        luck = self._draws.keyed(pending.customer, pending.created * 3 + pending.asked, pending.kind, "hold")
        chosen = np.flatnonzero(luck < self._limit)
        if not chosen.size:
            return
        sent = pending.take(decided.action == SEND)
        part = snapshots_of(world, pending.take(chosen), sent)
        part.luck, part.row = luck[chosen], first + chosen
        self._parts.append(part)
        self._kept += chosen.size
        if self._wanted is not None and self._kept > 3 * self._wanted + 1000:
            self._thin()

    def snapshots(self) -> Snapshots | None:
        """The sample, ordered by row number; None where there is none."""
        if self._parts:
            self._thin()
        return self._parts[0] if self._parts else None

    def _thin(self) -> None:
        everything = _joined(self._parts)
        keep = np.arange(everything.row.size)
        if self._wanted is not None and keep.size > self._wanted:
            keep = np.sort(np.argsort(everything.luck, kind="stable")[: self._wanted])
            self._limit = float(everything.luck[keep].max())
        self._parts = [chosen_snapshots(everything, keep)]
        self._kept = keep.size


def snapshots_of(world: World, own: Pool, sent: Pool) -> Snapshots:
    """The world right before the messages `own` are decided, where `sent` are those that go out anyway."""
    return Snapshots(
        luck=np.zeros(own.n),
        row=np.arange(own.n),
        step=world.step[own.customer],
        state=world.state.take(own.customer),
        own=numbered(own, np.arange(own.n)),
        also=_others(sent, own),
        later=_others(world.pool, own),
    )


def numbered(pool: Pool, numbers: Ints) -> Pool:
    result = pool.take(np.arange(pool.n))
    result.customer = numbers
    return result


def _others(pool: Pool, own: Pool) -> Pool:
    """Messages of `pool` to the customers of `own`, without the own one, numbered by the rows of `own`."""
    if not pool.n:
        return pool.take(np.zeros(0, dtype=np.int64))
    order = np.argsort(pool.customer, kind="stable")
    ordered = pool.customer[order]
    begin = np.searchsorted(ordered, own.customer, "left")
    count = np.searchsorted(ordered, own.customer, "right") - begin
    row = np.repeat(np.arange(own.n), count)
    place = np.arange(row.size) - np.repeat(np.cumsum(count) - count, count) + np.repeat(begin, count)
    chosen = order[place]
    different = pool.message[chosen] != own.message[row]
    return numbered(pool.take(chosen[different]), row[different])


def _joined(parts: list[Snapshots]) -> Snapshots:
    begin = np.cumsum([0, *(part.row.size for part in parts)])

    def shifted(name: str) -> Pool:
        pools = [getattr(part, name) for part in parts]
        return Pool.concatenate(
            [numbered(pool, pool.customer + at) for pool, at in zip(pools, begin[:-1], strict=True)]
        )

    return Snapshots(
        luck=np.concatenate([part.luck for part in parts]),
        row=np.concatenate([part.row for part in parts]),
        step=np.concatenate([part.step for part in parts]),
        state=State.concatenate([part.state for part in parts]),
        own=shifted("own"),
        also=shifted("also"),
        later=shifted("later"),
    )


def chosen_snapshots(snapshots: Snapshots, keep: Ints) -> Snapshots:
    place = np.full(snapshots.row.size, -1)
    place[keep] = np.arange(keep.size)

    def kept(pool: Pool) -> Pool:
        inside = place[pool.customer] >= 0
        return numbered(pool.take(inside), place[pool.customer[inside]])

    return Snapshots(
        snapshots.luck[keep],
        snapshots.row[keep],
        snapshots.step[keep],
        snapshots.state.take(keep),
        kept(snapshots.own),
        kept(snapshots.also),
        kept(snapshots.later),
    )
