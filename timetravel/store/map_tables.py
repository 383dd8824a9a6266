"""One epoch of a map: to table rows and back (F23 to F28)."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from timetravel.store.arrays import blob_rows, constant, numbers, rows_of_blobs
from timetravel.store.epoch_rows import scatter
from timetravel.store.facts import BoundarySamples, Contour, DecisionRaster, MapEpoch

Box = tuple[float, float, float, float]

LARGEST_RASTER_CELLS = 1 << 26
RASTER_ENCODING = "zlib:u16,f2,f2,u1"
"""Class as uint16 (65535: none), margin and confidence as float16, trust as 255ths; each zlib-packed."""

NO_CLASS = 65535

COLUMNS = ("neighbors_kept", "roundtrip_class", "roundtrip_confidence", "boundary_distance", "placed")


def positions_table(one: MapEpoch, ids: NDArray[np.int64]) -> pa.Table:
    """Rows of `positions` of the samples that have one."""
    placed_at = np.isfinite(one.positions).all(axis=1)
    count = int(placed_at.sum())

    def column(values: NDArray[Any] | None, kind: pa.DataType) -> pa.Array:
        if values is None:
            return pa.nulls(count, kind)
        part = np.asarray(values)[placed_at]
        is_null = np.isnan(part) if part.dtype.kind == "f" else part < 0 if part.dtype.kind == "i" else None
        return pa.array(part, kind, mask=is_null)

    return pa.table(
        {
            "epoch": constant(one.epoch, count, pa.int32()),
            "sample_id": ids[placed_at],
            "x": np.asarray(one.positions[placed_at, 0], np.float32),
            "y": np.asarray(one.positions[placed_at, 1], np.float32),
            "neighbors_kept": column(one.neighbors_kept, pa.float32()),
            "roundtrip_class": column(one.roundtrip_class, pa.int32()),
            "roundtrip_confidence": column(one.roundtrip_confidence, pa.float32()),
            "boundary_distance": column(one.boundary_distance, pa.float32()),
            "placed": column(one.placed, pa.bool_()),
        }
    )


def read_columns(table: pa.Table, rows: NDArray[np.int64], count: int) -> dict[str, NDArray[Any]]:
    """The columns beside x and y that have a value: (N,), NaN, -1 or False where absent."""
    found = {}
    for name in COLUMNS:
        column = table.column(name)
        if column.null_count == len(column):
            continue
        missing: Any = {"roundtrip_class": -1, "placed": False}.get(name, np.nan)
        found[name] = scatter(numbers(column, missing=missing), rows, count, missing)
    return found


def around(boxes: Sequence[Box]) -> Box | None:
    """The box (x0, x1, y0, y1) around some, None around none."""
    if not boxes:
        return None
    x0, x1, y0, y1 = zip(*boxes, strict=True)
    return float(min(x0)), float(max(x1)), float(min(y0)), float(max(y1))


def raster_table(epoch: int, raster: DecisionRaster) -> pa.Table:
    """The one row of `decision_maps`."""
    classes = np.where(raster.cell_class < 0, NO_CLASS, raster.cell_class).astype("<u2")
    trust = np.rint(np.clip(np.nan_to_num(raster.trust), 0, 1) * 255).astype(np.uint8)
    with np.errstate(over="ignore"):
        margin = np.minimum(raster.margin, 65504).astype("<f2")
    row: dict[str, tuple[Any, pa.DataType]] = {
        "epoch": (epoch, pa.int32()),
        "resolution": (len(classes), pa.int32()),
        **{
            name: (float(value), pa.float64())
            for name, value in zip(("x0", "x1", "y0", "y1"), raster.extent, strict=True)
        },
        "encoding": (RASTER_ENCODING, pa.string()),
        "cell_class": (zlib.compress(classes.tobytes()), pa.binary()),
        "margin": (zlib.compress(margin.tobytes()), pa.binary()),
        "confidence": (zlib.compress(np.asarray(raster.confidence, "<f2").tobytes()), pa.binary()),
        "trust": (zlib.compress(trust.tobytes()), pa.binary()),
    }
    return pa.table({name: pa.array([value], kind) for name, (value, kind) in row.items()})


def read_raster(row: Mapping[str, Any]) -> DecisionRaster:
    """Back to arrays. ValueError when sizes do not fit, before anything large is allocated."""
    size = row["resolution"]
    if not 0 < size * size <= LARGEST_RASTER_CELLS or row["encoding"] != RASTER_ENCODING:
        raise ValueError(f"a decision map of {size} x {size} cells in encoding {row['encoding']!r}")
    classes = _unpack(row["cell_class"], "<u2", size).astype(np.int32)
    return DecisionRaster(
        cell_class=np.where(classes == NO_CLASS, -1, classes).astype(np.int32),
        margin=_unpack(row["margin"], "<f2", size).astype(np.float32),
        confidence=_unpack(row["confidence"], "<f2", size).astype(np.float32),
        trust=_unpack(row["trust"], "u1", size).astype(np.float32) / np.float32(255),
        extent=(row["x0"], row["x1"], row["y0"], row["y1"]),
    )


def _unpack(packed: bytes, dtype: str, size: int) -> NDArray[Any]:
    expected = size * size * np.dtype(dtype).itemsize
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(packed, expected + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if len(content) != expected:
        raise ValueError(f"a raster of {len(content)} bytes where {expected} were expected")
    return np.frombuffer(content, dtype).reshape(size, size)


def contours_table(epoch: int, contours: Sequence[Contour]) -> pa.Table:
    """Rows of `contours`, in drawing order."""
    points = [np.asarray(one.points, "<f4") for one in contours]
    return pa.table(
        {
            "epoch": constant(epoch, len(contours), pa.int32()),
            "contour": np.arange(len(contours), dtype=np.int32),
            "class_a": pa.array([one.classes[0] for one in contours], pa.int32()),
            "class_b": pa.array([one.classes[1] for one in contours], pa.int32()),
            "closed": pa.array([len(p) > 1 and bool((p[0] == p[-1]).all()) for p in points], pa.bool_()),
            "xy": pa.array([p.tobytes() for p in points], pa.binary()),
        }
    )


def read_contours(table: pa.Table) -> list[Contour]:
    """Rows of `contours` in drawing order."""
    return [
        Contour(
            points=np.frombuffer(row["xy"], "<f4").reshape(-1, 2).copy(),
            classes=(row["class_a"], row["class_b"]),
        )
        for row in sorted(table.to_pylist(), key=lambda row: row["contour"])
    ]


def boundary_table(epoch: int, boundary: BoundarySamples) -> pa.Table:
    """Rows of `boundary_samples`."""
    vectors = np.asarray(boundary.representations)
    if vectors.dtype not in (np.float16, np.float32):
        vectors = vectors.astype(np.float32)
    count = len(vectors)
    pairs, positions = np.asarray(boundary.pairs, np.int32), np.asarray(boundary.positions, np.float32)
    return pa.table(
        {
            "epoch": constant(epoch, count, pa.int32()),
            "boundary_sample": np.arange(count, dtype=np.int32),
            "class_a": np.ascontiguousarray(pairs.reshape(-1, 2)[:, 0]),
            "class_b": np.ascontiguousarray(pairs.reshape(-1, 2)[:, 1]),
            "x": np.ascontiguousarray(positions.reshape(-1, 2)[:, 0]),
            "y": np.ascontiguousarray(positions.reshape(-1, 2)[:, 1]),
            "vector_type": constant(str(vectors.dtype), count, pa.string()),
            "vector": blob_rows(vectors),
        }
    )


def read_boundary(table: pa.Table) -> BoundarySamples:
    """Rows of `boundary_samples` in the order of writing."""
    kind = {"float16": "<f2", "float32": "<f4"}[table.column("vector_type")[0].as_py()]
    width = len(table.column("vector")[0].as_py()) // np.dtype(kind).itemsize
    return BoundarySamples(
        representations=rows_of_blobs(table.column("vector"), kind, width),
        pairs=np.stack([numbers(table.column(name)) for name in ("class_a", "class_b")], axis=1),
        positions=np.stack([numbers(table.column(name)) for name in ("x", "y")], axis=1),
    )


def quality_table(
    figures: Sequence[tuple[int | None, Mapping[str, float | None]]], revision: int
) -> pa.Table:
    """Rows of `quality`: (epoch or None for the whole map, figures); the highest revision counts."""
    rows = [(epoch, name, value) for epoch, found in figures for name, value in found.items()]
    return pa.table(
        {
            "epoch": pa.array([row[0] for row in rows], pa.int32()),
            "figure": pa.array([row[1] for row in rows], pa.string()),
            "value": pa.array([None if row[2] is None else float(row[2]) for row in rows], pa.float64()),
            "revision": constant(revision, len(rows), pa.int32()),
        }
    )
