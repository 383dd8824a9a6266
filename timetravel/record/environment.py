"""Where a run was recorded: versions and kind of device, and nothing that says who or on which machine.

No user or host name, no path, no command line, no environment variable goes into a run.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from timetravel.version import __version__

_VERSIONED = ("torchvision", "lightning", "pytorch_lightning", "transformers", "captum")


def environment(model: nn.Module) -> dict[str, Any]:
    """Versions of what is loaded, system and device kind, as JSON-able values."""
    device = device_of(model)
    found: dict[str, Any] = {
        "timetravel": __version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "system": platform.system(),
        "machine": platform.machine(),
        "device": device.type,
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }
    if device.type == "cuda":
        found["accelerator"] = torch.cuda.get_device_name(device)
        found["cuda"] = torch.version.cuda
    for name in _VERSIONED:
        version = getattr(sys.modules.get(name), "__version__", None)
        if version is not None:
            found[name] = str(version)
    return found


def device_of(model: nn.Module) -> torch.device:
    """Where the model's first parameter or buffer lies; the CPU for a model without any."""
    for tensor in (*model.parameters(), *model.buffers()):
        return tensor.device
    return torch.device("cpu")


def optimizers_of(optimizer: Any) -> list[torch.optim.Optimizer]:
    """The optimizers given: none, one, or several."""
    if optimizer is None:
        return []
    given = list(optimizer) if isinstance(optimizer, list | tuple) else [optimizer]
    for one in given:
        if not hasattr(one, "param_groups"):
            raise TypeError(
                f"optimizer is a {type(one).__name__}; pass a torch.optim.Optimizer, a list of them, or None"
            )
    return given


def learning_rates(optimizers: Sequence[torch.optim.Optimizer]) -> tuple[float, ...]:
    """The learning rate of every parameter group now, in the order of the optimizers."""
    return tuple(float(group["lr"]) for one in optimizers for group in one.param_groups if "lr" in group)


def hyperparameters(
    given: Mapping[str, Any] | None, optimizers: Sequence[torch.optim.Optimizer]
) -> dict[str, Any]:
    """The caller's hyperparameters, and those of the optimizer that the caller did not name."""
    known = {str(name): plain(value) for name, value in (given or {}).items()}
    if optimizers:
        known.setdefault("optimizer", " + ".join(type(one).__name__ for one in optimizers))
        for name, value in optimizers[0].defaults.items():
            if isinstance(value, bool | int | float | tuple | torch.Tensor) and value is not False:
                known.setdefault({"lr": "learning_rate"}.get(name, name), plain(value))
    return known


def plain(value: Any) -> Any:
    """`value` as JSON can hold it; what JSON cannot hold becomes the name of its type, never its repr,
    which would carry addresses and paths."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else str(value)
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, torch.Tensor | np.ndarray):
        few = np.prod(value.shape) <= 100
        return plain(value.tolist()) if few else f"array of shape {tuple(value.shape)}"
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, torch.dtype | torch.device):
        return str(value)
    return getattr(value, "__name__", type(value).__name__)
