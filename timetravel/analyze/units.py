"""Whether the same units carry a class whenever its accuracy rises (Q10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST_GAIN = 0.05
MOST_RISES = 5
MOST_UNITS = 20
UNIT_SHARE = 0.1
LEAST_UNITS = 3


def rise_positions(
    recall: NDArray[Any], *, least_gain: float = LEAST_GAIN, most: int = MOST_RISES
) -> list[int]:
    """Positions at which the recall (E,) of a class gains at least `least_gain`; at most the `most` largest
    (ties earlier first), in order."""
    gains = np.diff(np.asarray(recall, np.float64), prepend=np.nan)
    # Gains are differences of shares: .05 may come out a last digit short.
    rises = [int(at) for at in np.flatnonzero(gains >= least_gain - 1e-9)]
    largest = sorted(rises, key=lambda at: (-round(float(gains[at]), 9), at))[:most]
    return sorted(largest)


def characteristic_scores(activations: NDArray[Any], in_class: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(K,) mean activation on the class minus that on the others, over the pooled sd of the two groups.

    activations: (n, K), rows that are not finite left out. 0 for a unit that does not vary and does not
    differ; infinite for one that differs without varying. NaN when a group is empty.
    """
    values = np.asarray(activations, np.float64)
    finite = np.isfinite(values).all(axis=1)
    own, others = values[finite & in_class], values[finite & ~in_class]
    if not len(own) or not len(others):
        return np.full(values.shape[1], np.nan)
    difference = own.mean(axis=0) - others.mean(axis=0)
    squares = len(own) * own.var(axis=0) + len(others) * others.var(axis=0)
    pooled = np.sqrt(squares / max(len(own) + len(others) - 2, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = difference / pooled
    return np.where(difference == 0, 0.0, scores)


def unit_count(width: int) -> int:
    """How many characteristic units of a layer are looked at: a tenth, at least 3 and at most 20."""
    return min(width, max(LEAST_UNITS, min(MOST_UNITS, int(UNIT_SHARE * width))))


def characteristic_units(scores: NDArray[Any], count: int | None = None) -> NDArray[np.int64]:
    """The units with the highest scores, highest first, ties by index; none when the scores are unknown."""
    if np.isnan(scores).any():
        return np.empty(0, np.int64)
    return np.argsort(-scores, kind="stable")[: unit_count(len(scores)) if count is None else count]


def jaccard(first: Sequence[int] | NDArray[Any], second: Sequence[int] | NDArray[Any]) -> float:
    """Shared over all members of two sets; NaN when both are empty."""
    a, b = set(np.asarray(first).tolist()), set(np.asarray(second).tolist())
    return len(a & b) / len(a | b) if a | b else float("nan")


def chance_overlap(width: int, count: int) -> float:
    """Jaccard of two random sets of `count` of `width` units, about: K / (2n - K)."""
    return count / (2 * width - count)


@dataclass(frozen=True, slots=True)
class SameUnits:
    """overlap: mean Jaccard over pairs of rise epochs, other_overlap over pairs of the other epochs, NaN with
    fewer than two. chance: what random units would give. appearances: unit -> rise epochs in which it is
    characteristic. shared: units of all rises. sentence: the answer in words."""

    rises: tuple[int, ...]
    units: Mapping[int, NDArray[np.int64]]
    overlap: float
    other_overlap: float
    chance: float
    appearances: Mapping[int, int]
    shared: tuple[int, ...]
    sentence: str


def same_units(units: Mapping[int, NDArray[np.int64]], rises: Sequence[int], width: int) -> SameUnits:
    """Compare the characteristic units of the epochs.

    units: position -> characteristic units there (all of one size), for rises and other epochs alike.
    """
    there = [at for at in rises if len(units.get(at, ()))]
    others = [at for at in units if at not in set(rises) and len(units[at])]
    count = max((len(units[at]) for at in there), default=0)
    appearances: dict[int, int] = {}
    for at in there:
        for unit in units[at].tolist():
            appearances[unit] = appearances.get(unit, 0) + 1
    shared = tuple(sorted(unit for unit, times in appearances.items() if times == len(there)))
    chance = chance_overlap(width, count) if count else float("nan")
    return SameUnits(
        rises=tuple(there),
        units=units,
        overlap=_mean_overlap(units, there),
        other_overlap=_mean_overlap(units, others),
        chance=chance,
        appearances=appearances,
        shared=shared,
        sentence=_sentence(len(there), count, len(shared), width),
    )


def _mean_overlap(units: Mapping[int, NDArray[np.int64]], at: Sequence[int]) -> float:
    found = [jaccard(units[a], units[b]) for a, b in combinations(at, 2)]
    return float(np.mean(found)) if found else float("nan")


def _sentence(rises: int, count: int, shared: int, width: int) -> str:
    if rises == 0:
        return "The accuracy of the class never rises by enough to ask."
    if rises == 1:
        return "The accuracy of the class rises once only; there is nothing to compare."
    chance = count * (count / width) ** (rises - 1)
    return f"{shared} of {count} units are shared by all {rises} rises; chance is about {chance:.1f}."
