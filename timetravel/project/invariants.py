"""What must hold between two epochs of a map, and between samples and the boundary drawn for them.

Unlike the figures of `quality`, these are asked for one epoch or one pair of epochs at a time.
Source: Yang et al. 2022 (DeepVisualInsight and TimeVis), fixing and moving invariants, and their check that
boundary samples stay on the boundary. Theirs read both epochs through one epoch's inverse; each is read
through its own here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timetravel.project.contracts import EpochData, MappedEpoch
from timetravel.project.figures_ground import cells
from timetravel.project.figures_neighbors import nearest
from timetravel.project.near_boundary import NEAR_BOUNDARY, normalized_gap

FRAME = 100.0
"""Side of the square to which both maps are scaled before movements are compared."""

STILL = 1.0
"""Of FRAME: a sample that moves less stays where it is."""


@dataclass(frozen=True, slots=True)
class Share:
    """How many of how many; `value` is None where there was nothing to look at."""

    held: int
    of: int

    @property
    def value(self) -> float | None:
        return self.held / self.of if self.of else None


@dataclass(frozen=True, slots=True)
class Moment:
    """One epoch with its map; positions, inverse and raster of `mapped` are needed."""

    data: EpochData
    mapped: MappedEpoch


def fixing(before: Moment, after: Moment, still: float = STILL) -> Share:
    """Of the samples whose representation moved no farther than to their nearest fellow, how many stay.

    To stay is to move less than `still` when both maps together are scaled to a square of side 100.
    """
    i, j = _in_both(before.data, after.data)
    x, later = before.data.representations, after.data.representations[j]
    if len(x) < 2 or len(i) == 0:
        return Share(0, 0)
    fellow = x[nearest(x, x, 1, same=True)[i, 0]]
    calm = _lengths(later - x[i]) <= _lengths(fellow - x[i])
    y, moved_to = _positions(before)[i], _positions(after)[j]
    everything = np.concatenate([_positions(before), _positions(after)])
    side = float(np.ptp(everything, axis=0).max()) or 1.0
    stayed = _lengths(moved_to - y) * FRAME / side < still
    return Share(int((calm & stayed).sum()), int(calm.sum()))


def moving(before: Moment, after: Moment) -> Share:
    """Of the samples that are decided at both epochs and change class, how many stand right at both.

    To stand right is to be on ground of the predicted class that is not boundary.
    """
    i, j = _in_both(before.data, after.data)
    one, two = _classes(before), _classes(after)
    if one is None or two is None:
        return Share(0, 0)
    changed = one.predicted[i] != two.predicted[j]
    asked = changed & ~one.undecided[i] & ~two.undecided[j]
    right = (one.right & ~one.ground_undecided)[i] & (two.right & ~two.ground_undecided)[j]
    return Share(int((asked & right).sum()), int(asked.sum()))


def boundary_stays(moment: Moment) -> tuple[Share, Share]:
    """Of the undecided samples, how many stand on boundary; of the others, how many on clear ground of their class."""
    found = _classes(moment)
    if found is None:
        return Share(0, 0), Share(0, 0)
    on, off = found.undecided, ~found.undecided
    clear = found.right & ~found.ground_undecided
    return (
        Share(int((on & found.ground_undecided).sum()), int(on.sum())),
        Share(int((off & clear).sum()), int(off.sum())),
    )


@dataclass(frozen=True, slots=True)
class _Classes:
    """(n,) each: the network's class, whether it is undecided, whether the ground says the same, and is undecided."""

    predicted: NDArray[np.int64]
    undecided: NDArray[np.bool_]
    right: NDArray[np.bool_]
    ground_undecided: NDArray[np.bool_]


def _classes(moment: Moment) -> _Classes | None:
    """What network and ground say at every sample; None without logits, inverse or raster."""
    logits, raster, inverse = moment.data.logits, moment.mapped.raster, moment.mapped.inverse
    if logits is None or raster is None or inverse is None or len(moment.data) == 0 or logits.shape[1] < 2:
        return None
    resolution = raster.cell_class.shape[0]
    x0, x1, y0, y1 = raster.extent
    row, column = cells(_positions(moment), raster.extent, resolution)
    centres = np.stack(
        [x0 + (column + 0.5) / resolution * (x1 - x0), y0 + (row + 0.5) / resolution * (y1 - y0)], 1
    )
    predicted = logits.argmax(1)
    return _Classes(
        predicted=predicted,
        undecided=normalized_gap(logits) < NEAR_BOUNDARY,
        right=np.asarray(raster.cell_class[row, column] == predicted),
        ground_undecided=normalized_gap(np.asarray(inverse.logits(centres), np.float64)) < NEAR_BOUNDARY,
    )


def _in_both(before: EpochData, after: EpochData) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions within each epoch of the samples that are present at both."""
    _, i, j = np.intersect1d(before.present, after.present, assume_unique=True, return_indices=True)
    return i, j


def _positions(moment: Moment) -> NDArray[np.float64]:
    return np.asarray(moment.mapped.positions, np.float64)[moment.data.present]


def _lengths(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """(m,) Euclidean lengths, in float64 so that huge representations do not overflow."""
    return np.asarray(np.sqrt((vectors.astype(np.float64) ** 2).sum(1)))
