"""Which layers of a network can be explained, found by running it once."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from timetravel.errors import BadInput

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
CHANNELS_FIRST = ("1d", "2d", "3d")


@dataclass(frozen=True, slots=True)
class LayerShape:
    """A layer that is called once in a pass and gives one float tensor.

    shape: of its output, without the sample dimension. units: its channels, or its units where it has no
    space. is_convolution: also true where the output has space left for a class activation map.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    units: int
    is_convolution: bool


def explainable_layers(model: nn.Module, example: torch.Tensor) -> list[LayerShape]:
    """Leaf layers and blocks in the order in which they end; example: (n, ...) inputs, n >= 1.

    Left out: what is called more than once or gives no single tensor with a row a sample.
    """
    found: dict[str, LayerShape] = {}
    calls: dict[str, int] = {}

    def note(name: str) -> Any:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            calls[name] = calls.get(name, 0) + 1
            if not isinstance(output, torch.Tensor) or output.ndim < 2 or len(output) != len(example):
                return
            if output.is_floating_point():
                found[name] = _shape(name, module, output)

        return hook

    handles = [module.register_forward_hook(note(name)) for name, module in model.named_modules() if name]
    try:
        with torch.no_grad():
            model(example.clone())
    finally:
        for handle in handles:
            handle.remove()
    return [layer for name, layer in found.items() if calls[name] == 1]


def last_convolution(layers: list[LayerShape]) -> LayerShape:
    """The last convolution whose output still has space; BadInput where there is none."""
    spatial = [layer for layer in layers if layer.is_convolution]
    if not spatial:
        raise BadInput(
            "this network has no convolution whose output has more than one place; expected one for a class "
            "activation map; choose saliency or integrated_gradients"
        )
    return spatial[-1]


def layer_named(layers: list[LayerShape], name: str) -> LayerShape:
    """The layer called `name`; BadInput names those that are close."""
    for layer in layers:
        if layer.name == name:
            return layer
    names = [layer.name for layer in layers]
    near = difflib.get_close_matches(name, names, 3) or names[:8]
    raise BadInput(
        f"layer {name!r} cannot be explained: it does not exist, is called more than once, or gives no single "
        f"tensor; pass one of {', '.join(near)}"
    )


def channels_first(values: torch.Tensor, kind: str) -> torch.Tensor:
    """(n, K, ...) from a layer's output: of sequences (n, tokens, K) the last dimension are the channels."""
    if values.ndim == 3 and not kind.endswith(CHANNELS_FIRST):
        return values.transpose(1, 2)
    return values


def _shape(name: str, module: nn.Module, output: torch.Tensor) -> LayerShape:
    kind = type(module).__name__
    rows = channels_first(output, kind)
    return LayerShape(
        name=name,
        kind=kind,
        shape=tuple(output.shape[1:]),
        units=rows.shape[1],
        is_convolution=isinstance(module, CONVOLUTIONS) and rows[0, 0].numel() > 1,
    )
