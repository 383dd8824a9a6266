"""What changed between two recorded epochs: flips, learned, forgotten, drift (Q3, T1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Classes = NDArray[np.signedinteger[Any]]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Changes:
    """Masks of one shape, (N,) or (E, N).

    shared: predicted at both epochs. flipped: another class now. learned: wrong, then right. forgotten:
    right, then wrong. drift: wrong, then another wrong class. For samples with a label a flip is exactly
    one of the last three; without a label only `flipped` is known.
    """

    shared: Mask
    flipped: Mask
    learned: Mask
    forgotten: Mask
    drift: Mask


def changes(before: Classes, after: Classes, labels: Classes) -> Changes:
    """How predictions moved; classes below 0 are unknown. before, after: (..., N); labels: (N,)."""
    shared = (before >= 0) & (after >= 0)
    flipped = shared & (before != after)
    was_right, is_right = before == labels, after == labels
    labelled = flipped & (labels >= 0)
    return Changes(
        shared=shared,
        flipped=flipped,
        learned=labelled & is_right,
        forgotten=labelled & was_right,
        drift=labelled & ~was_right & ~is_right,
    )


def changes_over_time(predicted: Classes, labels: Classes) -> Changes:
    """The changes at every epoch against the epoch before; predicted (E, N). The first row is all False."""
    before = np.full_like(predicted, -1)
    before[1:] = predicted[:-1]
    return changes(before, predicted, labels)


def change_counts(predicted: Classes, labels: Classes) -> dict[str, NDArray[np.int64]]:
    """Samples per epoch, (E,) each: shared, flips, learned, forgotten, drift; 0 at the first epoch."""
    count = len(predicted)
    names = {
        "shared": "shared",
        "flips": "flipped",
        "learned": "learned",
        "forgotten": "forgotten",
        "drift": "drift",
    }
    out = {name: np.zeros(count, np.int64) for name in names}
    for at in range(1, count):  # epoch by epoch, so that no (E, N) mask is made
        found = changes(predicted[at - 1], predicted[at], labels)
        for name, field in names.items():
            out[name][at] = np.count_nonzero(getattr(found, field))
    return out


@dataclass(frozen=True, slots=True)
class PredictionChanges:
    """What happened to some samples between two epochs (Q3), arrays in the order of `rows`."""

    rows: NDArray[np.int64]
    before: Classes
    after: Classes
    p_true_change: NDArray[np.float64]
    margin_change: NDArray[np.float64]
    changes: Changes

    @property
    def counts(self) -> dict[str, int]:
        """Samples learned, forgotten, drifted, flipped, unchanged, and shared by both epochs."""
        found = self.changes
        numbers = {
            name: int(getattr(found, name).sum())
            for name in ("learned", "forgotten", "drift", "flipped", "shared")
        }
        return numbers | {"unchanged": numbers["shared"] - numbers["flipped"]}


def prediction_changes(
    before: Any, after: Any, labels: Classes, rows: NDArray[np.int64] | None = None
) -> PredictionChanges:
    """The changes of a selection; before and after are `Predictions` of the two epochs, rows None for all."""
    at = np.arange(len(labels)) if rows is None else np.asarray(rows, np.int64)
    old, new = before.predicted[at], after.predicted[at]
    return PredictionChanges(
        rows=at,
        before=old,
        after=new,
        p_true_change=after.p_true[at].astype(np.float64) - before.p_true[at],
        margin_change=after.margin[at].astype(np.float64) - before.margin[at],
        changes=changes(old, new, labels[at]),
    )
