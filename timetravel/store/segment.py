"""Writing one immutable file: a DuckDB segment of tables, or a safetensors file of arrays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from timetravel.errors import BadInput, RunCorrupt
from timetravel.store.schema import create_statement

STORAGE_VERSION = "v1.4.0"
"""Read by DuckDB 1.4 and later; the default of 2.0 is not."""

BLOCK_BYTES = ((1_000_000, 16_384), (16_000_000, 65_536))
"""(raw bytes below which it is used, block size); above the last one DuckDB's own 262,144. Half-filled blocks make
small segments up to seven times as large, small blocks make large ones slow: 7,000 x 128 takes 1.26 MB and
0.05 s of CPU in blocks of 64 KiB, 1.59 MB and 0.04 s in large ones, 1.19 MB and 0.12 s in small ones."""

LARGE_BLOCK_BYTES = 262_144

SAFE_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
}
"""No connection of ours ever looks for an extension or at the caller's Python variables."""


def quoted(path: Path | str) -> str:
    """A text literal for SQL."""
    return "'" + str(path).replace("'", "''") + "'"


def block_bytes(raw_bytes: int) -> int:
    """Block size of a segment with so many bytes in it."""
    return next((block for limit, block in BLOCK_BYTES if raw_bytes < limit), LARGE_BLOCK_BYTES)


def attach_for_writing(connection: duckdb.DuckDBPyConnection, path: Path, raw_bytes: int) -> None:
    """Attach a new segment as `segment`."""
    settings = f"STORAGE_VERSION '{STORAGE_VERSION}', BLOCK_SIZE {block_bytes(raw_bytes)}"
    connection.execute(f"ATTACH {quoted(path)} AS segment ({settings})")


def finish_writing(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Everything into the one file; a write-ahead log that stays behind is an error."""
    connection.execute("CHECKPOINT segment")
    connection.execute("DETACH segment")
    if path.with_name(path.name + ".wal").exists():
        raise RunCorrupt(f"{path}: DuckDB left a write-ahead log beside it; the commit was not made")


def write_tables(
    path: Path, tables: Mapping[str, pa.Table], *, raw_bytes: int | None = None
) -> dict[str, int]:
    """A DuckDB segment with these tables; returns their numbers of rows."""
    size = sum(table.nbytes for table in tables.values()) if raw_bytes is None else raw_bytes
    connection = duckdb.connect(":memory:", config={**SAFE_SETTINGS, "threads": 1})
    try:
        attach_for_writing(connection, path, size)
        connection.execute("BEGIN")  # one transaction: each would wait for the disk by itself
        for name, table in tables.items():
            connection.execute(create_statement(name, "segment"))
            connection.register("incoming", table)
            connection.execute(f'INSERT INTO segment.main."{name}" BY NAME SELECT * FROM incoming')
            connection.unregister("incoming")
        connection.execute("COMMIT")
        finish_writing(connection, path)
    finally:
        connection.close()
    return {name: table.num_rows for name, table in tables.items()}


def write_tensors(path: Path, tensors: Mapping[str, NDArray[Any]]) -> dict[str, int]:
    """A safetensors file with these arrays."""
    from safetensors.numpy import save_file

    try:
        # Not ascontiguousarray: that makes a vector of a scalar.
        save_file({name: np.array(array, order="C", copy=None) for name, array in tensors.items()}, path)
    except (KeyError, TypeError, ValueError) as error:
        kinds = sorted({str(np.asarray(array).dtype) for array in tensors.values()})
        raise BadInput(
            f"arrays of types {', '.join(kinds)} cannot be stored as safetensors ({error}); "
            "pass plain numbers"
        ) from error
    return {"tensors": len(tensors)}


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a safetensors file, by name. Names are keys only, never paths."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except (SafetensorError, KeyError, ValueError) as error:
        raise RunCorrupt(f"{path} is no whole safetensors file: {error}") from error
