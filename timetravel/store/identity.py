"""run.json: what a folder is, written once."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from timetravel.errors import RunCorrupt
from timetravel.store import durable
from timetravel.store.manifest import VERSION, check_version, read_bounded

NAME = "run.json"
FORMAT = "timetravel-run"


class RunIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Who this run is, wherever its folder is moved."""

    run_id: str
    created: str = ""
    library: str = ""
    format: str = FORMAT
    version: int = VERSION
    minimum_reader: int = VERSION


def library_version() -> str:
    """Name and version of this package."""
    try:
        return f"timetravel {version('timetravel-maps')}"
    except PackageNotFoundError:
        return "timetravel"


def write_identity(folder: Path, identity: RunIdentity) -> None:
    """Write run.json unless it is there."""
    path = folder / NAME
    if path.exists():
        return
    fresh = folder / "facts" / "tmp" / NAME
    durable.write_file(fresh, msgspec.json.format(msgspec.json.encode(identity), indent=2))
    os.replace(fresh, path)
    durable.sync_folder(folder)


def read_identity(folder: Path) -> RunIdentity | None:
    """What run.json says; None when there is none. RunCorrupt when it is damaged, FormatTooNew when newer."""
    path = folder / NAME
    try:
        plain = msgspec.json.decode(read_bounded(path, 1 << 20))
        if not isinstance(plain, dict):
            raise msgspec.ValidationError("it holds no object")
        check_version(plain, path)
        found = msgspec.convert(plain, RunIdentity, strict=True)
        if found.format != FORMAT:
            raise msgspec.ValidationError(f"format is {found.format[:40]!r}, expected {FORMAT!r}")
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise RunCorrupt(f"{path} does not say what run this is: {str(error)[:200]}") from error
    return found
