"""UMAP, every epoch on its own.

Source: McInnes, Healy, Melville 2018, "UMAP: Uniform Manifold Approximation and Projection", by umap-learn
with its defaults.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from timetravel.project.baselines.per_epoch import PerEpoch
from timetravel.project.baselines.umap_learn import of_ordinary_size, quiet_umap
from timetravel.project.contracts import EpochData


@dataclass(frozen=True, slots=True, kw_only=True)
class PerEpochUMAP(PerEpoch):
    """umap-learn's UMAP. neighbors: counts the sample itself; least_distance: between points of the map.
    passes: over the edges; None for umap-learn's choice.
    """

    neighbors: int = 15
    least_distance: float = 0.1
    passes: int | None = None

    name = "umap"

    def lay_out(self, data: EpochData, seed: int) -> NDArray[Any]:
        with quiet_umap() as umap:
            method = umap.UMAP(
                n_neighbors=min(self.neighbors, len(data) - 1),
                min_dist=self.least_distance,
                n_epochs=self.passes,
                random_state=seed,
                n_jobs=1,
            )
            laid: NDArray[Any] = method.fit_transform(of_ordinary_size(data.representations))
        return laid
