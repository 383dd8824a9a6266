"""The graphs that DeepVisualInsight and TimeVis train on, and how edges are drawn from them.

A complex is three arrays: heads and tails (m,) int64 node numbers, weights (m,) float64 in (0, 1].
Sources: McInnes et al. 2018 (UMAP) for the weights; Yang et al. 2022 (DeepVisualInsight) for the
boundary-wise complex; Yang et al. 2022 (TimeVis) for the temporal complex.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timetravel.project.baselines.umap_learn import quiet_umap
from timetravel.project.figures_neighbors import nearest
from timetravel.store.facts import NEIGHBORS_K


@dataclass(frozen=True, slots=True)
class Complex:
    """heads, tails: (m,) int64 nodes. weights: (m,) float64 in (0, 1]."""

    heads: NDArray[np.int64]
    tails: NDArray[np.int64]
    weights: NDArray[np.float64]

    def shifted(self, by: int) -> Complex:
        """The same edges between nodes whose numbers are larger."""
        return Complex(self.heads + by, self.tails + by, self.weights)


@dataclass(frozen=True, slots=True)
class Bandwidths:
    """sigma and rho (n,) of UMAP's membership formula: exp(-(d - rho) / sigma)."""

    sigma: NDArray[np.float64]
    rho: NDArray[np.float64]


def join(*parts: Complex) -> Complex:
    """All edges of several complexes."""
    return Complex(
        np.concatenate([p.heads for p in parts]),
        np.concatenate([p.tails for p in parts]),
        np.concatenate([p.weights for p in parts]),
    )


def neighbor_complex(x: NDArray[np.float32], k: int = NEIGHBORS_K) -> tuple[Complex, Bandwidths]:
    """Fuzzy union over the k nearest of each of (n, D), the node itself counted as umap-learn does."""
    k = min(k, len(x))
    ids = np.concatenate([np.arange(len(x))[:, None], nearest(x, x, k - 1, same=True)], 1)
    return _fuzzy_union(ids, _distances(x, x, ids), len(x))


def boundary_complex(
    x: NDArray[np.float32], boundary: NDArray[np.float32], k: int = NEIGHBORS_K
) -> Complex | None:
    """Fuzzy union over the k nearest boundary samples (M, D) of every sample (n, D) and boundary sample.

    Nodes: the n samples, then the M boundary samples. None with fewer than two boundary samples.
    """
    if len(boundary) < 2:
        return None
    everything = np.concatenate([x, boundary])
    ids = nearest(boundary, everything, min(k, len(boundary)))
    return _fuzzy_union(ids + len(x), _distances(everything, boundary, ids), len(everything))[0]


def temporal_complex(
    x: NDArray[np.float32], bandwidths: Bandwidths, k: int = NEIGHBORS_K
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Edges of samples to themselves at their k nearest other moments.

    x: (T, D) one sample at its T moments; sigma and rho of the sample at each. Gives pairs (m, 2) of
    moments and weights (m,).
    """
    count = len(x)
    apart = np.sqrt(((x[:, None].astype(np.float64) - x[None]) ** 2).sum(2))
    np.fill_diagonal(apart, np.inf)
    near = np.argsort(apart, 1, kind="stable")[:, : min(k, count - 1)]
    pairs = np.stack([np.repeat(np.arange(count), near.shape[1]), near.ravel()], 1)
    distance = apart[pairs[:, 0], pairs[:, 1]]
    sigma, rho = bandwidths.sigma[pairs[:, 0]], bandwidths.rho[pairs[:, 0]]
    return pairs, np.exp(-np.maximum(distance - rho, 0) / np.maximum(sigma, 1e-12))


def repeated_edges(edges: Complex, passes: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each edge as often as its weight says, in `passes` of the heaviest one; lighter ones are dropped."""
    if len(edges.weights) == 0:
        return edges.heads, edges.tails
    times = (passes * edges.weights / edges.weights.max()).astype(np.int64)
    return np.repeat(edges.heads, times), np.repeat(edges.tails, times)


def _distances(
    query: NDArray[np.float32], reference: NDArray[np.float32], ids: NDArray[np.int64]
) -> NDArray[np.float32]:
    """(n, k) distances to the neighbours, computed anew: those of a search by products are rounded."""
    columns = [np.sqrt(((query - reference[ids[:, j]]) ** 2).sum(1)) for j in range(ids.shape[1])]
    return np.stack(columns, 1).astype(np.float32)


def _fuzzy_union(
    ids: NDArray[np.int64], distances: NDArray[np.float32], count: int
) -> tuple[Complex, Bandwidths]:
    """UMAP's memberships from neighbour lists, made symmetric; nodes without a row have no list of their own."""
    from scipy.sparse import coo_matrix

    with quiet_umap() as umap:
        sigma, rho = umap.umap_.smooth_knn_dist(distances, float(ids.shape[1]), local_connectivity=1.0)
        heads, tails, values, _ = umap.umap_.compute_membership_strengths(
            ids.astype(np.int32), distances, sigma, rho, False
        )
    one_way = coo_matrix((values, (heads, tails)), shape=(count, count)).tocsr()
    one_way.setdiag(0)
    turned = one_way.T.tocsr()
    both = (one_way + turned - one_way.multiply(turned)).tocoo()
    some = both.data > 0
    edges = Complex(
        both.row[some].astype(np.int64), both.col[some].astype(np.int64), both.data[some].astype(np.float64)
    )
    return edges, Bandwidths(sigma.astype(np.float64), rho.astype(np.float64))
