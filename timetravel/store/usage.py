"""Bytes on disk by kind of fact."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from timetravel.errors import RunCorrupt
from timetravel.store.database import Database, SegmentGone
from timetravel.store.manifest import Segment

if TYPE_CHECKING:
    from timetravel.store.run import StoredRun

WHOLE = {"vectors": "representations", "checkpoint": "checkpoints"}
"""Kinds of segments that hold one kind of fact."""

FACT_OF_TABLE = {
    "predictions": "predictions",
    "logits": "logits",
    "activations": "activations",
    "layer_statistics": "statistics",
    "histograms": "statistics",
    "filter_changes": "filters",
    "labelling": "labelling",
    "rounds": "labelling",
    "scores": "labelling",
    "events": "events",
    "epochs": "epochs",
    "inputs": "inputs",
    "input_palettes": "inputs",
    "input_ranges": "inputs",
    "samples": "samples",
    "sample_attributes": "samples",
    "classes": "samples",
    "run": "samples",
    "layers": "structure",
}


def disk_usage(run: StoredRun) -> dict[str, int]:
    """Bytes by kind of fact, largest first; maps, notes and indexes by themselves. The sum is the run's folder.

    A segment of several tables is shared out by its blocks; catalogue and half-filled blocks go with them.
    """
    found: dict[str, float] = {}
    facts = run._facts
    for segment in facts.segments():
        if segment.kind in WHOLE:
            found[WHOLE[segment.kind]] = found.get(WHOLE[segment.kind], 0) + segment.bytes
            continue
        for name, share in _shares(facts.database, facts.folder, segment).items():
            found[name] = found.get(name, 0) + share * segment.bytes
    for name in ("maps", "notes", "indexes"):
        if size := folder_bytes(run.path / name):
            found[name] = size
    rest = folder_bytes(run.path) - sum(found.values())
    if rest >= 1:
        found["manifests and leftovers"] = rest
    return {name: round(size) for name, size in sorted(found.items(), key=lambda item: -item[1])}


def _shares(database: Database, ledger: Path, segment: Segment) -> dict[str, float]:
    """Kind of fact -> its share of a segment's blocks; a block of several tables counts in parts."""
    owners: dict[int, set[str]] = {}
    try:
        with database.lock:
            alias = database.attach(ledger, segment)
            for table in segment.rows:
                if not database.has_table(alias, table):
                    continue
                rows = database.query(
                    f"SELECT DISTINCT unnest([block_id] || coalesce(additional_block_ids, [])) AS block "
                    f"FROM pragma_storage_info('{alias}.main.{table}') WHERE persistent"
                )
                for block in rows.column("block").to_pylist():
                    if block is not None and block >= 0:
                        owners.setdefault(block, set()).add(FACT_OF_TABLE.get(table, "other"))
    except (RunCorrupt, SegmentGone):
        return {"damaged": 1.0}
    if not owners:
        return {FACT_OF_TABLE.get(next(iter(segment.rows), ""), "other"): 1.0}
    found: dict[str, float] = {}
    for names in owners.values():
        for name in names:
            found[name] = found.get(name, 0) + 1 / len(names) / len(owners)
    return found


def folder_bytes(folder: Path) -> int:
    """Bytes of all files in a folder; 0 when there is none."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
