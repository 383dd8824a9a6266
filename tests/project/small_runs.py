"""Small runs of which everything is known, for the tests of maps and their figures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timetravel.project.contracts import ArrayEpochs, EpochData, MappedEpoch
from timetravel.store.facts import (
    DecisionRaster,
    EpochFacts,
    EpochRecord,
    Head,
    RunDescription,
    Samples,
)
from timetravel.store.writer import FactsWriter


@dataclass
class SmallRun:
    """Classes that drift apart over the epochs: (E, N, D) representations and a linear head an epoch."""

    x: NDArray[np.float32]
    heads: list[Head]

    @property
    def epochs(self) -> ArrayEpochs:
        return ArrayEpochs(self.x, self.heads)


def drifting_classes(
    samples: int = 120, epochs: int = 3, width: int = 8, classes: int = 3, seed: int = 0
) -> SmallRun:
    """Classes that start mixed and separate, as in training; every fifth sample is near a boundary."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 3, (classes, width))
    label = np.arange(samples) % classes
    own = rng.normal(0, 1, (samples, width))
    pull = np.where(np.arange(samples) % 5 == 0, 0.5, 1.0)[:, None]
    x, heads = [], []
    for e in range(epochs):
        apart = 0.4 + 0.6 * e / max(epochs - 1, 1)
        x.append(apart * pull * centres[label] + own + 0.1 * rng.normal(0, 1, own.shape))
        weight = apart * centres
        heads.append(
            Head(weight=weight.astype(np.float32), bias=(-0.5 * (weight * weight).sum(1)).astype(np.float32))
        )
    return SmallRun(np.asarray(x, np.float32), heads)


class FlatInverse:
    """The inverse of a map that keeps the first two coordinates: the rest is a constant."""

    def __init__(self, data: EpochData, noise: float = 0.0, seed: int = 0) -> None:
        self._data, self._noise, self._seed = data, noise, seed

    def __call__(self, points: NDArray[np.float32], /) -> NDArray[np.float32]:
        rest = np.tile(self._data.representations.mean(0)[2:], (len(points), 1))
        rng = np.random.default_rng(self._seed)
        back = np.concatenate([points, rest], 1)
        return np.asarray(back + self._noise * rng.normal(0, 1, back.shape), np.float32)

    def logits(self, points: NDArray[np.float32], /) -> NDArray[np.float64]:
        assert self._data.head is not None
        return np.asarray(self._data.head.logits(self(points)), np.float64)

    def trust(self, points: NDArray[np.float32], /) -> NDArray[np.float32]:
        return np.ones(len(points), np.float32)


def flat_map(run: SmallRun, resolution: int = 60) -> list[MappedEpoch]:
    """The map that keeps the first two coordinates, with its inverse and its decision map."""
    mapped = []
    for e in range(len(run.x)):
        data = run.epochs[e]
        y = run.x[e][:, :2]
        inverse = FlatInverse(data)
        (x0, y0), (x1, y1) = y.min(0) - 0.5, y.max(0) + 0.5
        columns = x0 + (np.arange(resolution) + 0.5) / resolution * (x1 - x0)
        rows = y0 + (np.arange(resolution) + 0.5) / resolution * (y1 - y0)
        grid = np.stack(np.meshgrid(columns, rows), -1).reshape(-1, 2)
        logits = inverse.logits(grid.astype(np.float32))
        square = (resolution, resolution)
        top = np.sort(logits, 1)
        margin = (top[:, -1] - top[:, -2]).astype(np.float32).reshape(square)
        raster = DecisionRaster(
            cell_class=logits.argmax(1).astype(np.int32).reshape(square),
            margin=margin,
            confidence=np.tanh(margin / 2),
            trust=np.ones(square, np.float32),
            extent=(float(x0), float(x1), float(y0), float(y1)),
        )
        mapped.append(MappedEpoch(positions=np.ascontiguousarray(y), inverse=inverse, raster=raster))
    return mapped


def stored(run: SmallRun, path: Path, epochs: Iterable[int]) -> Path:
    """Records some epochs of a small run, or adds them to the run that is there; representations as float16."""
    count = run.x.shape[1]
    samples = Samples(
        ids=np.arange(500, 500 + count),
        labels=(np.arange(count) % len(run.heads[0].bias)).astype(np.int32),
        split=np.array(["train"] * count),
    )
    classes = tuple("abcdefghij"[: len(run.heads[0].bias)])
    with FactsWriter.open(path, RunDescription(name="drifting", classes=classes), samples) as writer:
        for epoch in epochs:
            writer.commit(
                EpochFacts(
                    record=EpochRecord(epoch=epoch),
                    sample_ids=samples.ids,
                    representations=run.x[epoch].astype(np.float16),
                    head=run.heads[epoch],
                )
            )
    return path
