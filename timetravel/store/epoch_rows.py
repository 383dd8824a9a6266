"""Table rows of one epoch back to arrays in the row order of the run's samples."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from timetravel.store.arrays import numbers, rows_of_blobs
from timetravel.store.facts import (
    UNLABELLED,
    Activations,
    EpochRecord,
    Event,
    FilterChanges,
    Head,
    Labelling,
    ParameterStatistics,
    Predictions,
)
from timetravel.store.schema import STATISTICS_COLUMNS

RECORD_COLUMNS = (
    "epoch",
    "position",
    "recorded_at",
    "wall_seconds",
    "step",
    "learning_rates",
    "metrics",
    "sample_count",
    "width",
    "class_count",
    "vector_type",
    "nonfinite_count",
    "has_logits",
    "checkpoint",
)


def read_record(row: Mapping[str, Any]) -> EpochRecord:
    """One row of `epochs`."""
    return EpochRecord(
        epoch=row["epoch"],
        position=row["position"],
        step=row["step"],
        recorded_at=None if row["recorded_at"] is None else row["recorded_at"].isoformat(),
        seconds=row["wall_seconds"],
        learning_rates=tuple(row["learning_rates"] or ()),
        metrics={name: float(value) for name, value in json.loads(row["metrics"] or "{}").items()},
        sample_count=row["sample_count"],
        width=row["width"],
        nonfinite_count=row["nonfinite_count"],
        has_checkpoint=row["checkpoint"] is not None,
    )


def scatter(values: NDArray[Any], rows: NDArray[np.int64], count: int, missing: Any) -> NDArray[Any]:
    """(count, ...) with `values` at `rows` and `missing` elsewhere; rows of -1 are dropped."""
    if len(rows) == count and np.array_equal(rows, np.arange(count)):
        return values
    out = np.full((count, *values.shape[1:]), missing, values.dtype)
    known = rows >= 0
    out[rows[known]] = values[known]
    return out


def read_head(weight: bytes | None, bias: bytes | None) -> Head | None:
    """The head of one row of `epochs`; None when none was recorded."""
    if weight is None or bias is None:
        return None
    flat = np.frombuffer(bias, "<f4").copy()
    return Head(weight=np.frombuffer(weight, "<f4").reshape(len(flat), -1).copy(), bias=flat)


def read_predictions(
    table: pa.Table, rows: NDArray[np.int64], labels: NDArray[np.int32], present: NDArray[np.bool_]
) -> Predictions:
    """Rows of `predictions` as arrays of the run's samples."""
    count = len(labels)

    def column(name: str) -> NDArray[Any]:
        return scatter(numbers(table.column(name)).astype(np.float32), rows, count, np.nan)

    found = numbers(table.column("predicted"), missing=UNLABELLED).astype(np.int32)
    predicted = scatter(found, rows, count, UNLABELLED)
    return Predictions(
        predicted=predicted,
        p_true=column("p_true"),
        p_predicted=column("p_predicted"),
        margin=column("margin"),
        loss=column("loss"),
        correct=(predicted == labels) & (predicted >= 0),
        present=present,
    )


def read_statistics(
    table: pa.Table, histograms: pa.Table, names: Mapping[int, str]
) -> list[ParameterStatistics]:
    """Rows of `layer_statistics` with their histograms."""
    bins = {(row["layer_id"], row["parameter"], row["kind"]): row for row in histograms.to_pylist()}
    found = []
    for row in table.to_pylist():
        figures = {name: row[name] for name in STATISTICS_COLUMNS} | json.loads(row["other"] or "{}")
        weight = bins.get((row["layer_id"], row["parameter"], "weight"))
        gradient = bins.get((row["layer_id"], row["parameter"], "gradient"))
        found.append(
            ParameterStatistics(
                layer=names.get(row["layer_id"], f"layer {row['layer_id']}"),
                parameter=row["parameter"],
                figures=figures,
                weight_histogram=None if weight is None else np.array(weight["counts"], np.int64),
                weight_edges=None if weight is None else np.array(weight["edges"], np.float32),
                gradient_histogram=None if gradient is None else np.array(gradient["counts"], np.int64),
                gradient_edges=None if gradient is None else np.array(gradient["edges"], np.float32),
            )
        )
    return found


def read_filters(table: pa.Table, names: Mapping[int, str]) -> list[FilterChanges]:
    """Rows of `filter_changes`, one entry a layer; NULL becomes NaN."""
    layers = numbers(table.column("layer_id"))
    return [
        FilterChanges(
            layer=names.get(int(layer), f"layer {layer}"),
            **{
                name: numbers(table.column(name)).astype(np.float32)[layers == layer]
                for name in ("cosine", "relative", "norm", "gradient")
            },
        )
        for layer in dict.fromkeys(layers.tolist())
    ]


def read_activations(layer: str, table: pa.Table, rows: NDArray[np.int64], count: int) -> Activations:
    """Rows of `activations` of one layer, NaN where a sample is absent."""
    column = table.column("channel_means")
    width = len(column[0].as_py()) // 2 if len(column) else 0
    return Activations(
        layer=layer,
        means=scatter(rows_of_blobs(column, "<f2", width), rows, count, np.nan),
        maxima=scatter(rows_of_blobs(table.column("channel_maxima"), "<f2", width), rows, count, np.nan),
    )


def read_labelling(
    table: pa.Table,
    rows: NDArray[np.int64],
    count: int,
    strategy: str | None,
    scores: Mapping[str, NDArray[np.float32]],
) -> Labelling:
    """Rows of `labelling` as arrays of the run's samples."""
    return Labelling(
        round=int(numbers(table.column("round"))[0]),
        labelled=scatter(numbers(table.column("labelled")).astype(np.bool_), rows, count, False),
        picked=scatter(numbers(table.column("picked")).astype(np.bool_), rows, count, False),
        rank=scatter(numbers(table.column("rank")).astype(np.int32), rows, count, 0),
        strategy=strategy,
        scores=scores,
    )


def read_events(rows: Sequence[Mapping[str, Any]]) -> list[Event]:
    """Rows of `events`, in the order of recording."""
    return [Event(**row) for row in rows]
