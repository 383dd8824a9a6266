"""One tensor of logits from networks that answer with more, or that go on to a softmax."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from timetravel.errors import BadInput


class Answering(nn.Module):
    """A network (`inner`) whose answer is one (n, C) tensor out of what it gives."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(n, C) logits."""
        return the_logits(self.inner(inputs))


class StoppingAt(nn.Module):
    """A network (`inner`) whose answer is the output of one of its modules: the layer before a softmax, say."""

    def __init__(self, inner: nn.Module, module: str) -> None:
        super().__init__()
        self.inner = inner
        self.module = module

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(n, C) output of the module in a pass through the whole network."""
        heard: list[torch.Tensor] = []
        handle = self.inner.get_submodule(self.module).register_forward_hook(
            lambda module, args, output: heard.append(output)
        )
        try:
            self.inner(inputs)
        finally:
            handle.remove()
        return heard[-1]


def answering(model: nn.Module, example: torch.Tensor, logits_at: str | None = None) -> nn.Module:
    """The model, wrapped where its answer is not one tensor of logits; `inner_of` finds it again."""
    if logits_at is not None:
        return StoppingAt(model, logits_at)
    with torch.no_grad():
        answer = model(example.clone())
    the_logits(answer)
    return model if isinstance(answer, torch.Tensor) else Answering(model)


def inner_of(network: nn.Module) -> nn.Module:
    """The network itself, in which modules have the names that they were recorded under."""
    return network.inner if isinstance(network, Answering | StoppingAt) else network


def the_logits(answer: Any) -> torch.Tensor:
    """(n, C) logits out of a model's answer; BadInput says what came where that is not clear."""
    if isinstance(answer, torch.Tensor):
        found = [answer]
    elif hasattr(answer, "logits"):
        found = [answer.logits]
    elif isinstance(answer, Mapping):
        found = [answer["logits"]] if "logits" in answer else list(answer.values())
    else:
        found = list(answer) if isinstance(answer, list | tuple) else []
    tables = [value for value in found if isinstance(value, torch.Tensor) and value.ndim == 2]
    if len(tables) != 1:
        shapes = [
            tuple(value.shape) if isinstance(value, torch.Tensor) else type(value).__name__ for value in found
        ]
        raise BadInput(
            f"the network answers with {type(answer).__name__} {shapes}; expected one tensor of logits (samples, "
            "classes): pass a factory whose network gives that, or a dict with 'logits'"
        )
    return tables[0]
