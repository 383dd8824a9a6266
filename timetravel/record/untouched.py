"""A training left exactly as it was: everything that a forward pass could change is put back.

Recording runs the model on the recorded samples. Without care that would draw random numbers, switch the
model to evaluation mode and move counters, and the training after it would no longer be the training that
the user asked for. :func:`untouched` takes note of all of it before and puts it back after, also when the
pass fails half-way or is interrupted.

What cannot be put back: what a hook or a module of the user writes to a plain Python attribute, and files.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn

SEED = 0
"""Seed of every global generator while recording: a data set with random transforms then gives the same
inputs at every epoch, so that only the network changes between two epochs."""

_WALK_DEPTH = 6
_WALK_WIDTH = 64
_WALK_OBJECTS = 10_000

_OPAQUE = (type, ModuleType, torch.Tensor, np.ndarray)

Restore = Callable[[], None]


@contextmanager
def untouched(model: nn.Module, generators: Generators | None = None) -> Iterator[None]:
    """Evaluation mode without gradients inside; everything as it was outside.

    Kept: training mode of every module, buffers (identity and values), gradients (identity and None-ness),
    `requires_grad`, gradient mode, autocast, and the random states of Python, numpy, torch (CPU, CUDA, MPS)
    and of the `generators` given. Hooks of the user stay in place and run, because some (pruning, old
    weight normalization) are part of the model.
    """
    restores = [_modes(model), _buffers(model), _gradients(model), _random_states()]
    if generators is not None:
        restores.append(generators.save())
    try:
        _seed()
        if generators is not None:
            generators.rewind()
        # Not `model.eval()`: some modules override it to rewrite their weights (LoRA merges, for one).
        for module in model.modules():
            module.training = False
        with ExitStack() as stack:
            stack.enter_context(torch.no_grad())
            for device in {"cpu", *(parameter.device.type for parameter in model.parameters())} - {"meta"}:
                if torch.amp.is_autocast_available(device):
                    stack.enter_context(torch.autocast(device, enabled=False))
            if _is_compiled(model):
                # Hooks are not promised on compiled code, and another batch size would recompile it.
                stack.enter_context(torch.compiler.set_stance("force_eager"))
            yield
    finally:
        for restore in restores:
            restore()


def _modes(model: nn.Module) -> Restore:
    before = [(module, module.training) for module in model.modules()]

    def restore() -> None:
        for module, training in before:
            module.training = training

    return restore


def _buffers(model: nn.Module) -> Restore:
    before = [
        (module, name, buffer, None if buffer is None else buffer.detach().clone())
        for module in model.modules()
        for name, buffer in module._buffers.items()
    ]

    def restore() -> None:
        with torch.no_grad():
            for module, name, buffer, values in before:
                if module._buffers.get(name) is not buffer:
                    module._buffers[name] = buffer
                # Writing back only what changed keeps version counters, and so a live autograd graph.
                if buffer is not None and values is not None and not _same(buffer, values):
                    buffer.copy_(values)

    return restore


def _same(a: torch.Tensor, b: torch.Tensor) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.is_floating_point():
        return bool(((a == b) | (a.isnan() & b.isnan())).all())
    return torch.equal(a, b)


def _gradients(model: nn.Module) -> Restore:
    before = [(parameter, parameter.grad, parameter.requires_grad) for parameter in model.parameters()]

    def restore() -> None:
        for parameter, gradient, required in before:
            if parameter.grad is not gradient:
                parameter.grad = gradient
            if parameter.requires_grad != required:
                parameter.requires_grad_(required)

    return restore


def _seed() -> None:
    random.seed(SEED)
    np.random.seed(SEED)  # noqa: NPY002 - the global generator is what transforms of others draw from
    # Not `torch.manual_seed`: before CUDA is started that leaves a seed behind for its start.
    torch.default_generator.manual_seed(SEED)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(SEED)
    if torch.backends.mps.is_available():
        torch.mps.manual_seed(SEED)


def _random_states() -> Restore:
    python = random.getstate()
    legacy = np.random.get_state()  # noqa: NPY002 - see above
    cpu = torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    mps = torch.mps.get_rng_state() if torch.backends.mps.is_available() else None

    def restore() -> None:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)
        if mps is not None:
            torch.mps.set_rng_state(mps)

    return restore


def _is_compiled(model: nn.Module) -> bool:
    return any(
        type(module).__name__ == "OptimizedModule" or getattr(module, "_compiled_call_impl", None) is not None
        for module in model.modules()
    )


class Generators:
    """Random generators that a data set, its transforms or a model own, found by looking at attributes.

    The states of the first look are kept: :meth:`rewind` goes back to them, so that a recording draws the
    same numbers every time, and the function that :meth:`save` returns puts back what training had reached.
    """

    def __init__(self, roots: Sequence[Any], model: nn.Module | None = None) -> None:
        self._found: dict[int, Any] = {}
        seen: set[int] = set()
        for root in roots:
            self._walk(root, _WALK_DEPTH, seen)
        if model is not None:
            for module in model.modules():
                for value in vars(module).values():
                    if _is_generator(value):
                        self._found[id(value)] = value
        self._first = self._states()

    def __len__(self) -> int:
        return len(self._found)

    def _walk(self, value: Any, depth: int, seen: set[int]) -> None:
        if id(value) in seen or depth < 0 or len(seen) > _WALK_OBJECTS:
            return
        seen.add(id(value))
        if _is_generator(value):
            self._found[id(value)] = value
        elif isinstance(value, list | tuple) and len(value) <= _WALK_WIDTH:
            for item in value:
                self._walk(item, depth - 1, seen)
        elif isinstance(value, dict) and len(value) <= _WALK_WIDTH:
            for item in value.values():
                self._walk(item, depth - 1, seen)
        elif hasattr(value, "__dict__") and not isinstance(value, _OPAQUE):
            for item in list(vars(value).values()):
                self._walk(item, depth - 1, seen)

    def _states(self) -> list[tuple[Any, Any]]:
        return [(generator, _state(generator)) for generator in self._found.values()]

    def save(self) -> Restore:
        """A function that puts every generator back to the state that it has now."""
        now = self._states()
        return lambda: _set_states(now)

    def rewind(self) -> None:
        """Every generator to the state in which it was first seen."""
        _set_states(self._first)


def _is_generator(value: Any) -> bool:
    return isinstance(value, np.random.Generator | np.random.RandomState | random.Random | torch.Generator)


def _state(generator: Any) -> Any:
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    if isinstance(generator, random.Random):
        return generator.getstate()
    return generator.get_state()


def _set_states(states: list[tuple[Any, Any]]) -> None:
    for generator, state in states:
        if isinstance(generator, np.random.Generator):
            generator.bit_generator.state = state
        elif isinstance(generator, random.Random):
            generator.setstate(state)
        else:
            generator.set_state(state)
