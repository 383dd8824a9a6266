"""t-SNE's forces on all nodes of a map: pull along the graph, push by convolution on a grid.

With q = 1 / (1 + d^2), the pull on node i is sum_j w_ij q_ij (y_j - y_i) and the push is
(1/Z) sum_j q_ij^2 (y_i - y_j), Z the sum of q over all pairs. The push is half the downward slope of the
potential sum_j q_ij, and the potential is a convolution: unit charges spread over a grid by cubic
B-splines, one FFT there, one back, and the slope read off the same splines. Its cost hardly depends on
the number of nodes; nothing is sampled and no random number is drawn.

Source: van der Maaten and Hinton 2008, t-SNE, equation 5; Linderman et al. 2019, FIt-SNE (the push by
convolution); Essmann et al. 1995, smooth particle mesh Ewald (splines, and the kernel divided by theirs).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import fft

Array = NDArray[np.float32]

PAD_LENGTHS = tuple(
    sorted(
        {2**a * 3**b * 5**c for a in range(2, 13) for b in range(3) for c in range(2)} & set(range(32, 8193))
    )
)
"""Lengths of padded grids: even, quick to transform, and few, so that kernels are made once."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A square grid over the plane: node (0, 0) at `origin`, `size` nodes a side, `cell` map units apart."""

    origin: tuple[float, float]
    cell: float
    size: int
    padded: int

    @classmethod
    def over(cls, low: NDArray[Any], high: NDArray[Any], cell: float, largest: int) -> Grid:
        """The grid that covers the box low..high (2,) with a margin; coarser where it would pass `largest`."""
        side = float(max(high[0] - low[0], high[1] - low[1], 1e-3))
        cell = max(cell, side / (largest - 6))
        needed = int(side / cell) + 6
        padded = next((n for n in PAD_LENGTHS if n >= 2 * needed), PAD_LENGTHS[-1])
        size = padded // 2
        centre = (np.asarray(low, np.float64) + high) / 2
        start = centre - (size - 1) / 2 * cell
        return cls((float(start[0]), float(start[1])), cell, size, padded)


@lru_cache(maxsize=8)
def _kernel(padded: int, cell: float) -> Array:
    """Transform (P, P/2+1) of q on a padded grid, divided by what spreading and reading do to it."""
    steps = np.arange(padded)
    offset = np.where(steps <= padded // 2, steps, steps - padded) * cell
    q = 1 / (1 + offset[:, None] ** 2 + offset[None, :] ** 2)
    spline = (2 + np.cos(2 * np.pi * steps / padded)) / 3
    smoothing = spline[:, None] * spline[None, : padded // 2 + 1]
    kernel: Array = (fft.rfft2(q).real / smoothing**2).astype(np.float32)
    return kernel


def potential(charges: Array, padded: int, cell: float) -> Array:
    """(G, G) sum of q over all charges, as spline coefficients at the grid nodes."""
    size = charges.shape[0]
    there = fft.fft(fft.rfft(charges, padded, axis=1), padded, axis=0, overwrite_x=True)
    there *= _kernel(padded, cell)
    back = fft.ifft(there, axis=0, overwrite_x=True)[:size]
    out: Array = fft.irfft(back, padded, axis=1, overwrite_x=True)[:, :size]
    return out


@numba.njit(cache=True, nogil=True, inline="always")
def _spline(a: np.float32, w: Array) -> None:  # pragma: no cover
    """The four cubic B-spline weights at a fraction `a` past a grid node."""
    b = 1 - a
    w[0] = b * b * b / 6
    w[1] = (3 * a * a * a - 6 * a * a + 4) / 6
    w[2] = (3 * b * b * b - 6 * b * b + 4) / 6
    w[3] = a * a * a / 6


@numba.njit(cache=True, nogil=True, inline="always")
def _slope(a: np.float32, w: Array) -> None:  # pragma: no cover
    """Their derivatives by `a`."""
    b = 1 - a
    w[0] = -b * b / 2
    w[1] = (3 * a * a - 4 * a) / 2
    w[2] = -(3 * b * b - 4 * b) / 2
    w[3] = a * a / 2


@numba.njit(cache=True, nogil=True)
def spread(
    y: Array, origin_x: float, origin_y: float, cell: float, charges: Array
) -> None:  # pragma: no cover
    """Gives each node's unit charge to the sixteen grid nodes around it."""
    charges[:] = 0
    across, down = np.empty(4, np.float32), np.empty(4, np.float32)
    for i in range(len(y)):
        u = (y[i, 0] - origin_x) / cell
        v = (y[i, 1] - origin_y) / cell
        column, row = int(u), int(v)
        _spline(np.float32(u - column), across)
        _spline(np.float32(v - row), down)
        for r in range(4):
            for c in range(4):
                charges[row - 1 + r, column - 1 + c] += down[r] * across[c]


@numba.njit(cache=True, nogil=True)
def push(
    y: Array, origin_x: float, origin_y: float, cell: float, potential: Array, out: Array
) -> float:  # pragma: no cover
    """Writes the push on every node, not yet divided by Z, to `out` (n, 2) and returns Z."""
    across, down = np.empty(4, np.float32), np.empty(4, np.float32)
    across_slope, down_slope = np.empty(4, np.float32), np.empty(4, np.float32)
    scale = np.float32(-0.5 / cell)
    total = 0.0
    for i in range(len(y)):
        u = (y[i, 0] - origin_x) / cell
        v = (y[i, 1] - origin_y) / cell
        column, row = int(u), int(v)
        a, b = np.float32(u - column), np.float32(v - row)
        _spline(a, across)
        _slope(a, across_slope)
        _spline(b, down)
        _slope(b, down_slope)
        here, slope_x, slope_y = np.float32(0), np.float32(0), np.float32(0)
        for r in range(4):
            value, slope = np.float32(0), np.float32(0)
            for c in range(4):
                p = potential[row - 1 + r, column - 1 + c]
                value += across[c] * p
                slope += across_slope[c] * p
            here += down[r] * value
            slope_x += down[r] * slope
            slope_y += down_slope[r] * value
        out[i, 0] = scale * slope_x
        out[i, 1] = scale * slope_y
        total += float(here) - 1
    return total


@numba.njit(cache=True, nogil=True, fastmath={"contract", "reassoc"})
def move(  # pragma: no cover
    y: Array,
    velocity: Array,
    out: Array,
    pushed: Array,
    pairs: float,
    indptr: NDArray[np.int32],
    indices: NDArray[np.int32],
    weights: Array,
    exaggeration: float,
    before: Array,
    before_row: NDArray[np.int32],
    before_weight: Array,
    after: Array,
    after_row: NDArray[np.int32],
    after_weight: Array,
    rate: float,
    momentum: float,
    longest: float,
) -> None:
    """One step of every node: force over the curvature of the pull, with momentum; writes `out`.

    before, after: positions of the epochs that this one is tied to; rows are -1 where a node has no tie.
    """
    inverse = np.float32(1 / max(pairs, 1e-12))
    strength = np.float32(exaggeration)
    for i in range(len(y)):
        x0, y0 = y[i, 0], y[i, 1]
        pull_x = np.float32(0)
        pull_y = np.float32(0)
        stiff = np.float32(0)
        for e in range(indptr[i], indptr[i + 1]):
            j = indices[e]
            dx, dy = y[j, 0] - x0, y[j, 1] - y0
            w = weights[e] / (1 + dx * dx + dy * dy)
            pull_x += w * dx
            pull_y += w * dy
            stiff += w
        force_x = strength * pull_x + pushed[i, 0] * inverse
        force_y = strength * pull_y + pushed[i, 1] * inverse
        stiff *= strength
        j = before_row[i]
        if j >= 0:
            w = before_weight[i]
            force_x += w * (before[j, 0] - x0)
            force_y += w * (before[j, 1] - y0)
            stiff += w
        j = after_row[i]
        if j >= 0:
            w = after_weight[i]
            force_x += w * (after[j, 0] - x0)
            force_y += w * (after[j, 1] - y0)
            stiff += w
        step_x, step_y = force_x / max(stiff, np.float32(1e-20)), force_y / max(stiff, np.float32(1e-20))
        length = np.sqrt(step_x * step_x + step_y * step_y)
        if length > longest:
            step_x *= longest / length
            step_y *= longest / length
        velocity[i, 0] = momentum * velocity[i, 0] + rate * step_x
        velocity[i, 1] = momentum * velocity[i, 1] + rate * step_y
        out[i, 0] = x0 + velocity[i, 0]
        out[i, 1] = y0 + velocity[i, 1]
