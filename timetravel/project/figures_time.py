"""Does the map move where and when the network changed its mind? Figures over the epochs of a map.

E epochs, N samples of the run. A step is from one recorded epoch to the next; a sample has part in it when
it is present at both ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.project.contracts import Epochs
from timetravel.project.figures_ground import diameter
from timetravel.project.figures_neighbors import comfortable_scale, common

CHUNK_BYTES = 256 * 2**20
"""Representations of all epochs of some samples that are held at once; the run is read once a chunk."""

NEAREST_EPOCHS = 5
"""Epochs per reference whose nearness is compared by `temporal_neighbors`."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What a step needs of an epoch.

    rows: (n,) int64 rows of the run that are present, rising. neighbors: (n, k) int64 rows of the run, or
    None when neighbours mean nothing there. positions: (n, 2) float64.
    """

    rows: NDArray[np.int64]
    neighbors: NDArray[np.int64] | None
    positions: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a map, for the samples (m,) that have part in it.

    rows: (m,) int64. kept: (m,) float64, share of neighbours kept, NaN where neighbours mean nothing.
    moved: (m,) float64 map units. size: mean diameter of the two maps.
    """

    rows: NDArray[np.int64]
    kept: NDArray[np.float64]
    moved: NDArray[np.float64]
    size: float


def step_between(before: Moment, after: Moment) -> Step:
    """The step from one moment to the next, over the samples that both have."""
    rows, i, j = np.intersect1d(before.rows, after.rows, assume_unique=True, return_indices=True)
    if before.neighbors is None or after.neighbors is None:
        kept = np.full(len(rows), np.nan)
    else:
        k = min(before.neighbors.shape[1], after.neighbors.shape[1])
        kept = common(before.neighbors[i, :k], after.neighbors[j, :k]) / k
    moved = np.sqrt(((after.positions[j] - before.positions[i]) ** 2).sum(1))
    size = (diameter(after.positions) + diameter(before.positions)) / 2
    return Step(rows, kept, moved, size)


def step_figures(step: Step) -> dict[str, float | None]:
    """jitter, movement, persistence and movement_ranking of one step; None where undefined."""
    count = len(step.rows)
    if count == 0:
        return dict.fromkeys(("jitter", "movement", "persistence", "movement_ranking"))
    figures: dict[str, float | None] = {"movement": float(step.moved.mean() / step.size)}
    if np.isnan(step.kept).any():
        return {"jitter": None, **figures, "persistence": None, "movement_ranking": None}
    calm = np.argsort(-step.kept, kind="stable")[: max(1, count // 10)]
    return {
        "jitter": float(step.moved[calm].mean() / step.size),
        **figures,
        "persistence": float(step.kept.mean()),
        "movement_ranking": rank_correlation(1 - step.kept, step.moved),
    }


def rank_correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float | None:
    """Spearman's correlation of two (m,) series; None when one of them is constant."""
    from timetravel.project.ranks import rank_correlations

    value = float(rank_correlations(first[:, None], second[:, None], 2)[0])
    return None if np.isnan(value) else value


def temporal_correlation(steps: Sequence[Step], sample_count: int) -> float | None:
    """Mean over samples of Pearson's correlation over steps between neighbours kept and distance moved.

    A sample with a constant series counts as 0, one with less than two steps not at all; None when no
    sample has a series that varies. Source: Yang et al. 2022 (DeepVisualInsight), temporal preserving.
    """
    steps = [s for s in steps if not np.isnan(s.kept).any()]
    if len(steps) < 2:
        return None
    kept, moved = (np.full((len(steps), sample_count), np.nan) for _ in range(2))
    for i, step in enumerate(steps):
        kept[i, step.rows], moved[i, step.rows] = step.kept, step.moved
    seen = ~np.isnan(kept)
    enough = seen.sum(0) >= 2
    a, s = (_centred(series[:, enough], seen[:, enough]) for series in (kept, moved))
    spread = np.sqrt((a * a).sum(0) * (s * s).sum(0))
    if not (spread > 1e-12).any():
        return None
    return float(np.where(spread > 1e-12, (a * s).sum(0) / np.maximum(spread, 1e-12), 0).mean())


def temporal_ranking(
    epochs: Epochs,
    positions: Sequence[NDArray[np.float32]],
    report: Callable[[int, int], None] | None = None,
) -> dict[str, float | None]:
    """temporal_ranking and temporal_neighbors of a map; None with fewer than three epochs or unequal widths.

    positions: E arrays (N, 2), NaN where absent. For every sample and reference epoch, the distances
    travelled from there to all epochs are compared between representation space and map: by Spearman's
    correlation (a constant series counts as 0), and by the share of the nearest epochs that agree.
    Reads the run once for every CHUNK_BYTES of representations; E^2 N D operations.
    Source: Yang et al. 2022 (TimeVis), temporal ranking.
    """
    missing: dict[str, float | None] = {"temporal_ranking": None, "temporal_neighbors": None}
    if len(positions) < 3:
        return missing
    totals = np.zeros(5)
    width = epochs[0].representations.shape[1]
    size = max(1, CHUNK_BYTES // max(1, 4 * width * len(positions)))
    for start in range(0, epochs.sample_count, size):
        stop = min(start + size, epochs.sample_count)
        x = np.full((len(positions), stop - start, width), np.nan, np.float32)
        for e in range(len(positions)):
            data = epochs[e]
            if data.representations.shape[1] != width:
                return missing  # no distance between spaces of unequal width
            a, b = np.searchsorted(data.present, [start, stop])
            x[e, data.present[a:b] - start] = data.representations[a:b]
        y = np.stack([p[start:stop].astype(np.float64) for p in positions])
        totals += _compare_travels(x, y)
        if report is not None:
            report(stop, epochs.sample_count)
    score, count, defined, shares, share_count = totals
    return {
        "temporal_ranking": float(score / count) if defined else None,
        "temporal_neighbors": float(shares / share_count) if share_count and defined else None,
    }


def _compare_travels(x: NDArray[np.float32], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums over samples and references for (E, m, D) representations and (E, m, 2) positions, NaN absent.

    Sum and number of correlations, how many of them are defined, sum and number of shares.
    """
    from timetravel.project.ranks import rank_correlations

    scale = comfortable_scale(np.nan_to_num(x))
    scaled = x if scale == 1 else x * scale
    k = max(1, min(NEAREST_EPOCHS, (len(x) - 1) // 2))
    totals = np.zeros(5)
    for reference in range(len(x)):
        far, wide = _travelled(scaled, reference), _travelled(y, reference)
        scores = rank_correlations(far, wide, 3)
        present = np.where(np.isnan(far[reference]), 0, (~np.isnan(far)).sum(0))
        enough, plenty = present >= 3, present > max(k, 2)
        defined = enough & ~np.isnan(scores)
        shares = _nearest_epochs_kept(far[:, plenty], wide[:, plenty], reference, k)
        totals += scores[defined].sum(), enough.sum(), defined.sum(), shares.sum(), len(shares)
    return totals


def _travelled(a: NDArray[Any], reference: int) -> NDArray[Any]:
    """(E, m) distance of each sample from where it is at the reference epoch; in the precision of a."""
    # One epoch at a time, so that the temporary is one epoch wide.
    return np.stack([np.sqrt(((here - a[reference]) ** 2).sum(1)) for here in a])


def _nearest_epochs_kept(
    far: NDArray[Any], wide: NDArray[Any], reference: int, k: int
) -> NDArray[np.float64]:
    """(m,) share of the k epochs nearest to the reference that are nearest on the map; (E, m) distances.

    An equal distance counts for the epoch that is nearer in time, then for the earlier one.
    """
    by_time = np.argsort(np.abs(np.arange(len(far)) - reference), kind="stable")[1:]
    near = [np.argsort(d[by_time], axis=0, kind="stable")[:k].T for d in (far, wide)]
    return common(near[0], near[1]) / k


def _centred(series: NDArray[np.float64], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Each column less its mean over the seen entries; 0 at the others."""
    mean = np.where(seen, series, 0).sum(0) / np.maximum(seen.sum(0), 1)
    return np.where(seen, series - mean, 0)


def scale_drift(radii: Sequence[float]) -> float | None:
    """Largest over smallest root mean square radius; None for fewer than two epochs or a map of one point."""
    if len(radii) < 2 or min(radii) <= 1e-12:
        return None
    return float(max(radii) / min(radii))


def mean_over_epochs(rows: Sequence[Mapping[str, float | None]], name: str) -> float | None:
    """Plain mean of a figure over the epochs that have it; None when none has."""
    values = [v for row in rows if (v := row.get(name)) is not None and np.isfinite(v)]
    return float(np.mean(values)) if values else None
