"""What the network makes of a sample after map and back: to the inverse at the sample's own position.

n samples of one epoch, D width, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.project.figures_neighbors import comfortable_scale


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, C) logits to probabilities."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def margins(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) largest minus second largest logit; 0 with one class."""
    if logits.shape[1] == 1:
        return np.zeros(len(logits))
    top = np.partition(logits, -2, 1)
    return np.asarray(top[:, -1] - top[:, -2])


def least_margin_tenth(logits: NDArray[np.float64]) -> NDArray[np.int64]:
    """Positions of the tenth of the samples about which the network is least decided, at least one."""
    return np.argsort(margins(logits), kind="stable")[: max(1, len(logits) // 10)]


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """Samples before and after map and back.

    predicted, returned: (n,) int32 class before and after.
    confidence_change: (n,) float64, |p before - p after| of the class predicted before.
    explained: 1 minus the squared error of the inverse over the variance; None where nothing varies.
    """

    predicted: NDArray[np.int32]
    returned: NDArray[np.int32]
    confidence_change: NDArray[np.float64]
    explained: float | None

    @property
    def kept(self) -> NDArray[np.bool_]:
        """(n,) whether the class survived."""
        return np.asarray(self.predicted == self.returned)


def round_trip(
    x: NDArray[np.float32],
    logits: NDArray[np.float64],
    back: NDArray[Any],
    back_logits: NDArray[np.float64],
) -> RoundTrip:
    """x, back: (n, D) representation and inverse at each sample; logits, back_logits: (n, C) of them."""
    predicted = logits.argmax(1)
    rows = np.arange(len(x))
    change = np.abs(softmax(logits)[rows, predicted] - softmax(back_logits)[rows, predicted])
    return RoundTrip(
        predicted=predicted.astype(np.int32),
        returned=back_logits.argmax(1).astype(np.int32),
        confidence_change=change,
        explained=explained_variance(x, back),
    )


def explained_variance(x: NDArray[np.float32], back: NDArray[Any]) -> float | None:
    """1 - sum |back - x|^2 / sum |x - mean|^2; None when all rows of x (n, D) are equal."""
    if len(x) < 2 or (x == x[0]).all():
        return None
    scale = comfortable_scale(x)
    scaled = x if scale == 1 else x * scale
    spread = ((scaled - scaled.mean(0)) ** 2).sum()
    missed = ((np.asarray(back, np.float64) * np.float64(scale) - scaled) ** 2).sum()
    return float(1 - missed / max(spread, 1e-12))
