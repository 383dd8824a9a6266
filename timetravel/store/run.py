"""A run on disk, for reading: cheap to open, safe while a recorder writes, safe from several threads."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from timetravel.errors import RunCorrupt, RunNotFound
from timetravel.store import epoch_rows, notes
from timetravel.store.arrays import numbers, rows_of_blobs
from timetravel.store.database import Database
from timetravel.store.description import read_description
from timetravel.store.facts import (
    NEIGHBORS_K,
    Activations,
    EpochRecord,
    Event,
    FilterChanges,
    Head,
    Inputs,
    Labelling,
    Neighbors,
    ParameterStatistics,
    Predictions,
    RunDescription,
    Samples,
    Selection,
)
from timetravel.store.identity import read_identity
from timetravel.store.map_folders import MapFolders
from timetravel.store.predict import head_logits
from timetravel.store.reader import LedgerReader
from timetravel.store.recent import Recent
from timetravel.store.samples import read_samples, rows_of
from timetravel.store.segment import read_tensors
from timetravel.store.stored_inputs import StoredInputs
from timetravel.store.stored_map import StoredMap

if TYPE_CHECKING:
    from timetravel.store.indexes import Indexes
    from timetravel.store.sql import Session

RECENT_BYTES = 64 << 20
"""Predictions kept in memory: all epochs of a run of 10,000 samples, 30 of one of 60,000."""


class StoredRun:
    """One recorded run. Everything per epoch is in the row order of `samples`.

    Arrays of samples that are absent at an epoch hold NaN, -1 or False there. `damaged` maps epochs whose
    files are missing or not what was committed to a sentence that names the file; they are not in `epochs`.
    Raises RunNotFound when the path holds no run, FormatTooNew, and RunCorrupt when samples or classes
    cannot be read. Arrays that come from a cache cannot be written to; copy them to change them.
    """

    path: Path
    run_id: str
    description: RunDescription
    classes: tuple[str, ...]
    epochs: list[int]
    records: list[EpochRecord]
    samples: Samples
    damaged: dict[int, str]
    notice: str | None

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        facts = self.path / "facts"
        if not (facts / "manifest.json").exists() and not (facts / "manifest.prev.json").exists():
            raise RunNotFound(_no_run(self.path))
        self._lock = threading.RLock()
        self._sql_lock = threading.Lock()
        self._database = Database()
        self._predictions: Recent[Predictions] = Recent(RECENT_BYTES, _bytes_of)
        self._session: Session | None = None
        self._indexes: Indexes | None = None
        try:
            self._facts = LedgerReader(facts, self._database)
            self._inputs = StoredInputs(self._facts)
            self._maps = MapFolders(self)
            self._read()
            self._told = (self.key, self._maps.state())
        except BaseException:
            self.close()
            raise

    def refresh(self) -> bool:
        """See epochs and maps committed since; True when something changed since the last time it was asked."""
        with self._lock:
            self._follow()
            found = (self.key, self._maps.state())
            changed, self._told = found != self._told, found
            return changed

    def _follow(self) -> None:
        with self._lock:
            self._facts.refresh()
            # Reading may have met a newer manifest already: what counts is what was read from it.
            if self._facts.manifest.checksum[:16] != self.key:
                self._read()

    def _read(self) -> None:
        facts = self._facts
        identity = None
        self.notice = facts.notice
        try:
            identity = read_identity(self.path)
        except RunCorrupt as error:
            self.notice = str(error)
        run = facts.read("run", ["*"])
        if run.num_rows == 0:
            found = next(iter(facts.damaged.values()), f"{facts.folder} holds no description of the run")
            raise RunCorrupt(f"{found}; without this file the run cannot be opened (run `timetravel check`)")
        classes = facts.read("classes", ["class_id", "name"])
        order = np.argsort(numbers(classes.column("class_id")))
        self.classes = tuple(classes.column("name").take(pa.array(order)).to_pylist())
        structure = facts.read("layers", ["*"])
        self.layer_names = {row["layer_id"]: row["name"] for row in structure.to_pylist()}
        self.layer_ids = {name: number for number, name in self.layer_names.items()}
        self.description = read_description(run, self.classes, structure)
        self.revision = max(row["revision"] for row in run.to_pylist())
        self.run_id = identity.run_id if identity else run.to_pylist()[0]["run_id"]
        samples = read_samples(
            facts.read("samples", ["sample_id", "row", "label", "split", "true_label", "noisy"]),
            facts.read("sample_attributes", ["sample_id", "name", "number", "text"]),
        )
        rows = sorted(
            facts.read("epochs", epoch_rows.RECORD_COLUMNS).to_pylist(), key=lambda row: row["position"]
        )
        self.damaged = self._damage({row["epoch"] for row in rows})
        rows = [row for row in rows if row["epoch"] not in self.damaged]
        self._rows = {row["epoch"]: row for row in rows}
        self.records = [epoch_rows.read_record(row) for row in rows]
        self.epochs = [record.epoch for record in self.records]
        self.samples = samples
        self._predictions.clear()
        self._inputs.clear()
        self._maps.clear()
        self.generation = facts.manifest.generation
        self.key = facts.manifest.checksum[:16]

    def _damage(self, read: set[int]) -> dict[int, str]:
        """Epochs of which a file is missing or not what was committed."""
        found = {}
        for segment in self._facts.manifest.segments:
            for epoch in segment.epochs:
                if segment.kind == "checkpoint":
                    continue
                if segment.file in self._facts.damaged:
                    found[epoch] = f"{self._facts.damaged[segment.file]} (epoch {epoch})"
                elif epoch not in read:
                    found.setdefault(epoch, f"{self._facts.folder}: no file describes epoch {epoch}")
        return found

    @property
    def name(self) -> str:
        """The run's name, else the name of its folder."""
        return self.description.name or self.path.name

    @property
    def next_palette(self) -> int:
        """A palette id that no input of the run uses."""
        return self._inputs.next_palette()

    def record(self, epoch: int) -> EpochRecord:
        """The scalars of one epoch. RunNotFound names the recorded ones, RunCorrupt a damaged file."""
        self._row(epoch)
        return self.records[self.epochs.index(epoch)]

    def _row(self, epoch: int) -> dict[str, Any]:
        row: dict[str, Any] | None = self._rows.get(epoch)
        if row is not None:
            return row
        if epoch in self.damaged:
            raise RunCorrupt(self.damaged[epoch])
        if not self.epochs:
            raise RunNotFound(f"{self.path}: there is no epoch {epoch}; nothing was recorded yet")
        raise RunNotFound(
            f"{self.path}: there is no epoch {epoch}; recorded are {len(self.epochs)} epochs from {self.epochs[0]} "
            f"to {self.epochs[-1]}"
        )

    def _read_epoch(self, table: str, columns: Sequence[str], epoch: int, **where: Any) -> pa.Table:
        self._row(epoch)
        return self._facts.read(table, columns, epoch=epoch, **where)

    def _rows_of(self, table: pa.Table) -> NDArray[np.int64]:
        return rows_of(self.samples.ids, numbers(table.column("sample_id")).astype(np.int64))

    def present(self, epoch: int) -> NDArray[np.bool_]:
        """(N,) which samples were recorded at this epoch."""
        if self._row(epoch)["sample_count"] == len(self.samples):
            return np.ones(len(self.samples), np.bool_)
        ids = self._read_epoch("predictions", ["sample_id"], epoch)
        if not ids.num_rows:
            ids = self._read_epoch("representations", ["sample_id"], epoch)
        rows = self._rows_of(ids)
        mask = np.zeros(len(self.samples), np.bool_)
        mask[rows[rows >= 0]] = True
        return mask

    def representations(self, epoch: int) -> NDArray[Any]:
        """(N, D) float16, or float32 where half precision did not reach; NaN rows where absent."""
        row = self._row(epoch)
        table = self._read_epoch("representations", ["sample_id", "vector"], epoch)
        values = _blobs(table.column("vector"), row["vector_type"], row["width"], self._facts.folder, epoch)
        return epoch_rows.scatter(values, self._rows_of(table), len(self.samples), np.nan)

    def logits(self, epoch: int) -> NDArray[np.float32] | None:
        """(N, C) as recorded, else what the head makes of the representations, else None; NaN where absent.

        C is the number of classes at that epoch; it may be smaller than now.
        """
        row = self._row(epoch)
        if row["has_logits"]:
            table = self._read_epoch("logits", ["sample_id", "logits"], epoch)
            values = _blobs(table.column("logits"), "float32", row["class_count"], self._facts.folder, epoch)
            return epoch_rows.scatter(values, self._rows_of(table), len(self.samples), np.nan)
        head = self.head(epoch)
        if head is None:
            return None
        return head_logits(head, self.representations(epoch)).astype(np.float32)

    def predictions(self, epoch: int) -> Predictions:
        """What the network said of every sample (read-only arrays)."""
        self._row(epoch)
        return self._predictions.get(epoch, lambda: self._read_predictions(epoch))

    def _read_predictions(self, epoch: int) -> Predictions:
        columns = ["sample_id", "predicted", "p_true", "p_predicted", "margin", "loss"]
        table = self._read_epoch("predictions", columns, epoch)
        found = epoch_rows.read_predictions(
            table, self._rows_of(table), self.samples.labels, self.present(epoch)
        )
        for name in found.__slots__:
            getattr(found, name).flags.writeable = False
        return found

    def head(self, epoch: int) -> Head | None:
        """The last linear layer at this epoch; None when it was not recorded."""
        table = self._read_epoch("epochs", ["head_weight", "head_bias"], epoch)
        return (
            epoch_rows.read_head(table.column(0)[0].as_py(), table.column(1)[0].as_py())
            if len(table)
            else None
        )

    def statistics(self, epoch: int) -> list[ParameterStatistics]:
        """Figures of every parameter tensor."""
        table = self._read_epoch("layer_statistics", ["*"], epoch)
        bins = self._read_epoch("histograms", ["layer_id", "parameter", "kind", "counts", "edges"], epoch)
        return epoch_rows.read_statistics(table, bins, self.layer_names)

    def filter_changes(self, epoch: int) -> list[FilterChanges]:
        """How far every filter moved since the epoch before."""
        columns = ["layer_id", "cosine", "relative", "norm", "gradient"]
        return epoch_rows.read_filters(self._read_epoch("filter_changes", columns, epoch), self.layer_names)

    def events(self) -> list[Event]:
        """What happened to the run, in the order of recording; `epoch` of each is filled in."""
        rows = self._facts.read("events", ["kind", "sample_id", "value", "detail", "epoch"]).to_pylist()
        found = [event for event in epoch_rows.read_events(rows) if event.epoch in self._rows]
        return sorted(found, key=lambda event: self._rows[event.epoch]["position"])

    def labelling(self, epoch: int) -> Labelling | None:
        """The active-learning round of this epoch, rows of all samples; None when none was recorded."""
        columns = ["sample_id", "round", "labelled", "picked", "rank"]
        table = self._read_epoch("labelling", columns, epoch)
        if not table.num_rows:
            return None
        count = len(self.samples)
        strategy = self._read_epoch("rounds", ["strategy"], epoch).column(0).to_pylist()
        scores = self._read_epoch("scores", ["sample_id", "name", "score"], epoch)
        names = np.array(scores.column("name").to_pylist(), object)
        found = {}
        for name in dict.fromkeys(names.tolist()):
            part = scores.filter(pa.array(names == name))
            values = numbers(part.column("score")).astype(np.float32)
            found[name] = epoch_rows.scatter(values, self._rows_of(part), count, np.nan)
        return epoch_rows.read_labelling(
            table, self._rows_of(table), count, strategy[0] if strategy else None, found
        )

    @property
    def activation_layers(self) -> list[str]:
        """Layers of which channel activations were recorded, in the order of the network."""
        ids = self._facts.read("activations", ["layer_id"], is_distinct=True)
        return [self.layer_names[number] for number in sorted(set(ids.column(0).to_pylist()))]

    def activations(self, epoch: int, layer: str | None = None) -> dict[str, Activations]:
        """Channel activations by layer: (N, K) means and maxima over space, NaN where absent."""
        found = {}
        for name in self.activation_layers if layer is None else [layer]:
            if name not in self.layer_ids:
                raise RunNotFound(
                    f"{self.path}: there is no layer {name!r}; activations were recorded of "
                    f"{', '.join(self.activation_layers) or 'no layer'}"
                )
            columns = ["sample_id", "channel_means", "channel_maxima"]
            table = self._read_epoch(
                "activations", columns, epoch, where=f"layer_id = {self.layer_ids[name]}"
            )
            if table.num_rows:
                found[name] = epoch_rows.read_activations(
                    name, table, self._rows_of(table), len(self.samples)
                )
        return found

    def inputs(self, sample_ids: Sequence[int] | NDArray[np.int64]) -> Inputs | None:
        """What the model was fed, bit for bit ("tensor"), else pictures; None when no input was recorded.

        In the order asked for. RunNotFound names unknown ids, MissingPart samples without an input.
        """
        self.rows(sample_ids)
        return self._inputs.inputs(np.asarray(sample_ids, np.int64))

    def images(self, sample_ids: Sequence[int] | NDArray[np.int64]) -> list[NDArray[np.uint8]] | None:
        """Thumbnails, (H, W) or (H, W, 3) uint8 each; None when the run's inputs are no pictures.

        Tensors are brought to 0..255 by one range over the whole run. A sample that has no picture while
        others do gets a grey 1 x 1.
        """
        self.rows(sample_ids)
        return self._inputs.images(np.asarray(sample_ids, np.int64))

    def checkpoint(self, epoch: int) -> dict[str, NDArray[Any]] | None:
        """The parameters at this epoch by name; None when none were kept. RunCorrupt when the file is damaged."""
        if self._row(epoch)["checkpoint"] is None:
            return None
        for segment in self._facts.manifest.segments:
            if segment.kind == "checkpoint" and epoch in segment.epochs:
                return read_tensors(self._facts.file(segment))
        raise RunCorrupt(f"{self._facts.folder}: the manifest names no checkpoint of epoch {epoch}")

    def rows(self, sample_ids: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
        """(n,) row of each id. RunNotFound names the ids that the run does not have."""
        ids = np.asarray(sample_ids, np.int64).reshape(-1)
        found = rows_of(self.samples.ids, ids)
        if (found < 0).any():
            unknown = ", ".join(str(one) for one in ids[found < 0][:10])
            raise RunNotFound(
                f"{self.path}: there is no sample {unknown}; it has {len(self.samples)} samples"
            )
        return found

    @property
    def maps(self) -> list[str]:
        """Names of the maps, newest last."""
        return self._maps.names()

    def map(self, name: str | None = None) -> StoredMap:
        """A map by name, the newest without one. RunNotFound says how to make one."""
        return self._maps.get(name)

    def positions(self, epoch: int, map: str | None = None) -> NDArray[np.float32]:
        """(N, 2) map units, NaN where absent."""
        return self.map(map).positions(epoch)

    @property
    def _neighbors(self) -> Indexes:
        from timetravel.store.indexes import Indexes

        with self._lock:
            if self._indexes is None:
                self._indexes = Indexes(self)
            return self._indexes

    def neighbors(self, sample_id: int, epoch: int, k: int = NEIGHBORS_K) -> Neighbors:
        """The k nearest samples in representation space, itself left out; exact up to 20,000 samples."""
        rows, distances = self._neighbors.of_row(int(self.rows([sample_id])[0]), epoch, k)
        return Neighbors(ids=self.samples.ids[rows], distances=distances)

    def all_neighbors(
        self, epoch: int, k: int = NEIGHBORS_K
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """(N, k) rows of the nearest samples and (N, k) distances; -1 and NaN where there are none."""
        return self._neighbors.all(epoch, k)

    def sql(
        self, query: str, parameters: Sequence[Any] = (), epochs: Sequence[int] | None = None
    ) -> pa.Table:
        """The answer of one SELECT over the run's views; nothing else can be read, and nothing written.

        epochs: only these (faster for runs of many epochs). BadInput for bad SQL, an unknown table, anything
        that is no SELECT, and a query that takes over 10 s.
        """
        from timetravel.store.sql import Session

        wanted = None if epochs is None else tuple(epochs)
        # Representations are one file an epoch: they are opened only for questions that name them.
        vectors = "representations" in query.lower()
        with self._sql_lock:
            session = self._session
            if session is None or not session.is_current(wanted, needs_vectors=vectors):
                self._session = None
                if session is not None:
                    session.close()
                session = self._session = Session(self, wanted, with_vectors=vectors)
            return session.query(query, parameters)

    def save_selection(
        self,
        name: str,
        ids: Sequence[int] | NDArray[np.int64],
        expression: str | None = None,
        note: str | None = None,
    ) -> None:
        """Keep a selection under a name; one of the same name is replaced (its history stays in the notes)."""
        self.rows(ids)
        notes.save(self.path, self.run_id, name, np.asarray(ids, np.int64).reshape(-1), expression, note)

    def selections(self) -> list[Selection]:
        """Saved selections, oldest first."""
        return notes.read_all(self.path, self.run_id)

    def selection(self, name: str) -> Selection:
        """A saved selection. RunNotFound names those that are there."""
        return notes.read_one(self.path, self.run_id, name)

    def delete_selection(self, name: str) -> None:
        """Forget a saved selection."""
        notes.delete(self.path, self.run_id, name)

    def disk_usage(self) -> dict[str, int]:
        """Bytes on disk by kind of fact."""
        from timetravel.store.usage import disk_usage

        return disk_usage(self)

    def close(self) -> None:
        """Close every file. Reading again is an error only where a file must be opened again."""
        session = getattr(self, "_session", None)
        if session is not None:
            session.close()
        self._session = None
        self._database.close()

    def __enter__(self) -> StoredRun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {self.name!r}: {len(self.epochs)} epochs, {len(self.samples)} samples>"
        )


def open_run(path: str | os.PathLike[str]) -> StoredRun:
    """A run on disk, for reading. RunNotFound says what was found instead."""
    return StoredRun(path)


def _no_run(path: Path) -> str:
    if not path.exists():
        return f"{path} does not exist; pass the folder of a run (it holds run.json)"
    if not path.is_dir():
        return f"{path} is a file; pass the folder of a run (it holds run.json)"
    if (path / "run.json").exists():
        return f"{path} is a run in which nothing was committed; record into it, or pass another folder"
    runs = sorted(one.name for one in path.iterdir() if (one / "run.json").exists())
    if runs:
        return f"{path} is no run but holds {len(runs)}: {', '.join(runs[:5])}; pass one of them"
    return (
        f"{path} is no run (there is no run.json in it); pass the folder given to Recorder or import-arrays"
    )


def _blobs(column: pa.ChunkedArray, dtype: str, width: int, folder: Path, epoch: int) -> NDArray[Any]:
    try:
        return rows_of_blobs(column, {"float16": "<f2", "float32": "<f4"}[dtype], width)
    except (ValueError, KeyError) as error:
        raise RunCorrupt(f"{folder}: rows of epoch {epoch} do not have the recorded form: {error}") from error


def _bytes_of(found: Predictions) -> int:
    return sum(getattr(found, name).nbytes for name in found.__slots__)


__all__ = ["StoredMap", "StoredRun", "open_run"]
