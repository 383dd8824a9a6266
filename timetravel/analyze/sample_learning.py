"""When each sample was learned, for good or for a while, and how often it was forgotten (T2, T3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Classes = NDArray[np.signedinteger[Any]]


@dataclass(frozen=True, slots=True)
class SampleLearning:
    """Per sample, (N,) each; positions count recorded epochs from 0, -1 for never or unknown.

    first: first epoch at which it was right. final: first epoch from which it is right to the end.
    settled: first epoch from which the prediction is the final one, right or wrong. forgets: times it went
    from right to wrong between an epoch and the next. is_judged: has a label and was predicted at least once.
    Source of forgetting counts: Toneva et al. 2019; there between presentations, here between epochs.
    """

    first: NDArray[np.int32]
    final: NDArray[np.int32]
    settled: NDArray[np.int32]
    forgets: NDArray[np.int32]
    is_judged: NDArray[np.bool_]

    @property
    def never_learned(self) -> NDArray[np.bool_]:
        """Judged, and right at no epoch; a group of its own, above any count of forgetting."""
        return np.logical_and(self.is_judged, self.first < 0)

    @property
    def unforgettable(self) -> NDArray[np.bool_]:
        """Right at some epoch and never forgotten."""
        return np.asarray((self.first >= 0) & (self.forgets == 0), np.bool_)


def sample_learning(predicted: Classes, labels: Classes) -> SampleLearning:
    """From predictions (E, N) and labels (N,); one pass over the epochs."""
    count = len(labels)
    first, final, settled = np.full((3, count), -1, np.int32)
    forgets = np.zeros(count, np.int32)
    is_judged = np.zeros(count, np.bool_)
    last = np.full(count, -1, np.int64)
    was_right = np.zeros(count, np.bool_)
    for at, now in enumerate(predicted):
        has_prediction = now >= 0
        known = has_prediction & (labels >= 0)
        right = known & (now == labels)
        wrong = known & ~right
        is_judged |= known
        first[right & (first < 0)] = at
        final[right & (final < 0)] = at
        final[wrong] = -1
        forgets += was_right & wrong
        settled[has_prediction & (now != last)] = at
        last[has_prediction] = now[has_prediction]
        was_right = right
    return SampleLearning(first, final, settled, forgets, is_judged)


def settled_share(learning: SampleLearning, epoch_count: int) -> NDArray[np.float64]:
    """(E,) share of the predicted samples whose prediction does not change any more (T12)."""
    places = learning.settled[learning.settled >= 0]
    if not len(places):
        return np.full(epoch_count, np.nan)
    return np.cumsum(np.bincount(places, minlength=epoch_count)) / len(places)


@dataclass(frozen=True, slots=True)
class WhoLearnedFirst:
    """Final learned epochs of the same samples in two runs (C5), (n,) masks: earlier in A, in B, at the same
    time, learned by one only. Samples that neither learned are in none."""

    earlier_a: NDArray[np.bool_]
    earlier_b: NDArray[np.bool_]
    same: NDArray[np.bool_]
    only_a: NDArray[np.bool_]
    only_b: NDArray[np.bool_]


def who_learned_first(a: NDArray[Any], b: NDArray[Any]) -> WhoLearnedFirst:
    """Compare (n,) places in time, below 0 or NaN for never; a run that never learns is later than any.

    Pass epochs for the raw time axis, or positions over (count - 1) to scale both runs to their length.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    in_a, in_b = a >= 0, b >= 0
    late_a, late_b = np.where(in_a, a, np.inf), np.where(in_b, b, np.inf)
    return WhoLearnedFirst(
        late_a < late_b, late_b < late_a, in_a & (late_a == late_b), in_a & ~in_b, in_b & ~in_a
    )
