"""The recorded samples (F1, F3, F19): checked, to table rows and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from timetravel.errors import BadInput
from timetravel.store.arrays import constant, numbers, texts
from timetravel.store.facts import UNLABELLED, Samples


def check_samples(samples: Samples, class_count: int) -> Samples:
    """The same samples with exact dtypes. BadInput names what is wrong: lengths, ids, labels."""
    ids = np.asarray(samples.ids)
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise BadInput(f"sample ids have shape {ids.shape} and type {ids.dtype}; expected (N,) whole numbers")
    if ids.dtype.kind == "u" and len(ids) and int(ids.max()) > np.iinfo(np.int64).max:
        raise BadInput("a sample id is above 2^63-1; expected ids that fit 64 bits with a sign")
    count = len(ids)
    unique, counts = np.unique(ids, return_counts=True)
    if len(unique) < count:
        twice = ", ".join(str(one) for one in unique[counts > 1][:10])
        raise BadInput(f"sample ids occur more than once: {twice}; expected every id once (pass sample_ids)")
    labels = _labels(samples.labels, count, class_count, "labels")
    true_labels = None
    if samples.true_labels is not None:
        true_labels = _labels(samples.true_labels, count, class_count, "true_labels")
    split = np.asarray(samples.split, object)
    if split.shape != (count,):
        raise BadInput(f"split has shape {split.shape}; expected one text for each of {count} samples")
    attributes = {}
    for name, values in samples.attributes.items():
        values = np.asarray(values)
        if values.shape != (count,):
            raise BadInput(f"metadata column {name!r} has shape {values.shape}; expected ({count},)")
        is_number = values.dtype.kind in "biuf"
        attributes[str(name)] = values.astype(np.float64) if is_number else values.astype(object)
    return Samples(
        ids=ids.astype(np.int64),
        labels=labels,
        split=split,
        true_labels=true_labels,
        attributes=attributes,
    )


def _labels(values: Any, count: int, class_count: int, what: str) -> NDArray[np.int32]:
    labels = np.asarray(values)
    if labels.shape != (count,) or (count and labels.dtype.kind not in "iu"):
        raise BadInput(
            f"{what} have shape {labels.shape} and type {labels.dtype}; expected ({count},) whole numbers"
        )
    wrong = (labels < UNLABELLED) | (labels >= class_count)
    if wrong.any():
        found = ", ".join(str(one) for one in np.unique(labels[wrong])[:10])
        raise BadInput(
            f"{what} hold {found}; expected 0 to {class_count - 1} ({class_count} classes) or -1 for unlabelled"
        )
    return labels.astype(np.int32)


def take(samples: Samples, rows: NDArray[Any]) -> Samples:
    """Some of the samples."""
    return Samples(
        ids=samples.ids[rows],
        labels=samples.labels[rows],
        split=samples.split[rows],
        true_labels=None if samples.true_labels is None else samples.true_labels[rows],
        attributes={name: values[rows] for name, values in samples.attributes.items()},
    )


def samples_tables(samples: Samples, first_row: int) -> dict[str, pa.Table]:
    """Rows of `samples` and `sample_attributes`; `first_row` is the row of the first one in the run."""
    count = len(samples)
    true = samples.true_labels
    tables = {
        "samples": pa.table(
            {
                "sample_id": samples.ids,
                "row": np.arange(first_row, first_row + count, dtype=np.int32),
                "label": pa.array(samples.labels, mask=samples.labels == UNLABELLED),
                "split": texts(samples.split),
                "true_label": pa.nulls(count, pa.int32()) if true is None else pa.array(true, mask=true < 0),
                "noisy": pa.nulls(count, pa.bool_()) if true is None else pa.array(true != samples.labels),
            }
        )
    }
    columns = [_attribute(samples.ids, name, values) for name, values in samples.attributes.items()]
    if columns:
        tables["sample_attributes"] = pa.concat_tables(columns)
    return tables


def _attribute(ids: NDArray[np.int64], name: str, values: NDArray[Any]) -> pa.Table:
    is_number = values.dtype.kind == "f"
    return pa.table(
        {
            "sample_id": ids,
            "name": constant(name, len(ids), pa.string()),
            "number": pa.array(values) if is_number else pa.nulls(len(ids), pa.float64()),
            "text": pa.nulls(len(ids), pa.string()) if is_number else texts(values),
        }
    )


def read_samples(samples: pa.Table, attributes: pa.Table) -> Samples:
    """The samples of a run in row order."""
    order = np.argsort(numbers(samples.column("row")), kind="stable")
    ids = numbers(samples.column("sample_id"))[order].astype(np.int64)
    true_column = samples.column("true_label")
    noisy = samples.column("noisy")
    has_true = len(ids) > 0 and noisy.null_count < len(ids)
    true = numbers(true_column, missing=UNLABELLED)[order].astype(np.int32) if has_true else None
    return Samples(
        ids=ids,
        labels=numbers(samples.column("label"), missing=UNLABELLED)[order].astype(np.int32),
        split=np.array(samples.column("split").to_pylist(), object)[order].astype(str)
        if len(ids)
        else np.empty(0, "U1"),
        true_labels=true,
        attributes=_read_attributes(attributes, ids),
    )


def _read_attributes(table: pa.Table, ids: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    if table.num_rows == 0:
        return {}
    names = table.column("name").combine_chunks().dictionary_encode()
    codes = np.asarray(names.indices)
    owners = numbers(table.column("sample_id"))
    found = {}
    for code, name in enumerate(names.dictionary.to_pylist()):
        rows = np.flatnonzero(codes == code)
        at = rows_of(ids, owners[rows])
        known = at >= 0
        part = table.take(pa.array(rows[known]))
        text = part.column("text")
        if text.null_count == len(text):
            values: NDArray[Any] = np.full(len(ids), np.nan)
            values[at[known]] = numbers(part.column("number"))
        else:
            values = np.full(len(ids), None, object)
            values[at[known]] = np.array(text.to_pylist(), object)
        found[name] = values
    return found


def rows_of(known: NDArray[np.int64], ids: NDArray[np.int64] | Sequence[int]) -> NDArray[np.int64]:
    """Index of each id in `known` (any order), -1 where it is not there."""
    ids = np.asarray(ids, np.int64)
    if not len(known):
        return np.full(len(ids), -1, np.int64)
    if len(known) == len(ids) and np.array_equal(known, ids):
        return np.arange(len(ids))
    order = np.argsort(known, kind="stable")
    at = np.minimum(np.searchsorted(known, ids, sorter=order), len(known) - 1)
    rows = order[at]
    return np.where(known[rows] == ids, rows, -1).astype(np.int64)
