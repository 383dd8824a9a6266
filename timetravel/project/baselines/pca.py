"""Joint principal components: one plane for all epochs, the plainest map there is.

Source: Pearson 1901; Hotelling 1933. Axes of large spreads are found by subspace iteration
(Halko, Martinsson, Tropp 2011), which reads the run a few times and never holds D x D numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.errors import BadInput
from timetravel.project.baselines.order import checked_labels, enough, settings, spread
from timetravel.project.contracts import Epochs, MapSet, Report
from timetravel.project.mapset import InterpolatedMaps, by_id

Plane = tuple[NDArray[np.float64], NDArray[np.float64]]
"""A point (D,) and two axes (D, 2) of representation space."""

EXACT_WIDTH = 1024
"""Up to here the covariance (8 MB) is decomposed exactly."""

SPARE, ITERATIONS = 10, 6
"""Directions beside the wanted two, and rounds, of the subspace iteration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JointPCA:
    """The plane of largest variance over all epochs. An added epoch is seen in the plane of the first ones."""

    name = "pca"

    @property
    def parameters(self) -> Mapping[str, Any]:
        return settings(self)

    def fit(self, epochs: Epochs, /, *, seed: int = 0, report: Report | None = None) -> InterpolatedMaps:
        plane = principal_axes(epochs, len(epochs), seed)
        return self._shown(epochs, [], plane, seed, report)

    def extend(self, maps: MapSet, epochs: Epochs, /, *, report: Report | None = None) -> InterpolatedMaps:
        """Shows the new epochs in the plane that the map was made with."""
        plane = _plane_behind(epochs, maps)
        return self._shown(epochs, list(maps.positions), plane, maps.seed, report)

    def _shown(
        self,
        epochs: Epochs,
        positions: list[NDArray[np.float32]],
        plane: Plane,
        seed: int,
        report: Report | None,
    ) -> InterpolatedMaps:
        for _ in checked_labels(epochs, len(positions)):
            data = by_id(epochs[len(positions)])
            enough(self.name, data, 1, len(plane[0]))
            flat = (data.representations.astype(np.float64) - plane[0]) @ plane[1]
            positions.append(spread(flat, data, epochs.sample_count))
            if report is not None:
                report("layout", len(positions), len(epochs))
        return InterpolatedMaps(epochs, positions, method=self.name, parameters=self.parameters, seed=seed)


def _plane_behind(epochs: Epochs, maps: MapSet) -> Plane:
    """The plane that a map was made in: that of its first so many epochs, as some may have been added later."""
    first = by_id(epochs[0])
    for count in range(len(maps), 0, -1):
        centre, axes = principal_axes(epochs, count, maps.seed)
        flat = (first.representations.astype(np.float64) - centre) @ axes
        here = maps.positions[0][first.present]
        # Not to the bit: the map may have been made with another number of threads.
        if np.allclose(flat, here, rtol=0, atol=1e-5 * float(np.abs(here).max())):
            return centre, axes
    raise BadInput(
        f"the map of {len(maps)} epochs is no plane of principal components of its own epochs, so no epoch can "
        "be added to it: pass --refit to make it anew"
    )


def principal_axes(epochs: Epochs, count: int, seed: int) -> Plane:
    """Mean (D,) and two axes (D, 2) of the first `count` epochs; the second is 0 where D is 1.

    Each axis points to where its largest entry is positive.
    """

    def pieces() -> Iterator[NDArray[np.float64]]:
        for index in range(count):
            data = by_id(epochs[index])
            enough("pca", data, 1, None if index == 0 else width)
            yield data.representations.astype(np.float64)

    first = epochs[0].representations
    width, total, number = first.shape[1], np.zeros(first.shape[1]), 0
    for x in pieces():
        total, number = total + x.sum(0), number + len(x)
    centre = total / number
    size = max(float(np.abs(x - centre).max(initial=0)) for x in pieces()) or 1.0

    def spread_along(directions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Covariance times (D, m)."""
        out = np.zeros_like(directions)
        for x in pieces():
            wide = (x - centre) / size
            out += wide.T @ (wide @ directions)
        return out

    axes = _leading(spread_along, width, seed)
    axes = axes * np.where(axes[np.abs(axes).argmax(0), np.arange(axes.shape[1])] < 0, -1, 1)
    return centre, np.pad(axes, ((0, 0), (0, 2 - axes.shape[1])))


def _leading(
    spread_along: Callable[[NDArray[np.float64]], NDArray[np.float64]], width: int, seed: int
) -> NDArray[np.float64]:
    """(D, 2) or (D, 1) leading eigenvectors of a covariance known by what it does to vectors."""
    wanted = min(2, width)
    if width <= EXACT_WIDTH:
        return np.asarray(np.linalg.eigh(spread_along(np.eye(width)))[1][:, ::-1][:, :wanted])
    basis = np.random.default_rng(seed).normal(0, 1, (width, wanted + SPARE))
    for _ in range(ITERATIONS):
        basis = np.linalg.qr(spread_along(basis))[0]
    small = basis.T @ spread_along(basis)
    return np.asarray(basis @ np.linalg.eigh((small + small.T) / 2)[1][:, ::-1][:, :wanted])
