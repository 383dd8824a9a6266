"""Every fault in a run's files, by name: what is missing, cut, changed, left over or foreign. Changes nothing."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from timetravel.errors import FormatTooNew, RunCorrupt, RunNotFound, TimetravelError
from timetravel.store import lock, manifest
from timetravel.store.database import Database, SegmentGone, verify
from timetravel.store.identity import read_identity
from timetravel.store.manifest import Manifest, Segment
from timetravel.store.map_folders import NAME as MAP_NAME
from timetravel.store.map_folders import read_map_identity
from timetravel.store.paths import SEGMENT_NAME
from timetravel.store.schema import TABLES
from timetravel.store.segment import read_tensors

LEDGER_FILES = (manifest.NAME, manifest.PREVIOUS_NAME, lock.NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong.

    file: path relative to the run. kind: "missing", "damaged", "newer", "leftover" (of a killed writer; removed by
    `timetravel compact`) or "foreign" (not ours; ignored). epochs: those that cannot be read because of it.
    """

    file: str
    kind: str
    what: str
    epochs: tuple[int, ...] = ()

    def __str__(self) -> str:
        hit = f" (epochs {', '.join(map(str, self.epochs))})" if self.epochs else ""
        return f"{self.file}: {self.kind}: {self.what}{hit}"


def check(path: str | os.PathLike[str]) -> list[Fault]:
    """Every fault of a run; an empty list when all is well. RunNotFound when the path holds no run."""
    run = Path(path)
    if not (run / "run.json").exists() and not (run / "facts").is_dir():
        raise RunNotFound(f"{run} is no run (there is no run.json in it); pass the folder of a run")
    faults = list(_identity(run))
    ledgers = [run / "facts", *sorted(p for p in _folders(run / "maps") if not p.suffix), run / "notes"]
    database = Database()
    try:
        for ledger in ledgers:
            if ledger.is_dir() and not ledger.is_symlink():
                faults += _ledger(run, ledger, database, is_needed=ledger.name == "facts")
    finally:
        database.close()
    faults += _indexes(run)
    faults += _foreign(run)
    return faults


def _identity(run: Path) -> Iterator[Fault]:
    try:
        if read_identity(run) is None:
            yield Fault(
                file="run.json", kind="missing", what="the run is read without it, under the id in its tables"
            )
    except FormatTooNew as error:
        yield Fault(file="run.json", kind="newer", what=str(error))
    except (RunCorrupt, OSError) as error:
        yield Fault(file="run.json", kind="damaged", what=str(error))


def _folders(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return [one for one in folder.iterdir() if one.is_dir() and not one.is_symlink()]
    return []


def _ledger(run: Path, folder: Path, database: Database, *, is_needed: bool) -> Iterator[Fault]:
    here = folder.relative_to(run).as_posix()
    if not is_needed and not any(
        (folder / name).exists() for name in (manifest.NAME, manifest.PREVIOUS_NAME)
    ):
        if not lock.is_held(folder):
            yield Fault(
                file=here, kind="leftover", what="it was begun and nothing was committed; it may be deleted"
            )
        return
    if folder.parent.name == "maps":
        try:
            if read_map_identity(folder) is None:
                yield Fault(
                    file=f"{here}/{MAP_NAME}", kind="missing", what="the map cannot be shown without it"
                )
        except FormatTooNew as error:
            yield Fault(file=f"{here}/{MAP_NAME}", kind="newer", what=str(error))
        except (RunCorrupt, OSError) as error:
            yield Fault(file=f"{here}/{MAP_NAME}", kind="damaged", what=str(error))
    whole: list[Manifest] = []
    for name in (manifest.NAME, manifest.PREVIOUS_NAME):
        path = folder / name
        try:
            whole.append(manifest.decode(manifest.read_bounded(path), path))
        except FileNotFoundError:
            if name == manifest.NAME and (is_needed or (folder / manifest.PREVIOUS_NAME).exists()):
                yield Fault(
                    file=f"{here}/{name}", kind="missing", what="the one before it is used, if there is one"
                )
        except FormatTooNew as error:
            yield Fault(file=f"{here}/{name}", kind="newer", what=str(error))
        except (RunCorrupt, OSError) as error:
            yield Fault(file=f"{here}/{name}", kind="damaged", what=str(error))
    named: set[str] = set()
    if whole:
        named = {segment.file for segment in whole[0].segments}
        for segment in whole[0].segments:
            yield from _segment(here, folder, segment, database)
    if not lock.is_held(folder):
        yield from _leftovers(here, folder, named if whole else None)


def _segment(here: str, folder: Path, segment: Segment, database: Database) -> Iterator[Fault]:
    file, epochs = f"{here}/{segment.file}", tuple(segment.epochs)
    try:
        path = verify(folder, segment)
    except SegmentGone:
        yield Fault(file=file, kind="missing", what="a committed file is not there", epochs=epochs)
        return
    except RunCorrupt as error:
        yield Fault(file=file, kind="damaged", what=str(error), epochs=epochs)
        return
    try:
        if path.suffix == ".safetensors":
            read_tensors(path)
            return
        database.attach(folder, segment)
        counts = {table: database.count(folder, segment, table) for table in segment.rows if table in TABLES}
        odd = {table: found for table, found in counts.items() if found != segment.rows[table]}
        for table, found in odd.items():
            what = f"table {table} has {found} rows, {segment.rows[table]} were committed"
            yield Fault(file=file, kind="damaged", what=what, epochs=epochs)
        strange = database.strangers(folder, segment)
        if strange:
            yield Fault(
                file=file, kind="foreign", what=f"holds {', '.join(strange[:10])}, which is never read"
            )
        database.detach(folder, segment.file)
    except (TimetravelError, duckdb.Error) as error:
        yield Fault(file=file, kind="damaged", what=str(error), epochs=epochs)


def _leftovers(here: str, folder: Path, named: set[str] | None) -> Iterator[Fault]:
    for path in sorted(folder.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            continue
        inside = path.relative_to(folder).as_posix()
        if inside in LEDGER_FILES or inside == MAP_NAME or (named and inside in named):
            continue
        if inside.startswith("tmp/"):
            yield Fault(
                file=f"{here}/{inside}",
                kind="leftover",
                what="an unfinished write; the next writer removes it",
            )
        elif SEGMENT_NAME.fullmatch(inside) and not path.is_symlink():
            what = "no manifest names it" if named is not None else "no manifest could be read"
            yield Fault(file=f"{here}/{inside}", kind="leftover", what=what)
        else:
            yield Fault(file=f"{here}/{inside}", kind="foreign", what="not a file of a run; ignored")


def _indexes(run: Path) -> Iterator[Fault]:
    folder = run / "indexes"
    for path in sorted(folder.glob("*")) if folder.is_dir() else ():
        here = f"indexes/{path.name}"
        if path.suffix == ".json":
            if not path.with_suffix(".faiss").exists():
                yield Fault(file=here, kind="leftover", what="its index is not there; it may be deleted")
            continue
        if path.suffix != ".faiss" or not path.is_file():
            yield Fault(file=here, kind="foreign", what="not a file of a run; ignored")
            continue
        try:
            note = json.loads(manifest.read_bounded(path.with_suffix(".json"), 1 << 16))
            right = note["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        except (OSError, ValueError, KeyError, TypeError, RecursionError, RunCorrupt):
            right = False
        if not right:
            yield Fault(
                file=here, kind="damaged", what="not what was built; it is rebuilt when needed, delete it"
            )


def _foreign(run: Path) -> Iterator[Fault]:
    for path in sorted(run.iterdir()):
        if path.name == "run.json" or (path.name in ("facts", "maps", "notes", "indexes") and path.is_dir()):
            if path.is_symlink():
                yield Fault(
                    file=path.name,
                    kind="foreign",
                    what="a symbolic link; links inside a run are not followed",
                )
            continue
        yield Fault(file=path.name, kind="foreign", what="not a file of a run; ignored")
    for path in sorted((run / "maps").iterdir()) if (run / "maps").is_dir() else ():
        if path.suffix == ".removed":
            yield Fault(
                file=f"maps/{path.name}", kind="leftover", what="a map that was replaced; it may be deleted"
            )
        elif not path.is_dir() or path.is_symlink():
            yield Fault(file=f"maps/{path.name}", kind="foreign", what="not a file of a run; ignored")
