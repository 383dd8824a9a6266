"""How a network's response to a sample changed between two epochs (Q7): pure figures of arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHUNK_VALUES = 1 << 20
"""Numbers widened to float64 at a time: 8 MB."""


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """(n, C) probabilities of logits, in float64; NaN rows stay NaN."""
    z = np.asarray(logits, np.float64)
    with np.errstate(invalid="ignore"):
        powers = np.exp(z - z.max(axis=-1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float64)


def entropy(probabilities: NDArray[Any]) -> NDArray[np.float64]:
    """(n,) in nats; (n, C) probabilities."""
    p = np.asarray(probabilities, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log(p), np.where(np.isnan(p), np.nan, 0.0))
        return np.asarray(0.0 - terms.sum(axis=-1), np.float64)


def js_divergence(p: NDArray[Any], q: NDArray[Any]) -> NDArray[np.float64]:
    """(n,) Jensen-Shannon divergence in bits, 0 (alike) to 1; p, q: (n, C) probabilities.

    Source: Lin 1991, with base 2 and equal weights.
    """
    p, q = np.asarray(p, np.float64), np.asarray(q, np.float64)
    middle = (entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2) / np.log(2)
    return np.asarray(np.maximum(middle, 0.0), np.float64)


def js_of_logits(before: NDArray[Any], after: NDArray[Any]) -> NDArray[np.float64]:
    """(n,) divergence between the softmax of two (n, C) arrays, in pieces so that memory stays small.

    Classes that were added between the two epochs count as probability 0 before.
    """
    count, width = len(after), max(before.shape[1], after.shape[1])
    step = max(1, CHUNK_VALUES // max(1, width))
    out = np.empty(count)
    for start in range(0, count, step):
        part = slice(start, start + step)
        p, q = (_widened(softmax(one[part]), width) for one in (before, after))
        out[part] = js_divergence(p, q)
    return out


def _widened(p: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    return p if p.shape[1] == width else np.pad(p, ((0, 0), (0, width - p.shape[1])))


def movement(before: NDArray[Any], after: NDArray[Any]) -> NDArray[np.float64]:
    """(n,) Euclidean distance between two representations (n, D) of the same width."""
    out = np.empty(len(after))
    step = max(1, CHUNK_VALUES // max(1, after.shape[1]))
    for start in range(0, len(after), step):
        part = slice(start, start + step)
        gap = after[part].astype(np.float64) - before[part].astype(np.float64)
        out[part] = np.sqrt(np.einsum("ij,ij->i", gap, gap))
    return out


def cosine_movement(before: NDArray[Any], after: NDArray[Any]) -> NDArray[np.float64]:
    """(n,) 1 - cosine between two representations (n, D); 0 when both are zero, 1 when one is."""
    out = np.empty(len(after))
    step = max(1, CHUNK_VALUES // max(1, after.shape[1]))
    for start in range(0, len(after), step):
        part = slice(start, start + step)
        a, b = before[part].astype(np.float64), after[part].astype(np.float64)
        sizes = np.sqrt(np.einsum("ij,ij->i", a, a)), np.sqrt(np.einsum("ij,ij->i", b, b))
        product = sizes[0] * sizes[1]
        with np.errstate(invalid="ignore", divide="ignore"):
            cosine = np.einsum("ij,ij->i", a, b) / product
        cosine = np.where((sizes[0] == 0) & (sizes[1] == 0), 1.0, np.where(product == 0, 0.0, cosine))
        out[part] = np.clip(1 - cosine, 0, 2)
    return out


def percentile_of(value: float, values: NDArray[Any]) -> float:
    """Where a value stands among all: share below plus half of those equal, in percent; NaN when unknown."""
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    if not len(known) or not np.isfinite(value):
        return float("nan")
    return float(100 * ((known < value).sum() + 0.5 * (known == value).sum()) / len(known))


@dataclass(frozen=True, slots=True)
class NeighborChange:
    """gained, lost, kept: neighbours as they were given (rows or ids). persistence: share kept of those before."""

    gained: NDArray[np.int64]
    lost: NDArray[np.int64]
    kept: NDArray[np.int64]
    persistence: float


def neighbor_change(before: NDArray[Any], after: NDArray[Any]) -> NeighborChange:
    """Compare two lists of neighbours of one sample; entries below 0 are none."""
    old, new = before[before >= 0], after[after >= 0]
    kept = new[np.isin(new, old)]
    return NeighborChange(
        gained=new[~np.isin(new, old)],
        lost=old[~np.isin(old, new)],
        kept=kept,
        persistence=len(kept) / len(old) if len(old) else float("nan"),
    )


def neighbor_persistence(before: NDArray[Any], after: NDArray[Any]) -> NDArray[np.float64]:
    """(N,) share of each sample's neighbours kept; before, after: (N, k) rows, -1 for none."""
    out = np.full(len(after), np.nan)
    step = max(1, CHUNK_VALUES // max(1, after.shape[1] ** 2))
    for start in range(0, len(after), step):
        old, new = before[start : start + step], after[start : start + step]
        kept = ((old[:, :, None] == new[:, None, :]) & (old >= 0)[:, :, None]).any(axis=2).sum(axis=1)
        size = (old >= 0).sum(axis=1)
        usable = (size > 0) & (new >= 0).any(axis=1)
        out[start : start + step] = np.where(usable, kept / np.maximum(size, 1), np.nan)
    return out


@dataclass(frozen=True, slots=True)
class ChannelChange:
    """cosine: 1 - cosine of the channel activations. entering, leaving: channels that joined or left the top."""

    cosine: float
    entering: NDArray[np.int64]
    leaving: NDArray[np.int64]


def channel_change(before: NDArray[Any], after: NDArray[Any], *, top: int = 10) -> ChannelChange:
    """Compare the (K,) channel activations of one sample at one layer; the top by value, ties by index."""
    top = min(top, max(1, len(after) // 2))
    best = [np.argsort(-np.asarray(one, np.float64), kind="stable")[:top] for one in (before, after)]
    return ChannelChange(
        cosine=float(cosine_movement(before[None], after[None])[0]),
        entering=best[1][~np.isin(best[1], best[0])],
        leaving=best[0][~np.isin(best[0], best[1])],
    )
