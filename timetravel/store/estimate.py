"""What an epoch will take on disk, told before it is recorded.

The shares were measured on runs of digits (1,797 samples), Fashion-MNIST (7,000) and a ResNet-18: DuckDB packs
the zeros of ReLU layers, keeps the rest nearly as it is, and rounds up to whole blocks.
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import numpy as np

from timetravel.store.facts import Inputs
from timetravel.store.inputs import input_tables
from timetravel.store.segment import block_bytes, write_tables

VECTOR_SHARE = 0.68
"""Representations after compression over their float16 bytes: 0.6 for a trained ReLU layer, 0.84 after pooling."""

ACTIVATION_SHARE = 1.0
PREDICTION_BYTES = 28
SAMPLE_BYTES = 18
FILTER_BYTES = 17
LOGITS_SHARE = 1.08
LOGITS_ROW_BYTES = 5

HEADER_BYTES = 12_288
FIXED_BLOCKS = {16_384: 9, 65_536: 4, 262_144: 4}
"""Blocks of a facts segment that do not depend on the samples: catalogue, statistics, histograms."""

FIXED_BLOCKS_OF_SAMPLES = 5
FIXED_BLOCKS_OF_VECTORS = 2

MEASURED_INPUTS = 512


def estimate_bytes(
    *,
    sample_count: int,
    width: int,
    class_count: int,
    parameter_bytes: int,
    activation_channels: int,
    filter_count: int,
    inputs_bytes: int,
    checkpoints: bool,
) -> dict[str, int]:
    """Bytes of one epoch by fact, and "once" for what is written once; within 20 % of the folder.

    inputs_bytes: as stored, of `stored_inputs_bytes`. Maps and indexes are not in it.
    """
    n = sample_count
    vectors = 2 * n * width
    facts = {
        "logits": LOGITS_SHARE * n * (4 * class_count + LOGITS_ROW_BYTES),
        "predictions": PREDICTION_BYTES * n,
        "activations": ACTIVATION_SHARE * 4 * n * activation_channels,
        "filters": FILTER_BYTES * filter_count,
    }
    block = block_bytes(int(sum(facts.values())))
    once = SAMPLE_BYTES * n + inputs_bytes
    found = {
        "representations": VECTOR_SHARE * vectors
        + HEADER_BYTES
        + FIXED_BLOCKS_OF_VECTORS * block_bytes(vectors + 12 * n),
        **facts,
        "statistics": HEADER_BYTES + FIXED_BLOCKS[block] * block,
        "checkpoint": parameter_bytes if checkpoints else 0,
        "once": once + HEADER_BYTES + FIXED_BLOCKS_OF_SAMPLES * block_bytes(once),
    }
    return {name: math.ceil(size) for name, size in found.items()}


def stored_inputs_bytes(inputs: Inputs | None) -> int:
    """What the inputs will take on disk, measured on up to 512 of them."""
    if inputs is None or not len(inputs.ids):
        return 0
    count = len(inputs.ids)
    rows = np.unique(np.linspace(0, count - 1, min(count, MEASURED_INPUTS)).astype(np.int64))
    part = Inputs(
        ids=np.asarray(inputs.ids)[rows],
        arrays=[inputs.arrays[int(row)] for row in rows],
        layout=inputs.layout,
    )
    tables = {"inputs": input_tables(part, 0)["inputs"]}
    empty = {"inputs": tables["inputs"].slice(0, 0)}
    with tempfile.TemporaryDirectory(prefix="timetravel-") as folder:
        sizes = []
        for number, one in enumerate((tables, empty)):
            path = Path(folder) / f"{number}.duckdb"
            write_tables(path, one, raw_bytes=0)
            sizes.append(path.stat().st_size)
    return math.ceil((sizes[0] - sizes[1]) * count / len(rows))
