"""Bytes on disk by kind of fact."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from timetravel.store.run import StoredRun

KINDS = {
    "run": "samples and inputs",
    "facts": "facts",
    "vectors": "representations",
    "checkpoint": "checkpoints",
}


def disk_usage(run: StoredRun) -> dict[str, int]:
    """Bytes by kind, largest first; maps, notes and indexes by themselves."""
    found: dict[str, int] = {}
    for segment in run._facts.manifest.segments:
        name = KINDS.get(segment.kind, segment.kind)
        found[name] = found.get(name, 0) + segment.bytes
    for name in ("maps", "notes", "indexes"):
        size = folder_bytes(run.path / name)
        if size:
            found[name] = size
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def folder_bytes(folder: Path) -> int:
    """Bytes of all files in a folder; 0 when there is none."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
