"""In what order classes are learned, and whether two runs agree about it (Q2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze.learned_epochs import Learned

NEVER = np.inf
"""Place of what is not learned: later than everything."""


def places(learned: Sequence[Learned]) -> NDArray[np.float64]:
    """(C,) position of the learned epoch, NEVER where not learned."""
    return np.array([NEVER if one.position is None else one.position for one in learned], np.float64)


def learning_order(learned: Sequence[Learned], measures: NDArray[Any]) -> list[int]:
    """Classes in the order in which they are learned; measures: (E, C).

    Ties: the larger mean over all epochs first, then the lower class. What is not learned comes last.
    """
    with np.errstate(invalid="ignore"):
        known = np.isfinite(measures)
        means = np.where(known, measures, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    order = np.lexsort((np.arange(len(learned)), -means, places(learned)))
    return [int(one) for one in order]


def earlier_share(runs: Sequence[Sequence[Learned]]) -> NDArray[np.float64]:
    """(C, C) share of runs in which class a is learned strictly before class b.

    Ties count one half, also when neither is learned. The diagonal is one half.
    """
    if not runs:
        raise ValueError("no runs were given; expected at least one")
    found = [places(run) for run in runs]
    total = sum((p[:, None] < p[None, :]) + 0.5 * (p[:, None] == p[None, :]) for p in found)
    return np.asarray(total, np.float64) / len(found)


@dataclass(frozen=True, slots=True)
class OrderAgreement:
    """tau: Kendall's tau-b over the classes learned in both runs, NaN when undefined. count: their number."""

    tau: float
    count: int


def order_agreement(first: Sequence[Learned], second: Sequence[Learned]) -> OrderAgreement:
    """How alike two runs order the classes; both in the same order of classes."""
    a, b = places(first), places(second)
    both = np.isfinite(a) & np.isfinite(b)
    return OrderAgreement(kendall_tau_b(a[both], b[both]), int(both.sum()))


def kendall_tau_b(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Rank correlation of (n,) and (n,) with ties taken into account; NaN when one of them is constant.

    Costs n squared: meant for classes. Source: Kendall 1945, tau-b.
    """
    upper = np.triu_indices(len(first), 1)
    a = np.sign(np.subtract.outer(first, first))[upper]
    b = np.sign(np.subtract.outer(second, second))[upper]
    scale = np.sqrt(np.count_nonzero(a) * np.count_nonzero(b))
    return float((a * b).sum() / scale) if scale else float("nan")
