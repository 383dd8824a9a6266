"""Where two models disagree most, and over which classes (C4). Works without labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze.response import js_divergence
from timetravel.analyze.transitions import class_pairs


def by_p_true(p_true_a: NDArray[Any], p_true_b: NDArray[Any], limit: int | None = None) -> NDArray[np.int64]:
    """Positions (n,) ordered by |p_true A - p_true B|, largest first, ties by position; unknown left out."""
    return _largest(np.abs(np.asarray(p_true_a, np.float64) - p_true_b), limit)


def by_divergence(
    probabilities_a: NDArray[Any], probabilities_b: NDArray[Any], limit: int | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Positions ordered by Jensen-Shannon divergence, and the divergence (n,) of all, in bits.

    probabilities: (n, C) each, over the same classes.
    """
    divergence = js_divergence(probabilities_a, probabilities_b)
    return _largest(divergence, limit), divergence


def says_pairs(
    predicted_a: NDArray[Any], predicted_b: NDArray[Any], *, only_different: bool = True
) -> NDArray[np.int64]:
    """(M, 3) of what A says, what B says, and how often, most frequent first."""
    pairs = class_pairs(predicted_a, predicted_b)
    return pairs[pairs[:, 0] != pairs[:, 1]] if only_different else pairs


def _largest(values: NDArray[Any], limit: int | None) -> NDArray[np.int64]:
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(-values[known], kind="stable")]
    return order if limit is None else order[:limit]
