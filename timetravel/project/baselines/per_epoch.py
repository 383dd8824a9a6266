"""Methods that lay every epoch out on its own, as if there were no time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.project.baselines.order import checked_labels, enough, finite, settings, spread
from timetravel.project.contracts import EpochData, Epochs, MapSet, Report
from timetravel.project.mapset import InterpolatedMaps, by_id


class PerEpoch(ABC):
    """Base of `umap` and `tsne`: subclasses are dataclasses of settings with `name` and `lay_out`.

    Inverse and placing of unseen samples are the package's own, as these methods bring none that is usable.
    """

    name: str
    least_samples = 5

    @property
    def parameters(self) -> Mapping[str, Any]:
        return settings(self)

    @abstractmethod
    def lay_out(self, data: EpochData, seed: int) -> NDArray[Any]:
        """(n, 2) positions of one epoch whose samples are in the order of their ids."""

    def fit(self, epochs: Epochs, /, *, seed: int = 0, report: Report | None = None) -> InterpolatedMaps:
        empty = InterpolatedMaps(epochs, [], method=self.name, parameters=self.parameters, seed=seed)
        return self.extend(empty, epochs, report=report)

    def extend(self, maps: MapSet, epochs: Epochs, /, *, report: Report | None = None) -> InterpolatedMaps:
        """Lays out the epochs that are new; they do not know of the others."""
        positions = list(maps.positions)
        for _ in checked_labels(epochs, len(positions)):
            data = by_id(epochs[len(positions)])
            enough(self.name, data, self.least_samples)
            laid = finite(self.name, data, self.lay_out(data, maps.seed))
            positions.append(spread(laid, data, epochs.sample_count))
            if report is not None:
                report("layout", len(positions), len(epochs))
        return InterpolatedMaps(
            epochs, positions, method=self.name, parameters=self.parameters, seed=maps.seed
        )


def plane_of(x: NDArray[np.float32], seed: int) -> NDArray[np.float64]:
    """(n, 2) start of a layout: principal plane of (n, D) at a standard deviation of 1e-4, never degenerate."""
    rng = np.random.default_rng(seed)
    wide = x.astype(np.float64)
    wide -= wide.mean(0)
    size = float(np.abs(wide).max(initial=0)) or 1.0
    left, weight, _ = np.linalg.svd(wide / size, full_matrices=False)
    plane = np.zeros((len(x), 2))
    plane[:, : min(2, left.shape[1])] = (left * weight)[:, :2]
    plane *= np.where(plane[np.abs(plane).argmax(0), [0, 1]] < 0, -1, 1)
    plane /= float(plane[:, 0].std()) or 1.0
    return np.asarray(1e-4 * (plane + 0.01 * rng.normal(0, 1, plane.shape)))
