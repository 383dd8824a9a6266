"""A folder of plain arrays read as the epochs of a run: what the benchmark takes beside recorded runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.errors import BadInput
from timetravel.project.contracts import ArrayEpochs
from timetravel.store.facts import Head


def is_array_folder(folder: Path) -> bool:
    """Whether the folder holds `representations` as a plain or packed array."""
    return any((folder / f"representations.{kind}").exists() for kind in ("npy", "npz"))


def array_epochs(folder: Path, *, skip_bad: bool = False) -> ArrayEpochs:
    """The epochs in a folder: representations (E, N, D) with head_weight and head_bias, or logits.

    Plain arrays are mapped, not read. Labels of the epochs come from run.json where there is one.
    Raises BadInput when the arrays do not fit each other.
    """
    x = _array(folder, "representations")
    if x is None or x.ndim != 3:
        found = "none" if x is None else f"shape {x.shape}"
        raise BadInput(
            f"{folder}: found representations of {found}, expected (epochs, samples, width): save them as "
            "representations.npy"
        )
    weight, bias, logits = (_array(folder, name) for name in ("head_weight", "head_bias", "logits"))
    heads = None
    if weight is not None:
        if weight.shape[0] != len(x) or weight.shape[2] != x.shape[2]:
            raise BadInput(
                f"{folder}: found head_weight of shape {weight.shape}, expected ({len(x)}, classes, "
                f"{x.shape[2]}) as in representations: save the head of every epoch"
            )
        zero = np.zeros(weight.shape[:2], np.float32)
        heads = [
            Head(weight=np.asarray(w, np.float32), bias=np.asarray(b, np.float32))
            for w, b in zip(weight, zero if bias is None else bias, strict=True)
        ]
    labels = None
    if (folder / "run.json").exists():
        labels = json.loads((folder / "run.json").read_text()).get("epochs")
    return ArrayEpochs(x, heads, logits=logits if heads is None else None, labels=labels, skip_bad=skip_bad)


def _array(folder: Path, name: str) -> NDArray[Any] | None:
    """NAME.npy mapped, else the array in NAME.npz, else None."""
    if (folder / f"{name}.npy").exists():
        mapped: NDArray[Any] = np.load(folder / f"{name}.npy", mmap_mode="r")
        return mapped
    if (folder / f"{name}.npz").exists():
        with np.load(folder / f"{name}.npz") as pack:
            only: NDArray[Any] = pack[pack.files[0]]
        return only
    return None
