"""The model under its wrappers: how it is called, and which part of its answer are the logits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from torch import nn

from timetravel.errors import BadInput
from timetravel.record.environment import device_of

Selector = str | int | Callable[[Any], torch.Tensor] | None


def unwrap(model: nn.Module) -> nn.Module:
    """The plain model under DataParallel, DistributedDataParallel and torch.compile.

    Raises BadInput for what cannot be recorded through hooks: scripted models and sharded ones.
    """
    while True:
        if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            model = cast(nn.Module, model.module)
        elif type(model).__name__ == "OptimizedModule" and hasattr(model, "_orig_mod"):
            model = cast(nn.Module, model._orig_mod)
        else:
            break
    kind = type(model).__name__
    if isinstance(model, torch.jit.ScriptModule):
        raise BadInput(f"the model is a {kind}; pass the model from before torch.jit.script or trace")
    if kind in {"FullyShardedDataParallel", "FSDPModule"} or kind.startswith("FSDP"):
        raise BadInput(
            f"the model is a {kind}; sharded models cannot be recorded, gather it and pass the plain model"
        )
    return model


def plain_name(name: str) -> str:
    """A module's or parameter's name without the parts that compiling and wrapping put into it."""
    return ".".join(part for part in name.split(".") if part != "_orig_mod")


def call(model: nn.Module, inputs: Any) -> Any:
    """The model's answer to collated inputs, moved to its device and, for half-precision models, its type."""
    moved = _moved(inputs, device_of(model), _dtype_of(model))
    if isinstance(moved, Mapping):
        return model(**moved)
    if isinstance(moved, list | tuple):
        return model(*moved)
    return model(moved)


def select(answer: Any, output: Selector) -> torch.Tensor:
    """(n, C) logits out of the model's answer; BadInput shows what came when they cannot be told."""
    try:
        if output is None:
            chosen = answer
        elif callable(output):
            chosen = output(answer)
        elif isinstance(output, str) and not isinstance(answer, Mapping):
            chosen = getattr(answer, output)
        else:
            chosen = answer[output]
    except (KeyError, IndexError, AttributeError, TypeError) as error:
        raise BadInput(f"output={output!r} is not in the model's output, {describe(answer)}") from error
    if not isinstance(chosen, torch.Tensor):
        raise BadInput(
            f"the model gives {describe(answer)}; expected one tensor of logits: pass output= with the key, "
            "the index, or a function of the output"
        )
    if chosen.ndim != 2:
        raise BadInput(
            f"the model's output has shape {tuple(chosen.shape)}; expected (samples, classes): this tool is for "
            "single-label classification (pass output= to pick or shape the logits)"
        )
    return chosen


def describe(answer: Any) -> str:
    """What a model returned, in a few words."""
    if isinstance(answer, torch.Tensor):
        return f"a tensor of shape {tuple(answer.shape)}"
    if isinstance(answer, Mapping):
        return "a dict of " + ", ".join(f"{name!r}: {describe(value)}" for name, value in answer.items())
    if isinstance(answer, list | tuple):
        return f"a {type(answer).__name__} of " + ", ".join(
            f"[{index}] {describe(value)}" for index, value in enumerate(answer)
        )
    return f"a {type(answer).__name__}"


def _dtype_of(model: nn.Module) -> torch.dtype | None:
    for parameter in model.parameters():
        if parameter.is_floating_point():
            return None if parameter.dtype == torch.float32 else parameter.dtype
    return None


def _moved(inputs: Any, device: torch.device, dtype: torch.dtype | None) -> Any:
    if isinstance(inputs, torch.Tensor):
        cast = dtype if inputs.is_floating_point() else None
        # Always a copy: a model may work in place on its input, which is the caller's tensor here.
        return inputs.to(device=device, dtype=cast, copy=True)
    if isinstance(inputs, Mapping):
        return {name: _moved(value, device, dtype) for name, value in inputs.items()}
    if isinstance(inputs, list | tuple):
        return [_moved(value, device, dtype) for value in inputs]
    return inputs
