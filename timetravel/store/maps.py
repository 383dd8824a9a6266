"""Writing a map: one ledger a map, epochs added in commits, an old map of the same name replaced at the end."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa

from timetravel.errors import BadInput
from timetravel.store import durable, map_tables
from timetravel.store.description import check_text, to_json
from timetravel.store.facts import MapDescription, MapEpoch
from timetravel.store.identity import library_version
from timetravel.store.ledger import Ledger, Part
from timetravel.store.map_folders import NAME, MapIdentity, read_map_identity
from timetravel.store.places import writing_place
from timetravel.store.segment import write_tables, write_tensors
from timetravel.store.stored_map import StoredMap

if TYPE_CHECKING:
    from timetravel.store.run import StoredRun


class MapWriter:
    """Writes one map of a run; holds the lock of that map until closed.

    Epochs that are committed stay as they are. When the writer is left by an exception, they stay too and the
    next one with the same settings goes on after them.
    """

    committed_epochs: list[int]

    def __init__(
        self, run: StoredRun, ledger: Ledger, description: MapDescription, replaces: Path | None
    ) -> None:
        self._run = run
        self._ledger = ledger
        self._replaces = replaces
        self._revision = ledger.manifest.generation
        self.description = description
        self.path = ledger.folder
        self.committed_epochs = [
            epoch for segment in ledger.manifest.segments if segment.kind == "map" for epoch in segment.epochs
        ]

    @classmethod
    def open(cls, run: StoredRun, description: MapDescription, *, replace: bool = False) -> MapWriter:
        """Begin a map, or go on with the one of the same name and settings.

        replace: a map of that name with other settings (or of the same settings, to make it again) is replaced,
        once this writer is closed without an exception; until then readers see the old one. Raises BadInput when
        other settings were found and `replace` is False, RunLocked while another process writes the map.
        """
        wanted = json.loads(to_json(description.parameters, "parameters of the map"))
        check_text(description.name, "the name of the map")
        if not description.name.strip():
            raise BadInput("the map has no name; pass one")
        run.refresh()
        old = run.map(description.name) if description.name in run.maps else None
        if old is not None and not replace:
            difference = _difference(old.description, description, wanted)
            if difference:
                raise BadInput(
                    f"{run.path}: the map {description.name!r} was made with {difference}; give the new map another name "
                    "or pass refit=True (--refit) to replace it"
                )
            return cls(run, Ledger(old.path, "map"), old.description, None)
        maps = writing_place(run.path, run.run_id) / "maps"
        durable.make_folder(maps)
        identity = MapIdentity(
            name=description.name,
            method=description.method,
            parameters=wanted,
            seed=description.seed,
            run_id=run.run_id,
            created=description.created or datetime.now(UTC).isoformat("T", "microseconds"),
            library=description.library or library_version(),
            facts_generation=run.generation,
        )
        folder = _unfinished(maps, identity) or maps / uuid.uuid4().hex[:12]
        ledger = Ledger(folder, "map")
        try:
            if read_map_identity(folder) is None:
                fresh = folder / "tmp" / NAME
                durable.write_file(fresh, msgspec.json.format(msgspec.json.encode(identity), indent=2))
                durable.publish(fresh, folder / NAME)
            return cls(run, ledger, description, None if old is None else old.path)
        except BaseException:
            ledger.close()
            raise

    def commit(self, epochs: Sequence[MapEpoch], quality: Mapping[str, float | None] | None = None) -> None:
        """Write some epochs (and the map's overall figures) as one commit; earlier epochs stay untouched.

        Raises BadInput, and writes nothing, when an epoch is there already or its arrays do not fit the run.
        """
        for one in epochs:
            self._check(one)
        tables = self._tables(epochs, quality)
        parts = []
        if tables:
            size = sum(table.nbytes for table in tables.values())
            numbers = tuple(one.epoch for one in epochs)
            parts.append(
                Part(
                    kind="map",
                    suffix="duckdb",
                    epochs=numbers,
                    extent=map_tables.around([one.raster.extent for one in epochs if one.raster is not None]),
                    build=lambda path: write_tables(path, tables),
                )
            )
        else:
            size = 0
        for one in epochs:
            if one.parameters is not None:
                parts.append(_inverse(one))
                size += sum(np.asarray(array).nbytes for array in one.parameters.values())
        if not parts:
            return
        self._ledger.commit(parts, expected_bytes=size, pending=self._replaces is not None)
        self.committed_epochs += [one.epoch for one in epochs]
        self._revision += 1

    def _check(self, one: MapEpoch) -> None:
        count = len(self._run.samples)
        if one.epoch in self.committed_epochs:
            raise BadInput(f"{self.path}: the map {self.description.name!r} has epoch {one.epoch} already")
        if np.shape(one.positions) != (count, 2):
            raise BadInput(f"positions have shape {np.shape(one.positions)}; expected ({count}, 2)")
        for name in map_tables.COLUMNS:
            values = getattr(one, name)
            if values is not None and np.shape(values) != (count,):
                raise BadInput(f"{name} has shape {np.shape(values)}; expected ({count},)")

    def _tables(
        self, epochs: Sequence[MapEpoch], quality: Mapping[str, float | None] | None
    ) -> dict[str, pa.Table]:
        found: dict[str, list[pa.Table]] = {}
        ids = self._run.samples.ids
        for one in epochs:
            found.setdefault("positions", []).append(map_tables.positions_table(one, ids))
            if one.raster is not None:
                found.setdefault("decision_maps", []).append(map_tables.raster_table(one.epoch, one.raster))
            if one.contours:
                found.setdefault("contours", []).append(map_tables.contours_table(one.epoch, one.contours))
            if one.boundary is not None and len(one.boundary.representations):
                found.setdefault("boundary_samples", []).append(
                    map_tables.boundary_table(one.epoch, one.boundary)
                )
        figures = [(one.epoch, one.quality) for one in epochs if one.quality]
        if figures or quality:
            overall = [(None, quality)] if quality else []
            found["quality"] = [map_tables.quality_table([*figures, *overall], self._revision + 1)]
        return {name: pa.concat_tables(parts) for name, parts in found.items()}

    def close(self, *, is_complete: bool = True) -> None:
        """Let go of the map; a complete one takes the place of the one that it replaces."""
        if not self._ledger.lock.is_held:
            return
        try:
            if is_complete and self._replaces is not None and self.committed_epochs:
                self._ledger.commit([], pending=False)
                _discard(self._replaces)
        finally:
            self._ledger.close()
            self._run.refresh()

    def __enter__(self) -> MapWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(is_complete=kind is None)


def _inverse(one: MapEpoch) -> Part:
    tensors = one.parameters or {}
    return Part(
        kind="inverse",
        suffix="safetensors",
        folder="inverses",
        epochs=(one.epoch,),
        build=lambda path: write_tensors(path, tensors),
    )


def _difference(old: MapDescription, new: MapDescription, wanted: dict[str, object]) -> str:
    """What the old map was made with where that differs, in words; empty when nothing does."""
    found = []
    if old.method != new.method:
        found.append(f"method {old.method!r} (now {new.method!r})")
    if old.seed != new.seed:
        found.append(f"seed {old.seed} (now {new.seed})")
    before = dict(old.parameters)
    found += [
        f"{name} {before.get(name)!r} (now {wanted.get(name)!r})"
        for name in sorted(set(before) | set(wanted))
        if before.get(name) != wanted.get(name)
    ]
    return ", ".join(found)


def _unfinished(maps: Path, identity: MapIdentity) -> Path | None:
    """A folder in which a map of the same settings was begun and is not shown yet; others of its name are discarded."""
    from timetravel.store import manifest
    from timetravel.store.lock import is_held

    found = None
    for folder in sorted(maps.iterdir()):
        try:
            there = read_map_identity(folder)
            loaded = manifest.load(folder)
        except Exception:  # a damaged map is for `check` to report, not a reason to refuse a new one
            continue
        if there is None or there.name != identity.name or is_held(folder):
            continue
        if loaded is not None and not loaded[0].pending:
            continue
        same = (there.method, there.parameters, there.seed) == (
            identity.method,
            identity.parameters,
            identity.seed,
        )
        if same and found is None:
            found = folder
        else:
            _discard(folder)
    return found


def _discard(folder: Path) -> None:
    """Remove a map: first its name, so that no reader finds half of it."""
    with contextlib.suppress(OSError):
        aside = folder.with_name(f"{folder.name}.removed")
        os.rename(folder, aside)
        shutil.rmtree(aside, ignore_errors=True)


__all__ = ["MapWriter", "StoredMap"]
