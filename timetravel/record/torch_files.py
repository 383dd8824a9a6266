"""Files of torch.save with plain tensors in them; nothing in them is ever run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.errors import BadInput
from timetravel.store.facts import Head


def _load(path: Path) -> Any:
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds here; all mean that the file is not plain tensors
        said = " ".join(str(error).split())[:160]
        raise BadInput(
            f"{path.name} cannot be read as plain tensors ({said}); save it with torch.save of a state dict or tensors"
        ) from error


def tensor(path: Path) -> NDArray[Any] | None:
    """A tensor, or a list of whole numbers, as an array; None for anything else."""
    import torch

    found = _load(path)
    if isinstance(found, torch.Tensor):
        return found.float().numpy() if found.dtype == torch.bfloat16 else found.numpy()
    if isinstance(found, list) and all(type(item) is int for item in found):
        return np.asarray(found)
    return None


def state_dict(path: Path) -> dict[str, NDArray[Any]]:
    """The tensors of a state dict, also of one inside a checkpoint; empty when there is no such file."""
    import torch

    if not path.is_file():
        return {}
    found = _load(path)
    for key in ("state_dict", "model", "net"):
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping):
        raise BadInput(
            f"{path.name} in {path.parent.name} holds a {type(found).__name__}; expected a state dict"
        )
    return {
        str(name): (value.float() if value.dtype == torch.bfloat16 else value).contiguous().numpy()
        for name, value in found.items()
        if isinstance(value, torch.Tensor)
    }


def linear_head(state: Mapping[str, NDArray[Any]], width: int, classes: int) -> Head | None:
    """The last linear layer of a state dict that takes the representations; None when none fits."""
    for name in reversed(list(state)):
        weight = state[name]
        if name.endswith("weight") and weight.shape == (classes, width):
            bias = state.get(f"{name.removesuffix('weight')}bias")
            if bias is not None and bias.shape != (classes,):
                continue
            return Head(
                weight=weight.astype(np.float32),
                bias=np.zeros(classes, np.float32) if bias is None else bias.astype(np.float32),
            )
    return None
