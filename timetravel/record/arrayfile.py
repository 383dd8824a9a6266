"""Arrays of others, read with care: the header before the data, one epoch at a time, never a pickle."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from timetravel.errors import BadInput

_KINDS = {"b": "booleans", "i": "integers", "u": "integers", "f": "floating-point numbers", "U": "text"}


class ArrayFile:
    """One array in `<name>.npy`, or under its own name in `<name>.npz`.

    Opening reads the header alone: `shape` and `dtype` are known, and the size that they promise has been
    compared with the size of the file. Raises BadInput that names the file, what was found and what to do.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self._member = f"{name}.npy" if path.suffix == ".npz" else None
        with self._open() as (file, size):
            self.shape, self._fortran, self.dtype = _header(file, path)
            self._data_start = file.tell()
        if self.dtype.hasobject or self.dtype.fields is not None or self.dtype.kind not in _KINDS:
            raise BadInput(
                f"{path.name} holds {self.dtype}; expected plain numbers: save it as an array of one numeric type"
            )
        promised = self._data_start + self.count * self.dtype.itemsize
        if size < promised:
            raise BadInput(
                f"{path.name} has {size:,} bytes; expected {promised:,} for shape {self.shape} of {self.dtype}: "
                "the file was cut short, write it again"
            )

    @property
    def count(self) -> int:
        """How many numbers the array holds."""
        total = 1
        for length in self.shape:
            total *= int(length)
        return total

    def __str__(self) -> str:
        return f"{self.path.name} with shape {self.shape} of {self.dtype}"

    def expect(self, shape: Sequence[int | None], meaning: str, kinds: str) -> None:
        """BadInput unless the array has this shape (None: any length) and one of these dtype kinds."""
        fits = len(shape) == len(self.shape) and all(
            wanted is None or wanted == found for wanted, found in zip(shape, self.shape, strict=True)
        )
        if not fits:
            words = ", ".join("any" if wanted is None else str(wanted) for wanted in shape)
            raise BadInput(f"{self.path.name} has shape {self.shape}; expected ({words}): {meaning}")
        if self.dtype.kind not in kinds:
            wanted_kinds = " or ".join(dict.fromkeys(_KINDS[kind] for kind in kinds))
            raise BadInput(f"{self.path.name} holds {self.dtype}; expected {wanted_kinds}: {meaning}")

    def read(self) -> NDArray[Any]:
        """The whole array, in native byte order and C order."""
        if self._member is None:
            return _native(np.load(self.path, allow_pickle=False))
        with self._open() as (file, _):
            return _native(np.lib.format.read_array(file, allow_pickle=False))

    def parts(self) -> Iterator[NDArray[Any]]:
        """The array along its first dimension, one part at a time: what is in memory is one part."""
        if self._member is None:
            mapped = np.load(self.path, mmap_mode="r", allow_pickle=False)
            for part in mapped:
                yield _native(np.array(part))
        elif self._fortran:
            yield from self.read()
        else:
            size = self.count // self.shape[0] * self.dtype.itemsize if self.shape[0] else 0
            with self._open() as (file, _):
                file.read(self._data_start)
                for _ in range(self.shape[0]):
                    raw = _exactly(file, size, self.path)
                    yield _native(np.frombuffer(raw, self.dtype).reshape(self.shape[1:]).copy())

    @contextmanager
    def _open(self) -> Iterator[tuple[IO[bytes], int]]:
        """The stream of the array and its size in bytes."""
        if self._member is None:
            with self.path.open("rb") as file:
                yield file, self.path.stat().st_size
            return
        try:
            with zipfile.ZipFile(self.path) as archive:
                if self._member not in archive.namelist():
                    inside = ", ".join(archive.namelist()[:5]) or "nothing"
                    raise BadInput(
                        f"{self.path.name} holds {inside}; expected the array under its own name, "
                        f"as np.savez_compressed(..., {self._member[:-4]}=array) writes it"
                    )
                with archive.open(self._member) as file:
                    yield file, archive.getinfo(self._member).file_size
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise BadInput(f"{self.path.name} is no whole .npz file ({error}); write it again") from error


def find_array(folder: Path, name: str) -> ArrayFile | None:
    """The array called `name` in a folder, None when there is none. A .npy goes before a .npz."""
    for suffix in (".npy", ".npz"):
        path = folder / f"{name}{suffix}"
        if path.is_file():
            return ArrayFile(path, name)
    return None


def need_array(folder: Path, name: str, meaning: str) -> ArrayFile:
    """The array called `name`, or BadInput that says what it should hold."""
    found = find_array(folder, name)
    if found is None:
        raise BadInput(f"{folder} has no {name}.npy or {name}.npz; expected {meaning}")
    return found


def _header(file: IO[bytes], path: Path) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        elif version == (2, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
        else:
            raise ValueError(f"version {version} of the format")
    except (ValueError, SyntaxError, TypeError) as error:
        said = " ".join(str(error).split())
        raise BadInput(f"{path.name} is no numpy array ({said[:120]}); write it with numpy.save") from error
    if any(length < 0 for length in shape):
        raise BadInput(f"{path.name} says it has shape {shape}; write it again with numpy.save")
    return shape, fortran, dtype


def _exactly(file: IO[bytes], size: int, path: Path) -> bytes:
    raw = file.read(size)
    if len(raw) != size:
        raise BadInput(f"{path.name} ends too early; write it again")
    return raw


def _native(array: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
