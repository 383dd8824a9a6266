"""What people keep about a run (F31): saved selections, in a ledger of their own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from timetravel.errors import BadInput, RunNotFound
from timetravel.store.database import Database
from timetravel.store.description import check_text
from timetravel.store.facts import Selection
from timetravel.store.ledger import Ledger, Part
from timetravel.store.places import reading_places, writing_place
from timetravel.store.reader import LedgerReader
from timetravel.store.segment import write_tables

COLUMNS = ["revision", "name", "created", "sample_ids", "expression", "note", "deleted"]
MOST_SEGMENTS = 32
"""Above this the next save writes all notes into one file."""


def read_all(run: Path, run_id: str) -> list[Selection]:
    """The latest form of every selection that was not deleted, in the order of their first saving."""
    return _selections(_rows(run, run_id))


def read_one(run: Path, run_id: str, name: str) -> Selection:
    """RunNotFound names those that are there."""
    found = {selection.name: selection for selection in read_all(run, run_id)}
    if name not in found:
        there = ", ".join(list(found)[:10]) or "none"
        raise RunNotFound(f"{run}: there is no saved selection {name!r}; there are: {there}")
    return found[name]


def save(
    run: Path, run_id: str, name: str, ids: NDArray[np.int64], expression: str | None, note: str | None
) -> None:
    """One commit. BadInput for an empty name."""
    if not name.strip():
        raise BadInput("the selection has no name; pass one")
    check_text(name, "the name of the selection")
    _append(run, run_id, name, ids, expression, note, is_deleted=False)


def delete(run: Path, run_id: str, name: str) -> None:
    """Mark as deleted; RunNotFound when there is none of that name."""
    read_one(run, run_id, name)
    _append(run, run_id, name, np.empty(0, np.int64), None, None, is_deleted=True)


def _append(
    run: Path,
    run_id: str,
    name: str,
    ids: NDArray[np.int64],
    expression: str | None,
    note: str | None,
    *,
    is_deleted: bool,
) -> None:
    with Ledger(writing_place(run, run_id) / "notes", "notes") as ledger:
        old = _rows(run, run_id)
        row = _table(len(old) + 1, name, ids, expression, note, is_deleted)
        files = [segment.file for segment in ledger.manifest.segments]
        if len(files) < MOST_SEGMENTS:
            files = []
        else:
            row = pa.concat_tables([old, row]).combine_chunks()
        part = Part(kind="notes", suffix="duckdb", build=lambda path: write_tables(path, {"selections": row}))
        ledger.commit([part], remove=files)


def _table(
    revision: int,
    name: str,
    ids: NDArray[np.int64],
    expression: str | None,
    note: str | None,
    is_deleted: bool,
) -> pa.Table:
    return pa.table(
        {
            "revision": pa.array([revision], pa.int64()),
            "name": pa.array([name], pa.string()),
            "created": pa.array([datetime.now(UTC).replace(tzinfo=None)], pa.timestamp("us")),
            "sample_ids": pa.array([ids], pa.list_(pa.int64())),
            "expression": pa.array([expression], pa.string()),
            "note": pa.array([note], pa.string()),
            "deleted": pa.array([is_deleted], pa.bool_()),
        }
    )


def _rows(run: Path, run_id: str) -> pa.Table:
    database = Database()
    try:
        tables = [
            LedgerReader(place / "notes", database).read("selections", COLUMNS)
            for place in reading_places(run, run_id)
        ]
    finally:
        database.close()
    return pa.concat_tables(tables)


def _selections(table: pa.Table) -> list[Selection]:
    latest: dict[str, Selection | None] = {}
    for row in table.to_pylist():
        if row["deleted"]:
            latest.pop(row["name"], None)
            continue
        latest[row["name"]] = Selection(
            name=row["name"],
            ids=np.array(row["sample_ids"], np.int64),
            expression=row["expression"],
            note=row["note"],
            created=row["created"].isoformat(timespec="seconds"),
        )
    return [selection for selection in latest.values() if selection is not None]
