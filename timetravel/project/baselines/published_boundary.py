"""Boundary samples as DeepVisualInsight draws them, by mixing representations.

Source: Yang et al. 2022, "DeepVisualInsight: Time-Travelling Visualization for Spatio-Temporal Causality of
Deep Classification Training", boundary estimation; its bisection in inputs is done in representations here,
so that neither inputs nor network are needed. The bound on the number of tries is ours.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from timetravel.project.contracts import EpochData, Head
from timetravel.project.near_boundary import NEAR_BOUNDARY, normalized_gap

HALVINGS = 8
TRIES = 50
"""Pairs tried for every sample wanted; pairs of classes that never meet would otherwise go on for ever."""

SUCCESS_SHARE = 0.05
"""How much earlier success of a class pair counts in drawing it; the rest is what it still lacks."""


def bisect(
    head: Head,
    start: NDArray[np.float32],
    end: NDArray[np.float32],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    lowest: float,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Mixtures of pairs (m, D) where the classes first and second (m,) tie, and which of them count.

    The share of `start` is looked for between `lowest` and 1.
    """
    low, high = np.full(len(start), lowest), np.ones(len(start))
    rows = np.arange(len(start))
    for _ in range(HALVINGS):
        share = (low + high) / 2
        logits = np.asarray(head.logits(share[:, None] * start + (1 - share[:, None]) * end))
        above = logits[rows, first] > logits[rows, second]
        high, low = np.where(above, share, high), np.where(above, low, share)
    share = (low + high) / 2
    mixed = share[:, None] * start + (1 - share[:, None]) * end
    logits = np.asarray(head.logits(mixed), np.float64)
    top = np.sort(np.argsort(logits, 1)[:, -2:], 1)
    right = (top == np.sort(np.stack([first, second], 1), 1)).all(1)
    good = (normalized_gap(logits) < NEAR_BOUNDARY) & (high - low < 0.1) & right
    return mixed.astype(np.float32), good


@dataclass
class _Pairs:
    """Which class pairs to try next: those that lack samples, and a little those that succeed."""

    classes: NDArray[np.int64]
    tried: NDArray[np.float64] = field(init=False)
    found: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        count = len(self.classes)
        self.tried, self.found = np.zeros((2, count, count))

    def draw(self, rng: np.random.Generator, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Positions of two different classes, `count` times."""
        k = len(self.classes)
        off = ~np.eye(k, dtype=bool)
        both = self.found + self.found.T
        lack = np.where(off, np.maximum(both[off].mean() - both, 0), 0)
        success = np.where(off, self.found / np.maximum(self.tried, 1), 0)
        even = off / off.sum()
        lack = lack / lack.sum() if lack.sum() > 0 else even
        success = success / success.sum() if success.sum() > 0 else even
        chance = (SUCCESS_SHARE * success + (1 - SUCCESS_SHARE) * lack).ravel()
        chosen = rng.choice(k * k, count, p=chance / chance.sum())
        return chosen // k, chosen % k


def published_boundary_samples(
    data: EpochData, count: int, seed: int, lowest: float = 0.4
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """About `count` points on the decision boundary (M, D), and their class pairs (M, 2).

    lowest: least share of the first sample in a mixture; both directions of a pair are tried.
    Empty with one predicted class or without a head; fewer where pairs of classes do not meet.
    """
    x, head = data.representations, data.head
    predicted = data.predicted
    nothing = np.zeros((0, x.shape[1]), np.float32), np.zeros((0, 2), np.int32)
    if head is None or predicted is None or len(np.unique(predicted)) < 2 or count < 1:
        return nothing
    rng = np.random.default_rng(seed)
    logits = np.asarray(head.logits(x), np.float64)
    pairs = _Pairs(np.unique(predicted).astype(np.int64))
    members = [np.flatnonzero(predicted == c) for c in pairs.classes]
    points: list[NDArray[np.float32]] = []
    labels: list[NDArray[np.int64]] = []
    left, batch = TRIES * count, max(64, count // 4)
    while left > 0 and sum(map(len, points)) < count:
        a, b = pairs.draw(rng, batch)
        left -= batch
        first, second = pairs.classes[a], pairs.classes[b]
        i = _near_boundary(rng, logits, members, a, first, second)
        j = _near_boundary(rng, logits, members, b, second, first)
        mixed, good = bisect(head, x[i], x[j], first, second, lowest)
        turned, good_turned = bisect(head, x[j], x[i], second, first, lowest)
        mixed, good = np.where(good[:, None], mixed, turned), good | good_turned
        np.add.at(pairs.tried, (a, b), 1)
        np.add.at(pairs.found, (a[good], b[good]), 1)
        points.append(mixed[good])
        labels.append(np.sort(np.stack([first, second], 1), 1)[good])
    if not points or sum(map(len, points)) == 0:
        return nothing
    return np.concatenate(points)[:count].astype(np.float32), np.concatenate(labels)[:count].astype(np.int32)


def _near_boundary(
    rng: np.random.Generator,
    logits: NDArray[np.float64],
    members: list[NDArray[np.int64]],
    place: NDArray[np.int64],
    own: NDArray[np.int64],
    other: NDArray[np.int64],
) -> NDArray[np.int64]:
    """(m,) a sample of each own class, the likelier the less it prefers that to the other class."""
    chosen = np.empty(len(place), np.int64)
    for p, o in {(int(p), int(o)) for p, o in zip(place, other, strict=True)}:
        wanted = np.flatnonzero((place == p) & (other == o))
        rows = members[p]
        gap = logits[rows, own[wanted[0]]] - logits[rows, o]
        chance = 1 / (gap + 1e-4)
        chosen[wanted] = rows[rng.choice(len(rows), len(wanted), p=chance / chance.sum())]
    return chosen
