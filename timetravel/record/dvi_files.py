"""What the two layouts of DeepVisualInsight, TimeVis and their tool have in common."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.errors import BadInput
from timetravel.record.arrayfile import ArrayFile
from timetravel.record.foreign import read_json


def epoch_folders(folder: Path, word: str) -> list[tuple[int, Path]]:
    """(epoch, folder) of every `<word>_<number>` in a folder, by number."""
    if not folder.is_dir():
        return []
    found = [(re.fullmatch(rf"{word}_(\d+)", path.name), path) for path in folder.iterdir() if path.is_dir()]
    return sorted((int(match[1]), path) for match, path in found if match)


def class_count(labels: NDArray[Any]) -> int:
    """How many classes labels speak of, at least one."""
    return int(labels.max()) + 1 if len(labels) and labels.max() >= 0 else 1


def read_rows(path: Path, count: int) -> NDArray[np.int64]:
    """Row numbers below `count` in a JSON file."""
    return checked_rows(read_json(path), count, path)


def checked_rows(rows: Any, count: int, path: Path) -> NDArray[np.int64]:
    """Row numbers below `count`, or BadInput that names the file they came from."""
    found = np.asarray(rows if isinstance(rows, list) else None)
    if not (isinstance(rows, list) and (not rows or (found.ndim == 1 and found.dtype.kind in "iu"))):
        raise BadInput(f"{path.name} in {path.parent.name} holds no list of rows; expected [0, 1, ...]")
    found = found.astype(np.int64)
    if len(found) and (found.min() < 0 or found.max() >= count):
        raise BadInput(
            f"{path.name} in {path.parent.name} lists row {found.max() if found.min() >= 0 else found.min()}; "
            f"expected 0 to {count - 1}"
        )
    return found


def flat_rows(file: ArrayFile) -> NDArray[Any]:
    """(samples, width): an array with what comes after its first dimension in one."""
    if len(file.shape) < 2 or file.dtype.kind != "f":
        raise BadInput(f"{file}; expected (samples, width) floating-point numbers")
    values = file.read()
    return values.reshape(len(values), -1)
