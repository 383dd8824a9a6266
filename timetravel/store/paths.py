"""The one place where a name from a file becomes a path."""

from __future__ import annotations

import os
import re
from pathlib import Path

from timetravel.errors import RunCorrupt

SEGMENT_NAME = re.compile(r"(?:[a-z0-9_-]+/)*[a-z0-9_-]+-[0-9a-f]{12}\.(?:duckdb|safetensors)")


def check_name(ledger: Path, name: str) -> None:
    """RunCorrupt for a name that is not one of ours, so that no manifest can point outside its own folder."""
    if not isinstance(name, str) or len(name) > 200 or not SEGMENT_NAME.fullmatch(name):
        raise RunCorrupt(
            f"{ledger / 'manifest.json'}: {str(name)[:80]!r} is no name of a segment; expected something like "
            "000001-9f31c2ab04de.duckdb (run `timetravel check` on this run)"
        )


def segment_path(ledger: Path, name: str) -> Path:
    """Path of a segment inside its ledger. RunCorrupt for a foreign name and for one behind a symbolic link."""
    check_name(ledger, name)
    path = ledger
    for part in name.split("/"):
        path = path / part
        if os.path.islink(path):
            raise RunCorrupt(
                f"{path} is a symbolic link; expected a file of this run (links are not followed)"
            )
    return path
