"""Maps whose encoder and decoder are trained networks: what `dvi` and `timevis` give.

Their own decoder is the inverse, and their own encoder places samples that the fit never saw, without
knowing the network's prediction and without snapping.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.errors import MissingPart, RunCorrupt
from timetravel.project.baselines.codec import Codec
from timetravel.project.contracts import Epochs, Head, Placement
from timetravel.project.figures_neighbors import nearest
from timetravel.project.inverse import InterpolatingInverse
from timetravel.store.facts import BoundarySamples
from timetravel.store.stored_map import StoredMap


@dataclass(frozen=True, slots=True)
class LearnedEpoch:
    """One epoch: label, positions (N, 2) with NaN where absent, boundary samples or None, its networks."""

    label: int
    positions: NDArray[np.float32]
    boundary: BoundarySamples | None
    codec: Codec


@dataclass(frozen=True, slots=True)
class LearnedMaps:
    """A `MapSet` of learned epochs. source: the epochs of the run, read when a head or samples are needed."""

    method: str
    parameters: Mapping[str, Any]
    seed: int
    source: Epochs
    epochs: tuple[LearnedEpoch, ...]

    def __len__(self) -> int:
        return len(self.epochs)

    @property
    def labels(self) -> Sequence[int]:
        return [e.label for e in self.epochs]

    @property
    def positions(self) -> Sequence[NDArray[np.float32]]:
        return [e.positions for e in self.epochs]

    @property
    def boundary(self) -> Sequence[BoundarySamples | None]:
        return [e.boundary for e in self.epochs]

    def inverse(self, index: int, /) -> DecoderInverse:
        """The decoder of one epoch."""
        epoch = self.epochs[index]
        positions = epoch.positions[~np.isnan(epoch.positions[:, 0])]
        return DecoderInverse(epoch.codec, self.source[index].head, positions)

    def place(
        self, index: int, representations: NDArray[Any], predicted: NDArray[Any] | None = None, /
    ) -> Placement:
        """What the encoder says of (M, D) unseen representations; `predicted` changes nothing."""
        x = np.asarray(representations, np.float32)
        fitted = self.source[index].representations
        closest = fitted[nearest(fitted, x, 1)[:, 0]] if len(x) else x
        return Placement(
            positions=self.epochs[index].codec.encode(x),
            distance=np.sqrt(((x - closest) ** 2).sum(1)).astype(np.float32),
            snapped=np.zeros(len(x), bool),
            shift=np.zeros(len(x), np.float32),
        )

    def learned(self, index: int, /) -> Mapping[str, NDArray[Any]]:
        """The weights of both networks, and the scaling of their inputs."""
        return self.epochs[index].codec.arrays


def reopened(
    name: str,
    parameters: Mapping[str, Any],
    epochs: Epochs,
    positions: Sequence[NDArray[np.float32]],
    stored: StoredMap,
    seed: int,
) -> LearnedMaps:
    """The maps behind a stored map, networks and all. Raises RunCorrupt when an epoch has lost its networks."""
    made = []
    for label, here in zip(stored.epochs, positions, strict=True):
        arrays = stored.parameters(label)
        if arrays is None:
            raise RunCorrupt(
                f"map {stored.name!r}: found no network at epoch {label}, expected those of {name}: pass --refit"
            )
        made.append(
            LearnedEpoch(label=label, positions=here, boundary=stored.boundary(label), codec=Codec(arrays))
        )
    return LearnedMaps(method=name, parameters=parameters, seed=seed, source=epochs, epochs=tuple(made))


@dataclass(frozen=True, slots=True)
class DecoderInverse:
    """A decoder as the inverse of a map. positions: (n, 2) of the fitted samples, for trust."""

    codec: Codec
    head: Head | None
    positions: NDArray[np.float32]

    def __call__(self, points: NDArray[Any], /) -> NDArray[np.float32]:
        return self.codec.decode(points)

    def logits(self, points: NDArray[Any], /) -> NDArray[np.float64]:
        if self.head is None:
            raise MissingPart("no head was recorded, expected one to read the inverse with: record the model")
        return np.asarray(self.head.logits(self(points)), np.float64)

    def trust(self, points: NDArray[Any], /) -> NDArray[np.float32]:
        """As for every other map: by the distance to the nearest fitted sample."""
        return InterpolatingInverse(self.positions, self.positions).trust(points)
