"""What an epoch will take on disk, told before it is recorded."""

from __future__ import annotations

import math

VECTOR_SHARE = 0.7
"""Size of a row of representations after compression over its float16 bytes: half of the numbers zero."""


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
    """Bytes of one epoch by fact, and "once" for what is written once."""
    n = sample_count
    found = {
        "representations": VECTOR_SHARE * 2 * n * width,
        "logits": 4.4 * n * class_count,
        "predictions": 20.0 * n,
        "activations": 2 * 2.0 * n * activation_channels,
        "filters": 16.0 * filter_count,
        "statistics": 60_000,
        "checkpoint": parameter_bytes if checkpoints else 0,
        "once": 12.0 * n + inputs_bytes + 50_000,
    }
    return {name: math.ceil(size) for name, size in found.items()}
