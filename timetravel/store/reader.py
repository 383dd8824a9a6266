"""The read side of a ledger: the committed segments of one moment, and their tables."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from timetravel.errors import RunCorrupt
from timetravel.store import manifest
from timetravel.store.database import Database, SegmentGone, verify
from timetravel.store.manifest import Manifest, Segment
from timetravel.store.schema import TABLES

RETRIES = 3
"""A file that is gone means that a compaction came in between; so often the manifest is read again."""

_ARROW_OF_SQL = {
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "FLOAT": pa.float32(),
    "VARCHAR": pa.string(),
    "BOOLEAN": pa.bool_(),
    "BLOB": pa.binary(),
    "TIMESTAMP": pa.timestamp("us"),
    "INTEGER[]": pa.list_(pa.int32()),
    "BIGINT[]": pa.list_(pa.int64()),
    "DOUBLE[]": pa.list_(pa.float64()),
    "FLOAT[]": pa.list_(pa.float32()),
}


class LedgerReader:
    """What a ledger held when it was last looked at. Needs no lock and never waits for a writer.

    damaged: file -> sentence, for segments that are missing or not what was committed; the rest works.
    """

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self.database = database
        self.manifest = Manifest(ledger="", generation=0, segments=[])
        self.notice: str | None = None
        self.damaged: dict[str, str] = {}
        self._stamp: tuple[int, ...] | None = None
        self.refresh()

    def refresh(self) -> bool:
        """Look again; True when the manifest changed. RunCorrupt when it is damaged and so is the one before."""
        stamp = _stamp_of(self.folder / manifest.NAME)
        if stamp is not None and stamp == self._stamp:
            return False
        loaded = manifest.load(self.folder)
        if loaded is None:
            changed = self.manifest.generation > 0
            self.manifest = Manifest(ledger="", generation=0, segments=[])
            return changed
        before = self.manifest
        self.manifest, self.notice = loaded
        self._stamp = stamp
        self.damaged = {}
        for segment in self.manifest.segments:
            try:
                verify(self.folder, segment, hash_content=False)
            except (SegmentGone, RunCorrupt) as error:
                self.damaged[segment.file] = str(error)
        self.database.forget(self.folder, {segment.file for segment in self.manifest.segments})
        return before.generation != self.manifest.generation or before.checksum != self.manifest.checksum

    def segments(self, kind: str | None = None, epoch: int | None = None) -> list[Segment]:
        """Whole segments, oldest first."""
        return [
            segment
            for segment in self.manifest.segments
            if segment.file not in self.damaged
            and (kind is None or segment.kind == kind)
            and (epoch is None or epoch in segment.epochs)
        ]

    def file(self, segment: Segment) -> Path:
        """Path of a segment whose hash was checked. RunCorrupt, naming it, when it is not whole."""
        try:
            return verify(self.folder, segment)
        except SegmentGone as error:
            raise RunCorrupt(str(error)) from error

    def read(
        self,
        table: str,
        columns: Sequence[str],
        *,
        epoch: int | None = None,
        where: str = "",
        parameters: Sequence[Any] = (),
        is_distinct: bool = False,
    ) -> pa.Table:
        """Columns of a table over all segments that have it, in the order of writing; a column that an older
        segment lacks is NULL there. A segment found damaged now is left out and remembered in `damaged`, unless
        its epoch was asked for: then RunCorrupt is raised.
        """
        for attempt in range(RETRIES + 1):
            try:
                return self._read(table, columns, epoch, where, parameters, is_distinct)
            except SegmentGone as error:
                self._stamp = None
                if not self.refresh() and attempt == RETRIES:
                    raise RunCorrupt(str(error)) from error
        raise RunCorrupt(f"{self.folder}: its segments change faster than they can be read")

    def _read(
        self,
        table: str,
        columns: Sequence[str],
        epoch: int | None,
        where: str,
        parameters: Sequence[Any],
        is_distinct: bool,
    ) -> pa.Table:
        conditions = [f"({where})"] if where else []
        if epoch is not None:
            conditions.insert(0, f"epoch = {int(epoch)}")
            self._refuse_damaged(table, epoch)
        tail = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        parts = []
        with self.database.lock:
            wanted = [segment for segment in self.segments(epoch=epoch) if segment.rows.get(table)]
            faults = self.database.attach_all(self.folder, wanted)
            for file, error in faults.items():
                self.damaged[file] = str(error)
                if epoch is not None:
                    raise error
            for segment in wanted:
                if segment.file in faults:
                    continue
                alias = self.database.attach(self.folder, segment)
                if self.database.has_table(alias, table):
                    first = "DISTINCT " if is_distinct else ""
                    names = self._columns(alias, table, columns)
                    sql = f'SELECT {first}{names} FROM {alias}.main."{table}"{tail}'
                    parts.append(self.database.query(sql, parameters))
        return pa.concat_tables(parts) if parts else empty(table, columns)

    def _columns(self, alias: str, table: str, wanted: Sequence[str]) -> str:
        # An older segment may lack a column: NULL of its type stands for it, so that tables can be joined.
        there = self.database.columns(alias, table)
        names = TABLES[table] if list(wanted) == ["*"] else wanted
        return ", ".join(
            f'"{name}"' if name in there else f'CAST(NULL AS {TABLES[table][name]}) AS "{name}"'
            for name in names
        )

    def _refuse_damaged(self, table: str, epoch: int) -> None:
        for segment in self.manifest.segments:
            if segment.file in self.damaged and epoch in segment.epochs and segment.rows.get(table):
                raise RunCorrupt(f"{self.damaged[segment.file]} (epoch {epoch})")


def empty(table: str, columns: Iterable[str]) -> pa.Table:
    """No rows, with the types that the schema names."""
    columns = list(columns)
    if columns == ["*"]:
        columns = list(TABLES[table])
    return pa.table({name: pa.array([], _ARROW_OF_SQL[TABLES[table][name]]) for name in columns})


def _stamp_of(path: Path) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
