"""The recorded samples as facts: ids, labels, splits, right labels and metadata columns, checked once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.errors import BadInput
from timetravel.store.facts import UNLABELLED, Samples

SPLITS = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test",
    "pool": "pool", "unlabelled": "pool", "unlabeled": "pool",
    "other": "other",
}  # fmt: skip
"""Names of splits that are understood, and what each is stored as."""

RESERVED = {
    "id", "row", "label", "split", "true_label", "predicted", "correct", "p_true", "confidence", "margin",
    "loss", "entropy", "labelled", "picked", "pick_rank", "x", "y", "epoch",
}  # fmt: skip
"""Column names that mean something else in tables, queries and on the page."""


def make_samples(
    labels: NDArray[np.int64],
    *,
    ids: Any = None,
    split: Any = "train",
    metadata: Mapping[str, Any] | None = None,
    true_labels: Any = None,
) -> Samples:
    """Facts of N samples. `ids` default to 0 .. N-1; `split` is one name for all, or (N,) names.

    Raises BadInput that names the argument, what was found and what was expected.
    """
    count = len(labels)
    return Samples(
        ids=make_ids(ids, count),
        labels=labels.astype(np.int32),
        split=make_split(split, count),
        true_labels=None
        if true_labels is None
        else _integers(true_labels, count, "true_labels").astype(np.int32),
        attributes={
            _column_name(name): make_column(name, values, count) for name, values in (metadata or {}).items()
        },
    )


def make_ids(ids: Any, count: int) -> NDArray[np.int64]:
    """(N,) unique int64 ids."""
    if ids is None:
        return np.arange(count, dtype=np.int64)
    found = _integers(ids, count, "sample_ids")
    unique, counts = np.unique(found, return_counts=True)
    if len(unique) < count:
        twice = unique[counts > 1]
        shown = ", ".join(map(str, twice[:10])) + (", ..." if len(twice) > 10 else "")
        raise BadInput(
            f"sample_ids holds {len(twice)} ids more than once: {shown}; expected each sample's own id"
        )
    if count and found.min() < 0:
        raise BadInput(f"sample_ids holds {found.min()}; expected numbers from 0 on")
    return found


def make_split(split: Any, count: int) -> NDArray[Any]:
    """(N,) names of splits, as objects."""
    names = [split] * count if isinstance(split, str) else [str(name) for name in _listed(split)]
    if len(names) != count:
        raise BadInput(f"split has {len(names)} entries for {count} samples; expected one each, or one name")
    unknown = sorted({name for name in names if name.lower() not in SPLITS})
    if unknown:
        raise BadInput(
            f"split holds {', '.join(map(repr, unknown[:5]))}; expected train, validation, test, pool or other"
        )
    found = np.empty(count, object)
    found[:] = [SPLITS[name.lower()] for name in names]
    return found


def make_column(name: str, values: Any, count: int) -> NDArray[Any]:
    """(N,) float64 or str (object) metadata column; what is missing becomes NaN or the empty word."""
    found = np.asarray(_listed(values))
    if found.shape != (count,):
        raise BadInput(f"metadata[{name!r}] has shape {found.shape}; expected ({count},), one value a sample")
    if found.dtype.kind in "biuf":
        return found.astype(np.float64)
    column = np.empty(count, object)
    column[:] = ["" if value is None or value != value else str(value) for value in found.tolist()]
    return column


def check_labels(labels: NDArray[Any], class_count: int, *, name: str = "labels") -> None:
    """BadInput unless every label is one of the classes, or -1 for unlabelled."""
    wrong = np.flatnonzero((labels < UNLABELLED) | (labels >= class_count))
    if len(wrong):
        first = int(wrong[0])
        raise BadInput(
            f"{name} holds {int(labels[first])} at sample {first} ({len(wrong)} in all are outside); "
            f"expected 0 to {class_count - 1}, or {UNLABELLED} for unlabelled: "
            "check the labels, or the number of outputs of the model"
        )


def check_classes(classes: Sequence[str] | None, class_count: int) -> tuple[str, ...]:
    """Names of all classes; "0", "1", ... when none were given."""
    if classes is None:
        return tuple(map(str, range(class_count)))
    names = tuple(str(name) for name in classes)
    if len(names) != class_count:
        raise BadInput(
            f"classes has {len(names)} names, the model has {class_count} outputs; expected one name an output: "
            "pass classes= in the order of the outputs"
        )
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise BadInput(f"classes holds {', '.join(map(repr, doubled[:5]))} twice; expected different names")
    if any("\0" in name for name in names):
        raise BadInput("a class name holds a NUL character; expected text")
    return names


def _column_name(name: Any) -> str:
    if not isinstance(name, str) or not name.strip() or "\0" in name:
        raise BadInput(f"metadata has a column called {name!r}; expected a name")
    if name in RESERVED:
        raise BadInput(
            f"metadata has a column called {name!r}, a name that is taken; rename it, such as {name}_given"
        )
    return name


def _integers(values: Any, count: int, name: str) -> NDArray[np.int64]:
    found = np.asarray(_listed(values))
    if found.shape != (count,) or (count and found.dtype.kind not in "iu"):
        raise BadInput(
            f"{name} is {found.dtype} of shape {found.shape}; expected ({count},) integers, one a sample"
        )
    return found.astype(np.int64)


def _listed(values: Any) -> Any:
    if hasattr(values, "detach"):
        return values.detach().cpu().numpy()
    return values if hasattr(values, "__array__") else list(values)
