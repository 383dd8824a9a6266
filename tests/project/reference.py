"""Slow, plain references: every published figure once more, written so that it can be checked by eye.

Loops over samples in float64; right on small data without ties, and nothing else.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def distance(a: Array, b: Array) -> float:
    return math.sqrt(sum((float(p) - float(q)) ** 2 for p, q in zip(a, b, strict=True)))


def neighbors(points: Array, k: int) -> list[list[int]]:
    """The k nearest others of each point, nearest first, the lower index first on ties."""
    lists = []
    for i, point in enumerate(points):
        others = [j for j in range(len(points)) if j != i]
        lists.append(sorted(others, key=lambda j: (distance(point, points[j]), j))[:k])
    return lists


def neighbors_among(reference: Array, query: Array, k: int) -> list[list[int]]:
    """The k nearest reference points of each query point."""
    return [sorted(range(len(reference)), key=lambda j: (distance(q, reference[j]), j))[:k] for q in query]


def shared(first: list[list[int]], second: list[list[int]]) -> list[int]:
    return [len(set(a) & set(b)) for a, b in zip(first, second, strict=True)]


def neighbor_preservation(x: Array, y: Array, k: int) -> float:
    return float(np.mean(shared(neighbors(x, k), neighbors(y, k)))) / k


def trustworthiness(high: Array, low: Array, k: int) -> float:
    n, penalty = len(high), 0
    everyone = neighbors(high, n - 1)
    for i, near in enumerate(neighbors(low, k)):
        for j in near:
            penalty += max(everyone[i].index(j) + 1 - k, 0)
    return 1 - penalty * 2 / (n * k * (2 * n - 3 * k - 1))


def pearson(a: list[float], b: list[float]) -> float | None:
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    top = sum((p - mean_a) * (q - mean_b) for p, q in zip(a, b, strict=True))
    below = math.sqrt(sum((p - mean_a) ** 2 for p in a) * sum((q - mean_b) ** 2 for q in b))
    return None if below < 1e-12 else top / below


def ranks(values: list[float]) -> list[float]:
    """Ranks from 1; equal values share their mean rank."""
    return [sum(w < v for w in values) + (sum(w == v for w in values) + 1) / 2 for v in values]


def spearman(a: list[float], b: list[float]) -> float | None:
    return pearson(ranks(a), ranks(b))


def diameter(y: Array) -> float:
    low, high = np.percentile(y, 1, axis=0), np.percentile(y, 99, axis=0)
    return distance(low, high)


def kept_and_moved(x: list[Array], y: list[Array], k: int) -> tuple[list[list[float]], list[list[float]]]:
    """Per step and sample, the share of neighbours kept and the distance moved on the map."""
    lists = [neighbors(points, k) for points in x]
    kept = [[s / k for s in shared(a, b)] for a, b in itertools.pairwise(lists)]
    moved = [[distance(p, q) for p, q in zip(a, b, strict=True)] for a, b in itertools.pairwise(y)]
    return kept, moved


def jitter(kept: list[float], moved: list[float], size: float) -> float:
    calm = sorted(range(len(kept)), key=lambda i: (-kept[i], i))[: max(1, len(kept) // 10)]
    return sum(moved[i] for i in calm) / len(calm) / size


def temporal_correlation(kept: list[list[float]], moved: list[list[float]]) -> float:
    pairs = [([step[i] for step in kept], [step[i] for step in moved]) for i in range(len(kept[0]))]
    return sum(pearson(a, b) or 0.0 for a, b in pairs) / len(pairs)


def temporal_ranking(x: list[Array], y: list[Array]) -> float:
    scores = []
    for i in range(len(x[0])):
        for ref in range(len(x)):
            there = [distance(a[i], x[ref][i]) for a in x]
            here = [distance(a[i], y[ref][i]) for a in y]
            scores.append(spearman(there, here) or 0.0)
    return sum(scores) / len(scores)


def temporal_neighbors(x: list[Array], y: list[Array], k: int) -> float:
    scores = []
    for i in range(len(x[0])):
        for ref in range(len(x)):
            others = [e for e in range(len(x)) if e != ref]
            there = sorted(others, key=lambda e: distance(x[e][i], x[ref][i]))[:k]
            here = sorted(others, key=lambda e: distance(y[e][i], y[ref][i]))[:k]
            scores.append(len(set(there) & set(here)) / k)
    return sum(scores) / len(scores)


def probabilities(logits: Array) -> Array:
    return np.array(
        [[math.exp(z - max(row)) / sum(math.exp(v - max(row)) for v in row) for z in row] for row in logits]
    )


def least_margin_tenth(logits: Array) -> list[int]:
    margin = [sorted(row)[-1] - sorted(row)[-2] for row in logits]
    return sorted(range(len(margin)), key=lambda i: (margin[i], i))[: max(1, len(margin) // 10)]


def cell(point: Array, extent: tuple[float, float, float, float], resolution: int) -> tuple[int, int]:
    x0, x1, y0, y1 = extent
    column = math.floor((point[0] - x0) / (x1 - x0) * resolution)
    row = math.floor((point[1] - y0) / (y1 - y0) * resolution)
    return min(max(row, 0), resolution - 1), min(max(column, 0), resolution - 1)


def patches(raster: NDArray[np.integer]) -> list[set[tuple[int, int]]]:
    """One-class patches, 4-connected, each as its set of cells."""
    left = {(r, c) for r in range(raster.shape[0]) for c in range(raster.shape[1])}
    found = []
    while left:
        patch, todo = set(), [left.pop()]
        while todo:
            r, c = todo.pop()
            patch.add((r, c))
            for near in ((r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)):
                if near in left and raster[near] == raster[r, c]:
                    left.discard(near)
                    todo.append(near)
        found.append(patch)
    return found


def islands(raster: NDArray[np.integer], samples: list[tuple[int, int]], predicted: list[int]) -> int:
    """Patches under 0.05 % of the cells without a sample of their own class."""
    count = 0
    for patch in patches(raster):
        colour = raster[next(iter(patch))]
        held = any(s in patch and p == colour for s, p in zip(samples, predicted, strict=True))
        count += len(patch) < 0.0005 * raster.size and not held
    return count
