"""The inputs of the network, lossless and small (F2): to table rows and back, and as thumbnails.

uint8 arrays are kept as they are ("u8"). A normalised picture has few distinct float values, since it was
made from bytes: when each channel has at most 256 over all inputs of a commit, they are kept as codes and
a palette ("palette", bit-equal on reading), else as float32 ("f32"). Whole numbers become int64 ("i64").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from timetravel.errors import BadInput
from timetravel.store.arrays import constant
from timetravel.store.facts import Inputs

PALETTE_SIZE = 256
MOST_CHANNELS = 4
CHUNK_VALUES = 1 << 20
DTYPES: dict[str, np.dtype[Any]] = {
    "u8": np.dtype("u1"),
    "f32": np.dtype("<f4"),
    "i64": np.dtype("<i8"),
    "palette": np.dtype("u1"),
}
LAYOUTS = ("image", "tensor")


def input_tables(inputs: Inputs, palette_id: int) -> dict[str, pa.Table]:
    """Rows of `inputs`, `input_palettes` and `input_ranges` for one commit.

    palette_id: not used before in the run. Raises BadInput for object arrays and unknown layouts.
    """
    if inputs.layout not in LAYOUTS:
        raise BadInput(f"layout of the inputs is {inputs.layout!r}; expected 'image' or 'tensor'")
    if len(inputs.ids) != len(inputs.arrays):
        raise BadInput(
            f"there are {len(inputs.arrays)} inputs for {len(inputs.ids)} sample ids; expected as many"
        )
    arrays = [_plain(array) for array in inputs.arrays]
    count = len(arrays)
    palettes = _palettes(arrays)
    encodings, blobs = [], []
    for array in arrays:
        if array.dtype == np.float32 and palettes is not None:
            encodings.append("palette")
            blobs.append(_codes(array, palettes).tobytes())
        else:
            encodings.append({"u": "u8", "f": "f32", "i": "i64"}[array.dtype.kind])
            blobs.append(array.astype(DTYPES[encodings[-1]], copy=False).tobytes())
    coded = np.array([encoding != "palette" for encoding in encodings], np.bool_)
    tables = {
        "inputs": pa.table(
            {
                "sample_id": np.asarray(inputs.ids, np.int64),
                "layout": constant(inputs.layout, count, pa.string()),
                "encoding": pa.array(encodings, pa.string()),
                "shape": pa.array([array.shape for array in arrays], pa.list_(pa.int32())),
                "palette_id": pa.array(np.full(count, palette_id, np.int32), mask=coded),
                "data": pa.array(blobs, pa.binary()),
            }
        ),
        "input_ranges": _ranges(arrays, inputs.layout),
    }
    if palettes is not None:
        tables["input_palettes"] = pa.table(
            {
                "palette_id": np.full(len(palettes), palette_id, np.int32),
                "channel": np.arange(len(palettes), dtype=np.int32),
                "colors": pa.array([bits.astype("<u4").tobytes() for bits in palettes], pa.binary()),
            }
        )
    return tables


def _plain(array: Any) -> NDArray[Any]:
    array = np.asarray(array)
    if array.dtype.kind == "f":
        return np.array(array, np.float32, order="C", copy=None)
    if array.dtype == np.uint8 or array.dtype.kind == "b":
        return np.array(array, np.uint8, order="C", copy=None)
    if array.dtype.kind in "iu":
        return np.array(array, np.int64, order="C", copy=None)
    raise BadInput(f"inputs are of type {array.dtype}; expected numbers")


def _channels(array: NDArray[Any]) -> int:
    return array.shape[0] if array.ndim == 3 and array.shape[0] <= MOST_CHANNELS else 1


def _palettes(arrays: Sequence[NDArray[Any]]) -> list[NDArray[np.uint32]] | None:
    """Sorted bit patterns of each channel's values; None where float arrays are absent or have too many."""
    floats = [array for array in arrays if array.dtype == np.float32]
    if not floats:
        return None
    count = _channels(floats[0])
    if any(_channels(array) != count for array in floats):
        count = 1
    found: list[NDArray[np.uint32]] = [np.empty(0, np.uint32)] * count
    for batch in _batches(floats):
        for channel in range(count):
            bits = np.concatenate([_channel(array, channel, count) for array in batch])
            known = found[channel]
            if len(known):
                bits = bits[known[np.minimum(np.searchsorted(known, bits), len(known) - 1)] != bits]
            if len(bits):
                found[channel] = np.union1d(known, bits)
            if len(found[channel]) > PALETTE_SIZE:
                return None
    return found


def _batches(arrays: Sequence[NDArray[Any]]) -> list[list[NDArray[Any]]]:
    batches: list[list[NDArray[Any]]] = [[]]
    size = 0
    for array in arrays:
        if size + array.size > CHUNK_VALUES and batches[-1]:
            batches.append([])
            size = 0
        batches[-1].append(array)
        size += array.size
    return batches


def _channel(array: NDArray[Any], channel: int, count: int) -> NDArray[np.uint32]:
    bits = array.reshape(-1).view(np.uint32)
    return bits if count == 1 else bits.reshape(count, -1)[channel]


def _codes(array: NDArray[Any], palettes: Sequence[NDArray[np.uint32]]) -> NDArray[np.uint8]:
    count = len(palettes)
    codes = [np.searchsorted(palettes[c], _channel(array, c, count)).astype(np.uint8) for c in range(count)]
    return np.concatenate(codes)


def _ranges(arrays: Sequence[NDArray[Any]], layout: str) -> pa.Table:
    low, high = np.inf, -np.inf
    for array in arrays:
        if array.dtype.kind == "f":
            array = array[np.isfinite(array)]
        if array.size:
            low, high = min(low, float(array.min())), max(high, float(array.max()))
    rows = [] if low > high else [{"layout": layout, "low": low, "high": high}]
    kind = pa.schema([("layout", pa.string()), ("low", pa.float64()), ("high", pa.float64())])
    return pa.Table.from_pylist(rows, schema=kind)


def decode_inputs(
    table: pa.Table, palettes: Mapping[int, Sequence[NDArray[np.float32]]]
) -> list[NDArray[Any]]:
    """The arrays of rows of `inputs`, bit-equal to what was given.

    Raises ValueError when a row's bytes do not fit its shape, before anything is allocated.
    """
    rows = table.select(["encoding", "shape", "palette_id", "data"]).to_pylist()
    return [_decode(**row, palettes=palettes) for row in rows]


def _decode(
    encoding: str,
    shape: Sequence[int],
    palette_id: int | None,
    data: bytes,
    palettes: Mapping[int, Sequence[NDArray[np.float32]]],
) -> NDArray[Any]:
    dtype = DTYPES[encoding]
    if int(np.prod(shape, dtype=np.int64)) * dtype.itemsize != len(data):
        raise ValueError(f"{len(data)} bytes for an input of shape {tuple(shape)} and type {encoding}")
    values = np.frombuffer(data, dtype)
    if palette_id is None:
        return values.reshape(shape).copy()
    palette = palettes[palette_id]
    parts = values.reshape(len(palette), -1)
    return np.concatenate([colors[codes] for colors, codes in zip(palette, parts, strict=True)]).reshape(
        shape
    )


def thumbnail(array: NDArray[Any], low: float, high: float) -> NDArray[np.uint8] | None:
    """An input as (H, W) or (H, W, 3) uint8; None when it is no picture.

    Bytes of shape (H, W) or (H, W, 3) stay as they are, of four channels the alpha is dropped; (C, H, W)
    and floats are brought from [low, high] to 0..255.
    """
    if (array.ndim == 3 and array.shape[2] not in (1, 3, 4) and array.shape[0] in (1, 3, 4)) or (
        array.ndim == 3 and array.shape[0] in (1, 3) and array.dtype != np.uint8
    ):
        array = np.moveaxis(array, 0, 2)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    elif array.ndim == 3 and array.shape[2] == 4:
        array = array[:, :, :3]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] != 3) or 0 in array.shape:
        return None
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    scale = 255 / (high - low) if high > low else 0.0
    values = np.nan_to_num((array.astype(np.float64) - low) * scale, nan=0.0, posinf=255, neginf=0)
    return np.ascontiguousarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
