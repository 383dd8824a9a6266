"""A run as Parquet tables, for other tools and languages: one folder a table, one file an epoch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from timetravel.store.arrays import constant
from timetravel.store.decode import DECODED, decoder
from timetravel.store.reader import LedgerReader
from timetravel.store.schema import FACTS_TABLES, MAP_TABLES, TABLES

if TYPE_CHECKING:
    from timetravel.store.run import StoredRun


def export_parquet(run: StoredRun, folder: str | os.PathLike[str]) -> list[Path]:
    """Write every table of a run; returns the files.

    TABLE/epoch=E/part.parquet for what changes with the epoch, TABLE/part.parquet for the rest; zstd, vectors as
    lists of floats, and a column run_id in all, so that many runs can be read by one glob. Checkpoints stay in
    the run.
    """
    target = Path(folder)
    written: list[Path] = []
    for table in FACTS_TABLES:
        written += _table(run, run._facts, table, target, {})
    written += _table(run, run._facts, "representations", target, {})
    for number, name in enumerate(run.maps):
        ledger = run.map(name)._ledger
        for table in MAP_TABLES:
            if table != "inverses":
                written += _table(run, ledger, table, target, {"map_id": name}, f"-{number}")
    return written


def _table(
    run: StoredRun, ledger: LedgerReader, table: str, target: Path, extra: dict[str, str], suffix: str = ""
) -> Iterator[Path]:
    per_epoch = "epoch" in TABLES[table] and table != "quality"
    for epoch in run.epochs if per_epoch else [None]:
        rows = ledger.read(table, ["*"], epoch=epoch)
        if not rows.num_rows:
            continue
        if per_epoch:
            rows = rows.drop_columns(["epoch"])
        rows = _decoded(run, table, rows, epoch)
        for name, value in {"run_id": run.run_id, **extra}.items():
            rows = rows.append_column(name, constant(value, rows.num_rows, pa.string()))
        place = target / table / f"epoch={epoch}" if per_epoch else target / table
        yield _write(rows, place / f"part{suffix}.parquet")


def _decoded(run: StoredRun, table: str, rows: pa.Table, epoch: int | None) -> pa.Table:
    types = dict(DECODED.get(table, {}))
    if table == "representations" and epoch is not None:
        types["vector"] = np.float16 if run._rows[epoch]["vector_type"] == "float16" else np.float32
    for name, kind in types.items():
        at = rows.schema.get_field_index(name)
        rows = rows.set_column(at, name, decoder(kind)(rows.column(name)))
    return rows


def _write(rows: pa.Table, path: Path) -> Path:
    import pyarrow.parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(rows, path, compression="zstd")
    return path
