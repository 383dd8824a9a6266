"""A copy of the weights at one moment: what statistics, filter changes and the checkpoint are made from.

Copying is all that the training has to wait for; everything computed from the copy runs beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from numpy.typing import NDArray
from torch import nn

from timetravel.record.network import plain_name
from timetravel.record.trace import names_of

_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
FILTERED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, *_TRANSPOSED)


@dataclass(frozen=True, slots=True)
class Weights:
    """Arrays on the CPU that nobody else holds, by plain name.

    parameters: every floating parameter, a shared one once. gradients: those that have one.
    filters: linear or convolutional layer -> (K, d) incoming weights of each filter, as the layer uses them.
    filter_gradients: the same of the gradients, where the layer's weight is a plain parameter.
    checkpoint: the whole state dict, None when no checkpoint is wanted.
    unsaved: state dict entries that are no tensors and so are not in the checkpoint.
    """

    parameters: Mapping[str, NDArray[Any]]
    gradients: Mapping[str, NDArray[Any]]
    filters: Mapping[str, NDArray[Any]]
    filter_gradients: Mapping[str, NDArray[Any]]
    checkpoint: Mapping[str, NDArray[Any]] | None = None
    unsaved: tuple[str, ...] = field(default=())


def copy_weights(model: nn.Module, *, checkpoint: bool = True) -> Weights:
    """The weights now. Costs one copy of the parameters, one of the gradients, one of the buffers."""
    state: dict[str, NDArray[Any]] = {}
    unsaved: list[str] = []
    if checkpoint:
        for name, value in model.state_dict().items():
            if isinstance(value, torch.Tensor) and value.layout == torch.strided and not value.is_quantized:
                state[plain_name(name)] = to_array(value)
            else:
                unsaved.append(plain_name(name))
    parameters: dict[str, NDArray[Any]] = {}
    gradients: dict[str, NDArray[Any]] = {}
    for long_name, parameter in model.named_parameters():
        name = plain_name(long_name)
        if not parameter.is_floating_point():
            continue
        parameters[name] = state[name] if name in state else to_array(parameter)
        if parameter.grad is not None and parameter.grad.layout == torch.strided:
            gradients[name] = to_array(parameter.grad)
    filters, filter_gradients = {}, {}
    for layer, module in names_of(model).items():
        if isinstance(module, FILTERED):
            name = f"{layer}.weight"
            plain = parameters.get(name)
            filters[layer] = by_filter(module, to_array(module.weight) if plain is None else plain)
            if name in gradients:
                filter_gradients[layer] = by_filter(module, gradients[name])
    return Weights(
        parameters, gradients, filters, filter_gradients, state if checkpoint else None, tuple(unsaved)
    )


def by_filter(module: nn.Module, weight: NDArray[Any]) -> NDArray[Any]:
    """(K, d): a layer's weight with one row for each filter (output channel or output unit)."""
    if isinstance(module, _TRANSPOSED):
        # Stored as (inputs, outputs / groups, ...): a filter's weights lie along the second dimension.
        groups = int(module.groups)
        inputs, outputs = weight.shape[:2]
        split = weight.reshape(groups, inputs // groups, outputs, -1).swapaxes(1, 2)
        return split.reshape(groups * outputs, -1)
    return weight.reshape(len(weight), -1)


def to_array(tensor: torch.Tensor) -> NDArray[Any]:
    """A copy on the CPU; bfloat16 and the 8-bit floats, which numpy does not know, as float32."""
    copied = tensor.detach().to("cpu", copy=True)
    if copied.is_floating_point() and copied.dtype not in (torch.float16, torch.float32, torch.float64):
        copied = copied.float()
    return copied.contiguous().numpy()


def parameter_bytes(model: nn.Module) -> int:
    """Bytes of the state dict, which a checkpoint costs."""
    return sum(
        value.numel() * max(value.element_size(), 4 if value.is_floating_point() else 1)
        for value in model.state_dict().values()
        if isinstance(value, torch.Tensor)
    )


def filter_count(model: nn.Module) -> int:
    """Number of filters over all convolutional and linear layers."""
    layers = [module for module in names_of(model).values() if isinstance(module, FILTERED)]
    return sum(
        module.out_features if isinstance(module, nn.Linear) else module.out_channels for module in layers
    )
