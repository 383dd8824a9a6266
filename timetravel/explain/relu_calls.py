"""Who calls ReLU in a forward pass, as a function or as a module."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

RELU = (torch.ops.aten.relu, torch.ops.aten.relu_)


@dataclass(slots=True)
class ReluCalls:
    """The ReLU calls of one forward pass.

    output: what the network answered.
    by_function: for each call of relu outside of an nn.ReLU, the modules it happened in, outermost first.
    by_module: name of an nn.ReLU to the same for each of its calls.
    in_place: names of nn.ReLU modules that work in place. containers: modules without code of their own.
    arguments: module name to what its first call was given.
    """

    output: Any = None
    by_function: list[tuple[str, ...]] = field(default_factory=list)
    by_module: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    in_place: frozenset[str] = frozenset()
    containers: frozenset[str] = frozenset()
    arguments: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """All calls."""
        return len(self.by_function) + sum(map(len, self.by_module.values()))

    @property
    def wrong(self) -> int:
        """Calls that hooks on nn.ReLU modules miss or mix up."""
        return len(self.by_function) + sum(len(calls) for calls in self.by_module.values() if len(calls) > 1)

    @property
    def callers(self) -> list[str]:
        """Modules whose own forward has to change, inner ones first; "" is the network itself."""
        wanted = {stack[-1] for stack in self.by_function}
        for name, calls in self.by_module.items():
            if len(calls) > 1:
                wanted.update(caller for stack in calls for caller in stack)
            elif name in self.in_place:
                wanted.add(calls[0][-1])
        return sorted(wanted - self.containers, key=lambda name: (-len(name.split(".")) if name else 0, name))


def relu_calls(model: nn.Module, example: torch.Tensor) -> ReluCalls:
    """Watches one forward pass on `example`; the model is not changed."""
    modules = dict(model.named_modules())
    relus = {name for name, module in modules.items() if isinstance(module, nn.ReLU)}
    found = ReluCalls(
        in_place=frozenset(name for name in relus if getattr(modules[name], "inplace", False)),
        containers=frozenset(name for name, module in modules.items() if type(module) is nn.Sequential),
    )
    stack: list[str] = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func.overloadpacket in RELU:
                if stack[-1] in relus:
                    found.by_module.setdefault(stack[-1], []).append(tuple(stack[:-1]))
                else:
                    found.by_function.append(tuple(stack))
            return func(*args, **(kwargs or {}))

    def enter(name: str) -> Any:
        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            stack.append(name)
            found.arguments.setdefault(name, (args, kwargs))

        return hook

    def leave(module: nn.Module, args: Any, output: Any) -> None:
        stack.pop()

    handles: list[Any] = []
    try:
        for name, module in modules.items():
            handles.append(module.register_forward_pre_hook(enter(name), with_kwargs=True))
            handles.append(module.register_forward_hook(leave))
        # With gradients on: without them some modules of torch take a short cut that hides their ReLU.
        with torch.enable_grad(), Watch():
            found.output = model(example.clone())
    finally:
        for handle in handles:
            handle.remove()
    return found
