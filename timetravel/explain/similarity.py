"""How alike two attributions are, where they lie, and on which scale to draw them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

TOP_SHARE = 0.1
"""Share of pixels that counts as "where the network looks"; also the overlap of two random maps."""

LIMIT_PERCENTILE = 98.0
"""Colours end here, so that one extreme pixel does not turn the rest of a film strip grey."""


def rank_correlation(one: NDArray[np.floating], other: NDArray[np.floating]) -> float | None:
    """Spearman's correlation of |values| over pixels; None where a map is constant or not finite.

    one, other: any equal shape. Ties get their mean rank.
    """
    _check_shapes(one, other)
    a, b = _sizes(one), _sizes(other)
    if a is None or b is None:
        return None
    x, y = rankdata(a) - (a.size + 1) / 2, rankdata(b) - (b.size + 1) / 2
    spread = float(np.sqrt((x @ x) * (y @ y)))
    return None if spread == 0 else float(np.clip((x @ y) / spread, -1.0, 1.0))


def top_overlap(
    one: NDArray[np.floating], other: NDArray[np.floating], share: float = TOP_SHARE
) -> float | None:
    """Share of the pixels with the largest |values| that two maps have in common; chance is `share`.

    Ties go to the lower pixel. None where a map is zero everywhere or not finite.
    """
    _check_shapes(one, other)
    a, b = _sizes(one), _sizes(other)
    if a is None or b is None or not a.any() or not b.any():
        return None
    count = max(1, round(share * a.size))
    top = [set(np.argsort(-sizes, kind="stable")[:count].tolist()) for sizes in (a, b)]
    return len(top[0] & top[1]) / count


def region_preference(
    values: NDArray[np.floating], region: NDArray[np.bool_]
) -> tuple[float, float, float] | None:
    """(share of |attribution| inside, share of area, their ratio): above 1 the region is preferred.

    values: (..., H, W), summed over leading dimensions. region: (H, W) bool. None where the map is zero or
    not finite, or the region empty.
    """
    if values.shape[-2:] != region.shape:
        raise ValueError(f"region is {region.shape}; expected {values.shape[-2:]}, as the attribution")
    sizes = np.abs(np.asarray(values, np.float64)).reshape(-1, *region.shape).sum(0)
    total = float(sizes.sum())
    if not np.isfinite(total) or total == 0 or not region.any():
        return None
    inside, area = float(sizes[region].sum()) / total, float(region.mean())
    return inside, area, inside / area


def color_limit(values: NDArray[np.floating]) -> float:
    """The 98th percentile of |values| over all maps of a strip; where that is 0, their largest; else 0."""
    sizes = np.abs(np.asarray(values, np.float64))
    sizes = sizes[np.isfinite(sizes)]
    if not sizes.size:
        return 0.0
    return float(np.percentile(sizes, LIMIT_PERCENTILE)) or float(sizes.max())


def _sizes(values: NDArray[np.floating]) -> NDArray[np.float64] | None:
    sizes = np.abs(np.asarray(values, np.float64)).ravel()
    return sizes if sizes.size and np.isfinite(sizes).all() else None


def _check_shapes(one: NDArray[np.floating], other: NDArray[np.floating]) -> None:
    if np.shape(one) != np.shape(other):
        raise ValueError(f"maps of shapes {np.shape(one)} and {np.shape(other)}; expected equal shapes")
