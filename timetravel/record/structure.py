"""The network as rows: its modules in execution order, with types, shapes and settings (F20)."""

from __future__ import annotations

from typing import Any

from torch import nn

from timetravel.record.capture import channel_values
from timetravel.record.trace import Step, Trace, names_of
from timetravel.store.facts import Module

_HIDDEN = {"training", "call_super_init", "dump_patches", "inplace"}
_SIZES = ("out_channels", "out_features", "num_features", "num_channels")


def structure(model: nn.Module, seen: Trace, representation: str | None = None) -> list[Module]:
    """Modules in the order of their first call; those with parameters that are never called come last.

    Shapes leave the sample dimension out. `parameter_count` counts a module's own parameters, each tensor
    once however often it is shared, so that the counts of all modules add up to the model's.
    """
    names = names_of(model)
    called = {step.name for step in seen.steps}
    silent = [
        Step(name, module)
        for name, module in names.items()
        if name not in called and next(module.parameters(recurse=False), None) is not None
    ]
    counted: set[int] = set()
    return [_module(step, counted, step.name == representation) for step in [*seen.steps, *silent]]


def _module(step: Step, counted: set[int], is_representation: bool) -> Module:
    own = [tensor for tensor in step.module.parameters(recurse=False) if id(tensor) not in counted]
    counted.update(map(id, own))
    settings = settings_of(step.module)
    if own and not any(tensor.requires_grad for tensor in own):
        settings["frozen"] = True
    return Module(
        name=step.name,
        kind=type(step.module).__name__,
        depth=step.name.count("."),
        channels=_channels(step),
        parameter_count=sum(tensor.numel() for tensor in own),
        input_shape=step.input_shape,
        output_shape=step.output_shape,
        settings=settings,
        is_representation=is_representation,
    )


def settings_of(module: nn.Module) -> dict[str, Any]:
    """The public attributes of a module that are numbers, words or tuples of them: kernel size, stride, ..."""
    found = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in vars(module).items()
        if not name.startswith("_") and name not in _HIDDEN and _is_setting(value)
    }
    return found | (
        {"bias": getattr(module, "bias", None) is not None} if "bias" in module._parameters else {}
    )


def _is_setting(value: Any) -> bool:
    if isinstance(value, tuple):
        return 0 < len(value) <= 8 and all(_is_setting(item) for item in value)
    return isinstance(value, bool | int | float | str)


def channel_count(seen: Trace, name: str) -> int:
    """Channels of a module's output as they are recorded (K of `Activations`)."""
    step = seen.step(name)
    if step is None or step.output is None:
        return 0
    return channel_values(step.output, step.module)[0].shape[1]


def _channels(step: Step) -> int | None:
    for name in _SIZES:
        value = getattr(step.module, name, None)
        if isinstance(value, int):
            return value
    if step.output is None or step.output.ndim < 2:
        return None
    return channel_values(step.output, step.module)[0].shape[1]
