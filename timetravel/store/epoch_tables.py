"""The facts of one epoch as table rows (F4 to F18)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from timetravel.store.arrays import blob_rows, constant
from timetravel.store.description import moment, to_json
from timetravel.store.facts import (
    Activations,
    EpochRecord,
    Event,
    FilterChanges,
    Head,
    Labelling,
    ParameterStatistics,
    Predictions,
)
from timetravel.store.schema import METRIC_COLUMNS, STATISTICS_COLUMNS


def record_table(
    record: EpochRecord,
    *,
    class_count: int,
    vector_type: str,
    has_logits: bool,
    head: Head | None,
    checkpoint: tuple[str, str] | None,
) -> pa.Table:
    """The one row of `epochs`. checkpoint: (file, sha256) or None."""
    metrics = {name: number(value) for name, value in record.metrics.items()}
    file, digest = checkpoint or (None, None)
    columns: dict[str, tuple[Any, pa.DataType]] = {
        "epoch": (record.epoch, pa.int32()),
        "position": (record.position, pa.int32()),
        "recorded_at": (moment(record.recorded_at), pa.timestamp("us")),
        "wall_seconds": (record.seconds, pa.float64()),
        "step": (record.step, pa.int64()),
        "learning_rates": ([float(rate) for rate in record.learning_rates], pa.list_(pa.float64())),
        **{name: (metrics.get(name), pa.float64()) for name in METRIC_COLUMNS},
        "metrics": (json.dumps({name: _spelled(value) for name, value in metrics.items()}), pa.string()),
        "sample_count": (record.sample_count, pa.int32()),
        "width": (record.width, pa.int32()),
        "class_count": (class_count, pa.int32()),
        "vector_type": (vector_type, pa.string()),
        "nonfinite_count": (record.nonfinite_count, pa.int64()),
        "has_logits": (has_logits, pa.bool_()),
        "head_weight": (None if head is None else np.asarray(head.weight, "<f4").tobytes(), pa.binary()),
        "head_bias": (None if head is None else np.asarray(head.bias, "<f4").tobytes(), pa.binary()),
        "checkpoint": (file, pa.string()),
        "checkpoint_sha256": (digest, pa.string()),
    }
    return pa.table({name: pa.array([value], kind) for name, (value, kind) in columns.items()})


def number(value: Any) -> float:
    """A metric as a float: also of a zero-dimensional array or tensor."""
    return float(value.item() if hasattr(value, "item") else value)


def _spelled(value: float) -> float | str:
    # JSON has no NaN and no infinity; a text keeps which one it was.
    return value if np.isfinite(value) else str(value)


def predictions_table(
    epoch: int, ids: NDArray[np.int64], found: Predictions, labels: NDArray[np.int32]
) -> pa.Table:
    """Rows of `predictions`. Without a prediction its figures are NULL; a NaN loss stays NaN."""
    unknown = found.predicted < 0
    no_label = labels < 0
    return pa.table(
        {
            "epoch": constant(epoch, len(ids), pa.int32()),
            "sample_id": ids,
            "predicted": pa.array(found.predicted, mask=unknown),
            "p_true": pa.array(found.p_true, mask=unknown | no_label | np.isnan(found.p_true)),
            "p_predicted": pa.array(found.p_predicted, mask=unknown),
            "margin": pa.array(found.margin, mask=unknown | np.isnan(found.margin)),
            "loss": pa.array(found.loss, mask=(no_label | unknown) & np.isnan(found.loss)),
            "correct": pa.array(found.correct, mask=unknown | no_label),
        }
    )


def logits_table(epoch: int, ids: NDArray[np.int64], logits: NDArray[np.float32]) -> pa.Table:
    """Rows of `logits`."""
    return pa.table(
        {
            "epoch": constant(epoch, len(ids), pa.int32()),
            "sample_id": ids,
            "logits": blob_rows(np.asarray(logits, np.float32)),
        }
    )


def statistics_tables(
    epoch: int, rows: Sequence[ParameterStatistics], layer_ids: Mapping[str, int]
) -> dict[str, pa.Table]:
    """Rows of `layer_statistics` and `histograms`."""
    count = len(rows)
    if not count:
        return {}
    figures = {
        name: pa.array([_optional(row.figures.get(name)) for row in rows], pa.float64())
        for name in STATISTICS_COLUMNS
    }
    others = [{k: v for k, v in row.figures.items() if k not in STATISTICS_COLUMNS} for row in rows]
    statistics = pa.table(
        {
            "epoch": constant(epoch, count, pa.int32()),
            "layer_id": pa.array([layer_ids[row.layer] for row in rows], pa.int32()),
            "parameter": pa.array([row.parameter for row in rows], pa.string()),
            **figures,
            "other": pa.array([to_json(one, "figures") if one else None for one in others], pa.string()),
        }
    )
    histograms = [
        {
            "epoch": epoch,
            "layer_id": layer_ids[row.layer],
            "parameter": row.parameter,
            "kind": kind,
            "counts": np.asarray(counts, np.int64).tolist(),
            "edges": np.asarray(edges, np.float32).tolist(),
        }
        for row in rows
        for kind, counts, edges in (
            ("weight", row.weight_histogram, row.weight_edges),
            ("gradient", row.gradient_histogram, row.gradient_edges),
        )
        if counts is not None and edges is not None
    ]
    tables = {"layer_statistics": statistics}
    if histograms:
        kinds = pa.schema(
            [
                ("epoch", pa.int32()),
                ("layer_id", pa.int32()),
                ("parameter", pa.string()),
                ("kind", pa.string()),
                ("counts", pa.list_(pa.int64())),
                ("edges", pa.list_(pa.float32())),
            ]
        )
        tables["histograms"] = pa.Table.from_pylist(histograms, schema=kinds)
    return tables


def _optional(value: float | None) -> float | None:
    return None if value is None else float(value)


def filters_table(epoch: int, changes: Sequence[FilterChanges], layer_ids: Mapping[str, int]) -> pa.Table:
    """Rows of `filter_changes`; NaN (not known) becomes NULL."""
    parts = [
        pa.table(
            {
                "epoch": constant(epoch, len(one.cosine), pa.int32()),
                "layer_id": constant(layer_ids[one.layer], len(one.cosine), pa.int32()),
                "filter": np.arange(len(one.cosine), dtype=np.int32),
                **{
                    name: pa.array(np.asarray(values, np.float32), mask=np.isnan(values))
                    for name, values in (
                        ("cosine", one.cosine),
                        ("relative", one.relative),
                        ("norm", one.norm),
                        ("gradient", one.gradient),
                    )
                },
            }
        )
        for one in changes
    ]
    return pa.concat_tables(parts)


def activations_table(
    epoch: int, ids: NDArray[np.int64], layers: Sequence[Activations], layer_ids: Mapping[str, int]
) -> pa.Table:
    """Rows of `activations`: float16 blobs, one a sample and layer."""
    parts = [
        pa.table(
            {
                "epoch": constant(epoch, len(ids), pa.int32()),
                "layer_id": constant(layer_ids[one.layer], len(ids), pa.int32()),
                "sample_id": ids,
                "channel_means": blob_rows(np.asarray(one.means, np.float16)),
                "channel_maxima": blob_rows(np.asarray(one.maxima, np.float16)),
            }
        )
        for one in layers
    ]
    return pa.concat_tables(parts)


def labelling_tables(epoch: int, ids: NDArray[np.int64], labelling: Labelling) -> dict[str, pa.Table]:
    """Rows of `labelling`, `rounds` and `scores`."""
    count = len(ids)
    tables = {
        "labelling": pa.table(
            {
                "epoch": constant(epoch, count, pa.int32()),
                "round": constant(labelling.round, count, pa.int32()),
                "sample_id": ids,
                "labelled": np.asarray(labelling.labelled, np.bool_),
                "picked": np.asarray(labelling.picked, np.bool_),
                "rank": np.asarray(labelling.rank, np.int32),
            }
        ),
        "rounds": pa.table(
            {
                "epoch": constant(epoch, 1, pa.int32()),
                "round": constant(labelling.round, 1, pa.int32()),
                "strategy": pa.array([labelling.strategy], pa.string()),
            }
        ),
    }
    scores = [
        pa.table(
            {
                "epoch": constant(epoch, count, pa.int32()),
                "sample_id": ids,
                "name": constant(name, count, pa.string()),
                "score": np.asarray(values, np.float32),
            }
        )
        for name, values in labelling.scores.items()
    ]
    if scores:
        tables["scores"] = pa.concat_tables(scores)
    return tables


def events_table(epoch: int, events: Sequence[Event]) -> pa.Table:
    """Rows of `events`."""
    return pa.table(
        {
            "epoch": constant(epoch, len(events), pa.int32()),
            "kind": pa.array([event.kind for event in events], pa.string()),
            "sample_id": pa.array([event.sample_id for event in events], pa.int64()),
            "value": pa.array([event.value for event in events], pa.float64()),
            "detail": pa.array([event.detail for event in events], pa.string()),
        }
    )
