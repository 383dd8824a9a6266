"""What a model does with two samples: every module that is called, in order, with its shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from timetravel.errors import BadInput
from timetravel.record.network import Selector, call, plain_name, select

PROBE_SAMPLES = 2


@dataclass(slots=True)
class Step:
    """One module of the model, at its last call. Shapes leave the sample dimension out.

    input, output: the tensors of the last call, copied, so that later work in place does not show.
    """

    name: str
    module: nn.Module
    input: torch.Tensor | None = None
    output: torch.Tensor | None = None

    @property
    def input_shape(self) -> tuple[int, ...] | None:
        return None if self.input is None else tuple(self.input.shape[1:])

    @property
    def output_shape(self) -> tuple[int, ...] | None:
        return None if self.output is None else tuple(self.output.shape[1:])


@dataclass(frozen=True, slots=True)
class Trace:
    """steps: modules in the order in which they are first called. logits: (n, C) of the samples."""

    steps: list[Step]
    logits: torch.Tensor

    def step(self, name: str) -> Step | None:
        """The step of the module called `name`, None when it was not called."""
        return next((step for step in self.steps if step.name == name), None)


def names_of(model: nn.Module) -> dict[str, nn.Module]:
    """Every module below the model by its plain name; a module used under two names has its first.

    Scripted parts are left out: they take no hooks.
    """
    return {
        plain_name(name): module
        for name, module in model.named_modules()
        if plain_name(name) and not isinstance(module, torch.jit.ScriptModule)
    }


def first_tensor(value: Any) -> torch.Tensor | None:
    """The first tensor in what a module takes or gives."""
    if isinstance(value, torch.Tensor):
        return value
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return next((found for item in value if (found := first_tensor(item)) is not None), None)
    return None


@contextmanager
def watching(modules: Mapping[str, nn.Module], see: Any, *, before: Any = None) -> Iterator[None]:
    """Hooks on `modules` inside, none of them left outside.

    see(name, input, output) is called after each call of a module, before(name) ahead of it.
    """
    handles = []

    def after(name: str) -> Any:
        def hook(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            see(name, first_tensor([args, kwargs]), first_tensor(output))

        return hook

    def ahead(name: str) -> Any:
        return lambda module, args: before(name)

    try:
        for name, module in modules.items():
            if before is not None:
                handles.append(module.register_forward_pre_hook(ahead(name)))
            handles.append(module.register_forward_hook(after(name), with_kwargs=True))
        yield
    finally:
        for handle in handles:
            handle.remove()


def trace(model: nn.Module, inputs: Any, output: Selector) -> Trace:
    """The steps of one forward pass over a few samples. Call it inside `untouched`."""
    lazy = [name for name, parameter in model.named_parameters() if is_lazy(parameter)]
    if lazy:
        raise BadInput(
            f"parameter {lazy[0]!r} has no shape yet; run one batch through the model before recording it"
        )
    modules = names_of(model)
    seen: dict[str, Step] = {}

    def before(name: str) -> None:
        seen.setdefault(name, Step(name, modules[name]))

    def see(name: str, taken: torch.Tensor | None, given: torch.Tensor | None) -> None:
        seen[name].input = None if taken is None else taken.detach().clone()
        seen[name].output = None if given is None else given.detach().clone()

    with watching(modules, see, before=before):
        logits = select(call(model, inputs), output)
    return Trace(list(seen.values()), logits.detach().clone())
