"""One in-memory DuckDB instance that reads committed segments, attached read-only when first needed."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from timetravel.errors import RunCorrupt
from timetravel.store import durable
from timetravel.store.manifest import Segment
from timetravel.store.paths import segment_path
from timetravel.store.schema import TABLES
from timetravel.store.segment import SAFE_SETTINGS, quoted

MOST_VECTORS_ATTACHED = 16
"""Vectors segments kept open at a time; a trail over all epochs opens them one after another."""

_tables_of_content: dict[str, dict[str, set[str]]] = {}
"""sha256 of a segment -> its readable tables: asking DuckDB takes longer than reading a small segment."""

_verified: set[tuple[str, int, int, int]] = set()
"""(sha256, inode, size, mtime) of files hashed in this process: each is read whole once, not at every use."""


class SegmentGone(Exception):
    """A file that the manifest named is not there: the manifest may have moved on."""


def verify(ledger: Path, segment: Segment, *, hash_content: bool = True) -> Path:
    """The segment's path, after its size and (once a process) its hash were found right.

    Raises SegmentGone when the file is missing and RunCorrupt, naming it, when it is not what was committed.
    """
    path = segment_path(ledger, segment.file)
    try:
        found = path.stat()
    except FileNotFoundError as error:
        raise SegmentGone(f"{path} is missing") from error
    except OSError as error:
        raise RunCorrupt(f"{path} cannot be read: {error.strerror or error}") from error
    if found.st_size != segment.bytes:
        raise RunCorrupt(
            f"{path} has {found.st_size} bytes, {segment.bytes} were committed; it was cut or changed"
        )
    mark = (segment.sha256, found.st_ino, found.st_size, found.st_mtime_ns)
    if hash_content and mark not in _verified:
        try:
            digest = durable.sha256_of(path)
        except FileNotFoundError as error:
            raise SegmentGone(f"{path} is missing") from error
        except OSError as error:
            raise RunCorrupt(f"{path} cannot be read: {error.strerror or error}") from error
        if digest != segment.sha256:
            raise RunCorrupt(f"{path} is damaged: its content is not what was committed (sha256 differs)")
        _verified.add(mark)
    return path


class Database:
    """Reads tables of attached segments; safe to use from several threads, one query at a time."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._attached: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._tables: dict[str, dict[str, set[str]]] = {}
        self._count = 0
        self._pid = os.getpid()

    def _open(self) -> duckdb.DuckDBPyConnection:
        if self._pid != os.getpid():
            # A forked child must not touch the parent's connection; it gets one of its own.
            self.lock, self._connection, self._pid = threading.RLock(), None, os.getpid()
            self._attached.clear()
        if self._connection is None:
            self._connection = duckdb.connect(":memory:", config=SAFE_SETTINGS)
        return self._connection

    def attach(self, ledger: Path, segment: Segment) -> str:
        """The name under which the segment's tables are reached, attaching it if need be."""
        with self.lock:
            alias = self._attach(ledger, segment)
            self._learn_tables([(alias, segment)])
            return alias

    def attach_all(self, ledger: Path, segments: Sequence[Segment]) -> dict[str, RunCorrupt]:
        """Attach many at once, which is quicker; returns file -> error of those that are not whole."""
        faults = {}
        with self.lock:
            fresh = []
            for segment in segments:
                try:
                    fresh.append((self._attach(ledger, segment), segment))
                except RunCorrupt as error:
                    faults[segment.file] = error
            self._learn_tables(fresh)
        return faults

    def _attach(self, ledger: Path, segment: Segment) -> str:
        connection = self._open()
        key = (str(ledger), segment.file)
        alias = self._attached.get(key)
        if alias is not None:
            self._attached.move_to_end(key)
            return alias
        path = verify(ledger, segment)
        if segment.kind == "vectors":
            self._make_room()
        self._count += 1
        alias = f"s{self._count}"
        try:
            connection.execute(f"ATTACH {quoted(path)} AS {alias} (READ_ONLY)")
        except duckdb.Error as error:
            if not path.exists():
                raise SegmentGone(f"{path} is missing") from error
            raise RunCorrupt(f"{path} cannot be opened: {str(error).splitlines()[0][:300]}") from error
        self._attached[key] = alias
        return alias

    def _learn_tables(self, fresh: Sequence[tuple[str, Segment]]) -> None:
        unknown = {alias: segment for alias, segment in fresh if alias not in self._tables}
        asked = [alias for alias, segment in unknown.items() if segment.sha256 not in _tables_of_content]
        found = _known_tables(self._open(), asked) if asked else {}
        for alias, segment in unknown.items():
            if alias in found:
                _tables_of_content[segment.sha256] = found[alias]
            self._tables[alias] = _tables_of_content[segment.sha256]

    def has_table(self, alias: str, table: str) -> bool:
        """Whether an attached segment holds this table, as a table with the expected columns."""
        return table in self._tables[alias]

    def columns(self, alias: str, table: str) -> set[str]:
        """Names of the columns of a table that is there."""
        return self._tables[alias][table]

    def known_tables(self, ledger: Path, segment: Segment) -> dict[str, set[str]]:
        """Tables of a segment that may be read, with their columns."""
        with self.lock:
            return dict(self._tables[self.attach(ledger, segment)])

    def _make_room(self) -> None:
        vectors = [key for key in self._attached if key[1].startswith("vectors/")]
        for key in vectors[: max(0, len(vectors) - MOST_VECTORS_ATTACHED + 1)]:
            self.detach(*key)

    def detach(self, ledger: Path | str, file: str) -> None:
        """Let go of a segment that the manifest no longer names."""
        with self.lock:
            alias = self._attached.pop((str(ledger), file), None)
            if alias is not None and self._connection is not None:
                self._tables.pop(alias, None)
                self._connection.execute(f"DETACH {alias}")

    def forget(self, ledger: Path, keep: set[str]) -> None:
        """Detach every segment of the ledger that is not in `keep`."""
        with self.lock:
            for folder, file in list(self._attached):
                if folder == str(ledger) and file not in keep:
                    self.detach(folder, file)

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> pa.Table:
        """The rows of a query over attached segments."""
        with self.lock:
            try:
                return self._open().sql(sql, params=list(parameters)).to_arrow_table()
            except duckdb.Error as error:
                raise RunCorrupt(
                    f"a segment could not be read: {str(error).splitlines()[0][:300]}"
                ) from error

    def count(self, ledger: Path, segment: Segment, table: str) -> int:
        """Rows of a table in a segment, every block of it read; 0 when it has no such table of ours."""
        with self.lock:
            alias = self.attach(ledger, segment)
            if not self.has_table(alias, table):
                return 0
            names = ", ".join(f'count("{name}")' for name in sorted(self.columns(alias, table)))
            found = self.query(f'SELECT count(*), {names} FROM {alias}.main."{table}"')
            return int(found.column(0)[0].as_py())

    def strangers(self, ledger: Path, segment: Segment) -> list[str]:
        """Views, functions, sequences and tables in a segment that are not ours and are never read."""
        with self.lock:
            alias = self.attach(ledger, segment)
            rows = self.query(
                f"SELECT 'view ' || view_name AS name FROM duckdb_views() WHERE database_name = '{alias}' AND NOT internal "
                f"UNION ALL SELECT 'function ' || function_name FROM duckdb_functions() WHERE database_name = '{alias}' "
                f"UNION ALL SELECT 'sequence ' || sequence_name FROM duckdb_sequences() WHERE database_name = '{alias}' "
                f"UNION ALL SELECT 'table ' || table_name FROM duckdb_tables() WHERE database_name = '{alias}'"
            )
        known = {f"table {table}" for table in self._tables[alias]}
        return sorted(set(rows.column("name").to_pylist()) - known)

    def close(self) -> None:
        """Close every file."""
        with self.lock:
            if self._connection is not None and self._pid == os.getpid():
                self._connection.close()
            self._connection = None
            self._attached.clear()
            self._tables.clear()


def _known_tables(
    connection: duckdb.DuckDBPyConnection, aliases: Sequence[str]
) -> dict[str, dict[str, set[str]]]:
    """Of each attached segment the base tables with columns of our names and types; views, macros and the like do
    not count."""
    names = ", ".join(f"'{alias}'" for alias in aliases)
    rows = connection.execute(
        "SELECT c.database_name, c.table_name, c.column_name, c.data_type FROM duckdb_columns() c SEMI JOIN "
        "(SELECT table_oid, database_name FROM duckdb_tables() WHERE NOT temporary) t "
        "ON c.table_oid = t.table_oid AND c.database_name = t.database_name "
        f"WHERE c.database_name IN ({names}) AND c.schema_name = 'main'"
    ).fetchall()
    found: dict[str, dict[str, dict[str, str]]] = {alias: {} for alias in aliases}
    for alias, table, column, kind in rows:
        found[alias].setdefault(table, {})[column] = kind
    return {
        alias: {
            table: set(columns)
            for table, columns in tables.items()
            if table in TABLES
            and all(TABLES[table].get(name, kind) == kind for name, kind in columns.items())
        }
        for alias, tables in found.items()
    }
