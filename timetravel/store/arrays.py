"""Arrays to Arrow columns and back, without a Python object per value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def blob_rows(rows: NDArray[Any]) -> pa.Array:
    """(n, width) of any dtype to n blobs, little endian, one a row."""
    flat = np.ascontiguousarray(rows, rows.dtype.newbyteorder("<"))
    count, size = len(flat), int(np.prod(flat.shape[1:], dtype=np.int64)) * flat.dtype.itemsize
    is_large = count * size >= 1 << 31
    offsets = np.arange(count + 1, dtype=np.int64 if is_large else np.int32) * size
    kind = pa.large_binary() if is_large else pa.binary()
    return pa.Array.from_buffers(
        kind, count, [None, pa.py_buffer(offsets), pa.py_buffer(flat.reshape(-1).view(np.uint8))]
    )


def rows_of_blobs(column: pa.ChunkedArray, dtype: str, width: int) -> NDArray[Any]:
    """n blobs of `width` values each to (n, width), a fresh array. ValueError when a blob has another length."""
    kind = np.dtype(dtype).newbyteorder("<")
    out = np.empty((len(column), width), kind)
    start = 0
    for chunk in column.chunks:
        count = len(chunk)
        if count == 0:
            continue
        large = pa.types.is_large_binary(chunk.type)
        offsets = np.frombuffer(chunk.buffers()[1], np.int64 if large else np.int32)
        offsets = offsets[chunk.offset : chunk.offset + count + 1]
        if chunk.null_count or (np.diff(offsets) != width * kind.itemsize).any():
            raise ValueError(
                f"blobs of {width * kind.itemsize} bytes were expected, another length was found"
            )
        if width:
            content = np.frombuffer(chunk.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
            out[start : start + count] = content.view(kind).reshape(count, width)
        start += count
    return out


def numbers(column: pa.ChunkedArray, *, missing: float | int = np.nan) -> NDArray[Any]:
    """A numeric or boolean column as a fresh numpy array, NULL replaced by `missing`."""
    array = column.combine_chunks()
    if array.null_count:
        array = array.fill_null(pa.scalar(missing, array.type))
    return np.array(array.to_numpy(zero_copy_only=False))


def nullable(values: NDArray[Any], is_null: NDArray[np.bool_] | None = None) -> pa.Array:
    """A column with NULL where the mask says so; without one NaN stays NaN."""
    return pa.array(np.ascontiguousarray(values), mask=is_null)


def constant(value: Any, count: int, kind: pa.DataType) -> pa.Array:
    """One value, `count` times."""
    return pa.repeat(pa.scalar(value, kind), count)


def texts(values: Sequence[Any] | NDArray[Any]) -> pa.Array:
    """A text column; None stays NULL."""
    return pa.array([None if value is None else str(value) for value in values], pa.string())
