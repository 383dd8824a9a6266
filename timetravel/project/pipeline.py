"""From a recorded run to a stored map: the one place where the projection reads and writes files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from timetravel.errors import BadInput
from timetravel.project.boundary_distance import boundary_distance
from timetravel.project.contours import boundary_contours
from timetravel.project.contracts import (
    EpochData,
    MappedEpoch,
    MapSet,
    ProjectionMethod,
    Report,
    is_linear,
)
from timetravel.project.held_out import held_out_figures
from timetravel.project.mapset import InterpolatedMaps
from timetravel.project.methods import method as method_of
from timetravel.project.probes import own_probe_positions
from timetravel.project.quality import Meter
from timetravel.project.raster import common_extent, decision_map
from timetravel.project.run_epochs import RunEpochs
from timetravel.store.facts import BoundarySamples, MapDescription, MapEpoch
from timetravel.store.maps import MapWriter
from timetravel.store.run import StoredRun
from timetravel.store.stored_map import StoredMap

Extent = tuple[float, float, float, float]


def project(
    run: StoredRun,
    *,
    name: str | None = None,
    method: str = "aligned",
    seed: int = 0,
    stillness: float | None = None,
    agreement: float | None = None,
    boundary_share: float | None = None,
    resolution: int = 200,
    device: str = "cpu",
    refit: bool = False,
    check_held_out: bool = False,
    skip_bad: bool = False,
    report: Report | None = None,
) -> StoredMap:
    """Makes a map of every epoch of a run, or adds the epochs that its map lacks.

    Epochs that the map has stay as they are, to the bit; `refit` makes the whole map anew. An interrupted
    call keeps the epochs that it finished, and the next one goes on. `check_held_out` fits once more without
    a fifth of the samples and stores how these fare. Raises BadInput for a run without epochs, for NaN
    without `skip_bad`, for epochs of different width, and for another map of the same name.
    """
    run.refresh()
    if not run.epochs:
        raise BadInput(f"{run.path}: found no recorded epoch, expected at least one: record an epoch first")
    maker = method_of(
        method, stillness=stillness, agreement=agreement, boundary_share=boundary_share, device=device
    )
    epochs = RunEpochs(run, skip_bad=skip_bad)
    description = MapDescription(
        name=name or method,
        method=method,
        parameters={**maker.parameters, "resolution": resolution, "skip_bad": skip_bad},
        seed=seed,
    )
    with MapWriter.open(run, description, replace=refit) as writer:
        missing = len(epochs) - len(writer.committed_epochs)
        if missing or check_held_out:
            work = _Work(run, epochs, maker, writer, resolution, report)
            work.make(check_held_out=check_held_out)
    run.refresh()
    return run.map(description.name)


class _Work:
    """One projection, from fitting to the last commit."""

    def __init__(
        self,
        run: StoredRun,
        epochs: RunEpochs,
        maker: ProjectionMethod,
        writer: MapWriter,
        resolution: int,
        report: Report | None,
    ) -> None:
        self._run, self._epochs, self._maker, self._writer = run, epochs, maker, writer
        self._resolution, self._report = resolution, report
        self._seed = writer.description.seed

    def make(self, *, check_held_out: bool) -> None:
        done = self._finished()
        maps = self._maps(done)
        meter = Meter(self._epochs)
        for index in range(done):
            figures = self._stored_figures(self._epochs.labels[index])
            meter.recall(self._epochs[index], maps.positions[index], figures)
        extent = self._stored().extent if done else common_extent(list(maps.positions))
        held_out = (
            held_out_figures(self._maker, self._epochs, seed=self._seed, report=self._report)
            if check_held_out
            else {}
        )
        for index in range(done, len(self._epochs)):
            made = self._epoch(index, maps, meter, extent)
            made = replace(made, quality={**made.quality, **held_out.get(made.epoch, {})})
            self._writer.commit([made])
            self._tell("decision maps", index + 1 - done, len(self._epochs) - done)
        self._writer.commit([], {**meter.overall(self._report), **_means(held_out)})

    def _finished(self) -> int:
        """How many epochs, first in order, the map has."""
        labels, committed = list(self._epochs.labels), self._writer.committed_epochs
        if labels[: len(committed)] != sorted(committed, key=labels.index):
            raise BadInput(
                f"{self._run.path}: the map {self._writer.description.name!r} lacks epochs before those that it has; "
                "pass refit=True (--refit) to make it anew"
            )
        return len(committed)

    def _maps(self, done: int) -> MapSet:
        if not done:
            return self._maker.fit(self._epochs, seed=self._seed, report=self._report)
        before = stored_maps(self._run, self._stored(), self._epochs, self._maker)
        if done == len(self._epochs):
            return before
        if not self._stored().quality()["overall"]:
            again = self._maker.fit(self._epochs, seed=self._seed, report=self._report)
            if all(
                np.array_equal(again.positions[i], before.positions[i], equal_nan=True) for i in range(done)
            ):
                return again  # an interrupted projection goes on as if it had not been
        return self._maker.extend(before, self._epochs, report=self._report)

    def _stored(self) -> StoredMap:
        self._run.refresh()
        return self._run.map(self._writer.description.name)

    def _stored_figures(self, label: int) -> Mapping[str, float | None]:
        figures: Mapping[str, float | None] = self._stored().quality()["epochs"].get(label, {})
        return figures

    def _epoch(self, index: int, maps: MapSet, meter: Meter, extent: Extent) -> MapEpoch:
        data = self._epochs[index]
        predicted, inverse = data.predicted, maps.inverse(index)
        here = maps.positions[index][data.present]
        raster = None
        if predicted is not None and len(data):
            raster = decision_map(inverse, here, predicted, extent=extent, resolution=self._resolution)
        mapped = MappedEpoch(
            positions=maps.positions[index],
            inverse=inverse,
            raster=raster,
            probe_positions=own_probe_positions(maps, index),
        )
        judged = meter.add(data, mapped)
        return MapEpoch(
            epoch=data.epoch,
            positions=maps.positions[index],
            neighbors_kept=judged.neighbors_kept,
            roundtrip_class=judged.roundtrip_class,
            roundtrip_confidence=judged.roundtrip_confidence,
            boundary_distance=_distances(data, self._epochs.sample_count),
            placed=np.zeros(self._epochs.sample_count, bool),
            raster=raster,
            contours=[] if raster is None else boundary_contours(raster),
            boundary=maps.boundary[index],
            quality=judged.figures,
            parameters=maps.learned(index),
        )

    def _tell(self, stage: str, done: int, total: int) -> None:
        if self._report is not None:
            self._report(stage, done, total)


def stored_maps(
    run: StoredRun, stored: StoredMap, epochs: RunEpochs, maker: ProjectionMethod | None = None
) -> MapSet:
    """The map set behind a stored map: places unseen samples, reads the map backwards, can be extended."""
    parameters = dict(stored.description.parameters)
    if maker is None:
        given = {k: v for k, v in parameters.items() if k not in ("resolution", "skip_bad")}
        maker = method_of(stored.description.method, **given)
    positions = [stored.positions(epoch) for epoch in stored.epochs]
    reopen = getattr(maker, "reopen", None)
    if reopen is not None:
        maps: MapSet = reopen(epochs, positions, stored, seed=stored.description.seed)
        return maps
    return InterpolatedMaps(
        epochs,
        positions,
        method=stored.description.method,
        parameters=parameters,
        seed=stored.description.seed,
        boundary=StoredBoundary(stored),
        emphasis=float(getattr(maker, "emphasis", 0.0)),
    )


class StoredBoundary(Sequence[BoundarySamples | None]):
    """The boundary samples of a stored map, read when asked for."""

    def __init__(self, stored: StoredMap) -> None:
        self._stored = stored

    def __len__(self) -> int:
        return len(self._stored.epochs)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return self._stored.boundary(self._stored.epochs[index])


def _distances(data: EpochData, count: int) -> Any:
    """(N,) exact distance to the decision boundary, NaN where absent; None unless the head is linear."""
    if data.head is None or not is_linear(data.head) or not len(data):
        return None
    every = np.full(count, np.nan, np.float32)
    every[data.present] = boundary_distance(data.head.logits(data.representations), data.head.weight)[0]  # type: ignore[attr-defined]
    return every


def _means(figures: Mapping[int, Mapping[str, float | None]]) -> dict[str, float | None]:
    """Plain means over epochs of each figure that any of them has."""
    names = dict.fromkeys(name for row in figures.values() for name in row)
    values = {n: [v for row in figures.values() if (v := row.get(n)) is not None] for n in names}
    return {n: float(np.mean(v)) if v else None for n, v in values.items()}
