"""The recorder's side of a run: open or resume it, add samples, commit epochs."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from timetravel.errors import BadInput
from timetravel.store import durable
from timetravel.store.description import classes_table, description_table, layers_table
from timetravel.store.epoch_parts import epoch_parts, in_order, raw_bytes, tables_part
from timetravel.store.epoch_tables import number
from timetravel.store.facts import (
    EpochFacts,
    EpochRecord,
    Event,
    Inputs,
    Module,
    RunDescription,
    Samples,
)
from timetravel.store.facts_checks import check_classes, check_facts
from timetravel.store.identity import RunIdentity, library_version, read_identity, write_identity
from timetravel.store.inputs import input_tables
from timetravel.store.ledger import Ledger
from timetravel.store.samples import check_samples, rows_of, samples_tables, take
from timetravel.store.vectors import as_stored

COMPACT_DURING_TRAINING = 128
"""Facts segments at which a commit merges old ones without waiting for `close`."""

DIVERGED_SHARE = 0.5
"""Share of samples with NaN or infinity above which an epoch is marked as diverged."""


class FactsWriter:
    """Writes the facts of one run; holds the lock of its facts until closed.

    Every `commit` is whole or absent on disk. Not for use by two threads at once, nor from a forked child.
    """

    committed_epochs: list[int]
    last: EpochRecord | None

    def __init__(self, path: Path, ledger: Ledger, run_id: str) -> None:
        self.path = path
        self.run_id = run_id
        self._ledger = ledger
        self.committed_epochs = []
        self.last = None
        self._committed_at: dict[int, str | None] = {}
        self._classes: tuple[str, ...] = ()
        self._ids = np.empty(0, np.int64)
        self._labels = np.empty(0, np.int32)
        self._layers: dict[str, int] = {}
        self._next_palette = 0
        self._pending_tables: dict[str, list[pa.Table]] = {}
        self._pending_events: list[Event] = []

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        description: RunDescription,
        samples: Samples,
        inputs: Inputs | Sequence[Inputs] | None = None,
    ) -> FactsWriter:
        """Create the run, or go on with the one that is there.

        inputs: of one layout, or several of different layouts (exact inputs and thumbnails).
        A resumed run keeps its samples and classes; samples with new ids and classes at the end of the list
        are added with the next commit, a label that differs becomes an event. Raises BadInput when classes
        were renamed or left out, RunLocked while another process writes, RunCorrupt for a damaged run.
        """
        folder = Path(path)
        check_classes(description.classes)
        if not len(samples):
            raise BadInput("there are no samples; expected at least one")
        if not (folder / "facts").exists():  # refuse before a folder is made
            samples = check_samples(samples, len(description.classes))
        durable.make_folder(folder)
        ledger = Ledger(folder / "facts", "facts")
        try:
            if ledger.is_new:
                checked = check_samples(samples, len(description.classes))
                return cls._create(folder, ledger, description, checked, inputs)
            return cls._resume(folder, ledger, description, samples, inputs)
        except BaseException:
            ledger.close()
            raise

    @classmethod
    def _create(
        cls,
        folder: Path,
        ledger: Ledger,
        description: RunDescription,
        samples: Samples,
        inputs: Inputs | Sequence[Inputs] | None,
    ) -> FactsWriter:
        identity = read_identity(folder) or RunIdentity(
            run_id=uuid.uuid4().hex,
            created=datetime.now(UTC).isoformat("T", "seconds"),
            library=library_version(),
        )
        write_identity(folder, identity)
        writer = cls(folder, ledger, identity.run_id)
        writer._classes = description.classes
        tables = {
            "run": description_table(description, identity.run_id, 0, library_version()),
            "classes": classes_table(description.classes, 0),
            **samples_tables(samples, 0),
        }
        if description.modules:
            writer._layers = {module.name: number for number, module in enumerate(description.modules)}
            tables["layers"] = layers_table(description.modules, list(writer._layers.values()))
        written: dict[str, list[pa.Table]] = {}
        for one in _each(inputs):
            for name, table in input_tables(_checked_inputs(one, samples.ids), writer._next_palette).items():
                written.setdefault(name, []).append(table)
            writer._next_palette += 1
        tables |= {name: pa.concat_tables(found) for name, found in written.items()}
        writer._ids, writer._labels = samples.ids, samples.labels
        ledger.commit([tables_part("run", tables)], expected_bytes=raw_bytes(tables))
        return writer

    @classmethod
    def _resume(
        cls,
        folder: Path,
        ledger: Ledger,
        description: RunDescription,
        samples: Samples,
        inputs: Inputs | Sequence[Inputs] | None,
    ) -> FactsWriter:
        from timetravel.store.run import StoredRun

        with StoredRun(folder) as run:
            known, before = run.samples, run.description
            writer = cls(folder, ledger, run.run_id)
            writer._classes = before.classes
            writer._ids, writer._labels = known.ids, known.labels
            writer._layers = dict(run.layer_ids)
            writer._next_palette = run.next_palette
            # Epochs whose files are damaged exist: their numbers stay taken.
            writer.committed_epochs = [*run.epochs, *run.damaged]
            writer._committed_at = {record.epoch: record.recorded_at for record in run.records}
            writer.last = run.records[-1] if run.records else None
            revision = run.revision
        writer._compare_classes(description.classes)
        if writer.committed_epochs:
            writer._pending_events.append(
                Event(kind="resumed", detail=f"after epoch {writer.committed_epochs[-1]}")
            )
        merged = replace(description, classes=writer._classes, modules=(), name=before.name)
        if merged != replace(before, modules=()):
            writer._pending("run", description_table(merged, writer.run_id, revision + 1, library_version()))
        fresh = [module for module in description.modules if module.name not in writer._layers]
        writer._register_layers(fresh)
        writer.add_samples(samples, inputs)
        return writer

    def _compare_classes(self, classes: Sequence[str]) -> None:
        known = self._classes
        if tuple(classes[: len(known)]) != known:
            raise BadInput(
                f"{self.path}: the run has the classes {_list(known)}, this one has {_list(classes)}; keep the names "
                "and the order and add new classes at the end, or record into a new folder"
            )
        if len(classes) > len(known):
            self._pending("classes", classes_table(classes[len(known) :], len(known)))
            self._classes = tuple(classes)

    def add_samples(self, samples: Samples, inputs: Inputs | Sequence[Inputs] | None = None) -> None:
        """More samples, as part of the next commit. Known ids stay as they were first recorded.

        A known sample with another label gives an event `relabelled` with the old and the new one.
        """
        samples = check_samples(samples, len(self._classes))
        at = rows_of(self._ids, samples.ids)
        known = at >= 0
        before = samples.labels.copy()
        before[known] = self._labels[at[known]]
        for row in np.flatnonzero(before != samples.labels):
            old, new = int(before[row]), int(samples.labels[row])
            detail = json.dumps({"old": old, "new": new})
            self._pending_events.append(
                Event(kind="relabelled", sample_id=int(samples.ids[row]), value=float(new), detail=detail)
            )
        fresh = take(samples, np.flatnonzero(~known))
        if len(fresh):
            for name, table in samples_tables(fresh, len(self._ids)).items():
                self._pending(name, table)
            self._ids = np.concatenate([self._ids, fresh.ids])
            self._labels = np.concatenate([self._labels, fresh.labels])
        for one in _each(inputs):
            wanted = np.flatnonzero(np.isin(np.asarray(one.ids), fresh.ids))
            if len(wanted):
                part = Inputs(
                    ids=np.asarray(one.ids)[wanted],
                    arrays=[one.arrays[int(row)] for row in wanted],
                    layout=one.layout,
                )
                for name, table in input_tables(part, self._next_palette).items():
                    self._pending(name, table)
                self._next_palette += 1

    def commit(self, facts: EpochFacts) -> None:
        """Write one epoch; when this returns it is on the disk. Raises before anything is written, or whole."""
        epoch = int(facts.record.epoch)
        self._check_epoch(epoch)
        ids, order = self._rows(facts.sample_ids)
        count = len(ids)
        check_facts(facts, count, len(self._classes))
        labels = self._labels[rows_of(self._ids, ids)]
        facts = in_order(facts, order)
        stored, nonfinite = as_stored(facts.representations)
        events = [*self._pending_events, *self._own_events(epoch, facts, nonfinite, count), *facts.events]
        self._register_layers(_unknown_layers(facts, self._layers))
        record = replace(
            facts.record,
            epoch=epoch,
            position=len(self.committed_epochs),
            recorded_at=facts.record.recorded_at
            or datetime.now(UTC).replace(tzinfo=None).isoformat("T", "milliseconds"),
            metrics={name: number(value) for name, value in facts.record.metrics.items()},
            sample_count=count,
            width=stored.shape[1],
            nonfinite_count=nonfinite,
            has_checkpoint=facts.checkpoint is not None,
        )
        found = replace(facts, record=record, representations=stored, events=tuple(events))
        written = epoch_parts(found, ids, labels, layers=self._layers, class_count=len(self._classes))
        parts = written.parts
        if self._pending_tables:
            pending = {name: pa.concat_tables(tables) for name, tables in self._pending_tables.items()}
            parts = [tables_part("run", pending), *parts]
        self._ledger.commit(parts, expected_bytes=written.expected_bytes, written=written.published)
        self._pending_tables, self._pending_events = {}, []
        self.committed_epochs.append(epoch)
        self._committed_at[epoch] = record.recorded_at
        self.last = record
        if (
            sum(segment.kind == "facts" for segment in self._ledger.manifest.segments)
            >= COMPACT_DURING_TRAINING
        ):
            self._compact()

    def _check_epoch(self, epoch: int) -> None:
        if epoch in set(self.committed_epochs):
            when = self._committed_at.get(epoch)
            raise BadInput(
                f"{self.path}: epoch {epoch} was recorded already{f' at {when}' if when else ''}; the next free one is "
                f"{max(self.committed_epochs) + 1} (recorded epochs are never rewritten)"
            )
        if not -(2**31) <= epoch < 2**31:
            raise BadInput(f"{self.path}: epoch {epoch} does not fit 32 bits; number epochs or steps from 0")

    def _rows(self, sample_ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
        """The ids in the run's row order, and the order that brings arrays there (None: as they are)."""
        ids = np.asarray(sample_ids)
        if ids.ndim != 1 or ids.dtype.kind not in "iu":
            raise BadInput(
                f"sample_ids have shape {ids.shape} and type {ids.dtype}; expected (n,) whole numbers"
            )
        ids = ids.astype(np.int64)
        at = rows_of(self._ids, ids)
        if (at < 0).any():
            unknown = ", ".join(str(one) for one in ids[at < 0][:10])
            raise BadInput(
                f"{self.path}: samples {unknown} are not in the run; add them with add_samples first"
            )
        unique, counts = np.unique(ids, return_counts=True)
        if len(unique) < len(ids):
            twice = ", ".join(str(one) for one in unique[counts > 1][:10])
            raise BadInput(f"{self.path}: sample ids occur more than once: {twice}; expected every id once")
        if (np.diff(at) > 0).all():
            return ids, None
        order = np.argsort(at, kind="stable")
        return ids[order], order

    def _own_events(self, epoch: int, facts: EpochFacts, nonfinite: int, count: int) -> list[Event]:
        found = []
        kinds = {event.kind for event in facts.events}
        if self.committed_epochs and epoch < self.committed_epochs[-1]:
            found.append(
                Event(kind="out_of_order", detail=f"recorded after epoch {self.committed_epochs[-1]}")
            )
        if nonfinite and "nonfinite" not in kinds:
            found.append(
                Event(kind="nonfinite", value=float(nonfinite), detail=f"{nonfinite} of {count} samples")
            )
        if count and nonfinite / count > DIVERGED_SHARE and "diverged" not in kinds:
            found.append(
                Event(kind="diverged", value=nonfinite / count, detail=f"{nonfinite} of {count} samples")
            )
        return [event for event in found if event.kind not in kinds]

    def _register_layers(self, modules: Sequence[Module]) -> None:
        if not modules:
            return
        first = max(self._layers.values(), default=-1) + 1
        ids = list(range(first, first + len(modules)))
        self._layers |= {module.name: layer_id for module, layer_id in zip(modules, ids, strict=True)}
        self._pending("layers", layers_table(modules, ids))

    def _pending(self, name: str, table: pa.Table) -> None:
        self._pending_tables.setdefault(name, []).append(table)

    def _compact(self) -> None:
        from timetravel.store.compaction import compact_ledger

        compact_ledger(self._ledger)

    def close(self) -> None:
        """Merge small segments when there are many, and let the next writer in."""
        if self._ledger.lock.is_held:
            try:
                self._compact()
            finally:
                self._ledger.close()

    def __enter__(self) -> FactsWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _unknown_layers(facts: EpochFacts, known: dict[str, int]) -> list[Module]:
    named = [row.layer for row in facts.statistics]
    named += [one.layer for one in facts.filter_changes] + [one.layer for one in facts.activations]
    return [Module(name=name, kind="", depth=0) for name in dict.fromkeys(named) if name not in known]


def _each(inputs: Inputs | Sequence[Inputs] | None) -> Sequence[Inputs]:
    return [] if inputs is None else [inputs] if isinstance(inputs, Inputs) else inputs


def _checked_inputs(inputs: Inputs, ids: NDArray[np.int64]) -> Inputs:
    unknown = rows_of(ids, np.asarray(inputs.ids, np.int64)) < 0
    if unknown.any():
        found = ", ".join(str(one) for one in np.asarray(inputs.ids)[unknown][:10])
        raise BadInput(f"there are inputs for samples {found} that are not recorded; expected ids of samples")
    return inputs


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:10])
    return f"{shown} and {len(names) - 10} more" if len(names) > 10 else shown
