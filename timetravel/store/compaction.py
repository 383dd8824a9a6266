"""Merging small facts segments: a run of many epochs stays quick to open. Readers notice nothing."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from pathlib import Path

import duckdb

from timetravel.errors import RunNotFound
from timetravel.store.database import SegmentGone, verify
from timetravel.store.ledger import Ledger, Part
from timetravel.store.manifest import Segment
from timetravel.store.schema import TABLES, create_statement
from timetravel.store.segment import SAFE_SETTINGS, attach_for_writing, finish_writing, quoted

MOST_LIVE = 32
"""More live facts segments than this are merged."""

MERGED_AT_ONCE = 16


def compact(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Merge the facts segments of a run where there are many; returns their numbers before and after.

    Also removes files that no manifest names (left by a killed writer). Raises RunNotFound, RunLocked while
    a recorder writes, and RunCorrupt when a segment to be merged is damaged.
    """
    folder = Path(path) / "facts"
    if not (folder / "manifest.json").exists():
        raise RunNotFound(
            f"{path} is no run (there is no facts/manifest.json in it); pass the folder of a run"
        )
    with Ledger(folder, "facts") as ledger:
        before = _live(ledger)
        compact_ledger(ledger)
        remove_orphans(ledger)
        return len(before), len(_live(ledger))


def compact_ledger(ledger: Ledger) -> None:
    """Merge the oldest facts segments until few enough are live; damaged ones are left as they are."""
    while len(live := _live(ledger)) > MOST_LIVE:
        oldest = live[:MERGED_AT_ONCE]
        epochs = tuple(epoch for segment in oldest for epoch in segment.epochs)
        size = sum(segment.bytes for segment in oldest)
        part = Part(
            kind="facts",
            suffix="duckdb",
            epochs=epochs,
            build=functools.partial(_merge, ledger.folder, oldest),
        )
        ledger.commit(
            [part],
            remove=[segment.file for segment in oldest],
            expected_bytes=size,
            in_place_of=oldest[0].file,
        )


def remove_orphans(ledger: Ledger) -> list[Path]:
    """Remove segment files that the manifest does not name; returns them."""
    named = {segment.file for segment in ledger.manifest.segments}
    found = []
    for path in sorted(ledger.folder.rglob("*-????????????.*")):
        name = path.relative_to(ledger.folder).as_posix()
        if path.suffix in (".duckdb", ".safetensors") and name not in named and not path.is_symlink():
            path.unlink(missing_ok=True)
            found.append(path)
    return found


def _live(ledger: Ledger) -> list[Segment]:
    found = []
    for segment in ledger.manifest.segments:
        if segment.kind != "facts":
            continue
        try:
            verify(ledger.folder, segment, hash_content=False)
        except Exception:  # what is damaged stays where `check` finds it
            continue
        found.append(segment)
    return found


def _merge(folder: Path, segments: Sequence[Segment], target: Path) -> dict[str, int]:
    """One segment with all rows of the others, oldest first."""
    rows: dict[str, int] = {}
    connection = duckdb.connect(":memory:", config={**SAFE_SETTINGS, "threads": 1})
    try:
        attach_for_writing(connection, target, sum(segment.bytes for segment in segments))
        for number, segment in enumerate(segments):
            try:
                path = verify(folder, segment)
            except SegmentGone as error:
                raise OSError(str(error)) from error
            connection.execute(f"ATTACH {quoted(path)} AS old{number} (READ_ONLY)")
            for table, count in segment.rows.items():
                if table not in TABLES:
                    continue
                if table not in rows:
                    connection.execute(create_statement(table, "segment"))
                connection.execute(
                    f'INSERT INTO segment.main."{table}" BY NAME SELECT * FROM old{number}.main."{table}"'
                )
                rows[table] = rows.get(table, 0) + count
            connection.execute(f"DETACH old{number}")
        finish_writing(connection, target)
    finally:
        connection.close()
    return rows
