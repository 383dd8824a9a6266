"""The tables of a run: names, columns, types. What readers may rely on.

Every segment holds the tables that its commit has rows for. A later version may add tables and columns;
readers join segments BY NAME. Representations, logits and rasters are little-endian BLOBs whose type and
shape stand in `epochs` or beside them; what people ask for in SQL has plain columns.
"""

from __future__ import annotations

_FIGURES = ("count", "mean", "std", "min", "q1", "median", "q3", "max", "sum", "norm", "zeros")

STATISTICS_COLUMNS = (
    *(f"weight_{figure}" for figure in _FIGURES),
    *(f"gradient_{figure}" for figure in _FIGURES),
    "update_norm",
    "update_ratio",
    "nonfinite_count",
)
"""Figures of `layer_statistics`; what else a recorder measures goes to `other` as JSON."""

METRIC_COLUMNS = ("train_loss", "val_loss", "train_accuracy", "val_accuracy")

FACTS_TABLES: dict[str, dict[str, str]] = {
    "run": {
        "revision": "INTEGER",
        "run_id": "VARCHAR",
        "name": "VARCHAR",
        "created": "TIMESTAMP",
        "library": "VARCHAR",
        "model": "VARCHAR",
        "factory": "VARCHAR",
        "factory_arguments": "VARCHAR",
        "hyperparameters": "VARCHAR",
        "layer": "VARCHAR",
        "data_set": "VARCHAR",
        "environment": "VARCHAR",
    },
    "classes": {"class_id": "INTEGER", "name": "VARCHAR"},
    "layers": {
        "layer_id": "INTEGER",
        "name": "VARCHAR",
        "kind": "VARCHAR",
        "position": "INTEGER",
        "depth": "INTEGER",
        "channels": "INTEGER",
        "parameter_count": "BIGINT",
        "input_shape": "INTEGER[]",
        "output_shape": "INTEGER[]",
        "settings": "VARCHAR",
        "is_representation": "BOOLEAN",
    },
    "samples": {
        "sample_id": "BIGINT",
        "row": "INTEGER",
        "label": "INTEGER",
        "split": "VARCHAR",
        "true_label": "INTEGER",
        "noisy": "BOOLEAN",
    },
    "sample_attributes": {"sample_id": "BIGINT", "name": "VARCHAR", "number": "DOUBLE", "text": "VARCHAR"},
    "inputs": {
        "sample_id": "BIGINT",
        "layout": "VARCHAR",
        "encoding": "VARCHAR",
        "shape": "INTEGER[]",
        "palette_id": "INTEGER",
        "data": "BLOB",
    },
    "input_palettes": {"palette_id": "INTEGER", "channel": "INTEGER", "colors": "BLOB"},
    "input_ranges": {"layout": "VARCHAR", "low": "DOUBLE", "high": "DOUBLE"},
    "epochs": {
        "epoch": "INTEGER",
        "position": "INTEGER",
        "recorded_at": "TIMESTAMP",
        "wall_seconds": "DOUBLE",
        "step": "BIGINT",
        "learning_rates": "DOUBLE[]",
        **dict.fromkeys(METRIC_COLUMNS, "DOUBLE"),
        "metrics": "VARCHAR",
        "sample_count": "INTEGER",
        "width": "INTEGER",
        "class_count": "INTEGER",
        "vector_type": "VARCHAR",
        "nonfinite_count": "BIGINT",
        "has_logits": "BOOLEAN",
        "head_weight": "BLOB",
        "head_bias": "BLOB",
        "checkpoint": "VARCHAR",
        "checkpoint_sha256": "VARCHAR",
    },
    "predictions": {
        "epoch": "INTEGER",
        "sample_id": "BIGINT",
        "predicted": "INTEGER",
        "p_true": "FLOAT",
        "p_predicted": "FLOAT",
        "margin": "FLOAT",
        "loss": "FLOAT",
        "correct": "BOOLEAN",
    },
    "logits": {"epoch": "INTEGER", "sample_id": "BIGINT", "logits": "BLOB"},
    "layer_statistics": {
        "epoch": "INTEGER",
        "layer_id": "INTEGER",
        "parameter": "VARCHAR",
        **dict.fromkeys(STATISTICS_COLUMNS, "DOUBLE"),
        "other": "VARCHAR",
    },
    "histograms": {
        "epoch": "INTEGER",
        "layer_id": "INTEGER",
        "parameter": "VARCHAR",
        "kind": "VARCHAR",
        "counts": "BIGINT[]",
        "edges": "FLOAT[]",
    },
    "filter_changes": {
        "epoch": "INTEGER",
        "layer_id": "INTEGER",
        "filter": "INTEGER",
        "cosine": "FLOAT",
        "relative": "FLOAT",
        "norm": "FLOAT",
        "gradient": "FLOAT",
    },
    "activations": {
        "epoch": "INTEGER",
        "layer_id": "INTEGER",
        "sample_id": "BIGINT",
        "channel_means": "BLOB",
        "channel_maxima": "BLOB",
    },
    "events": {
        "epoch": "INTEGER",
        "kind": "VARCHAR",
        "sample_id": "BIGINT",
        "value": "DOUBLE",
        "detail": "VARCHAR",
    },
    "labelling": {
        "epoch": "INTEGER",
        "round": "INTEGER",
        "sample_id": "BIGINT",
        "labelled": "BOOLEAN",
        "picked": "BOOLEAN",
        "rank": "INTEGER",
    },
    "rounds": {"epoch": "INTEGER", "round": "INTEGER", "strategy": "VARCHAR"},
    "scores": {"epoch": "INTEGER", "sample_id": "BIGINT", "name": "VARCHAR", "score": "FLOAT"},
}

VECTORS_TABLES: dict[str, dict[str, str]] = {
    "representations": {"epoch": "INTEGER", "sample_id": "BIGINT", "vector": "BLOB"}
}

MAP_TABLES: dict[str, dict[str, str]] = {
    "positions": {
        "epoch": "INTEGER",
        "sample_id": "BIGINT",
        "x": "FLOAT",
        "y": "FLOAT",
        "neighbors_kept": "FLOAT",
        "roundtrip_class": "INTEGER",
        "roundtrip_confidence": "FLOAT",
        "boundary_distance": "FLOAT",
        "placed": "BOOLEAN",
    },
    "decision_maps": {
        "epoch": "INTEGER",
        "resolution": "INTEGER",
        "x0": "DOUBLE",
        "x1": "DOUBLE",
        "y0": "DOUBLE",
        "y1": "DOUBLE",
        "encoding": "VARCHAR",
        "cell_class": "BLOB",
        "margin": "BLOB",
        "confidence": "BLOB",
        "trust": "BLOB",
    },
    "contours": {
        "epoch": "INTEGER",
        "contour": "INTEGER",
        "class_a": "INTEGER",
        "class_b": "INTEGER",
        "closed": "BOOLEAN",
        "xy": "BLOB",
    },
    "boundary_samples": {
        "epoch": "INTEGER",
        "boundary_sample": "INTEGER",
        "class_a": "INTEGER",
        "class_b": "INTEGER",
        "x": "FLOAT",
        "y": "FLOAT",
        "vector_type": "VARCHAR",
        "vector": "BLOB",
    },
    "inverses": {"epoch": "INTEGER", "file": "VARCHAR", "sha256": "VARCHAR"},
    "quality": {"epoch": "INTEGER", "figure": "VARCHAR", "value": "DOUBLE", "revision": "INTEGER"},
}

NOTES_TABLES: dict[str, dict[str, str]] = {
    "selections": {
        "revision": "BIGINT",
        "name": "VARCHAR",
        "created": "TIMESTAMP",
        "sample_ids": "BIGINT[]",
        "expression": "VARCHAR",
        "note": "VARCHAR",
        "deleted": "BOOLEAN",
    }
}

TABLES = {**FACTS_TABLES, **VECTORS_TABLES, **MAP_TABLES, **NOTES_TABLES}


def create_statement(table: str, place: str) -> str:
    """CREATE TABLE for one of our tables in an attached segment."""
    columns = ", ".join(f'"{name}" {kind}' for name, kind in TABLES[table].items())
    return f'CREATE TABLE {place}.main."{table}" ({columns})'
