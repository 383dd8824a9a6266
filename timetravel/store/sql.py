"""Questions to a run in SQL: a session that can read this run's views and nothing else.

Settings first, then the segments read-only, then views and decoders, then every way out is closed and the
configuration locked. Only one SELECT at a time is let in.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa
from duckdb import func

from timetravel.errors import BadInput, RunCorrupt
from timetravel.store.database import SegmentGone, verify
from timetravel.store.decode import DECODED, decoder
from timetravel.store.lookups import LOOKUPS
from timetravel.store.manifest import Segment
from timetravel.store.reader import RETRIES, LedgerReader
from timetravel.store.schema import FACTS_TABLES, MAP_TABLES, TABLES, VECTORS_TABLES
from timetravel.store.segment import SAFE_SETTINGS, quoted

if TYPE_CHECKING:
    from timetravel.store.run import StoredRun

TIMEOUT_S = 10.0
MEMORY_LIMIT = "2GB"
LARGEST_ANSWER_BYTES = 1 << 30
MOST_SEGMENTS = 200
"""Segments that one session attaches; each costs memory and a file descriptor."""


class Session:
    """A hardened DuckDB session over the run as it is now. One question at a time."""

    def __init__(
        self, run: StoredRun, epochs: tuple[int, ...] | None = None, *, with_vectors: bool = True
    ) -> None:
        self._run = run
        self._epochs = epochs
        self.has_vectors = with_vectors
        self._settings: dict[str, Any] = {
            **SAFE_SETTINGS,
            "memory_limit": MEMORY_LIMIT,
            "temp_directory": "",
            "max_temp_directory_size": "0B",
        }
        for attempt in range(RETRIES + 1):
            self._state = self._state_of(run)
            self._connection = duckdb.connect(":memory:", config=self._settings)
            try:
                self._build()
                break
            except SegmentGone as error:  # a compaction came in between
                self._connection.close()
                if attempt == RETRIES:
                    raise RunCorrupt(str(error)) from error
                run._follow()
            except BaseException:
                self._connection.close()
                raise

    @staticmethod
    def _state_of(run: StoredRun) -> tuple[str, ...]:
        return (run.key, *(f"{name} {run.map(name).key}" for name in run.maps))

    def is_current(self, epochs: tuple[int, ...] | None, *, needs_vectors: bool) -> bool:
        """Whether the session still shows what the run holds, for these epochs."""
        return (
            epochs == self._epochs
            and (self.has_vectors or not needs_vectors)
            and self._state == self._state_of(self._run)
        )

    def _build(self) -> None:
        connection = self._connection
        connection.create_function("decode_half", decoder(np.float16), ["BLOB"], "FLOAT[]", type=func.ARROW)
        connection.create_function("decode_single", decoder(np.float32), ["BLOB"], "FLOAT[]", type=func.ARROW)
        sources: dict[str, list[str]] = {}
        kinds = ["run", "facts"] + (["vectors"] if self.has_vectors else [])
        wanted: list[tuple[LedgerReader, Segment, str | None]] = [
            (self._run._facts, segment, None) for segment in self._segments(self._run._facts, kinds)
        ]
        for name in self._run.maps:
            ledger = self._run.map(name)._ledger
            wanted += [(ledger, segment, name) for segment in self._segments(ledger, ["map"])]
        if len(wanted) > MOST_SEGMENTS:
            raise BadInput(
                f"{self._run.path}: this question would open {len(wanted)} files, at most {MOST_SEGMENTS} are; pass "
                f"epochs=[...] (the run has {len(self._run.epochs)}), or merge small files with `timetravel compact`"
            )
        raise_descriptor_limit()
        for number, (ledger, segment, map_name) in enumerate(wanted):
            self._attach(f"s{number}", ledger, segment, map_name, sources)
        for table in (*FACTS_TABLES, *VECTORS_TABLES, *MAP_TABLES):
            if table != "inverses":
                connection.execute(f'CREATE VIEW "{table}" AS {_union(table, sources.get(table, []))}')
        for name, query in LOOKUPS.items():
            connection.execute(f'CREATE VIEW "{name}" AS {query}')
        connection.execute("SET enable_external_access=false")
        connection.execute("SET lock_configuration=true")

    def _segments(self, ledger: LedgerReader, kinds: Sequence[str]) -> list[Segment]:
        epochs = None if self._epochs is None else set(self._epochs)
        return [
            segment
            for segment in ledger.segments()
            if segment.kind in kinds
            and (epochs is None or not segment.epochs or epochs & set(segment.epochs))
        ]

    def _attach(
        self,
        alias: str,
        ledger: LedgerReader,
        segment: Segment,
        map_name: str | None,
        sources: dict[str, list[str]],
    ) -> None:
        known = ledger.database.known_tables(ledger.folder, segment)
        path = verify(ledger.folder, segment)
        self._connection.execute(f"ATTACH {quoted(path)} AS {alias} (READ_ONLY)")
        for table, columns in known.items():
            chosen = [self._column(table, column, segment) for column in TABLES[table] if column in columns]
            if table in MAP_TABLES:
                chosen.insert(0, f"{quoted(map_name or '')} AS map_id")
            where = ""
            if self._epochs is not None and "epoch" in columns:
                where = f" WHERE epoch IN ({', '.join(str(int(epoch)) for epoch in self._epochs) or 'NULL'})"
            sources.setdefault(table, []).append(
                f'SELECT {", ".join(chosen)} FROM {alias}.main."{table}"{where}'
            )

    def _column(self, table: str, column: str, segment: Segment) -> str:
        kind = DECODED.get(table, {}).get(column)
        function = "" if kind is None else "decode_half" if kind is np.float16 else "decode_single"
        if (table, column) == ("representations", "vector"):
            kinds = {
                self._run._rows[epoch]["vector_type"] for epoch in segment.epochs if epoch in self._run._rows
            }
            function = "decode_single" if kinds == {"float32"} else "decode_half"
        return f'{function}("{column}") AS "{column}"' if function else f'"{column}"'

    def query(self, query: str, parameters: Sequence[Any] = (), timeout: float = TIMEOUT_S) -> pa.Table:
        """The answer of one SELECT. BadInput says what is wrong with the question."""
        self._check(query)
        timer = threading.Timer(timeout, self._connection.interrupt)
        timer.daemon = True
        timer.start()
        try:
            return self._answer(query, list(parameters))
        except duckdb.InterruptException as error:
            raise BadInput(
                f"the query took over {timeout:g} s and was stopped; ask for less, or pass epochs=[...]"
            ) from error
        except duckdb.Error as error:
            raise BadInput(self._explain(error)) from error
        except (TypeError, ValueError) as error:
            raise BadInput(f"the parameters do not fit the query: {error}") from error
        finally:
            timer.cancel()
            timer.join()

    def _check(self, query: str) -> None:
        try:
            statements = self._connection.extract_statements(query)
        except duckdb.Error as error:
            raise BadInput(self._explain(error)) from error
        except (UnicodeError, ValueError) as error:
            raise BadInput(f"the query is no text that can be read: {error}") from error
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            found = ", ".join(statement.type.name for statement in statements) or "nothing"
            raise BadInput(
                f"the query holds {found}; expected one SELECT (a run is read by SQL, never changed)"
            )

    def _answer(self, query: str, parameters: list[Any]) -> pa.Table:
        relation = self._connection.sql(query, params=parameters or None)
        reader = relation.to_arrow_reader(65_536)
        batches, size = [], 0
        for batch in reader:
            size += batch.nbytes
            if size > LARGEST_ANSWER_BYTES:
                raise BadInput(
                    f"the answer is larger than {LARGEST_ANSWER_BYTES >> 20} MB; add a LIMIT or a WHERE"
                )
            batches.append(batch)
        return pa.Table.from_batches(batches, reader.schema)

    def _explain(self, error: Exception) -> str:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        text = " ".join(line for line in lines[:2] if not line.startswith(("LINE", "^")))
        if isinstance(error, duckdb.CatalogException) and "Table" in text:
            text += f" The views are: {', '.join(self.views())}."
        return f"the query cannot be answered: {text[:1000]}"

    def views(self) -> list[str]:
        """Names of what can be asked."""
        return sorted([*FACTS_TABLES, *VECTORS_TABLES, *(set(MAP_TABLES) - {"inverses"}), *LOOKUPS])

    def close(self) -> None:
        """Close every file. A connection with a Python function that stays open complains at exit."""
        with contextlib.suppress(duckdb.Error):
            self._connection.close()


def _union(table: str, sources: Sequence[str]) -> str:
    """All rows of a table over all segments; first an empty one, so that every column is there with its type."""
    columns = dict(TABLES[table])
    if table in MAP_TABLES:
        columns = {"map_id": "VARCHAR", **columns}
    decoded = {"vector"} if table == "representations" else set(DECODED.get(table, {}))
    nothing = ", ".join(
        f'CAST(NULL AS {"FLOAT[]" if name in decoded else kind}) AS "{name}"'
        for name, kind in columns.items()
    )
    return " UNION ALL BY NAME ".join(
        [f"(SELECT {nothing} WHERE false)", *(f"({source})" for source in sources)]
    )


def raise_descriptor_limit() -> None:
    """Allow this process as many open files as the system lets it have."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != hard:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
