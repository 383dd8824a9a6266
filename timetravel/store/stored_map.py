"""One map of a run, for reading."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.errors import RunCorrupt, RunNotFound
from timetravel.store import map_tables
from timetravel.store.arrays import numbers
from timetravel.store.database import Database
from timetravel.store.epoch_rows import scatter
from timetravel.store.facts import BoundarySamples, Contour, DecisionRaster, MapDescription, MapEpoch
from timetravel.store.reader import LedgerReader
from timetravel.store.samples import rows_of
from timetravel.store.segment import read_tensors

_BESIDE = list(map_tables.COLUMNS)


class StoredMap:
    """Positions, decision map, boundary and quality of every epoch of one map.

    Arrays are in the row order of the run's samples, NaN where a sample has no position.
    extent: (x0, x1, y0, y1) of the decision maps, else of all positions with a margin of 5 %.
    """

    name: str
    description: MapDescription
    epochs: list[int]
    key: str

    def __init__(
        self,
        folder: Path,
        description: MapDescription,
        database: Database,
        sample_ids: NDArray[np.int64],
        order: Sequence[int],
    ) -> None:
        self.path = folder
        self.name = description.name
        self.description = description
        self._ids = sample_ids
        self._ledger = LedgerReader(folder, database)
        found = {epoch for segment in self._ledger.segments("map") for epoch in segment.epochs}
        place = {epoch: number for number, epoch in enumerate(order)}
        self.epochs = sorted(found, key=lambda epoch: place.get(epoch, len(place)))
        self.key = self._ledger.manifest.checksum[:16]
        self.generation = self._ledger.manifest.generation
        self._extent: tuple[float, float, float, float] | None = None

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """(x0, x1, y0, y1) map units."""
        if self._extent is None:
            self._extent = self._find_extent()
        return self._extent

    def _find_extent(self) -> tuple[float, float, float, float]:
        segments = [segment for segment in self._ledger.segments("map") if segment.epochs]
        known = map_tables.around([segment.extent for segment in segments if segment.extent is not None])
        if known is not None and all(segment.extent is not None for segment in segments):
            return known
        # A map of an earlier version, or one without decision maps.
        boxes = self._ledger.read("decision_maps", ["x0", "x1", "y0", "y1"], is_distinct=True)
        columns = (numbers(boxes.column(name)).tolist() for name in ("x0", "x1", "y0", "y1"))
        read = map_tables.around(list(zip(*columns, strict=True)))
        if read is not None:
            return read
        table = self._ledger.read("positions", ["x", "y"])
        if not table.num_rows:
            return 0.0, 1.0, 0.0, 1.0
        sides: list[float] = []
        for name in ("x", "y"):
            values = numbers(table.column(name)).astype(np.float64)
            low, high = float(values.min()), float(values.max())
            room = 0.05 * (high - low) or 0.5
            sides += [low - room, high + room]
        return sides[0], sides[1], sides[2], sides[3]

    def _check(self, epoch: int) -> None:
        if epoch in self.epochs:
            return
        for segment in self._ledger.manifest.segments:
            if epoch in segment.epochs and segment.file in self._ledger.damaged:
                raise RunCorrupt(f"{self._ledger.damaged[segment.file]} (map {self.name!r}, epoch {epoch})")
        raise RunNotFound(
            f"{self.path}: the map {self.name!r} has no epoch {epoch}; run `timetravel project` to add new epochs "
            f"(it has {len(self.epochs)})"
        )

    def _rows(self, table: Any) -> NDArray[np.int64]:
        return rows_of(self._ids, numbers(table.column("sample_id")).astype(np.int64))

    def positions(self, epoch: int) -> NDArray[np.float32]:
        """(N, 2) map units, NaN where a sample has no position."""
        self._check(epoch)
        table = self._ledger.read("positions", ["sample_id", "x", "y"], epoch=epoch)
        found = np.stack([numbers(table.column(name)) for name in ("x", "y")], axis=1).astype(np.float32)
        return scatter(found, self._rows(table), len(self._ids), np.nan)

    def columns(self, epoch: int) -> dict[str, NDArray[Any]]:
        """Figures per sample, (N,) each, those that the map has: neighbors_kept, roundtrip_class,
        roundtrip_confidence, boundary_distance, placed."""
        self._check(epoch)
        table = self._ledger.read("positions", ["sample_id", *_BESIDE], epoch=epoch)
        return map_tables.read_columns(table, self._rows(table), len(self._ids))

    def raster(self, epoch: int) -> DecisionRaster | None:
        """The decision map; margin and confidence as float16 kept them, trust in steps of 1/255."""
        self._check(epoch)
        rows = self._ledger.read("decision_maps", ["*"], epoch=epoch).to_pylist()
        try:
            return map_tables.read_raster(rows[0]) if rows else None
        except ValueError as error:
            raise RunCorrupt(
                f"{self.path}: the decision map of epoch {epoch} cannot be read: {error}"
            ) from error

    def contours(self, epoch: int) -> list[Contour]:
        """The decision boundary, in drawing order."""
        self._check(epoch)
        columns = ["contour", "class_a", "class_b", "xy"]
        return map_tables.read_contours(self._ledger.read("contours", columns, epoch=epoch))

    def boundary(self, epoch: int) -> BoundarySamples | None:
        """The constructed boundary points that took part in the map."""
        self._check(epoch)
        columns = ["class_a", "class_b", "x", "y", "vector_type", "vector"]
        table = self._ledger.read("boundary_samples", columns, epoch=epoch)
        return map_tables.read_boundary(table) if table.num_rows else None

    def parameters(self, epoch: int) -> dict[str, NDArray[Any]] | None:
        """Arrays of a learned inverse; None for the interpolating one."""
        self._check(epoch)
        for segment in reversed(self._ledger.manifest.segments):
            if segment.kind == "inverse" and epoch in segment.epochs:
                return read_tensors(self._ledger.file(segment))
        return None

    def epoch(self, epoch: int) -> MapEpoch:
        """Everything that the map holds of one epoch."""
        columns = self.columns(epoch)
        return MapEpoch(
            epoch=epoch,
            positions=self.positions(epoch),
            raster=self.raster(epoch),
            contours=self.contours(epoch),
            boundary=self.boundary(epoch),
            quality=self.quality()["epochs"].get(epoch, {}),
            parameters=self.parameters(epoch),
            **columns,
        )

    def quality(self) -> dict[str, Any]:
        """{"overall": {figure: value or None}, "epochs": {epoch: {figure: value or None}}}."""
        table = self._ledger.read("quality", ["epoch", "figure", "value", "revision"])
        overall: dict[str, float | None] = {}
        epochs: dict[int, dict[str, float | None]] = {epoch: {} for epoch in self.epochs}
        rows = table.to_pylist()
        latest = max((row["revision"] for row in rows if row["epoch"] is None), default=0)
        for row in rows:
            if row["epoch"] is not None:
                epochs.setdefault(row["epoch"], {})[row["figure"]] = row["value"]
            elif row["revision"] == latest:
                overall[row["figure"]] = row["value"]
        return {"overall": overall, "epochs": epochs}
