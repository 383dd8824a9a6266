"""Images of samples as PNG: one, or many on a sheet, so that a grid of them is one request."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PER_LINE = 16
COMPRESSION = 1
"""Small images hardly shrink further, and the slowest setting takes ten times as long."""


def png(pixels: NDArray[np.uint8]) -> bytes:
    """(H, W) or (H, W, 3) as PNG."""
    return _encode(Image.fromarray(np.ascontiguousarray(pixels)))


def sheet(images: Sequence[NDArray[np.uint8] | None], size: int) -> bytes:
    """Images on cells of `size` pixels, 16 a line, centred, aspect kept; a missing one is transparent."""
    is_gray = all(image is None or image.ndim == 2 for image in images)
    lines = max(1, -(-len(images) // PER_LINE))
    paper = Image.new("LA" if is_gray else "RGBA", (PER_LINE * size, lines * size))
    for index, pixels in enumerate(images):
        if pixels is None or pixels.size == 0:
            continue
        cell = _fitted(Image.fromarray(np.ascontiguousarray(pixels)), size).convert(paper.mode)
        line, column = divmod(index, PER_LINE)
        paper.paste(cell, (column * size + (size - cell.width) // 2, line * size + (size - cell.height) // 2))
    return _encode(paper)


def _fitted(image: Image.Image, size: int) -> Image.Image:
    scale = size / max(image.size)
    shape = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    # Small images keep their pixels visible when enlarged: that is what the network saw.
    return image.resize(shape, Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.BOX)


def _encode(image: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=COMPRESSION)
    return buffer.getvalue()
