"""Whether two models agree, sample by sample, and who is right (C3)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

CELLS = ("both", "only_a", "only_b", "neither")


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two models over the same n samples.

    both, only_a, only_b, neither: (n,) masks of who is right, over samples that both judge; they add up to
    `judged`. neither_same: wrong alike. same: equal prediction, labelled or not. compared: predicted by both.
    """

    both: Mask
    only_a: Mask
    only_b: Mask
    neither: Mask
    neither_same: Mask
    same: Mask
    compared: Mask

    @property
    def counts(self) -> dict[str, int]:
        """Samples in every cell."""
        return {name: int(getattr(self, name).sum()) for name in (*CELLS, "neither_same", "same", "compared")}

    @property
    def cells(self) -> NDArray[np.int8]:
        """(n,) place of each sample's cell in CELLS, -1 where it is not judged."""
        found = np.full(len(self.both), -1, np.int8)
        for place, name in enumerate(CELLS):
            found[getattr(self, name)] = place
        return found

    @property
    def judged(self) -> int:
        """Samples with a label that both models predict."""
        return sum(int(getattr(self, name).sum()) for name in CELLS)

    @property
    def mcnemar_p(self) -> float:
        """Exact two-sided p-value that both models are equally often the only one to be right."""
        return mcnemar_p(int(self.only_a.sum()), int(self.only_b.sum()))


def agreement(
    predicted_a: NDArray[Any],
    predicted_b: NDArray[Any],
    labels_a: NDArray[Any],
    labels_b: NDArray[Any] | None = None,
) -> Agreement:
    """Compare (n,) predictions of the same samples, classes of B already as those of A.

    A class that B knows and A does not is -2 or lower in predicted_b: known, equal to none. -1 is unknown.
    labels_b: where run B was trained against other labels; each model is judged by its own.
    """
    labels_b = labels_a if labels_b is None else labels_b
    compared = (predicted_a != -1) & (predicted_b != -1)
    judged = compared & (labels_a >= 0) & (labels_b >= 0)
    right_a, right_b = judged & (predicted_a == labels_a), judged & (predicted_b == labels_b)
    same = compared & (predicted_a == predicted_b)
    neither = judged & ~right_a & ~right_b
    return Agreement(
        both=right_a & right_b,
        only_a=right_a & ~right_b,
        only_b=right_b & ~right_a,
        neither=neither,
        neither_same=neither & same,
        same=same,
        compared=compared,
    )


def cohen_kappa(predicted_a: NDArray[Any], predicted_b: NDArray[Any]) -> float:
    """Agreement beyond chance of (n,) predictions; NaN when chance alone makes it certain or nothing is shared.

    Source: Cohen 1960.
    """
    compared = (predicted_a != -1) & (predicted_b != -1)
    a, b = predicted_a[compared].astype(np.int64), predicted_b[compared].astype(np.int64)
    if not len(a):
        return float("nan")
    observed = float((a == b).mean())
    classes, codes = np.unique(np.concatenate([a, b]), return_inverse=True)
    shares = [
        np.bincount(part, minlength=len(classes)) / len(a) for part in (codes[: len(a)], codes[len(a) :])
    ]
    chance = float((shares[0] * shares[1]).sum())
    return (observed - chance) / (1 - chance) if chance < 1 else float("nan")


def mcnemar_p(only_a: int, only_b: int) -> float:
    """Exact two-sided binomial p-value for two discordant counts; 1 when both are 0. Source: McNemar 1947."""
    total, smaller = only_a + only_b, min(only_a, only_b)
    if total == 0:
        return 1.0
    terms = [_log_binomial(total, k) - total * math.log(2) for k in range(smaller + 1)]
    top = max(terms)
    tail = math.exp(top) * math.fsum(math.exp(term - top) for term in terms)
    return min(1.0, 2 * tail)


def _log_binomial(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
