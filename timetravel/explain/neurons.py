"""Which units of a layer carry a decision: what each adds to the logit, beside how active it is."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from captum import attr
from numpy.typing import NDArray
from torch import nn

from timetravel.errors import BadInput
from timetravel.explain.attribution import BATCH_VALUES
from timetravel.explain.layers import channels_first, explainable_layers, layer_named
from timetravel.explain.outputs import answering, inner_of
from timetravel.store.facts import Head

NEURON_METHODS = ("gradient_x_activation", "conductance", "internal_influence")
"""Ways to score a unit; all but the first integrate along the path from the zero input."""

STEPS = 50
CAPTUM_METHODS: dict[str, Callable[..., Any]] = {
    "gradient_x_activation": attr.LayerGradientXActivation,
    "conductance": attr.LayerConductance,
    "internal_influence": attr.InternalInfluence,
}


@dataclass(frozen=True, slots=True)
class Contributions:
    """What K units of a layer add to the target's logit for n samples.

    contributions: (n, K) float32, summed over space. activations: (n, K) float32, mean over space.
    maps: (n, K, ...) float32, the same contributions before the sum; None where the layer has no space.
    logits: (n,) float32 of the target.
    """

    contributions: NDArray[np.float32]
    activations: NDArray[np.float32]
    maps: NDArray[np.float32] | None
    logits: NDArray[np.float32]


def neuron_contributions(
    model: nn.Module,
    inputs: NDArray[Any],
    *,
    layer: str,
    targets: NDArray[np.integer] | int,
    method: str = "gradient_x_activation",
    logits_at: str | None = None,
) -> Contributions:
    """Activation times gradient of the target's logit, per unit or channel of a layer.

    model: in evaluation mode; it is not changed. inputs: (n, ...). targets: (n,) class index, or one for
    all. Where only linear maps follow the layer, contributions add up to the logit less the bias.
    Raises BadInput for a layer that cannot be explained, with names of those that can.
    """
    if method not in CAPTUM_METHODS:
        raise BadInput(f"there is no neuron method {method!r}; expected one of {', '.join(NEURON_METHODS)}")
    network, place, kind = _prepared(model, inputs, layer, logits_at)
    values = np.asarray(inputs, np.float32)
    wanted = np.broadcast_to(np.asarray(targets, np.int64), len(values))
    explain = CAPTUM_METHODS[method](network, place)
    extra = {} if method == "gradient_x_activation" else {"n_steps": STEPS}
    copies = STEPS if extra else 1
    scored, active, logits = [], [], []
    size = max(1, BATCH_VALUES // (max(1, values[0].size) * copies))
    for start in range(0, len(values), size):
        taken = torch.from_numpy(values[start : start + size].copy())
        goal = torch.from_numpy(wanted[start : start + size].copy())
        with torch.enable_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # captum's words about its own hooks
            found = explain.attribute(taken.clone(), target=goal, **extra)
            output = attr.LayerActivation(network, place).attribute(taken.clone())
        with torch.no_grad():
            logits.append(network(taken.clone()).gather(1, goal[:, None])[:, 0].float().numpy())
        scored.append(channels_first(found.detach(), kind).float().numpy())
        active.append(channels_first(output.detach(), kind).float().numpy())
    maps, activations = np.concatenate(scored) + np.float32(0), np.concatenate(active)
    if maps.ndim == 2:
        return Contributions(maps, activations, None, np.concatenate(logits))
    space = tuple(range(2, maps.ndim))
    return Contributions(
        contributions=maps.sum(space, dtype=np.float64).astype(np.float32),
        activations=activations.mean(space, dtype=np.float64).astype(np.float32),
        maps=maps,
        logits=np.concatenate(logits),
    )


def activation_maps(model: nn.Module, inputs: NDArray[Any], *, layer: str) -> NDArray[np.float32]:
    """(n, K, ...) float32: what the layer makes of each sample, channels first (S5)."""
    network, place, kind = _prepared(model, inputs, layer, None)
    with torch.no_grad():
        found = attr.LayerActivation(network, place).attribute(torch.from_numpy(np.array(inputs, np.float32)))
    return np.asarray(channels_first(found, kind).float().numpy(), np.float32)


def head_contributions(
    representations: NDArray[np.floating], head: Head, targets: NDArray[np.integer] | int
) -> NDArray[np.float32]:
    """(n, D) what each unit of the representation adds to the target's logit: weight times value.

    representations: (n, D). Needs no network: the sum over units plus the head's bias is the logit.
    """
    rows = np.asarray(representations, np.float64)
    wanted = np.broadcast_to(np.asarray(targets, np.int64), len(rows))
    return np.asarray(rows * head.weight.astype(np.float64)[wanted], np.float32)


def top_units(contributions: NDArray[np.floating], count: int) -> NDArray[np.int64]:
    """The `count` units with the largest |contribution|, largest value first, sign kept.

    contributions: (K,). Ties go to the lower unit; units that are not numbers come last.
    """
    size = np.nan_to_num(np.abs(contributions), nan=-1.0)
    chosen = np.argsort(-size, kind="stable")[: max(0, count)]
    return np.asarray(chosen[np.argsort(-np.nan_to_num(contributions[chosen]), kind="stable")], np.int64)


def _prepared(
    model: nn.Module, inputs: NDArray[Any], layer: str, logits_at: str | None
) -> tuple[nn.Module, nn.Module, str]:
    """A copy of the network that gives logits, the layer in it, and the layer's kind."""
    if not len(inputs):
        raise BadInput("no inputs were given; expected at least one sample")
    network = copy.deepcopy(model).eval()
    example = torch.from_numpy(np.array(inputs[:1], np.float32))
    found = layer_named(explainable_layers(network, example), layer)
    network = answering(network, example, logits_at)
    return network, inner_of(network).get_submodule(layer), found.kind
