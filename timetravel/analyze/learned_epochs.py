"""When a class (or anything with a measure over epochs) is learned, and stays so (Q1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

THRESHOLD = 0.8
HOLD = 3


@dataclass(frozen=True, slots=True)
class Learned:
    """position: place in the order of epochs, None for "not learned".
    is_provisional: the run ended before the measure could hold as long as was asked."""

    position: int | None
    is_provisional: bool = False


def learned_position(
    measure: NDArray[Any], *, threshold: float = THRESHOLD, hold: int | Literal["final"] = HOLD
) -> Learned:
    """The first epoch at which `measure` (E,) reaches the threshold and stays there.

    hold: for how many epochs, cut short at the end of the run (then provisional); "final" means never below
    again. An undefined value (NaN) does not reach anything.
    """
    if hold != "final" and (not isinstance(hold, int) or hold < 1):
        raise ValueError(f'hold is {hold!r}; expected a number of epochs from 1 on, or "final"')
    reached = np.asarray(measure, np.float64) >= threshold
    count = len(reached)
    if hold == "final":
        below = np.flatnonzero(~reached)
        first = int(below[-1]) + 1 if len(below) else 0
        return Learned(first if first < count else None)
    for start in np.flatnonzero(reached):
        if reached[start : start + hold].all():
            return Learned(int(start), is_provisional=bool(start + hold > count))
    return Learned(None)


def learned_positions(
    measures: NDArray[Any], *, threshold: float = THRESHOLD, hold: int | Literal["final"] = HOLD
) -> list[Learned]:
    """One answer per column of (E, C)."""
    return [learned_position(column, threshold=threshold, hold=hold) for column in np.asarray(measures).T]
