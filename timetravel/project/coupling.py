"""What holds a sample still from one epoch to the next: as much as its neighbourhood did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST_TOP = 0.2
"""Persistence that counts as full is never taken below this, so that noise is not frozen."""


@dataclass(frozen=True, slots=True)
class Tie:
    """Ties of the nodes of one epoch to those of another.

    row: (nodes,) int32, the same sample's node there, -1 without. weight: (nodes,) float32, in units of the
    node's own pull on the graph.
    """

    row: NDArray[np.int32]
    weight: NDArray[np.float32]

    @classmethod
    def none(cls, nodes: int) -> Tie:
        return cls(np.full(nodes, -1, np.int32), np.zeros(nodes, np.float32))


def persistence(
    rows: NDArray[np.integer[Any]],
    ids: NDArray[np.integer[Any]],
    later_rows: NDArray[np.integer[Any]],
    later_ids: NDArray[np.integer[Any]],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Share of the neighbours that each common sample keeps between two epochs.

    rows: (n,) row of each node in the run, distinct; ids: (n, k) neighbours as nodes; the same later.
    Neighbours that are absent at the other epoch cannot be kept and are not asked for.
    Returns the common samples as nodes of the first and of the second epoch, and the share (c,).
    """
    size = int(max(rows.max(initial=-1), later_rows.max(initial=-1))) + 1
    where = np.full(size, -1, np.int64)
    where[later_rows] = np.arange(len(later_rows))
    there = where[rows]
    here = np.flatnonzero(there >= 0)
    first, second = rows[ids[here]], later_rows[later_ids[there[here]]]
    together = np.sort(np.concatenate([first, second], 1), 1)
    kept = (together[:, 1:] == together[:, :-1]).sum(1)
    asked = np.maximum((where[first] >= 0).sum(1), 1)
    return here, there[here], np.minimum(kept / asked, 1).astype(np.float32)


def tie_strength(
    share: NDArray[np.float32], *, strength: float, power: float, floor: float, top: float
) -> Any:
    """strength * (floor + min(share / top, 1) ** power): steep, so that only steady samples are held."""
    return (strength * (floor + np.minimum(share / max(top, LEAST_TOP), 1) ** power)).astype(np.float32)
