"""TimeVis: one autoencoder for all epochs, held together by edges through time.

Source: Yang, Lin, Liu, He, Lin, Dong, Mei 2022, "Temporality Spatialization: A Scalable and Faithful
Time-Travelling Visualization for Deep Classifier Training" (TimeVis), IJCAI. Written from the paper's
description. Boundary samples are mixed in representation space; the reduced complex has an upper bound and
edges through time are repeated less often than published, so that a run takes minutes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.errors import BadInput
from timetravel.project.baselines.learned_maps import LearnedEpoch, LearnedMaps, reopened
from timetravel.project.baselines.order import enough, epoch_seed, settings, spread
from timetravel.project.contracts import Epochs, MapSet, Report
from timetravel.project.mapset import by_id
from timetravel.store.facts import BoundarySamples
from timetravel.store.stored_map import StoredMap

LEAST_SAMPLES = 5

DIMENSION_SAMPLES = 1000
"""Samples from which the intrinsic dimension is estimated; its cost is quadratic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeVis:
    """The method; see the module.

    boundary_share: boundary samples per sample. start, radius, most: the reduced complex begins with `start`
    random samples and grows until every sample lies within `radius` (of the largest norm, corrected for
    dimension and density) of a chosen one, or `most` are chosen. repeats, temporal_repeats: how often the
    heaviest edge in space and in time is seen in a pass. layers, hidden: of the network. reconstruction:
    weight of that loss. rate: Adam's, which falls to a thousandth in three steps; decay: its weight decay.
    batches: most batches of 1,000 edges.
    """

    boundary_share: float = 0.1
    start: int = 200
    radius: float = 0.07
    most: int = 1000
    dimension_power: float = 1.0
    cover_power: float = 0.1
    repeats: int = 5
    temporal_repeats: int = 10
    layers: int = 3
    hidden: int = 256
    reconstruction: float = 10.0
    rate: float = 0.01
    decay: float = 1e-5
    batches: int = 5000
    patience: int = 3
    least_gain: float = 0.01

    @property
    def name(self) -> str:
        return "timevis"

    @property
    def parameters(self) -> Mapping[str, Any]:
        return settings(self)

    def fit(self, epochs: Epochs, /, *, seed: int = 0, report: Report | None = None) -> LearnedMaps:
        """Maps of all epochs. Raises BadInput for fewer than 5 samples or epochs of unequal width."""
        import torch

        from timetravel.project.baselines.autoencoder import Autoencoder, Training, codec, one_thread, train

        nodes = self._gather(epochs, seed, report)
        generator = torch.Generator().manual_seed(epoch_seed(seed, len(epochs)))
        how = Training(
            rate=lambda done: self.rate * 0.1 ** int(4 * done),
            batches=self.batches,
            patience=self.patience,
            least_gain=self.least_gain,
            reconstruction=self.reconstruction,
            decay=self.decay,
        )
        with one_thread():
            net = Autoencoder(nodes.width, self.hidden, self.layers, generator)
            train(
                net,
                np.concatenate(nodes.points),
                np.concatenate(nodes.attention),
                nodes.edges(self.repeats, self.temporal_repeats),
                how,
                generator,
                report=None if report is None else lambda done, total: report("autoencoder", done, total),
            )
        trained = codec(net, nodes.centre, nodes.scale)
        made = []
        for index in range(len(epochs)):
            data = epochs[index]
            boundary, pairs = nodes.boundary[index]
            made.append(
                LearnedEpoch(
                    label=data.epoch,
                    positions=spread(trained.encode(data.representations), data, epochs.sample_count),
                    boundary=BoundarySamples(
                        representations=boundary, pairs=pairs, positions=trained.encode(boundary)
                    )
                    if len(boundary)
                    else None,
                    codec=trained,
                )
            )
        return LearnedMaps(
            method=self.name, parameters=self.parameters, seed=seed, source=epochs, epochs=tuple(made)
        )

    def extend(self, maps: MapSet, epochs: Epochs, /, *, report: Report | None = None) -> MapSet:
        """TimeVis has one network for all epochs, so only a map that already has all of them can be kept."""
        if len(maps) == len(epochs):
            return maps
        raise BadInput(
            f"found {len(epochs) - len(maps)} epochs that the map lacks, but timevis lays all epochs out with "
            "one network: pass --refit to make the map anew"
        )

    def reopen(
        self, epochs: Epochs, positions: Sequence[NDArray[np.float32]], stored: StoredMap, *, seed: int
    ) -> LearnedMaps:
        """The maps behind a stored map, with the networks that were stored with it."""
        return reopened(self.name, self.parameters, epochs, positions, stored, seed)

    def _gather(self, epochs: Epochs, seed: int, report: Report | None) -> _Nodes:
        """Chosen samples, boundary samples and edges of all epochs, read from the last to the first."""
        from timetravel.project.baselines.autoencoder import attention
        from timetravel.project.baselines.complexes import boundary_complex, neighbor_complex
        from timetravel.project.baselines.published_boundary import published_boundary_samples

        largest, centre, scale, width = _extent(epochs, self.name)
        nodes = _Nodes(len(epochs), width, centre, scale)
        chosen = np.empty(0, np.int64)  # ids
        reference: tuple[float, float] | None = None
        for index in range(len(epochs) - 1, -1, -1):
            data = by_id(epochs[index])
            rng = np.random.default_rng(epoch_seed(seed, index))
            unit = data.representations / np.float32(largest)
            cover, dimension = cover_and_dimension(unit, rng)
            reference = reference or (cover, dimension)
            allowed = (
                self.radius
                * (cover / reference[0]) ** self.cover_power
                * (dimension / reference[1]) ** self.dimension_power
            )
            begun = np.flatnonzero(np.isin(data.sample_ids, chosen))
            if len(begun) == 0:
                begun = np.sort(rng.permutation(len(data))[: self.start])
            kept = k_centre(unit, begun, allowed, self.most)
            chosen = data.sample_ids[kept]
            x = data.representations[kept]
            picked = data.take(kept)
            boundary, pairs = published_boundary_samples(
                picked, int(self.boundary_share * len(x)), epoch_seed(seed, index)
            )
            everything = np.concatenate([x, boundary])
            scaled = (everything - centre) / np.float32(scale)
            near, ring = scaled[: len(x)], scaled[len(x) :]
            spatial, bandwidths = neighbor_complex(near)
            nodes.add(index, scaled, attention(data, everything), spatial, boundary_complex(near, ring))
            nodes.boundary[index] = boundary, pairs
            nodes.samples[index] = chosen, near, bandwidths
            if report is not None:
                report("complexes", len(epochs) - index, len(epochs))
        return nodes


@dataclass
class _Nodes:
    """Everything that the network is trained on; epochs by index."""

    count: int
    width: int
    centre: NDArray[np.float32]
    scale: float
    points: list[NDArray[np.float32]] = field(init=False)
    attention: list[NDArray[np.float32]] = field(init=False)
    boundary: list[tuple[NDArray[np.float32], NDArray[np.int32]]] = field(init=False)
    samples: list[Any] = field(init=False)
    complexes: list[list[Any]] = field(init=False)

    def __post_init__(self) -> None:
        empty = np.zeros((0, self.width), np.float32)
        self.points = [empty] * self.count
        self.attention = [empty] * self.count
        self.boundary = [(empty, np.zeros((0, 2), np.int32))] * self.count
        self.samples = [None] * self.count
        self.complexes = [[] for _ in range(self.count)]

    def add(
        self, index: int, points: NDArray[np.float32], attention: NDArray[np.float32], *parts: Any
    ) -> None:
        """The nodes of an epoch, and its complexes in its own numbers."""
        self.points[index], self.attention[index] = points, attention
        self.complexes[index] = [p for p in parts if p is not None]

    def edges(self, repeats: int, temporal_repeats: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """All edges, each as often as it is to be seen in a pass."""
        from timetravel.project.baselines.complexes import repeated_edges

        first = np.concatenate([[0], np.cumsum([len(p) for p in self.points])])
        drawn = [
            repeated_edges(part.shifted(int(first[index])), repeats)
            for index, parts in enumerate(self.complexes)
            for part in parts
        ]
        drawn.append(repeated_edges(self._through_time(first), temporal_repeats))
        return np.concatenate([d[0] for d in drawn]), np.concatenate([d[1] for d in drawn])

    def _through_time(self, first: NDArray[np.int64]) -> Any:
        """Edges of each chosen sample to itself at its nearest other epochs."""
        from timetravel.project.baselines.complexes import Bandwidths, Complex, temporal_complex

        where: dict[int, list[tuple[int, int]]] = {}
        for index, (ids, _, _) in enumerate(self.samples):
            for place, sample in enumerate(ids):
                where.setdefault(int(sample), []).append((index, place))
        heads, tails, weights = [], [], []
        for moments in where.values():
            if len(moments) < 2:
                continue
            x = np.stack([self.samples[e][1][p] for e, p in moments])
            bands = Bandwidths(
                np.array([self.samples[e][2].sigma[p] for e, p in moments]),
                np.array([self.samples[e][2].rho[p] for e, p in moments]),
            )
            pairs, weight = temporal_complex(x, bands)
            nodes = np.array([first[e] + p for e, p in moments], np.int64)
            heads.append(nodes[pairs[:, 0]])
            tails.append(nodes[pairs[:, 1]])
            weights.append(weight)
        if not heads:
            none = np.zeros(0, np.int64)
            return Complex(none, none, np.zeros(0))
        return Complex(np.concatenate(heads), np.concatenate(tails), np.concatenate(weights))


def k_centre(x: NDArray[np.float32], begun: NDArray[np.int64], radius: float, most: int) -> NDArray[np.int64]:
    """Rising positions of samples (n, D) of which one lies within `radius` of every sample.

    Greedy: the sample farthest from all chosen ones comes next, until the radius or `most` is reached.
    """
    chosen = list(begun)
    apart = np.full(len(x), np.inf)
    for start in range(0, len(begun), 64):  # 64 x n distances at a time
        block = x[begun[start : start + 64]]
        squares = (x**2).sum(1)[:, None] + (block**2).sum(1)[None] - 2 * x @ block.T
        apart = np.minimum(apart, np.maximum(squares, 0).min(1))
    while len(chosen) < min(most, len(x)):
        farthest = int(apart.argmax())
        if apart[farthest] <= radius**2:
            break
        chosen.append(farthest)
        apart = np.minimum(apart, ((x - x[farthest]) ** 2).sum(1))
    return np.unique(np.array(chosen, np.int64))


def cover_and_dimension(x: NDArray[np.float32], rng: np.random.Generator) -> tuple[float, float]:
    """Covering radius of a few random samples, and the intrinsic dimension of (n, D).

    The dimension is n / sum log(second / first neighbour distance). Source: Facco et al. 2017, two-NN.
    """
    from timetravel.project.figures_neighbors import nearest

    some = np.sort(rng.permutation(len(x))[: min(100, len(x))])
    apart = np.sqrt(((x - x[some[nearest(x[some], x, 1)[:, 0]]]) ** 2).sum(1))
    few = x[np.sort(rng.permutation(len(x))[:DIMENSION_SAMPLES])]
    ids = nearest(few, few, 2, same=True)
    first, second = (np.sqrt(((few - few[ids[:, j]]) ** 2).sum(1)) for j in (0, 1))
    good = (first > 0) & (second > first)
    total = np.log(second[good] / first[good]).sum()
    dimension = good.sum() / total if total > 0 else 1.0
    return max(float(apart.max()), 1e-12), max(float(dimension), 1e-3)


def _extent(epochs: Epochs, method: str) -> tuple[float, NDArray[np.float32], float, int]:
    """Largest norm, mean, root mean variance and width over all epochs, read one at a time."""
    count, total, squares, largest = 0, np.zeros(1), 0.0, 0.0
    width: int | None = None
    for index in range(len(epochs)):
        data = by_id(epochs[index])
        enough(method, data, LEAST_SAMPLES, width)
        width = data.representations.shape[1]
        wide = data.representations.astype(np.float64)
        count, total, squares = count + len(wide), total + wide.sum(0), squares + float((wide**2).sum())
        largest = max(largest, float(np.sqrt((wide**2).sum(1).max())))
    centre = total / count
    variance = squares / count - float((centre**2).sum())
    scale = float(np.sqrt(max(variance, 0) / max(width or 1, 1)))
    return max(largest, 1e-30), centre.astype(np.float32), scale if scale > 1e-30 else 1.0, width or 0
