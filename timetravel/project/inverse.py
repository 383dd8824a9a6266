"""The map read backwards: any point to a representation, its logits, and how far to believe them."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial import cKDTree

from timetravel.errors import MissingPart
from timetravel.project.contracts import Head

NODES = 20
SMOOTHING = 1.0
"""In units of the node spacing. Smaller lets the nearest node decide alone, which generalises badly."""

REACH = 1.05
OWN_REACH = 0.5
"""How far a node's own representation is felt, as a share of the way to its nearest fellow: no two overlap."""

OWN_SHARE = 0.95
"""How much of it is restored at the node itself. 1 would make every round trip right, and say nothing."""

BLOCK = 16_384


class InterpolatingInverse:
    """A smooth field through the nodes (samples and boundary samples), restored at the nodes themselves.

    positions: (n, 2); representations: (n, D); logits: (n, C) of the nodes, or None without a head.
    fitted: how many of the nodes, first in order, are samples; trust looks at these alone.
    The field at a point is a weighted mean over its 20 nearest nodes, with weights
    (1 - (d / 1.05 d_k)^2) / (d^2 + h^2), h = d_k / sqrt(k): about a vote of the neighbourhood. What the
    field misses at a node is added back close to it, within half the way to its nearest fellow.
    With a linear head the logits of a point are the same mixture of the nodes' logits, which is exact.
    """

    def __init__(
        self,
        positions: NDArray[Any],
        representations: NDArray[Any],
        *,
        head: Head | None = None,
        logits: NDArray[Any] | None = None,
        linear: bool = True,
        fitted: int | None = None,
    ) -> None:
        self.positions = np.asarray(positions, np.float64)
        self.representations = np.asarray(representations, np.float32)
        self._head, self._linear = head, linear
        self._logits = None if logits is None else np.asarray(logits, np.float64)
        self._tree = cKDTree(self.positions)
        self._samples = self.positions[: len(self.positions) if fitted is None else fitted]
        self._reach: float | None = None
        self._sample_tree: cKDTree | None = None

    def weights(self, points: NDArray[Any]) -> sparse.csr_array:
        """(M, n) rows that sum to 1: how much each node counts at each point."""
        smooth, nearest, own = self._parts(np.asarray(points, np.float64))
        count = len(self.positions)
        rows = np.arange(len(nearest))
        at = sparse.csr_array((own, (rows, nearest)), shape=(len(rows), count))
        return sparse.csr_array(smooth + at - at @ self._field)

    def __call__(self, points: NDArray[Any]) -> NDArray[np.float32]:
        out: NDArray[np.float32] = self._mixed(points, self.representations, self._missed_x).astype(
            np.float32
        )
        return out

    def logits(self, points: NDArray[Any]) -> NDArray[np.float64]:
        points = np.asarray(points, np.float64)
        if self._head is not None and not self._linear:
            blocks = [points[i : i + BLOCK] for i in range(0, len(points), BLOCK)]
            return np.concatenate([np.asarray(self._head.logits(self(b)), np.float64) for b in blocks])
        if self._logits is None:
            raise MissingPart(
                "found neither head nor logits at this epoch, so a point has no class: record one"
            )
        return self._mixed(points, self._logits, self._missed_logits)

    def _mixed(self, points: NDArray[Any], values: NDArray[Any], missed: NDArray[Any]) -> NDArray[Any]:
        """(M, V) the field of node values (n, V), and what it missed at the nearest node."""
        points = np.asarray(points, np.float64)
        out = np.empty((len(points), values.shape[1]), values.dtype)
        for start in range(0, len(points), BLOCK):
            smooth, nearest, own = self._parts(points[start : start + BLOCK])
            out[start : start + BLOCK] = smooth @ values
            close = np.flatnonzero(own > 0)
            out[start + close] += (own[close, None] * missed[nearest[close]]).astype(values.dtype)
        return out

    @cached_property
    def _field(self) -> sparse.csr_array:
        """(n, n) weights of the smooth field at the nodes."""
        return self._smooth(*self._nearest(self.positions))

    @cached_property
    def _missed_x(self) -> NDArray[np.float32]:
        missed = self.representations - self._field @ self.representations
        return np.asarray(missed, np.float32)

    @cached_property
    def _missed_logits(self) -> NDArray[np.float64]:
        logits = np.zeros((0, 0)) if self._logits is None else self._logits
        missed: NDArray[np.float64] = logits - self._field @ logits
        return missed

    @cached_property
    def _apart(self) -> NDArray[np.float64]:
        """(n,) distance of each node to its nearest fellow."""
        if len(self.positions) < 2:
            return np.ones(len(self.positions))
        apart: NDArray[np.float64] = self._tree.query(self.positions, 2)[0][:, 1]
        return apart

    def trust(self, points: NDArray[Any]) -> NDArray[np.float32]:
        """1 within the distance that 99 % of the samples have to their nearest fellow, 0 beyond twice that."""
        if self._sample_tree is None:
            self._sample_tree = cKDTree(self._samples)
            if len(self._samples) > 1:
                apart = self._sample_tree.query(self._samples, 2)[0][:, 1]
                self._reach = float(np.quantile(apart, 0.99))
        away = self._sample_tree.query(np.asarray(points, np.float64), 1)[0]
        reach = self._reach or 1.0
        trust: NDArray[np.float32] = np.clip(2 - away / reach, 0, 1).astype(np.float32)
        return trust

    def _parts(
        self, points: NDArray[np.float64]
    ) -> tuple[sparse.csr_array, NDArray[np.int64], NDArray[np.float64]]:
        """Weights of the smooth field (m, n), the nearest node (m,), and how close it is felt (m,) in [0, 1]."""
        distance, ids = self._nearest(points)
        nearest = ids[:, 0]
        reach = np.maximum(OWN_REACH * self._apart[nearest], 1e-9)
        near = np.maximum(0, 1 - (distance[:, 0] / reach) ** 2)
        return self._smooth(distance, ids), nearest, OWN_SHARE * near**2

    def _nearest(self, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        k = min(NODES, len(self.positions))
        distance, ids = self._tree.query(points, k)
        return distance.reshape(len(points), k), ids.reshape(len(points), k)

    def _smooth(self, distance: NDArray[np.float64], ids: NDArray[np.int64]) -> sparse.csr_array:
        k = distance.shape[1]
        farthest = np.maximum(distance[:, -1:], 1e-12)
        spacing = farthest / math.sqrt(k)
        near = np.maximum(0, 1 - (distance / (REACH * farthest)) ** 2)
        weight = near / (distance**2 + (SMOOTHING * spacing) ** 2)
        weight /= weight.sum(1, keepdims=True)
        starts = np.arange(0, weight.size + 1, k)
        return sparse.csr_array(
            (weight.ravel(), ids.ravel(), starts), shape=(len(distance), len(self.positions))
        )
