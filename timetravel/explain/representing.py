"""Representations of inputs that were never recorded, by the network as it was at an epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from timetravel.errors import BadInput
from timetravel.explain.recorded_network import networks
from timetravel.store.run import StoredRun

BATCH = 256


def represent(
    run: StoredRun,
    inputs: NDArray[np.float32],
    epoch: int,
    *,
    factory: str | None,
    factory_arguments: Mapping[str, Any] | None = None,
) -> NDArray[np.float32]:
    """(M, D) representations of (M, ...) inputs at the layer that the run recorded.

    Raises MissingPart without checkpoint or factory, BadInput when the network cannot take the inputs.
    """
    place = run.description.layer or ""
    takes, _, name = place.partition(" of ")
    model = next(networks(run, [epoch], factory, factory_arguments)).model()
    modules = dict(model.named_modules())
    if name not in modules:
        raise BadInput(f"the run recorded at {place or 'an unknown layer'}, which the rebuilt network does not have")
    heard: list[torch.Tensor] = []

    def listen(module: torch.nn.Module, given: tuple[Any, ...], output: Any) -> None:
        heard.append((given[0] if takes == "input" else output).detach().flatten(1))

    handle = modules[name].register_forward_hook(listen)
    try:
        with torch.no_grad():
            for start in range(0, len(inputs), BATCH):
                model(torch.from_numpy(np.ascontiguousarray(inputs[start : start + BATCH])))
    except RuntimeError as error:
        raise BadInput(f"the network does not take inputs of shape {inputs.shape[1:]}: {error}") from error
    finally:
        handle.remove()
    return torch.cat(heard).numpy()
