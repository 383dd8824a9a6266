"""Stored bytes as lists of floats, a column at a time: what SQL and Parquet show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

DECODED: dict[str, dict[str, type[np.floating[Any]]]] = {
    "logits": {"logits": np.float32},
    "activations": {"channel_means": np.float16, "channel_maxima": np.float16},
}
"""Columns shown as FLOAT[] although they are stored as bytes. `representations.vector` has the type of its epoch."""


def decoder(dtype: type[np.floating[Any]]) -> Callable[[Any], pa.Array]:
    """A function from a column of blobs to a column of FLOAT lists; NULL becomes an empty list."""
    width = np.dtype(dtype).itemsize

    def decode(column: Any) -> pa.Array:
        blobs = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        blobs = blobs.fill_null(b"") if blobs.null_count else blobs
        is_large = pa.types.is_large_binary(blobs.type)
        if len(blobs) == 0 or blobs.buffers()[2] is None:
            return pa.array([[]] * len(blobs), pa.list_(pa.float32()))
        offsets = np.frombuffer(blobs.buffers()[1], np.int64 if is_large else np.int32)
        offsets = offsets[blobs.offset : blobs.offset + len(blobs) + 1]
        content = np.frombuffer(blobs.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
        values = content.view(dtype).astype(np.float32)
        starts = ((offsets - offsets[0]) // width).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(starts), pa.array(values))

    return decode
