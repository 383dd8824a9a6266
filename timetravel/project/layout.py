"""All epochs laid out at once, in lock-step, each tied to its neighbours in time."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from timetravel.project import forces
from timetravel.project.contracts import Report
from timetravel.project.coupling import Tie
from timetravel.project.forces import Array, Grid

LARGEST_GRID = 1024
"""Grid nodes a side; a larger map gets a coarser grid, so that time stays about linear in N."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How an optimisation runs.

    rate falls linearly from `rate` to `last_rate` over the second part of the iterations. `momentum` helps
    because nothing here is noisy. `longest` caps a step in map units, so that outliers cannot fly away.
    The graph pulls `exaggeration` times as hard for the first `exaggerated` iterations, once as hard later.
    """

    iterations: int = 250
    rate: float = 0.5
    last_rate: float = 0.02
    hold: float = 0.5
    momentum: float = 0.92
    longest: float = 1.0
    exaggeration: float = 4.0
    exaggerated: int = 0
    cell: float = 1.0

    def rate_at(self, iteration: int) -> float:
        held = self.hold * self.iterations
        if iteration < held:
            return self.rate
        share = (iteration - held) / max(self.iterations - 1 - held, 1)
        return self.rate + (self.last_rate - self.rate) * share


@dataclass(slots=True)
class EpochNodes:
    """One epoch in the layout: its graph and where it is held.

    graph: (n, n) symmetric CSR, any scale. before, after: ties to the epochs before and after.
    """

    graph: sparse.csr_array
    before: Tie
    after: Tie
    _ready: tuple[NDArray[np.int32], NDArray[np.int32], Array] | None = field(default=None, init=False)

    def __len__(self) -> int:
        return int(self.graph.shape[0])

    def arrays(self) -> tuple[NDArray[np.int32], NDArray[np.int32], Array]:
        """indptr, indices and weights, these scaled to sum 1."""
        if self._ready is None:
            total = float(self.graph.data.sum(dtype=np.float64))
            weights = (self.graph.data / max(total, 1e-30)).astype(np.float32)
            self._ready = self.graph.indptr.astype(np.int32), self.graph.indices.astype(np.int32), weights
        return self._ready


def worker_count() -> int:
    """Threads to use: the processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def lock_step(
    epochs: Sequence[EpochNodes],
    starts: Sequence[Array],
    *,
    schedule: Schedule,
    rim_before: Array | None = None,
    rim_after: Array | None = None,
    workers: int | None = None,
    report: Callable[[int, int], None] | None = None,
) -> list[Array]:
    """Positions (n, 2) of every epoch. Starts are copied, never written to.

    rim_before, rim_after: positions of the epoch before the first and after the last, which stay where they
    are; the ties of the first and last epoch point into them. The result has the same bits with any number
    of `workers`: threads share epochs, never sums.
    """
    now = [np.array(y, np.float32) for y in starts]
    then = [np.empty_like(y) for y in now]
    velocity = [np.zeros_like(y) for y in now]
    ready = [_with_rims(e, i, len(epochs), rim_before, rim_after) for i, e in enumerate(epochs)]
    nothing = np.zeros((1, 2), np.float32)
    free = rim_before is None and rim_after is None
    with ThreadPoolExecutor(max(1, min(workers or worker_count(), len(epochs)))) as pool:
        for iteration in range(schedule.iterations):
            frame = _Frame(
                grid=_grid_over(now, schedule.cell),
                rate=schedule.rate_at(iteration),
                pull=schedule.exaggeration if iteration < schedule.exaggerated else 1.0,
                schedule=schedule,
            )
            before = [nothing if rim_before is None else rim_before, *now[:-1]]
            after = [*now[1:], nothing if rim_after is None else rim_after]
            list(pool.map(partial(_step, frame), now, velocity, then, ready, before, after))
            now, then = then, now
            if free:
                _centre(now)
            if report is not None:
                report(iteration + 1, schedule.iterations)
    return now


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """What all epochs share in one iteration."""

    grid: Grid
    rate: float
    pull: float
    schedule: Schedule


_Ready = tuple[tuple[NDArray[np.int32], NDArray[np.int32], Array], Tie, Tie]


def _with_rims(
    nodes: EpochNodes, index: int, count: int, rim_before: Array | None, rim_after: Array | None
) -> _Ready:
    """Arrays for the kernel; ties in units of the node's own pull, none into an epoch that is not there."""
    arrays = nodes.arrays()
    degree = np.add.reduceat(np.append(arrays[2], 0), arrays[0][:-1]) if len(nodes) else np.zeros(0)
    degree = np.where(np.diff(arrays[0]) > 0, degree, 0).astype(np.float32)
    none = Tie.none(len(nodes))
    before = nodes.before if index > 0 or rim_before is not None else none
    after = nodes.after if index + 1 < count or rim_after is not None else none
    return (
        arrays,
        Tie(before.row, (before.weight * degree).astype(np.float32)),
        Tie(after.row, (after.weight * degree).astype(np.float32)),
    )


def _step(
    frame: _Frame, y: Array, velocity: Array, out: Array, ready: _Ready, before_y: Array, after_y: Array
) -> None:
    """Moves the nodes of one epoch by one step, from `y` to `out`."""
    (indptr, indices, weights), before, after = ready
    grid, schedule = frame.grid, frame.schedule
    charges = np.empty((grid.size, grid.size), np.float32)
    pushed = np.empty_like(y)
    place = (*grid.origin, grid.cell)
    forces.spread(y, *place, charges)
    pairs = forces.push(y, *place, forces.potential(charges, grid.padded, grid.cell), pushed)
    forces.move(
        y, velocity, out, pushed, pairs, indptr, indices, weights, frame.pull,
        before_y, before.row, before.weight, after_y, after.row, after.weight,
        frame.rate, schedule.momentum, schedule.longest,
    )  # fmt: skip


def _grid_over(positions: Sequence[Array], cell: float) -> Grid:
    """One grid for all epochs, so that its rounding is common to all and cancels in the differences."""
    low = np.min([y.min(0) for y in positions], 0)
    high = np.max([y.max(0) for y in positions], 0)
    return Grid.over(low, high, cell, LARGEST_GRID)


def _centre(positions: Sequence[Array]) -> None:
    """Takes out the common mean, which no force fixes; epochs keep their places to each other."""
    total = np.sum([y.sum(0, dtype=np.float64) for y in positions], 0)
    mean = (total / max(sum(len(y) for y in positions), 1)).astype(np.float32)
    for y in positions:
        y -= mean


def stage(report: Report | None, name: str) -> Callable[[int, int], None] | None:
    """A report of one stage, told about every tenth step only."""
    if report is None:
        return None

    def tell(done: int, total: int) -> None:
        if done % 10 == 0 or done == total:
            report(name, done, total)

    return tell
