"""Where every epoch starts: one layout of what the epochs have in common."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from timetravel.project.forces import Array
from timetravel.project.neighbours import comfortable, scaled


def principal_plane(x: NDArray[np.floating], *, seed: int = 0) -> Array:
    """(n, 2) coordinates along the two widest directions, standard deviation 1 along the first.

    Signs are fixed (the largest loading is positive). Widths of one or two, constant columns and equal rows
    get a little seeded noise where they have no second direction.
    """
    rows: NDArray[np.floating] = scaled(x, *comfortable(x))
    width = rows.shape[1]
    if width > 4096:  # a covariance of that width costs more than it tells; a random plane of it does not
        mix = np.random.default_rng(seed).standard_normal((width, 256)).astype(np.float32) / 16
        rows, width = rows @ mix, 256
    covariance = np.zeros((width, width))
    for start in range(0, len(rows), 4096):
        block = rows[start : start + 4096].astype(np.float64)
        covariance += block.T @ block
    count = min(2, width)
    _, directions = linalg.eigh(covariance, subset_by_index=(width - count, width - 1))
    directions = directions[:, ::-1]
    strongest = np.abs(directions).argmax(0)
    directions = directions * np.where(directions[strongest, np.arange(count)] < 0, -1, 1)
    plane = np.zeros((len(rows), 2))
    plane[:, :count] = rows @ directions
    spread = float(plane[:, 0].std()) if len(rows) else 0.0
    plane /= spread if spread > 1e-12 else 1.0
    flat = plane.std(0) < 1e-6
    noise = np.random.default_rng(seed).standard_normal(plane.shape)
    plane[:, flat] += noise[:, flat] * (1e-2 if not flat.all() else 1)
    return plane.astype(np.float32)
