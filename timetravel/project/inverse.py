"""The map read backwards: any point to a representation, its logits, and how far to believe them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial import cKDTree

from timetravel.errors import MissingPart
from timetravel.project.contracts import Head

NODES = 20
SMOOTHING = 0.1
"""In units of the node spacing. Larger is smoother and loses the classes of low-margin samples."""

REACH = 1.05
BLOCK = 16_384


class InterpolatingInverse:
    """Weighted mean of the representations of the 20 nearest nodes (samples and boundary samples).

    positions: (n, 2); representations: (n, D); logits: (n, C) of the nodes, or None without a head.
    fitted: how many of the nodes, first in order, are samples; trust looks at these alone.
    The weight of a node at distance d is (1 - (d / 1.05 d_k)^2) / (d^2 + (0.1 h)^2), h = d_k / sqrt(k), so
    that the inverse is nearly exact at the nodes and smooth between them.
    With a linear head the logits of a point are the same mean of the nodes' logits, which is exact.
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
        self._positions = np.asarray(positions, np.float64)
        self._x = np.asarray(representations, np.float32)
        self._head, self._linear = head, linear
        self._logits = None if logits is None else np.asarray(logits, np.float64)
        self._tree = cKDTree(self._positions)
        self._samples = self._positions[: len(self._positions) if fitted is None else fitted]
        self._reach: float | None = None
        self._sample_tree: cKDTree | None = None

    def weights(self, points: NDArray[Any]) -> sparse.csr_array:
        """(M, n) rows that sum to 1: how much each node counts at each point."""
        return self._weights(np.asarray(points, np.float64))

    def __call__(self, points: NDArray[Any]) -> NDArray[np.float32]:
        points = np.asarray(points, np.float64)
        out = np.empty((len(points), self._x.shape[1]), np.float32)
        for start in range(0, len(points), BLOCK):
            out[start : start + BLOCK] = self._weights(points[start : start + BLOCK]) @ self._x
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
        out = np.empty((len(points), self._logits.shape[1]))
        for start in range(0, len(points), BLOCK):
            out[start : start + BLOCK] = self._weights(points[start : start + BLOCK]) @ self._logits
        return out

    def trust(self, points: NDArray[Any]) -> NDArray[np.float32]:
        """1 within the distance that 99 % of the samples have to their nearest fellow, 0 beyond twice that."""
        if self._sample_tree is None:
            self._sample_tree = cKDTree(self._samples)
            if len(self._samples) > 1:
                apart = self._sample_tree.query(self._samples, 2)[0][:, 1]
                self._reach = float(np.quantile(apart, 0.99))
        away = self._sample_tree.query(np.asarray(points, np.float64), 1)[0]
        reach = self._reach or 1.0
        return np.clip(2 - away / reach, 0, 1).astype(np.float32)

    def _weights(self, points: NDArray[np.float64]) -> sparse.csr_array:
        k = min(NODES, len(self._positions))
        distance, ids = self._tree.query(points, k)
        distance, ids = distance.reshape(len(points), k), ids.reshape(len(points), k)
        farthest = np.maximum(distance[:, -1:], 1e-12)
        spacing = farthest / math.sqrt(k)
        near = np.maximum(0, 1 - (distance / (REACH * farthest)) ** 2)
        weight = near / (distance**2 + (SMOOTHING * spacing) ** 2)
        weight /= weight.sum(1, keepdims=True)
        starts = np.arange(0, weight.size + 1, k)
        return sparse.csr_array(
            (weight.ravel(), ids.ravel(), starts), shape=(len(points), len(self._positions))
        )
