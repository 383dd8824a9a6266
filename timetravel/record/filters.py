"""How far every filter moved since the recording before (F11)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.record.weights import Weights
from timetravel.store.facts import FilterChanges

_SMALLEST_NORM = 1e-12
_BLOCK = 4_000_000
"""Numbers handled at a time, so that the float64 copies of a huge layer stay small."""


def filter_changes(now: Weights, before: Weights | None) -> list[FilterChanges]:
    """Changes of all filters of all linear and convolutional layers."""
    return [
        changes(
            layer,
            weights,
            None if before is None else before.filters.get(layer),
            now.filter_gradients.get(layer),
        )
        for layer, weights in now.filters.items()
    ]


def changes(
    layer: str, now: NDArray[Any], before: NDArray[Any] | None, gradient: NDArray[Any] | None = None
) -> FilterChanges:
    """Changes of one layer's filters; `now`, `before`, `gradient` are (K, d).

    cosine: 1 - w.w' / (|w| |w'|), 0 when both are zero, 1 when one is. relative: |w - w'| / max(|w'|, 1e-12).
    Both are NaN without a recording before, or when the layer had another shape then.
    Source: Liu et al., DeepTracker, 2018 (cosine similarity of consecutive dumps).
    """
    count = len(now)
    nothing = np.full(count, np.nan, np.float32)
    cosine, relative = nothing.copy(), nothing.copy()
    norm = nothing.copy()
    known = before is not None and before.shape == now.shape
    step = max(1, _BLOCK // max(1, now.shape[1] if now.ndim > 1 else 1))
    with np.errstate(invalid="ignore", over="ignore"):
        for start in range(0, count, step):
            rows = slice(start, start + step)
            w = now[rows].astype(np.float64)
            size = np.linalg.norm(w, axis=1)
            norm[rows] = size
            if known and before is not None:
                old = before[rows].astype(np.float64)
                cosine[rows], relative[rows] = _moved(w, size, old)
    return FilterChanges(
        layer=layer,
        cosine=cosine,
        relative=relative,
        norm=norm,
        gradient=nothing if gradient is None else _norms(gradient),
    )


def _moved(w: NDArray[Any], size: NDArray[Any], old: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    old_size = np.linalg.norm(old, axis=1)
    u = w / np.where(size > 0, size, 1)[:, None]
    v = old / np.where(old_size > 0, old_size, 1)[:, None]
    # Half the squared distance of the unit vectors is 1 - cosine without its cancellation: exactly 0 for
    # an unmoved filter, and right to the last digit for a small step.
    cosine = 0.5 * ((u - v) ** 2).sum(1)
    cosine = np.where((size == 0) != (old_size == 0), 1.0, cosine)
    relative = np.linalg.norm(w - old, axis=1) / np.maximum(old_size, _SMALLEST_NORM)
    return cosine, relative


def _norms(rows: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(invalid="ignore", over="ignore"):
        norms: NDArray[np.float32] = np.linalg.norm(rows.astype(np.float64), axis=1).astype(np.float32)
        return norms
