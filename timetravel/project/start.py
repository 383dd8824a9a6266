"""Where every epoch starts: one layout of what the epochs have in common.

Forces reach too little of a large map at once, so that it is put in order while it is small: some of its
samples are laid out by a graph of their own, and the others start beside their nearest of these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from timetravel.project import graph as graphs
from timetravel.project.contracts import EpochData
from timetravel.project.coupling import Tie
from timetravel.project.forces import Array
from timetravel.project.layout import EpochNodes, Schedule, lock_step
from timetravel.project.neighbours import Search, comfortable, scaled

SCHEDULE = Schedule(iterations=300, exaggerated=60)
LARGE = 15_000
FEW = 10_000
SPREAD = 1.2
"""How much wider than by their number all samples start around the few: room makes order, as exaggeration does."""

SECOND = 0.4
"""Times d1 / (d1 + d2) of the way to its second nearest, a sample starts from its nearest: so no two coincide."""


def some(ids: NDArray[np.int64], seed: int) -> NDArray[np.bool_]:
    """(n,) which samples of an epoch the common start is made of: all of a small one, about `FEW` of a large one.

    By a hash of the sample's id, so that the order of samples decides nothing and epochs choose the same.
    """
    if len(ids) <= LARGE:
        return np.ones(len(ids), bool)
    mixed = ids.astype(np.uint64) + np.uint64(seed + 1) * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in (
        (30, 0xBF58476D1CE4E5B9),
        (27, 0x94D049BB133111EB),
    ):  # splitmix64, Steele et al. 2014
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    chosen: NDArray[np.bool_] = mixed / 2.0**64 < FEW / len(ids)
    return chosen


@dataclass(frozen=True, slots=True)
class Anchor:
    """The epoch whose representations say where samples begin.

    rows: (n,) rows of its samples in the run. plane: (n, 2) their principal plane. near: (n, 2) rows of the
    two nearest samples that the common start is made of, None where it is made of all. share: (n, 1) of the
    way from the one to the other at which a sample starts. wider: how much wider the map of all is than that
    of the few.
    """

    rows: NDArray[np.int64]
    plane: Array
    near: NDArray[np.int64] | None = None
    share: Array | None = None
    wider: float = 1.0

    @classmethod
    def make(cls, data: EpochData, seed: int) -> Anchor:
        plane = principal_plane(data.representations, seed=seed)
        few = np.flatnonzero(some(data.sample_ids, seed))
        if len(few) == len(data):
            return cls(data.present, plane)
        near, distance = Search(data.representations[few], seed=seed).of(data.representations, 2)
        share = SECOND * distance[:, :1] / np.maximum(distance.sum(1, keepdims=True), 1e-30)
        wider = SPREAD * (len(data) / len(few)) ** 0.5
        return cls(data.present, plane, data.present[few[near]], share.astype(np.float32), wider)


Part = tuple[NDArray[np.int64], sparse.csr_array]
"""Rows of the run, (m,), and the graph of these samples at one epoch, (m, m)."""


def common_start(
    parts: Sequence[Part], anchor: Anchor, count: int, report: Callable[[int, int], None] | None = None
) -> Array:
    """(N, 2) one layout of the mean of the epochs' graphs; NaN where neither that nor the anchor knows a place."""
    mean = sparse.csr_array((count, count), dtype=np.float64)
    for rows, graph in parts:
        part = sparse.coo_array(graph)
        total = float(part.data.sum(dtype=np.float64)) or 1.0
        there = (part.data / total, (rows[part.row], rows[part.col]))
        mean = mean + sparse.csr_array(there, shape=(count, count))
    seen = np.zeros(count, bool)
    for rows, _ in parts:
        seen[rows] = True
    known = seen[anchor.rows]
    order = np.concatenate([anchor.rows[known], np.setdiff1d(np.flatnonzero(seen), anchor.rows)])
    start = np.full((len(order), 2), np.nan, np.float32)
    start[: int(known.sum())] = anchor.plane[known]
    mean = sparse.csr_array(mean[order][:, order]).astype(np.float32)
    none = Tie.none(len(order))
    begun = graphs.from_neighbors(mean, start)
    laid = lock_step([EpochNodes(mean, none, none)], [begun], schedule=SCHEDULE, report=report)[0]
    out = np.full((count, 2), np.nan, np.float32)
    out[order] = laid
    if anchor.near is not None and anchor.share is not None:
        out *= np.float32(anchor.wider)
        first, second = (out[rows] for rows in anchor.near.T)
        out[anchor.rows] = first + anchor.share * (second - first)
    return out


def principal_plane(x: NDArray[np.floating], *, seed: int = 0) -> Array:
    """(n, 2) coordinates along the two widest directions, standard deviation 1 along the first.

    Signs are fixed (the largest loading is positive). Widths of one or two, constant columns and equal rows
    get a little seeded noise where they have no second direction.
    """
    rows: NDArray[np.floating] = scaled(x, *comfortable(x))
    width = rows.shape[1]
    if width > 4096:  # a covariance of that width costs more than it tells; a random plane of it does not
        mix = np.random.default_rng(seed).standard_normal((width, 256)).astype(np.float32) / 16
        rows, width = rows @ mix, 256
    covariance = np.zeros((width, width))
    for start in range(0, len(rows), 4096):
        block = rows[start : start + 4096].astype(np.float64)
        covariance += block.T @ block
    count = min(2, width)
    _, directions = linalg.eigh(covariance, subset_by_index=(width - count, width - 1))
    directions = directions[:, ::-1]
    strongest = np.abs(directions).argmax(0)
    directions = directions * np.where(directions[strongest, np.arange(count)] < 0, -1, 1)
    plane = np.zeros((len(rows), 2))
    plane[:, :count] = rows @ directions
    spread = float(plane[:, 0].std()) if len(rows) else 0.0
    plane /= spread if spread > 1e-12 else 1.0
    flat = plane.std(0) < 1e-6
    noise = np.random.default_rng(seed).standard_normal(plane.shape)
    plane[:, flat] += noise[:, flat] * (1e-2 if not flat.all() else 1)
    return plane.astype(np.float32)
