"""Where maps, notes and indexes of a run go: into the run, or beside it when the run cannot be written to."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path


def user_cache() -> Path:
    """This account's cache folder of the package (TIMETRAVEL_CACHE, else the platform's)."""
    if given := os.environ.get("TIMETRAVEL_CACHE"):
        return Path(given)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", tempfile.gettempdir()))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "timetravel"


def beside(run_id: str) -> Path:
    """The folder that stands in for a run folder that cannot be written to."""
    safe = "".join(letter for letter in run_id if letter in "0123456789abcdef-")[:64]
    return user_cache() / "runs" / (safe or "unknown")


def is_writable(folder: Path) -> bool:
    """Whether files can be made in the folder."""
    return os.access(folder, os.W_OK | os.X_OK)


def writing_place(run: Path, run_id: str) -> Path:
    """Where new maps, notes and indexes of the run go."""
    return run if is_writable(run) else beside(run_id)


def reading_places(run: Path, run_id: str) -> list[Path]:
    """Where maps and notes of the run may lie, the run itself first."""
    return [run, beside(run_id)]
