"""One pass over the recorded samples: representations, logits and channel activations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from timetravel.errors import BadInput
from timetravel.record.layer import Layer
from timetravel.record.network import Selector, call, select
from timetravel.record.sources import Batch
from timetravel.record.trace import names_of, watching
from timetravel.store.facts import Activations, Head

_CHANNELS_FIRST = ("1d", "2d", "3d")
_HALF_MAX = float(np.finfo(np.float16).max)


@dataclass(frozen=True, slots=True)
class Captured:
    """representations: (N, D) float32. logits: (N, C) float32. labels: (N,) int64, as read in this pass."""

    representations: NDArray[np.float32]
    logits: NDArray[np.float32]
    labels: NDArray[np.int64]
    activations: tuple[Activations, ...] = ()


def capture(
    model: nn.Module,
    batches: Iterable[Batch],
    layer: Layer,
    output: Selector,
    activations: Sequence[str] = (),
) -> Captured:
    """What the model makes of all samples. Call it inside `untouched`.

    Raises BadInput when the network no longer answers as it did when the layer was chosen.
    """
    modules = names_of(model)
    watched = {
        name: modules[name] for name in {layer.module, layer.logits_at, *activations} if name in modules
    }
    lost = {layer.module, *activations} - watched.keys()
    if lost:
        raise BadInput(
            f"the model has no layer {sorted(lost)[0]!r} any more; open a recorder for the changed model"
        )
    rows: list[torch.Tensor] = []
    logits: list[torch.Tensor] = []
    labels: list[NDArray[np.int64]] = []
    channels: dict[str, list[tuple[torch.Tensor, torch.Tensor]]] = {name: [] for name in activations}
    now: dict[str, tuple[torch.Tensor | None, torch.Tensor | None]] = {}
    heard: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}

    def see(name: str, taken: torch.Tensor | None, given: torch.Tensor | None) -> None:
        # Copied at once: what follows may work in place on the same memory. Of several calls the last counts.
        if name == layer.module:
            kept = taken if layer.takes == "input" else given
            now["rows"] = (None if kept is None else _copy(kept), None)
        if name == layer.logits_at:
            now["logits"] = (None if given is None else _copy(given), None)
        if name in channels and given is not None:
            heard[name] = channel_values(given, modules[name])

    with watching(watched, see):
        for batch in batches:
            now.clear()
            heard.clear()
            answer = select(call(model, batch.inputs), output)
            count = len(batch.labels)
            found = now.get("rows", (None, None))[0]
            if found is None or len(found) != count:
                raise BadInput(f"layer {layer.module!r} gave no row for each of {count} samples")
            rows.append(found.flatten(1))
            raw = now.get("logits", (None, None))[0] if layer.logits_at else _copy(answer)
            if raw is None:
                raise BadInput(f"layer {layer.logits_at!r} was not called")
            logits.append(raw)
            labels.append(batch.labels)
            for name in activations:
                if name not in heard:
                    raise BadInput(f"layer {name!r} of activations= was not called or gave no tensor")
                channels[name].append(heard[name])
    return Captured(
        representations=_joined(rows),
        logits=_joined(logits),
        labels=np.concatenate(labels),
        activations=tuple(
            Activations(
                layer=name, means=_joined([a for a, _ in parts]), maxima=_joined([b for _, b in parts])
            )
            for name, parts in channels.items()
        ),
    )


def channel_values(output: torch.Tensor, module: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and maximum over space of every channel: two (n, K) float16 tensors on the CPU.

    Channels are dimension 1, except for sequences (n, tokens, K) of other modules than 1-d convolutions,
    pools and norms. Values beyond float16 are held at its largest number.
    """
    values = output.detach().float()
    if values.ndim == 3 and not type(module).__name__.endswith(_CHANNELS_FIRST):
        values = values.transpose(1, 2)
    if values.ndim > 2:
        values = values.flatten(2)
        means, maxima = values.mean(2), values.amax(2)
    else:
        means = maxima = values.reshape(len(values), -1)
    return _half(means), _half(maxima)


def head_of(model: nn.Module, layer: Layer) -> Head | None:
    """The linear head as it is now, None when the layer is not the input of one."""
    if layer.head is None:
        return None
    module = names_of(model)[layer.head]
    weight = _numpy(cast(torch.Tensor, module.weight))
    bias = getattr(module, "bias", None)
    return Head(weight=weight, bias=np.zeros(len(weight), np.float32) if bias is None else _numpy(bias))


def _numpy(tensor: torch.Tensor) -> NDArray[np.float32]:
    return tensor.detach().to("cpu", torch.float32, copy=True).numpy()


def _copy(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().to("cpu", torch.float32, copy=True)


def _half(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.clamp(-_HALF_MAX, _HALF_MAX).to("cpu", torch.float16)


def _joined(parts: list[torch.Tensor]) -> NDArray[Any]:
    return torch.cat(parts).numpy()
