"""Which epochs of two runs stand side by side: by number, set apart, or by accuracy reached (C2, K40)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Stop:
    """One stop of a common slider. epoch: its label. a, b: the recorded epochs shown.
    holds_a, holds_b: the run has no such epoch and shows another one (the last earlier, else its first)."""

    epoch: int
    a: int
    b: int
    holds_a: bool = False
    holds_b: bool = False


def stops_by_epoch(epochs_a: Sequence[int], epochs_b: Sequence[int], later: int = 0) -> list[Stop]:
    """The union of both runs' epochs in rising order; a run without one holds its last earlier epoch.

    later: by how many epochs B is set apart. The label of a stop is the epoch of A.
    """
    if not epochs_a or not epochs_b:
        return []
    stops = []
    for epoch in sorted({*epochs_a, *(one - later for one in epochs_b)}):
        a, b = held(epochs_a, epoch), held(epochs_b, epoch + later)
        stops.append(Stop(epoch, a, b, a != epoch, b != epoch + later))
    return stops


def held(epochs: Sequence[int], epoch: int) -> int:
    """The epoch itself where it was recorded, else the last one with a smaller label, else the smallest."""
    earlier = [one for one in epochs if one <= epoch]
    return max(earlier) if earlier else min(epochs)


def stops_by_accuracy(
    epochs_a: Sequence[int],
    accuracy_a: NDArray[np.floating],
    epochs_b: Sequence[int],
    accuracy_b: NDArray[np.floating],
) -> list[Stop]:
    """Pairs of epochs at which both runs first reached the same validation accuracy.

    accuracy: (E,) each, NaN where unknown. Levels are all that either run newly reached and both reach. The
    label of a stop is the epoch of A.
    """
    best_a, best_b = _reached(accuracy_a), _reached(accuracy_b)
    stops: list[Stop] = []
    for level in np.unique(np.concatenate([best_a, best_b])):
        if not np.isfinite(level) or not (best_a >= level).any() or not (best_b >= level).any():
            continue
        a = epochs_a[int(np.argmax(best_a >= level))]
        b = epochs_b[int(np.argmax(best_b >= level))]
        if not stops or (stops[-1].a, stops[-1].b) != (a, b):
            stops.append(Stop(a, a, b))
    return stops


def _reached(accuracy: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.maximum.accumulate(np.nan_to_num(np.asarray(accuracy, np.float64), nan=-np.inf))
