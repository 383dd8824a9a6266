"""Small pictures of the samples, given apart from the model's inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.errors import BadInput
from timetravel.store.facts import Inputs


def make_thumbnails(images: Any, ids: NDArray[np.int64]) -> Inputs:
    """N pictures (H, W) or (H, W, 3) of uint8, each of its own size; transparency is dropped."""
    count = len(images) if hasattr(images, "__len__") else -1
    if count != len(ids):
        raise BadInput(f"images has {count} pictures for {len(ids)} samples; expected one each")
    arrays = []
    for row, image in enumerate(images):
        array = np.asarray(image.detach().cpu() if hasattr(image, "detach") else image)
        if array.ndim == 3 and array.shape[2] in (1, 4):
            array = array[..., 0] if array.shape[2] == 1 else array[..., :3]
        fits = array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)
        if array.dtype != np.uint8 or not fits or not array.size:
            raise BadInput(
                f"images[{row}] is {array.dtype} of shape {array.shape}; expected uint8 of (height, width) or "
                "(height, width, 3)"
            )
        arrays.append(np.ascontiguousarray(array))
    return Inputs(ids=ids, arrays=arrays, layout="image")
