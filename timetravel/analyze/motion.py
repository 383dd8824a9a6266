"""How far every sample moved in representation space, and how many neighbours it kept, epoch by epoch.

Both read all representations of a run, so they are asked for, or done unasked only where that is quick.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze.history import history
from timetravel.analyze.response import movement, neighbor_persistence
from timetravel.store.run import StoredRun

CHEAP_VALUES = 40_000_000
"""Numbers read from disk without being asked to: about half a second."""

CHEAP_PRODUCTS = 10_000_000_000
"""Multiplications of an exact neighbour search without being asked to: about half a second."""


def is_cheap_to_read(run: StoredRun) -> bool:
    """Whether all representations can be read without being asked to."""
    return len(run.epochs) * len(run.samples) * _width(run) <= CHEAP_VALUES


def is_cheap_to_search(run: StoredRun) -> bool:
    """Whether the neighbours of all samples at all epochs can be searched without being asked to."""
    return len(run.epochs) * len(run.samples) ** 2 * _width(run) <= CHEAP_PRODUCTS


def _width(run: StoredRun) -> int:
    return max((record.width for record in run.records), default=0)


def movements(run: StoredRun) -> NDArray[np.float32]:
    """(E, N) Euclidean movement since the epoch before; NaN at the first, where absent, and where the width
    of the representations changed."""
    found: NDArray[np.float32] = history(run).kept("movements", lambda: _movements(run))
    return found


def _movements(run: StoredRun) -> NDArray[np.float32]:
    out = np.full((len(run.epochs), len(run.samples)), np.nan, np.float32)
    before: NDArray[Any] | None = None
    for at, epoch in enumerate(run.epochs):
        now = run.representations(epoch)
        if before is not None and before.shape == now.shape:
            out[at] = movement(before, now)
        before = now
    return out


def movement_at(run: StoredRun, epoch: int) -> NDArray[np.float32]:
    """(N,) movement since the epoch before, NaN where unknown; reads two epochs."""
    past = history(run)
    before = past.before(epoch)
    if before is None:
        return np.full(len(run.samples), np.nan, np.float32)
    old, new = run.representations(before), run.representations(epoch)
    if old.shape != new.shape:
        return np.full(len(run.samples), np.nan, np.float32)
    return movement(old, new).astype(np.float32)


def persistence(run: StoredRun) -> NDArray[np.float32]:
    """(E, N) share of the nearest neighbours kept since the epoch before; NaN at the first and where absent."""
    found: NDArray[np.float32] = history(run).kept("persistence", lambda: _persistence(run))
    return found


def _persistence(run: StoredRun) -> NDArray[np.float32]:
    out = np.full((len(run.epochs), len(run.samples)), np.nan, np.float32)
    before: NDArray[Any] | None = None
    for at, epoch in enumerate(run.epochs):
        now, _ = run.all_neighbors(epoch)
        if before is not None:
            out[at] = neighbor_persistence(before, now)
        before = now
    return out


def significant_moves(
    distance_before: NDArray[Any], distance_after: NDArray[Any]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Masks (N,) of samples that came much closer to where they end, and that went much farther from it (V41).

    distance: (N,) to the final representation. Much is beyond the mean plus two sd of the changes in the
    same direction.
    """
    change = np.asarray(distance_after, np.float64) - distance_before
    masks = []
    for size in (-change, change):
        own = size[size > 0]
        line = own.mean() + 2 * own.std() if len(own) else np.inf
        masks.append((size > 0) & (size > line))
    return masks[0], masks[1]
