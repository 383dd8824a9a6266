"""Samples that turned: wrong before and right now (Q5), small loss before and wrong now (Q6)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

SURPRISE_QUANTILE = 0.25
"""Of the losses of a split at the epoch before: at or below it a loss counts as small."""


def newly_right(
    correct: Mask, known: Mask, position: int, *, window: int = 1, only_new: bool = False
) -> Mask:
    """(N,) right at `position` and wrong in each of the `window` epochs before.

    correct, known: (E, N). With fewer than `window` epochs before, nobody. only_new: also never right before.
    """
    if window < 1:
        raise ValueError(f"window is {window}; expected at least one epoch before")
    found: Mask = correct[position].copy()
    if position < window:
        return np.zeros_like(found)
    for at in range(position - window, position):
        found &= known[at] & ~correct[at]
    if only_new:
        found &= ~correct[:position].any(axis=0)
    return found


def surprises(
    loss_before: NDArray[Any],
    known_now: Mask,
    correct_now: Mask,
    split: NDArray[Any],
    *,
    quantile: float = SURPRISE_QUANTILE,
    below: float | None = None,
) -> Mask:
    """(N,) wrong now although the loss before was small.

    Small is at or below the quantile (linear interpolation) of all losses of the same split at the epoch
    before, or at or below the absolute value `below` when it is given.
    """
    loss = np.asarray(loss_before, np.float64)
    finite = np.isfinite(loss)
    if below is not None:
        small = finite & (loss <= below)
    else:
        small = np.zeros(len(loss), np.bool_)
        for name in np.unique(split):
            own = finite & (split == name)
            if own.any():
                small |= own & (loss <= np.quantile(loss[own], quantile))
    return small & known_now & ~correct_now
