"""Arrays as the bytes that the page reads: little-endian, small, with one value kept for "nothing here"."""

from __future__ import annotations

import base64
import binascii
import gzip
import math
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

Extent = tuple[float, float, float, float]

NOWHERE = 65535
"""Quantised coordinate of a sample without a position, class of a cell without a prediction."""

STEPS = 65534
"""Quantised coordinates run from 0 to here over the map's extent."""

SAFE = 2**53 - 1
"""A browser rounds larger whole numbers: they go as text."""

_WIRE = {"f32": "<f4", "u16": "<u2", "u8": "u1", "i32": "<i4", "i64": "<i8"}


def quantise(positions: NDArray[np.floating], extent: Extent) -> NDArray[np.uint16]:
    """(..., 2) map units to (..., 2) of 0..65534 over the extent; 65535 twice where a position is not finite.

    The error is half a step: 1/131,068 of the extent, a hundredth of a pixel on a wide map.
    """
    x0, x1, y0, y1 = extent
    low = np.array([x0, y0])
    span = np.array([x1 - x0, y1 - y0])
    span = np.where(span > 0, span, 1.0)
    points = np.asarray(positions, np.float64)
    known = np.isfinite(points).all(axis=-1, keepdims=True)
    steps = np.rint((np.where(known, points, low) - low) / span * STEPS)
    return np.where(known, np.clip(steps, 0, STEPS), NOWHERE).astype("<u2")


def to_wire(values: NDArray[Any], dtype: str) -> bytes:
    """The raw bytes of an array as "f32", "u16", "u8", "i32" or "i64"."""
    return np.ascontiguousarray(values, dtype=_WIRE[dtype]).tobytes()


def codes(indices: NDArray[np.integer]) -> NDArray[np.uint16]:
    """Class indices in 16 bits, 65535 where there is none (-1)."""
    values = np.asarray(indices, np.int64)
    return np.where((values < 0) | (values >= NOWHERE), NOWHERE, values).astype("<u2")


def share_bytes(shares: NDArray[np.floating]) -> NDArray[np.uint8]:
    """[0, 1] to 0..255; 0 where not finite."""
    values = np.nan_to_num(np.asarray(shares, np.float64), nan=0.0, posinf=1.0, neginf=0.0)
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)


def mask_text(rows: NDArray[np.integer], count: int) -> str:
    """Rows as a base64 bit mask over `count` samples: bit r % 8 of byte r // 8."""
    return base64.b64encode(mask_bits(rows, count)).decode()


def mask_bits(rows: NDArray[np.integer], count: int) -> bytes:
    """Rows as a bit mask over `count` samples."""
    flags = np.zeros(count, bool)
    flags[np.asarray(rows, np.int64)] = True
    return np.packbits(flags, bitorder="little").tobytes()


def mask_rows(text: str, count: int) -> NDArray[np.int64]:
    """The rows of a base64 bit mask; ValueError when it is not one for `count` samples."""
    try:
        bits = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("mask is not base64") from error
    if len(bits) != (count + 7) // 8:
        raise ValueError(f"mask has {len(bits)} bytes; {(count + 7) // 8} are expected for {count} samples")
    flags = np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="little")
    if flags[count:].any():
        raise ValueError(f"mask names samples past the last of {count}")
    return np.flatnonzero(flags[:count]).astype(np.int64)


def to_json(value: Any) -> bytes:
    """JSON in UTF-8; NaN and infinities become null, numpy values plain ones."""
    return msgspec.json.encode(plain(value))


def plain(value: Any) -> Any:
    """The same as dictionaries, lists, text, numbers and None."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    if isinstance(value, np.ndarray):
        return plain_array(value)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int) and abs(value) > SAFE:
        return str(value)
    if value is None or isinstance(value, str | int | bool):
        return value
    return str(value)


def plain_array(values: NDArray[Any]) -> Any:
    """An array as nested lists; float32 is written with eight digits, one more than it carries."""
    if values.dtype.kind == "f":
        numbers = values.astype(np.float64)
        if values.dtype.itemsize <= 4:
            numbers = _eight_digits(numbers)
        told = numbers.astype(object)
        told[~np.isfinite(numbers)] = None
        return told.tolist()
    if values.dtype.kind == "O" or _has_unsafe(values):
        return [plain(inner) for inner in values.tolist()]
    return values.tolist()


def _has_unsafe(values: NDArray[Any]) -> bool:
    wide = values.dtype.kind in "iu" and values.dtype.itemsize == 8 and values.size > 0
    return wide and (int(values.max()) > SAFE or int(values.min()) < -SAFE)


def _eight_digits(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    size = np.abs(np.where(np.isfinite(numbers) & (numbers != 0), numbers, 1.0))
    scale = 10.0 ** (8 - np.ceil(np.log10(size)))
    usable = np.isfinite(scale) & np.isfinite(numbers)
    scale = np.where(usable, scale, 1.0)
    return np.where(usable, np.rint(np.where(usable, numbers, 0) * scale) / scale, numbers)


def packed(body: bytes) -> bytes:
    """Gzip at the speed of a local network; the same bytes for the same input."""
    return gzip.compress(body, compresslevel=3, mtime=0)
