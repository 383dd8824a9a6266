"""Every ReLU of a network as a module of its own, so that methods that change ReLU's gradient are right.

Captum changes the gradient of `nn.ReLU` modules through hooks. It does not see `F.relu`, mixes up the
calls of a module that is used twice, and, where the input of a ReLU also feeds a shortcut, changes the
gradient of the shortcut as well. Here each call of a ReLU gets its own module that works on its own copy of
the input. The result must give bit-identical outputs, else the network is left as it was and a note says so.
"""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn

from timetravel.explain.relu_calls import ReluCalls, relu_calls

FUNCTIONS = (F.relu, F.relu_, torch.relu, torch.relu_)
METHODS = ("relu", "relu_")
OTHER_RECTIFIERS = (
    nn.ReLU6,
    nn.LeakyReLU,
    nn.PReLU,
    nn.RReLU,
    nn.ELU,
    nn.GELU,
    nn.SiLU,
    nn.Hardswish,
    nn.Mish,
)


class Copy(nn.Module):
    """Its input, as a tensor of its own."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """The same values."""
        return values.clone()


class OwnReLU(nn.Sequential):
    """A ReLU on a copy of its input: gradients changed here touch no other user of that input."""

    def __init__(self) -> None:
        super().__init__(Copy(), nn.ReLU())


def with_own_relus(model: nn.Module, example: torch.Tensor) -> tuple[nn.Module, tuple[str, ...]]:
    """A copy of the network with each ReLU call in its own module, and notes on what could not be done.

    model: in evaluation mode; it is not changed. example: (n, ...) inputs to compare outputs on, n >= 1.
    Modules keep their names; where a ReLU was, an `OwnReLU` is.
    """
    before = relu_calls(model, example)
    rewritten = copy.deepcopy(model)
    _unshare(rewritten)
    stuck: list[str] = []
    for name in before.callers:
        try:
            traced = _traced(rewritten.get_submodule(name), *before.arguments[name])
            rewritten = _with_module(rewritten, name, traced)
        except Exception as error:  # whatever the code of a stranger's forward does under tracing
            stuck.append(f"{name or type(model).__name__} ({type(error).__name__})")
    _own_modules(rewritten)
    _unshare(rewritten)
    try:
        after = relu_calls(rewritten, example)
        same = _same(before.output, after.output)
    except Exception:  # a rewritten network that does not run is as bad as one that answers otherwise
        same = False
    if not same:
        rewritten, after = copy.deepcopy(model), before
    return rewritten, tuple(_notes(model, after, stuck))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(torch.nan_to_num(one), torch.nan_to_num(other))
    if isinstance(one, Mapping):
        return all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return all(_same(a, b) for a, b in zip(one, other, strict=True))
    return True


def _notes(model: nn.Module, after: ReluCalls, stuck: list[str]) -> list[str]:
    notes = []
    if after.wrong:
        where = f" (not traceable: {', '.join(stuck)})" if stuck else ""
        notes.append(
            f"{after.wrong} ReLU call{'s' * (after.wrong > 1)} of this network could not be made modules{where}: "
            "there the plain gradient is used, so the method is not what its name says; use nn.ReLU modules"
        )
    others = {type(module).__name__ for module in model.modules() if isinstance(module, OTHER_RECTIFIERS)}
    if others:
        notes.append(
            f"{', '.join(sorted(others))} let the plain gradient through: the method changes ReLU only"
        )
    elif not after.count:
        notes.append("this network has no ReLU: the method gives the plain gradient")
    return notes


class _OneLevel(fx.Tracer):
    """Traces a module's own forward; its children stay calls."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return True


def _traced(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> fx.GraphModule:
    """The module with each ReLU of its own forward as a child module."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = _OneLevel().trace(module, concrete_args=_constants(module, args, kwargs))
    traced = fx.GraphModule(module, graph)
    used: set[str] = set()
    for node in list(graph.nodes):
        if node.op == "call_module" and not isinstance(traced.get_submodule(node.target), nn.ReLU):
            _keep_calls_apart(traced, node, used)
        elif _is_relu(traced, node):
            _give_own_module(traced, node, used)
    graph.lint()
    traced.recompile()
    return traced


def _constants(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments of the module's forward that are no tensors, as they were in the pass that was watched."""
    given = inspect.signature(module.forward).bind(*args, **kwargs)
    given.apply_defaults()
    plain = bool | int | float | str | None
    return {name: value for name, value in given.arguments.items() if isinstance(value, plain)}


def _is_relu(traced: fx.GraphModule, node: fx.Node) -> bool:
    if node.op == "call_module":
        return isinstance(traced.get_submodule(str(node.target)), nn.ReLU)
    return (node.op == "call_function" and node.target in FUNCTIONS) or (
        node.op == "call_method" and node.target in METHODS
    )


def _works_in_place(traced: fx.GraphModule, node: fx.Node) -> bool:
    if node.op == "call_module":
        return bool(getattr(traced.get_submodule(str(node.target)), "inplace", False))
    name = node.target if isinstance(node.target, str) else node.target.__name__
    return (
        name.endswith("_")
        or bool(node.kwargs.get("inplace", False))
        or (len(node.args) > 1 and bool(node.args[1]))
    )


def _give_own_module(traced: fx.GraphModule, node: fx.Node, used: set[str]) -> None:
    """Puts a call of a fresh OwnReLU in the place of the node."""
    target = str(node.target) if node.op == "call_module" else "relu_call"
    in_place = _works_in_place(traced, node)
    holder = traced.get_submodule(target.rpartition(".")[0])
    # A name inside another module may be called by that module, too; lists call nothing themselves.
    is_ours = node.op == "call_module" and (
        holder is traced or isinstance(holder, nn.ModuleList | nn.ModuleDict)
    )
    if target in used or not is_ours:
        target = _free_name(traced, target)
    used.add(target)
    traced.add_submodule(target, OwnReLU())
    source = node.args[0] if node.args else node.kwargs["input"]
    with traced.graph.inserting_after(node):
        call = traced.graph.call_module(target, (source,))
    node.replace_all_uses_with(call)
    if in_place and isinstance(source, fx.Node):
        # What comes after an in-place ReLU sees its result under the old name, too.
        later = False
        for other in traced.graph.nodes:
            if later:
                other.replace_input_with(source, call)
            later = later or other is call
    traced.graph.erase_node(node)


def _keep_calls_apart(traced: fx.GraphModule, node: fx.Node, used: set[str]) -> None:
    """A block with ReLUs that is called again becomes a block of the same weights with ReLUs of its own."""
    target = str(node.target)
    module = traced.get_submodule(target)
    if target in used and any(isinstance(part, nn.ReLU) for part in module.modules()):
        node.target = _free_name(traced, target)
        traced.add_submodule(node.target, _twin(module))
    used.add(target)


def _twin(module: nn.Module) -> nn.Module:
    """A copy that shares all weights and buffers."""
    return copy.deepcopy(module, {id(value): value for value in [*module.parameters(), *module.buffers()]})


def _free_name(traced: fx.GraphModule, target: str) -> str:
    taken = {name for name, _ in traced.named_modules(remove_duplicate=False)}
    stem, number = target.replace(".", "_"), 1
    while f"{stem}_{number}" in taken:
        number += 1
    return f"{stem}_{number}"


def _with_module(model: nn.Module, name: str, module: nn.Module) -> nn.Module:
    """The model with another module wherever the one called `name` was."""
    if not name:
        return module
    old = model.get_submodule(name)
    for holder in list(model.modules()):
        for key, value in holder._modules.items():
            if value is old:
                holder._modules[key] = module
    return model


def _unshare(model: nn.Module) -> None:
    """Gives each name its own ReLU, and each name of a block with ReLUs its own block of the same weights."""
    seen: set[int] = set()
    for holder in list(model.modules()):
        for key, value in holder._modules.items():
            if value is None or not any(isinstance(part, nn.ReLU) for part in value.modules()):
                continue
            if id(value) in seen:
                holder._modules[key] = _twin(value)
            seen.add(id(value))


def _own_modules(model: nn.Module) -> None:
    """Puts an OwnReLU in the place of each ReLU that is still plain."""
    for holder in list(model.modules()):
        if not isinstance(holder, OwnReLU):
            for key, value in holder._modules.items():
                if type(value) is nn.ReLU:
                    holder._modules[key] = OwnReLU()
