"""The decision boundary of a raster as lines, each between two classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from timetravel.store.facts import Contour, DecisionRaster

LEAST_LEAD = 1e-6
"""Cells with margin 0 still belong to their class; contouring needs a sign."""


def boundary_contours(raster: DecisionRaster) -> list[Contour]:
    """Lines where two neighbouring classes are equally good, one list for the whole raster.

    For each pair of classes that touch, the zero line of the margin, positive on the one and negative on
    the other side, so that lines lie between cell centres where the network is undecided and not on a
    staircase of cells. Ground of third classes is left out; lines end there.
    """
    import contourpy

    best = raster.cell_class
    resolution = best.shape[0]
    x0, x1, y0, y1 = raster.extent
    across = x0 + (np.arange(resolution) + 0.5) / resolution * (x1 - x0)
    up = y0 + (np.arange(resolution) + 0.5) / resolution * (y1 - y0)
    lead = np.maximum(raster.margin, LEAST_LEAD).astype(np.float64)
    found = []
    for (a, b), (rows, columns) in _touching(best).items():
        part = best[rows, columns]
        signed = np.where(part == a, lead[rows, columns], -lead[rows, columns])
        field = np.ma.masked_array(signed, mask=(part != a) & (part != b))
        lines = contourpy.contour_generator(
            across[columns], up[rows], field, corner_mask=True, line_type=contourpy.LineType.Separate
        ).lines(0.0)
        found += [
            Contour(points=np.asarray(line, np.float32), classes=(a, b)) for line in lines if len(line) > 1
        ]
    return found


def _touching(best: NDArray[np.int32]) -> dict[tuple[int, int], tuple[slice, slice]]:
    """Pairs of classes in neighbouring cells (diagonals too) and the smallest window around their contact."""
    rows, columns = np.mgrid[: best.shape[0], : best.shape[1]]
    views = [
        (best[:, :-1], best[:, 1:], rows[:, :-1], columns[:, :-1]),
        (best[:-1], best[1:], rows[:-1], columns[:-1]),
        (best[:-1, :-1], best[1:, 1:], rows[:-1, :-1], columns[:-1, :-1]),
        (best[:-1, 1:], best[1:, :-1], rows[:-1, :-1], columns[:-1, :-1]),
    ]
    low, high, row, column = [], [], [], []
    for one, two, r, c in views:
        apart = one != two
        low.append(np.minimum(one, two)[apart])
        high.append(np.maximum(one, two)[apart])
        row.append(r[apart])
        column.append(c[apart])
    pairs = np.column_stack([np.concatenate(low), np.concatenate(high)])
    if not len(pairs):
        return {}
    r, c = np.concatenate(row), np.concatenate(column)
    kinds, which = np.unique(pairs, axis=0, return_inverse=True)
    which = which.ravel()
    order = np.argsort(which, kind="stable")
    edges = np.searchsorted(which[order], np.arange(len(kinds) + 1))
    windows = {}
    for i, (a, b) in enumerate(kinds):
        mine = order[edges[i] : edges[i + 1]]
        windows[int(a), int(b)] = (
            slice(max(int(r[mine].min()) - 1, 0), int(r[mine].max()) + 3),
            slice(max(int(c[mine].min()) - 1, 0), int(c[mine].max()) + 3),
        )
    return windows
