"""Representations as they are stored: half precision where that loses nothing that matters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from timetravel.store.arrays import blob_rows, constant

LARGEST_HALF = 65504.0
"""The largest finite float16. What is larger is kept as float32 for the whole epoch, never clipped."""

SMALLEST_SCALE = 2.0**-6
"""Where even the largest value is below this, float16 would lose digits of ordinary values (its precision
ends at 6e-5), so that epoch is kept as float32 too."""

CHUNK_VALUES = 1 << 22


def as_stored(representations: NDArray[Any]) -> tuple[NDArray[Any], int]:
    """(n, D) as float16, or float32 where half precision does not reach; and how many rows are not finite.

    NaN and infinities stay as they are.
    """
    values = representations
    if values.dtype != np.float16:
        values = values.astype(np.float32, copy=False)
    largest, nonfinite = 0.0, 0
    step = max(1, CHUNK_VALUES // max(1, values.shape[1]))
    for start in range(0, len(values), step):
        part = values[start : start + step]
        finite = np.isfinite(part)
        nonfinite += int((~finite.all(axis=1)).sum())
        largest = max(largest, float(np.abs(part, where=finite, out=np.zeros_like(part)).max(initial=0)))
    if values.dtype == np.float16 or 0 < largest < SMALLEST_SCALE or largest > LARGEST_HALF:
        return values, nonfinite
    return values.astype(np.float16), nonfinite


def vectors_table(epoch: int, ids: NDArray[np.int64], stored: NDArray[Any]) -> pa.Table:
    """Rows of `representations`."""
    return pa.table(
        {
            "epoch": constant(epoch, len(ids), pa.int32()),
            "sample_id": ids,
            "vector": blob_rows(stored),
        }
    )
