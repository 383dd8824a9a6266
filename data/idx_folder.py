"""MNIST and Fashion-MNIST from any folder of IDX files, read by torchvision's own classes.

torchvision reads only unpacked files in its own folder layout. Anything else is laid out once in a cache
folder, named by the contents, and torchvision is given that.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torchvision.datasets import MNIST, FashionMNIST

CLASSES: dict[str, type[MNIST]] = {"mnist": MNIST, "fashion-mnist": FashionMNIST}

FILES = tuple(f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))

LARGEST_BYTES = 1 << 30
"""An IDX file that claims more is refused before anything is unpacked; MNIST's largest has 47 MB."""


def open_idx(
    name: str,
    root: Path,
    train: bool,
    transform: Callable[[Any], Any] | None,
    target_transform: Callable[[Any], Any] | None,
    cache: Path | None,
) -> MNIST:
    """The data set under ``root``; FileNotFoundError names the files that lack, ValueError a damaged one."""
    kind = CLASSES[name]
    folder = _folder_of_files(root, kind.__name__)
    if folder == root / kind.__name__ / "raw" and all((folder / file).is_file() for file in FILES):
        home = root
    else:
        home = _laid_out(folder, kind.__name__, cache or cache_folder())
    return kind(home, train=train, transform=transform, target_transform=target_transform, download=False)


def cache_folder() -> Path:
    """Where unpacked copies go: TIMETRAVEL_CACHE, or ``timetravel`` in the user's cache folder."""
    if given := os.environ.get("TIMETRAVEL_CACHE"):
        return Path(given)
    if base := os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA"):
        return Path(base) / "timetravel"
    return Path.home() / ".cache" / "timetravel"


def _folder_of_files(root: Path, layout: str) -> Path:
    tried = [root / layout / "raw", root / "raw", root / layout, root]
    for folder in tried:
        if all(_packed_or_plain(folder, file) for file in FILES):
            return folder
    # The folder that comes closest tells best what is missing.
    nearest = max(tried, key=lambda folder: sum(_packed_or_plain(folder, file) is not None for file in FILES))
    missing = [file for file in FILES if _packed_or_plain(nearest, file) is None]
    raise FileNotFoundError(
        f"{nearest} lacks {', '.join(missing)}; expected the four IDX files (plain or .gz) there or in "
        f"{layout}/raw below it; pass the folder that torchvision's {layout} was downloaded to"
    )


def _packed_or_plain(folder: Path, file: str) -> Path | None:
    for path in (folder / file, folder / f"{file}.gz"):
        if path.is_file():
            return path
    return None


def _laid_out(folder: Path, layout: str, cache: Path) -> Path:
    """A root in torchvision's layout with the files of ``folder``, unpacked; made once per contents."""
    sources = {file: _packed_or_plain(folder, file) or folder / file for file in FILES}
    digest = hashlib.blake2b(digest_size=8)
    for path in sources.values():
        with open(path, "rb") as stream:
            digest.update(hashlib.file_digest(stream, "blake2b").digest())
    home = cache / "datasets" / f"{layout}-{digest.hexdigest()}"
    for file, path in sources.items():
        plain = home / layout / "raw" / file
        if not plain.is_file():
            _unpack(path, plain)
    return home


def _unpack(source: Path, target: Path) -> None:
    """Write ``source`` unpacked to ``target``, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    opener = gzip.open if source.suffix == ".gz" else open
    with opener(source, "rb") as stream:
        size = _size_by_header(stream.read(4 + 4 * 3), source)
    with opener(source, "rb") as stream:
        contents = stream.read(size + 1)
    if len(contents) != size:
        raise ValueError(
            f"{source} holds {'more' if len(contents) > size else 'fewer'} bytes than its header says "
            f"({size}); expected a whole IDX file; copy it again"
        )
    handle, aside = tempfile.mkstemp(dir=target.parent)
    with os.fdopen(handle, "wb") as out:
        out.write(contents)
    os.replace(aside, target)


def _size_by_header(head: bytes, source: Path) -> int:
    """Bytes of the whole file as its IDX header says: type, rank and lengths."""
    rank = head[3] if len(head) >= 8 and head[:3] == b"\0\0\x08" else 0
    if rank not in (1, 3) or len(head) < 4 + 4 * rank:
        raise ValueError(f"{source} is no IDX file of bytes; expected MNIST's format; copy it again")
    size = 4 + 4 * rank
    values = 1
    for length in struct.unpack_from(f">{rank}I", head, 4):
        values *= length
    if size + values > LARGEST_BYTES:
        raise ValueError(
            f"{source} claims {values} bytes; expected at most {LARGEST_BYTES}; is it the right file?"
        )
    return size + values
