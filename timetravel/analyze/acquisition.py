"""Which unlabelled samples a strategy would pick: acquisition scores from recorded facts (A3), and how
strategies compare (A4). Scores are (n,) float64, higher is picked first; ties go to the lower id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze.class_measures import average_ranks
from timetravel.analyze.response import entropy

TIE_DIGITS = 6
"""Scores that agree to so many decimals tie: neither the order of a sum nor the last bit of a recorded
float32 may decide a pick."""

Scores = NDArray[np.float64]


def least_confidence(probabilities: NDArray[Any]) -> Scores:
    """1 - max p of (n, C)."""
    return np.asarray(1 - np.asarray(probabilities, np.float64).max(axis=1), np.float64)


def margin(probabilities: NDArray[Any]) -> Scores:
    """1 - (largest - second largest p) of (n, C); 0 with a single class."""
    p = np.asarray(probabilities, np.float64)
    if p.shape[1] < 2:
        return np.zeros(len(p))
    top = np.partition(p, p.shape[1] - 2, axis=1)[:, -2:]
    return 1 - (top[:, 1] - top[:, 0])


def normalized_entropy(probabilities: NDArray[Any]) -> Scores:
    """Entropy over its largest possible value, 0 to 1; 0 with a single class."""
    count = np.asarray(probabilities).shape[1]
    return entropy(probabilities) / np.log(count) if count > 1 else np.zeros(len(probabilities))


def random(count: int, *, seed: int = 0) -> Scores:
    """(count,) uniform, the same for the same seed."""
    return np.random.default_rng(seed).random(count)


def density_weighted_entropy(probabilities: NDArray[Any], representations: NDArray[Any]) -> Scores:
    """Normalized entropy times the mean cosine similarity to the pool; representations (n, D).

    Source: Settles and Craven 2008 (information density).
    """
    x = np.asarray(representations, np.float64)
    lengths = np.linalg.norm(x, axis=1, keepdims=True)
    directions = np.divide(x, lengths, out=np.zeros_like(x), where=lengths > 0)
    similarity: Scores = directions @ directions.mean(axis=0)
    return normalized_entropy(probabilities) * similarity


def flips(predicted: NDArray[Any], *, last: int = 5) -> Scores:
    """Changes of the predicted class over the last epochs; predicted (E, n)."""
    recent = predicted[-(last + 1) :]
    before, after = recent[:-1], recent[1:]
    moved = (before != after) & (before >= 0) & (after >= 0)
    return np.asarray(moved.sum(axis=0), np.float64)


def committee(predicted: Sequence[NDArray[Any]], class_count: int) -> Scores:
    """Vote entropy of several models, normalized; predicted: one (n,) per model, -1 does not vote.

    Source: Dagan and Engelson 1995.
    """
    votes = np.zeros((len(predicted[0]), class_count))
    for one in predicted:
        voting = np.flatnonzero(one >= 0)
        votes[voting, one[voting]] += 1
    totals = votes.sum(axis=1, keepdims=True)
    shares = np.divide(votes, totals, out=np.zeros_like(votes), where=totals > 0)
    return normalized_entropy(shares)


def gradient_embedding_picks(
    probabilities: NDArray[Any], representations: NDArray[Any], count: int, *, seed: int = 0
) -> NDArray[np.int64]:
    """Positions of `count` picks by k-means++ on the gradients of the last layer, in the order of picking.

    The gradient of a sample is (p - onehot(predicted)) times x, an outer product whose lengths and products
    follow from those of its factors, so it is never built. The first pick has the longest gradient.
    Source: Ash et al. 2020 (BADGE).
    """
    p, x = np.array(probabilities, np.float64), np.asarray(representations, np.float64)
    p[np.arange(len(p)), p.argmax(axis=1)] -= 1
    lengths = (p**2).sum(axis=1) * (x**2).sum(axis=1)
    generator = np.random.default_rng(seed)
    chosen: list[int] = []
    nearest = np.full(len(p), np.inf)
    for _ in range(min(count, len(p))):
        if not chosen:
            pick = int(lengths.argmax())
        else:
            weights = np.where(np.isin(np.arange(len(p)), chosen), 0.0, nearest)
            total = weights.sum()
            if total > 0:
                pick = int(generator.choice(len(p), p=weights / total))
            else:  # only copies of what was picked are left
                pick = int(np.flatnonzero(~np.isin(np.arange(len(p)), chosen))[0])
        chosen.append(pick)
        products = (p @ p[pick]) * (x @ x[pick])
        nearest = np.minimum(nearest, np.maximum(lengths + lengths[pick] - 2 * products, 0.0))
    return np.array(chosen, np.int64)


def ranked(scores: NDArray[Any], ids: NDArray[np.int64], count: int | None = None) -> NDArray[np.int64]:
    """Positions from the highest score down, ties by lower id; samples without a score are left out."""
    values = np.asarray(scores, np.float64)
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.lexsort((ids[known], -np.round(values[known], TIE_DIGITS)))]
    return order if count is None else order[:count]


def overlap(first: Sequence[int] | NDArray[Any], second: Sequence[int] | NDArray[Any]) -> float:
    """Jaccard index of two sets of picks; NaN when both are empty (A4)."""
    a, b = set(np.asarray(first).tolist()), set(np.asarray(second).tolist())
    return len(a & b) / len(a | b) if a | b else float("nan")


def rank_correlation(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Spearman correlation of two scores over the samples that have both; NaN when one is constant (A4)."""
    both = np.isfinite(first) & np.isfinite(second)
    if both.sum() < 2:
        return float("nan")
    ranks = [average_ranks(np.asarray(one, np.float64)[both]) for one in (first, second)]
    a, b = (one - one.mean() for one in ranks)
    scale = np.sqrt((a**2).sum() * (b**2).sum())
    return float((a * b).sum() / scale) if scale else float("nan")
