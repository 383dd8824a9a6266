"""Representations of inputs that were never recorded, from the rebuilt network of an epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from timetravel.errors import BadInput, MissingPart
from timetravel.explain.attribution import BATCH_VALUES
from timetravel.explain.recorded_network import networks
from timetravel.store.run import StoredRun


def represent(
    run: StoredRun,
    inputs: NDArray[Any],
    epoch: int,
    *,
    factory: str,
    factory_arguments: Mapping[str, Any] | None = None,
) -> NDArray[np.float32]:
    """(M, D) what the recorded layer makes of inputs (M, ...), as the recorder would have taken it.

    inputs: as the network takes them. Raises BadInput when the network cannot take them, MissingPart when
    the run does not say which layer it recorded (imported arrays).
    """
    part = next((part for part in run.description.modules if part.is_representation), None)
    if part is None:
        raise MissingPart(
            f"{run.path} does not say which layer its representations come from; pass representations instead"
        )
    takes_input = str(run.description.layer).startswith("input of ")
    (network,) = networks(run, [epoch], factory, factory_arguments)
    model = network.model()
    heard: list[torch.Tensor] = []

    def listen(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        taken = args[0] if takes_input else output
        heard.append(taken.detach().float().flatten(1))

    values = np.asarray(inputs, np.float32)
    size = max(1, BATCH_VALUES // max(1, values[0].size)) if len(values) else 1
    rows: list[NDArray[np.float32]] = []
    handle = model.get_submodule(part.name).register_forward_hook(listen)
    try:
        with torch.no_grad():
            for start in range(0, len(values), size):
                heard.clear()
                model(torch.from_numpy(values[start : start + size].copy()))
                rows.append(heard[-1].numpy().copy())
    except (RuntimeError, ValueError, IndexError) as error:
        raise BadInput(
            f"the network cannot take inputs of shape {values.shape}: {str(error).splitlines()[0]}; "
            "pass them as the network is fed in training, one row a sample"
        ) from error
    finally:
        handle.remove()
    return np.concatenate(rows) if rows else np.zeros((0, run.record(epoch).width), np.float32)
