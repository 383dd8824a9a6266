"""The manifest of a ledger: which segments are committed, with size and hash, in one small file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec

from timetravel.errors import FormatTooNew, RunCorrupt
from timetravel.store.paths import check_name

FORMAT = "timetravel-ledger"
VERSION = 1
LARGEST_MANIFEST_BYTES = 64 << 20
"""A manifest has about 250 bytes a segment; what is larger is not ours."""

NAME = "manifest.json"
PREVIOUS_NAME = "manifest.prev.json"


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """One committed file.

    file: relative to the ledger. kind: "run", "facts", "vectors", "checkpoint", "map", "inverse" or "notes".
    rows: table -> number of rows. extent: (x0, x1, y0, y1) of the decision maps in it, None without any.
    """

    file: str
    kind: str
    sha256: str
    bytes: int
    epochs: list[int] = []
    rows: dict[str, int] = {}
    extent: tuple[float, float, float, float] | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a ledger holds after one commit. `pending`: not to be shown yet (a map that is to replace another)."""

    ledger: str
    generation: int
    segments: list[Segment]
    format: str = FORMAT
    version: int = VERSION
    minimum_reader: int = VERSION
    pending: bool = False
    checksum: str = ""


def checksum_of(content: dict[str, Any]) -> str:
    """sha256 of the object without its checksum, keys sorted, no spaces."""
    rest = {key: value for key, value in content.items() if key != "checksum"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def encode(manifest: Manifest) -> bytes:
    """The file's bytes, checksum filled in."""
    content = msgspec.to_builtins(manifest)
    content["checksum"] = checksum_of(content)
    return msgspec.json.encode(content)


def read_bounded(path: Path, limit: int = LARGEST_MANIFEST_BYTES) -> bytes:
    """The bytes of a small file; RunCorrupt when it is larger than `limit`."""
    with open(path, "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise RunCorrupt(f"{path} is larger than {limit} bytes; expected a small JSON file")
    return content


def decode(content: bytes, path: Path) -> Manifest:
    """Parse and verify. Raises RunCorrupt for damage and FormatTooNew for a later version; both name the file."""
    try:
        plain = msgspec.json.decode(content)
        if not isinstance(plain, dict):
            raise msgspec.ValidationError(f"found {type(plain).__name__}, expected an object")
        check_version(plain, path)
        manifest = msgspec.convert(plain, Manifest, strict=True)
        right = plain.get("checksum") == checksum_of(plain)
    except (msgspec.MsgspecError, RecursionError, UnicodeError, ValueError) as error:
        raise RunCorrupt(f"{path} is no manifest: {str(error)[:200]}") from error
    if manifest.format != FORMAT:
        raise RunCorrupt(f"{path}: format is {manifest.format[:40]!r}, expected {FORMAT!r}")
    if not right:
        raise RunCorrupt(f"{path}: its checksum does not fit its content; it was changed or cut")
    for segment in manifest.segments:
        check_name(path.parent, segment.file)
    return manifest


def check_version(content: dict[str, Any], path: Path) -> None:
    """Refuse what a later version wrote and says must not be read by this one."""
    version = content.get("version", VERSION)
    needed = content.get("minimum_reader", version)
    if isinstance(needed, int) and needed > VERSION:
        raise FormatTooNew(
            f"{path}: written in format {version} and needs a reader of format {needed}, this timetravel reads "
            f"{VERSION}; upgrade with `pip install -U timetravel-maps` (nothing was changed)"
        )


def load(folder: Path) -> tuple[Manifest, str | None] | None:
    """The manifest of a ledger, and a notice when the one before had to be used; None when there is none.

    Raises RunCorrupt when neither file is whole.
    """
    trouble: RunCorrupt | None = None
    for name in (NAME, PREVIOUS_NAME):
        path = folder / name
        try:
            manifest = decode(read_bounded(path), path)
        except FileNotFoundError:
            continue
        except RunCorrupt as error:
            trouble = trouble or error
            continue
        notice = None
        if name == PREVIOUS_NAME:
            found = str(trouble) if trouble else f"{folder / NAME} is missing"
            notice = f"{found}; the manifest before it is used, the last commit may be missing"
        return manifest, notice
    if trouble:
        raise RunCorrupt(f"{trouble}; {PREVIOUS_NAME} is no help either; run `timetravel check`") from trouble
    return None
