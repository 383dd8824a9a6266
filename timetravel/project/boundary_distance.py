"""How far each sample is from the network's decision boundary, in representation space, exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 4096


def boundary_distance(
    logits: NDArray[Any], weight: NDArray[Any]
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Distance to the nearest boundary of a linear head, and the class beyond it; both (n,).

    logits: (n, C); weight: (C, D). The boundary between the predicted class p and c is the plane where their
    logits are equal, so the distance is min over c of (z_p - z_c) / |w_p - w_c|. Classes with equal weights
    have no boundary. With one class, or where no boundary exists, the distance is infinite and the class -1.
    """
    z, w = np.asarray(logits, np.float64), np.asarray(weight, np.float64)
    away = np.full(len(z), np.inf)
    beyond = np.full(len(z), -1, np.int32)
    apart = _row_distances(w)
    for start in range(0, len(z), BLOCK):
        part = z[start : start + BLOCK]
        rows = np.arange(len(part))
        predicted = part.argmax(1)
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = (part[rows, predicted][:, None] - part) / apart[predicted]
        distance[apart[predicted] == 0] = np.inf
        distance[np.isnan(distance)] = np.inf
        nearest = distance.argmin(1)
        found = distance[rows, nearest]
        away[start : start + BLOCK] = found
        beyond[start : start + BLOCK] = np.where(np.isfinite(found), nearest, -1)
    return away.astype(np.float32), beyond


def _row_distances(w: NDArray[np.float64]) -> NDArray[np.float64]:
    """(C, C) distances between weight rows; equal rows are exactly 0 apart."""
    out = np.empty((len(w), len(w)))
    for i, row in enumerate(w):
        out[i] = np.sqrt(((w - row) ** 2).sum(1))
    return out
