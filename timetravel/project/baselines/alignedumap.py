"""AlignedUMAP: UMAP of all epochs, each tied to the epochs near it.

Source: umap-learn's AlignedUMAP (McInnes, Healy, Saul and others), after Dadu et al. 2023, "Application of
Aligned-UMAP to longitudinal biomedical studies", Patterns; with its defaults.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from timetravel.errors import BadInput
from timetravel.project.baselines.order import enough, finite, settings, spread
from timetravel.project.baselines.umap import PerEpochUMAP
from timetravel.project.baselines.umap_learn import of_ordinary_size, quiet_umap
from timetravel.project.contracts import EpochData, Epochs, MapSet, Report
from timetravel.project.mapset import InterpolatedMaps, by_id

LEAST_COMMON = 3
"""Samples that two consecutive epochs must share, so that one can be turned to fit the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignedUMAP:
    """umap-learn's AlignedUMAP, which holds all representations in memory.

    neighbors: counts the sample itself. least_distance: between points of the map. regularisation, window:
    how strongly epochs are tied, and over how many. passes: over the edges; None for umap-learn's choice.
    """

    neighbors: int = 15
    least_distance: float = 0.1
    regularisation: float = 0.01
    window: int = 3
    passes: int | None = None

    name = "alignedumap"

    @property
    def parameters(self) -> Mapping[str, Any]:
        return settings(self)

    def fit(self, epochs: Epochs, /, *, seed: int = 0, report: Report | None = None) -> InterpolatedMaps:
        """Maps of all epochs; samples are related by id. One epoch alone is plain UMAP."""
        if len(epochs) == 1:
            alone = PerEpochUMAP(
                neighbors=self.neighbors, least_distance=self.least_distance, passes=self.passes
            )
            positions = list(alone.fit(epochs, seed=seed, report=report).positions)
            return self._maps(epochs, positions, seed)
        data = [by_id(epochs[index]) for index in range(len(epochs))]
        for one in data:
            enough(self.name, one, 5)
        relations = [relation(a, b) for a, b in itertools.pairwise(data)]
        with quiet_umap() as umap:
            method = umap.AlignedUMAP(
                n_neighbors=min(self.neighbors, *(len(one) - 1 for one in data)),
                min_dist=self.least_distance,
                alignment_regularisation=self.regularisation,
                alignment_window_size=self.window,
                n_epochs=self.passes,
                random_state=seed,
                transform_seed=seed,
            )
            laid = method.fit_transform(
                [of_ordinary_size(one.representations) for one in data], relations=relations
            )
        if report is not None:
            report("layout", len(epochs), len(epochs))
        positions = [
            spread(finite(self.name, one, np.asarray(y)), one, epochs.sample_count)
            for one, y in zip(data, laid, strict=True)
        ]
        return self._maps(epochs, positions, seed)

    def extend(self, maps: MapSet, epochs: Epochs, /, *, report: Report | None = None) -> MapSet:
        """AlignedUMAP moves earlier epochs when one is added, so only a complete map can be kept."""
        if len(maps) == len(epochs):
            return maps
        raise BadInput(
            f"found {len(epochs) - len(maps)} epochs that the map lacks, but alignedumap lays all epochs out "
            "together: pass --refit to make the map anew"
        )

    def _maps(self, epochs: Epochs, positions: list[Any], seed: int) -> InterpolatedMaps:
        return InterpolatedMaps(epochs, positions, method=self.name, parameters=self.parameters, seed=seed)


def relation(before: EpochData, after: EpochData) -> dict[int, int]:
    """Position in `before` -> position in `after` of the samples that both have."""
    _, i, j = np.intersect1d(before.sample_ids, after.sample_ids, assume_unique=True, return_indices=True)
    if len(i) < LEAST_COMMON:
        raise BadInput(
            f"epochs {before.epoch} and {after.epoch} share {len(i)} samples, alignedumap needs at least "
            f"{LEAST_COMMON}: use the method aligned, or umap"
        )
    return dict(zip(i.tolist(), j.tolist(), strict=True))
