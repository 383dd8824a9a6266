"""When a prediction counts as undecided: DeepVisualInsight's delta-boundary."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NEAR_BOUNDARY = 0.1
"""A normalised gap of the two largest logits below this is on the boundary (delta)."""


def normalized_gap(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """(M,) gap of the two largest of (M, C) logits: over their range, or over their sizes with two classes.

    With two classes the range is the gap itself, which would put nothing on the boundary but ties.
    """
    ordered = np.sort(logits, 1)
    first, second, least = ordered[:, -1], ordered[:, -2], ordered[:, 0]
    below = np.abs(first) + np.abs(second) if logits.shape[1] == 2 else first - least
    return np.asarray((first - second) / np.maximum(below, 1e-12))
