"""File steps that survive a crash: every name and every byte is on the disk before the next step.

The functions of `os` are looked up when called, so that tests can record, fail or cut them.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

CHUNK_BYTES = 1 << 20


def sync_file(path: Path) -> None:
    """Return when the file's bytes are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Return when the folder's names are on the disk (nothing to do on Windows)."""
    if os.name != "nt":
        sync_file(folder)


def write_file(path: Path, content: bytes) -> None:
    """A new file with these bytes, on the disk."""
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def publish(source: Path, target: Path) -> None:
    """Give a finished file its final name in another folder of the same disk."""
    os.rename(source, target)
    sync_folder(target.parent)


def replace_keeping(source: Path, target: Path, previous: Path) -> None:
    """Put `source` in the place of `target` in one step; what was there stays as `previous`."""
    if target.exists():
        aside = source.with_name("previous")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(aside)
        try:
            os.link(target, aside)
        except OSError:  # a file system without hard links
            write_file(aside, target.read_bytes())
        os.replace(aside, previous)
    os.replace(source, target)
    sync_folder(target.parent)


def make_folder(folder: Path) -> None:
    """The folder and those above it, their names on the disk."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder)
    sync_folder(folder.parent)


def sha256_of(path: Path) -> str:
    """Hex digest of a file, read in pieces."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(CHUNK_BYTES):
            digest.update(piece)
    return digest.hexdigest()
