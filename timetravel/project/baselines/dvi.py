"""DeepVisualInsight: one autoencoder an epoch, each started from the one before.

Source: Yang, Lin, Liu, Zhang, Dong, Liu, Liang, Dong, Mei 2022, "DeepVisualInsight: Time-Travelling
Visualization for Spatio-Temporal Causality of Deep Classification Training", AAAI. Written from the paper's
description. What differs: boundary samples are mixed in representation space; there are far fewer passes, at
a higher rate, with more weight on reconstruction (10 for 1) and less on staying near the weights of the epoch
before (.01 for .3), which lets the class survive map and back as often as published in minutes, not hours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.project.baselines.learned_maps import LearnedEpoch, LearnedMaps, reopened
from timetravel.project.baselines.order import checked_labels, enough, epoch_seed, settings, spread
from timetravel.project.contracts import EpochData, Epochs, MapSet, Report
from timetravel.project.figures_neighbors import common, nearest, neighbor_count
from timetravel.project.mapset import by_id
from timetravel.store.facts import BoundarySamples
from timetravel.store.stored_map import StoredMap

LEAST_SAMPLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepVisualInsight:
    """The method; see the module.

    boundary_share: boundary samples per sample. repeats: how often the heaviest edge is seen in a pass.
    layers, hidden_share: hidden layers and their size as a share of D. batches, later_batches: most batches of
    1,000 edges at the first and at later epochs. patience: passes without a gain of least_gain that end it.
    reconstruction, continuity: weights of the losses beside the neighbour loss.
    """

    boundary_share: float = 0.1
    repeats: int = 10
    layers: int = 4
    hidden_share: float = 0.5
    batches: int = 5000
    later_batches: int = 2000
    patience: int = 3
    least_gain: float = 0.01
    reconstruction: float = 10.0
    continuity: float = 0.01
    rate: float = 3e-3

    @property
    def name(self) -> str:
        return "dvi"

    @property
    def parameters(self) -> Mapping[str, Any]:
        return settings(self)

    def fit(self, epochs: Epochs, /, *, seed: int = 0, report: Report | None = None) -> LearnedMaps:
        """Maps of all epochs, in order. Raises BadInput for fewer than 5 samples or epochs of unequal width."""
        empty = LearnedMaps(method=self.name, parameters=self.parameters, seed=seed, source=epochs, epochs=())
        return self.extend(empty, epochs, report=report)

    def extend(self, maps: MapSet, epochs: Epochs, /, *, report: Report | None = None) -> LearnedMaps:
        """Trains on from the last epoch's network; what is there stays."""
        if not isinstance(maps, LearnedMaps):
            raise TypeError(f"found a map set of {type(maps).__name__}, expected one that dvi made")
        made = list(maps.epochs)
        before = by_id(epochs[len(made) - 1]) if made else None
        for _ in checked_labels(epochs, len(made)):
            data = by_id(epochs[len(made)])
            enough(
                self.name, data, LEAST_SAMPLES, None if before is None else before.representations.shape[1]
            )
            made.append(self._epoch(data, before, made[-1] if made else None, epochs, maps.seed, len(made)))
            before = data
            if report is not None:
                report("autoencoder", len(made), len(epochs))
        return LearnedMaps(
            method=self.name, parameters=self.parameters, seed=maps.seed, source=epochs, epochs=tuple(made)
        )

    def reopen(
        self, epochs: Epochs, positions: Sequence[NDArray[np.float32]], stored: StoredMap, *, seed: int
    ) -> LearnedMaps:
        """The maps behind a stored map, with the networks that were stored with it."""
        return reopened(self.name, self.parameters, epochs, positions, stored, seed)

    def _epoch(
        self,
        data: EpochData,
        before: EpochData | None,
        last: LearnedEpoch | None,
        epochs: Epochs,
        seed: int,
        index: int,
    ) -> LearnedEpoch:
        """One trained epoch."""
        import torch

        from timetravel.project.baselines.autoencoder import Training, attention, codec, one_thread, train
        from timetravel.project.baselines.complexes import (
            boundary_complex,
            join,
            neighbor_complex,
            repeated_edges,
        )
        from timetravel.project.baselines.published_boundary import published_boundary_samples

        number = epoch_seed(seed, index)
        x = data.representations
        boundary, pairs = published_boundary_samples(data, int(self.boundary_share * len(x)), number)
        nodes = np.concatenate([x, boundary])
        centre, scale = centre_and_scale(x)
        scaled = (nodes - centre) / np.float32(scale)
        ring = boundary_complex(scaled[: len(x)], scaled[len(x) :])
        spatial, _ = neighbor_complex(scaled[: len(x)])
        edges = repeated_edges(spatial if ring is None else join(spatial, ring), self.repeats)
        generator = torch.Generator().manual_seed(number)
        how = Training(
            # A last part at a tenth of the rate settles the decoder.
            rate=lambda done: self.rate if done < 0.8 else self.rate / 10,
            batches=self.batches if last is None else self.later_batches,
            patience=self.patience,
            least_gain=self.least_gain,
            reconstruction=self.reconstruction,
        )
        with one_thread():
            net = self._network(x.shape[1], last, generator)
            penalty = None if before is None else self._continuity(net, persistence(before, data))
            train(net, scaled, attention(data, nodes), edges, how, generator, penalty)
        trained = codec(net, centre, scale)
        return LearnedEpoch(
            label=data.epoch,
            positions=spread(trained.encode(x), data, epochs.sample_count),
            boundary=BoundarySamples(
                representations=boundary, pairs=pairs, positions=trained.encode(boundary)
            )
            if len(boundary)
            else None,
            codec=trained,
        )

    def _network(self, width: int, last: LearnedEpoch | None, generator: Any) -> Any:
        """A new network, with the weights of the epoch before where there is one."""
        import torch

        from timetravel.project.baselines.autoencoder import Autoencoder

        net = Autoencoder(width, max(2, round(self.hidden_share * width)), self.layers, generator)
        if last is not None:
            names = net.state_dict().keys()
            net.load_state_dict({n: torch.from_numpy(last.codec.arrays[n].copy()) for n in names})
        return net

    def _continuity(self, net: Any, kept: float) -> Any:
        """The penalty on leaving the weights that the network has now, as far as neighbours were kept."""
        start = [p.detach().clone() for p in net.parameters()]
        weight = self.continuity * kept

        def penalty(changed: Any) -> Any:
            moved = [((p - q) ** 2).sum() for p, q in zip(changed.parameters(), start, strict=True)]
            return weight * sum(moved)

        return penalty


def centre_and_scale(x: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """Mean (D,) and one number that gives x (n, D) a mean variance of 1."""
    wide = x.astype(np.float64)
    centre = wide.mean(0)
    scale = float(np.sqrt(((wide - centre) ** 2).mean()))
    return centre.astype(np.float32), scale if scale > 1e-30 else 1.0


def persistence(before: EpochData, after: EpochData) -> float:
    """Mean share of neighbours that the samples of both epochs keep; both in the order of ids."""
    _, i, j = np.intersect1d(before.sample_ids, after.sample_ids, assume_unique=True, return_indices=True)
    if len(i) < 3:
        return 0.0
    k = neighbor_count(len(i))
    first, second = (
        nearest(x, x, k, same=True) for x in (before.representations[i], after.representations[j])
    )
    return float(common(first, second).mean() / k)
