"""Epochs worth a stop: several signals per epoch, each robustly standardised, and the peaks of their sum (T5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST_SCORE = 2.0
APART = 2
"""Recorded epochs between two interesting ones."""

STRONGEST = 3


@dataclass(frozen=True, slots=True)
class InterestingEpoch:
    """An epoch, how much it stands out, and why, in a sentence."""

    epoch: int
    score: float
    reason: str


def standardised(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """(v - median) / (1.4826 MAD); the standard deviation where the MAD is 0; zeros where that is 0 too.

    NaN (unknown, as at the first epoch) stays NaN and counts for nothing.
    """
    v = np.asarray(values, np.float64)
    known = v[np.isfinite(v)]
    if known.size == 0:
        return np.full(v.shape, np.nan)
    middle = np.median(known)
    scale = 1.4826 * np.median(np.abs(known - middle))
    if scale < 1e-12:
        scale = known.std()
    return np.where(np.isfinite(v), 0 if scale < 1e-12 else (v - middle) / max(scale, 1e-300), np.nan)


def interesting_epochs(
    epochs: Sequence[int],
    signals: Mapping[str, NDArray[np.floating]],
    *,
    always: Mapping[int, str] | None = None,
) -> list[InterestingEpoch]:
    """The epochs that stand out, in order.

    signals: a sentence part ("many predictions flipped") to (E,) values, NaN unknown. The score of an epoch is
    the mean of its three largest standardised signals, at least 0; local maxima of at least 2, at least two
    epochs apart, are interesting. always: index to a reason that makes an epoch interesting by itself
    (a step of the learning rate, a new labelling round).
    """
    always = always or {}
    names = list(signals)
    if not epochs or (not names and not always):
        return []
    scores = (
        np.stack([standardised(signals[name]) for name in names]) if names else np.zeros((0, len(epochs)))
    )
    ranked = -np.sort(-np.nan_to_num(scores, nan=-np.inf), axis=0)[:STRONGEST]
    counted = np.isfinite(ranked)
    total = np.where(counted, ranked, 0).sum(0) / np.maximum(counted.sum(0), 1)
    total = np.clip(total, 0, None)
    chosen: list[int] = []
    for at in np.argsort(-total, kind="stable"):
        left, right = total[max(0, at - 1)], total[min(len(total) - 1, at + 1)]
        peak = total[at] >= LEAST_SCORE and total[at] >= left and total[at] >= right
        if peak and all(abs(int(at) - other) >= APART for other in chosen):
            chosen.append(int(at))
    chosen += [at for at in always if at not in chosen]
    found = []
    for at in sorted(chosen):
        strongest = sorted(
            (name for name in names if scores[names.index(name), at] >= 1),
            key=lambda name: -scores[names.index(name), at],
        )
        parts = ([always[at]] if at in always else []) + strongest[:STRONGEST]
        found.append(InterestingEpoch(epochs[at], round(float(total[at]), 3), ", ".join(parts)))
    return found
