"""The samples and classes that two runs share: by id, and by name (K38, K39)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.store.run import StoredRun


@dataclass(frozen=True, slots=True)
class Join:
    """What runs A and B share.

    rows_a, rows_b: (n,) rows of the same samples, in the order of A. only_in_a, only_in_b: samples left over.
    classes: (C_B,) class of A that has the name of each class of B, -1 where A has none.
    notice: a sentence when classes had to be joined otherwise than by name, or nothing is shared.
    """

    rows_a: NDArray[np.int64]
    rows_b: NDArray[np.int64]
    only_in_a: int
    only_in_b: int
    classes: NDArray[np.int64]
    notice: str | None = None

    def as_a(self, classes_of_b: NDArray[Any]) -> NDArray[np.int64]:
        """Class indices of B as those of A; -1 where there is none, or where B has none."""
        if not len(self.classes):
            return np.full(len(classes_of_b), -1, np.int64)
        return np.where(classes_of_b >= 0, self.classes[np.maximum(classes_of_b, 0)], -1)

    def b_row_of_a(self, count_a: int) -> NDArray[np.int64]:
        """(N_A,) row in B of each sample of A, -1 where B does not have it."""
        out = np.full(count_a, -1, np.int64)
        out[self.rows_a] = self.rows_b
        return out


def join(run_a: StoredRun, run_b: StoredRun) -> Join:
    """Join two runs by sample id and class name."""
    ids_a, ids_b = run_a.samples.ids, run_b.samples.ids
    _, rows_a, rows_b = np.intersect1d(ids_a, ids_b, assume_unique=True, return_indices=True)
    order = np.argsort(rows_a, kind="stable")
    classes, notice = join_classes(run_a.classes, run_b.classes)
    if not len(rows_a):
        notice = f"{run_a.name} and {run_b.name} have no sample id in common; they can be looked at side by side only"
    return Join(
        rows_a=rows_a[order],
        rows_b=rows_b[order],
        only_in_a=len(ids_a) - len(rows_a),
        only_in_b=len(ids_b) - len(rows_b),
        classes=classes,
        notice=notice,
    )


def join_classes(a: Sequence[str], b: Sequence[str]) -> tuple[NDArray[np.int64], str | None]:
    """(len(b),) class of A for each class of B, and a sentence when it is not by name.

    Where one of the runs has no names (its classes are called 0, 1, 2, …) classes are joined by index.
    """
    place = {name: number for number, name in enumerate(a)}
    found = np.array([place.get(name, -1) for name in b], np.int64)
    if not (found < 0).any():
        return found, None
    if is_nameless(a) != is_nameless(b):
        by_index = np.where(np.arange(len(b)) < len(a), np.arange(len(b)), -1)
        nameless = "A" if is_nameless(a) else "B"
        return by_index, f"run {nameless} has no class names; classes are joined by their index"
    shared = int((found >= 0).sum())
    if not shared:
        return found, "the runs have no class name in common; predictions cannot be compared"
    return found, f"{shared} of {len(b)} class names of B are known to A; the others count as different"


def is_nameless(classes: Sequence[str]) -> bool:
    """Whether class names are just their indices."""
    return list(classes) == [str(number) for number in range(len(classes))]
