"""Class activation maps: where the last maps carry what the head weighs for the class."""

from __future__ import annotations

import torch
from captum import attr
from torch import nn

from timetravel.errors import BadInput
from timetravel.explain.layers import explainable_layers

TOLERANCE = 1e-4
"""Largest difference, relative to the largest unit, between the head's input and the mean of the maps."""


def pooled_maps(network: nn.Module, example: torch.Tensor) -> tuple[nn.Module, nn.Linear]:
    """The layer whose maps are averaged into the input of the last linear layer, and that linear layer.

    Raises BadInput where the network does not end in average pooling and one linear layer.
    """
    linear = [module for module in network.modules() if isinstance(module, nn.Linear)]
    heard: list[torch.Tensor] = []
    head = linear[-1] if linear else None
    if head is not None:
        handle = head.register_forward_hook(lambda module, args, output: heard.append(args[0].detach()))
        try:
            layers = explainable_layers(network, example)
        finally:
            handle.remove()
        for layer in reversed(layers):
            if len(layer.shape) < 2 or not heard or layer.units != heard[-1].shape[-1]:
                continue
            module = network.get_submodule(layer.name)
            maps = attr.LayerActivation(network, module).attribute(example.clone()).detach()
            mean, scale = maps.flatten(2).mean(2), heard[-1].abs().max().clamp_min(1e-12)
            if maps[0, 0].numel() > 1 and (mean - heard[-1]).abs().max() <= TOLERANCE * scale:
                return module, head
    raise BadInput(
        "this network does not end in average pooling and one linear layer; expected that for class activation "
        "maps; choose grad_cam"
    )


def class_activation(
    network: nn.Module, inputs: torch.Tensor, targets: torch.Tensor, *, layer: nn.Module, head: nn.Linear
) -> torch.Tensor:
    """(n, 1, ...) sum over channels of the class's weight times the channel's map, before interpolation.

    Source: Zhou, Khosla, Lapedriza, Oliva, Torralba 2016, equation 2.
    """
    maps = attr.LayerActivation(network, layer).attribute(inputs)
    weights = head.weight[targets].reshape(*maps.shape[:2], *[1] * (maps.ndim - 2))
    cam: torch.Tensor = (maps * weights).sum(1, keepdim=True).detach()
    return cam
