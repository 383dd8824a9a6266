"""Runs of any size for benchmarks: clusters that drift apart over the epochs, with a map and its ground.

Nothing is trained and nothing projected: the map is the representation itself, so that a million samples are
written in minutes and every part behind the page (store, server, page) still meets what a real run gives it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timetravel.store.facts import (
    Contour,
    DecisionRaster,
    EpochFacts,
    EpochRecord,
    Head,
    Inputs,
    MapDescription,
    MapEpoch,
    RunDescription,
    Samples,
)
from timetravel.store.maps import MapWriter
from timetravel.store.run import open_run
from timetravel.store.writer import FactsWriter

RESOLUTION = 200


def made_run(
    path: Path, *, samples: int, epochs: int, classes: int = 10, seed: int = 0, pictured: int = 0
) -> Path:
    """Write the run unless it is there; its folder. Figures of the map are made up and plausible.

    pictured: how many samples have an image, of 28 x 28.
    """
    if (path / "made").exists():
        return path
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, samples).astype(np.int32)
    side = int(np.ceil(np.sqrt(classes)))
    spots = np.stack([np.arange(classes) % side, np.arange(classes) // side], axis=1) - (side - 1) / 2
    homes = (spots + rng.normal(0, 0.12, spots.shape)) * 10.0
    scatter = rng.standard_normal((samples, 2))
    drift = rng.standard_normal((samples, 2))
    known = Samples(
        ids=np.arange(samples, dtype=np.int64),
        labels=labels,
        split=np.where(rng.random(samples) < 0.8, "train", "test"),
    )
    description = RunDescription(
        name=f"{samples} samples", classes=tuple(f"class {index}" for index in range(classes)), model="made"
    )
    head = Head(weight=homes.astype(np.float32), bias=(-0.5 * (homes**2).sum(axis=1)).astype(np.float32))

    def places(position: int) -> NDArray[np.float32]:
        share = 1 - np.exp(-3 * position / max(1, epochs - 1))
        wobble = np.sin(position * 0.7 + drift[:, :1] * 3) * 0.4
        moved = homes[labels] * (0.15 + 0.85 * share) + scatter * (3.2 - 1.6 * share) + drift * wobble
        return np.asarray(moved, np.float32)

    pictures = rng.integers(0, 255, (pictured, 28, 28), np.uint8)
    inputs = Inputs(ids=known.ids[:pictured], arrays=list(pictures), layout="image") if pictured else None
    with FactsWriter.open(path, description, known, inputs) as writer:
        for position in range(epochs):
            loss = float(2.2 * np.exp(-2.5 * position / epochs) + 0.1)
            writer.commit(
                EpochFacts(
                    record=EpochRecord(epoch=position, metrics={"train_loss": loss, "val_loss": 1.1 * loss}),
                    sample_ids=known.ids,
                    representations=places(position),
                    head=head,
                )
            )
    extent = _extent(np.concatenate([places(0), places(epochs // 2), places(epochs - 1)]))
    raster = _raster(head, extent)
    with (
        open_run(path) as run,
        MapWriter.open(run, MapDescription(name="made", method="made", parameters={}, seed=seed)) as maps,
    ):
        for position in range(epochs):
            maps.commit(
                [
                    MapEpoch(
                        epoch=position,
                        positions=places(position),
                        neighbors_kept=rng.random(samples).astype(np.float32),
                        roundtrip_class=labels,
                        roundtrip_confidence=np.zeros(samples, np.float32),
                        raster=raster,
                        contours=[_crossing(extent)],
                        quality={"neighbor_preservation": 0.5, "ppr": 1.0, "confidence_difference": 0.0},
                    )
                ]
            )
    (path / "made").write_text("complete\n")
    return path


def _extent(points: NDArray[np.float32]) -> tuple[float, float, float, float]:
    low, high = points.min(axis=0), points.max(axis=0)
    room = 0.06 * (high - low)
    return (
        float(low[0] - room[0]),
        float(high[0] + room[0]),
        float(low[1] - room[1]),
        float(high[1] + room[1]),
    )


def _raster(head: Head, extent: tuple[float, float, float, float]) -> DecisionRaster:
    x0, x1, y0, y1 = extent
    x, y = np.meshgrid(np.linspace(x0, x1, RESOLUTION), np.linspace(y0, y1, RESOLUTION))
    logits = head.logits(np.stack([x.ravel(), y.ravel()], axis=1))
    ranked = np.sort(logits, axis=1)
    margin = (ranked[:, -1] - ranked[:, -2]).reshape(x.shape).astype(np.float32)
    reach = np.exp(-(((x / x1) ** 2 + (y / y1) ** 2) ** 3))
    return DecisionRaster(
        cell_class=logits.argmax(axis=1).reshape(x.shape).astype(np.int32),
        margin=margin,
        confidence=np.tanh(margin / 8).astype(np.float32),
        trust=reach.astype(np.float32),
        extent=extent,
    )


def _crossing(extent: tuple[float, float, float, float]) -> Contour:
    x0, x1, y0, y1 = extent
    along = np.linspace(0, 1, 400)
    points = np.stack([x0 + along * (x1 - x0), (y0 + y1) / 2 + np.sin(along * 20) * (y1 - y0) * 0.05], axis=1)
    return Contour(points=points.astype(np.float32), classes=(0, 1))
