"""Scores of input pixels for one output of a network, every one computed by Captum.

Each call works on a deep copy of the network and on fresh inputs, so that a failed call leaves no hook and
no gradient behind, and one sample's result does not depend on which others are asked for with it. Methods
that change the gradient of ReLU get a network whose ReLUs are modules of their own (relus.py).
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from captum import attr
from numpy.typing import NDArray
from torch import nn

from timetravel.errors import BadInput, TimetravelWarning
from timetravel.explain.cam import class_activation, pooled_maps
from timetravel.explain.layers import explainable_layers, last_convolution, layer_named
from timetravel.explain.methods import METHODS, Method, method_named
from timetravel.explain.outputs import answering, inner_of
from timetravel.explain.relus import with_own_relus

__all__ = ["METHODS", "Explained", "Settings", "attribute_inputs", "explain_inputs"]

BATCH_VALUES = 1 << 20
"""Input values that go through the network at once: 1,300 images of 28x28, or 7 of 224x224x3."""

COMPLETENESS_LIMIT = 0.05
"""Above this share of their sizes, values that should add up to a difference of outputs are said not to."""

Report = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What can be set, for all methods; each takes what it knows.

    steps: points on the path of integrated gradients. draws, noise: noisy copies for SmoothGrad, and the
    sd of the noise as a share of the sample's own range. baseline: the input that stands for "nothing": a
    number, "mean" (of the sample, per channel), "minimum" (of the sample); by default 0, for occlusion
    "mean". window, stride: side and step of the occluding patch; by default a seventh of the image, rounded
    up, and half of that. seed: of the noise.
    """

    steps: int = 50
    draws: int = 20
    noise: float = 0.1
    baseline: float | str | None = None
    window: int | None = None
    stride: int | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Explained:
    """values: (n, ...) float32, shaped as the inputs, for CAM and Grad-CAM (n, 1, H, W).

    completeness: (n,) float32, |sum of values - difference of outputs|, None where a method promises none.
    notes: sentences that belong beside the picture.
    """

    values: NDArray[np.float32]
    completeness: NDArray[np.float32] | None
    notes: tuple[str, ...]


def attribute_inputs(
    model: nn.Module,
    inputs: NDArray[Any],
    *,
    method: str,
    targets: NDArray[np.integer] | int,
    layer: str | None = None,
    **parameters: Any,
) -> NDArray[np.float32]:
    """The values of `explain_inputs`; its notes are given as warnings. `parameters`: fields of Settings."""
    explained = explain_inputs(
        model, inputs, method=method, targets=targets, layer=layer, settings=Settings(**parameters)
    )
    for note in explained.notes:
        warnings.warn(note, TimetravelWarning, stacklevel=2)
    return explained.values


def explain_inputs(
    model: nn.Module,
    inputs: NDArray[Any],
    *,
    method: str,
    targets: NDArray[np.integer] | int,
    layer: str | None = None,
    logits_at: str | None = None,
    settings: Settings | None = None,
    report: Report | None = None,
) -> Explained:
    """The score of every input value for the target's logit.

    model: in evaluation mode; it is not changed. inputs: (n, ...) numbers, as the network takes them.
    targets: (n,) class index each, or one for all. layer: for Grad-CAM, by default the last convolution.
    logits_at: the module whose output are the logits, where the model goes on to a softmax.
    Deterministic. Raises BadInput for what the method cannot do on this network.
    """
    kind = method_named(method)
    chosen = settings or Settings()
    values = np.ascontiguousarray(inputs, dtype=_number_type(model))
    wanted = np.broadcast_to(np.asarray(targets, np.int64), len(values))
    if values.ndim < 2:
        raise BadInput(
            f"inputs have shape {values.shape}; expected a row a sample: pass inputs[None] for one"
        )
    if not len(values):
        return Explained(np.zeros(values.shape, np.float32), None, ())
    device = next((value.device for value in model.parameters()), torch.device("cpu"))
    example = torch.from_numpy(values[:1].copy()).to(device)
    network, notes = _prepared(model, kind, example, logits_at)
    _check_targets(network, example, wanted)
    at = _layer(network, kind, layer, example)

    attribute = _ATTRIBUTORS[method]
    parts: list[NDArray[np.float32]] = []
    errors: list[NDArray[np.float32]] = []
    size = _chunk(kind, chosen, values[0].size)
    for start in range(0, len(values), size):
        if report is not None:
            report("attribution", start, len(values))
        rows = slice(start, start + size)
        taken = torch.from_numpy(values[rows].copy()).to(device)
        goal = torch.from_numpy(wanted[rows].copy()).to(device)
        with torch.enable_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # captum's words about its own hooks
            found, error = attribute(_Task(network, taken, goal, at, chosen))
        parts.append(found.detach().float().cpu().numpy())
        if error is not None:
            errors.append(error.detach().abs().float().cpu().numpy())
    if report is not None:
        report("attribution", len(values), len(values))
    completeness = np.concatenate(errors) if errors else None
    result = np.concatenate(parts) + np.float32(0)  # no negative zeros
    if completeness is not None:
        notes = (*notes, *_completeness_note(completeness, result))
    return Explained(result, completeness, notes)


def over_channels(values: NDArray[np.float32], method: str) -> NDArray[np.float32]:
    """(n, H, W) from (n, C, H, W): the sum of signed values, the largest of unsigned ones.

    Source: for the largest over colours, Simonyan, Vedaldi, Zisserman 2013, section 3.1.
    Other shapes come back as they are.
    """
    if values.ndim != 4:
        return values
    collapsed = values.sum(1) if method_named(method).signed else values.max(1)
    return np.asarray(collapsed, np.float32)


@dataclass(frozen=True, slots=True)
class _Task:
    network: nn.Module
    inputs: torch.Tensor
    targets: torch.Tensor
    layer: nn.Module | None
    settings: Settings

    def baseline(self, default: float | str) -> torch.Tensor:
        chosen = self.settings.baseline if self.settings.baseline is not None else default
        x = self.inputs
        space = tuple(range(2, x.ndim)) or (1,)
        if chosen == "mean":
            return x.mean(space, keepdim=True).expand_as(x).clone()
        if chosen == "minimum":
            return x.flatten(1).amin(1).reshape(-1, *[1] * (x.ndim - 1)).expand_as(x).clone()
        if isinstance(chosen, str):
            raise BadInput(f"baseline {chosen!r} is unknown; expected a number, 'mean' or 'minimum'")
        return torch.full_like(x, chosen)


Found = tuple[torch.Tensor, torch.Tensor | None]


def _saliency(task: _Task) -> Found:
    return attr.Saliency(task.network).attribute(task.inputs, target=task.targets), None


def _smoothgrad(task: _Task) -> Found:
    """Source: Smilkov et al. 2017, section 3; one seed a sample, so that no sample depends on another."""
    tunnel = attr.NoiseTunnel(attr.Saliency(task.network))
    rows = []
    for row, target in zip(task.inputs, task.targets, strict=True):
        spread = float(row.max() - row.min()) * task.settings.noise
        with torch.random.fork_rng(devices=[row.device] if row.is_cuda else []):
            torch.manual_seed(task.settings.seed)
            mean = tunnel.attribute(
                row[None],
                nt_type="smoothgrad",
                nt_samples=task.settings.draws,
                stdevs=spread,
                target=int(target),
                abs=False,
            )
        rows.append(mean.abs())
    return torch.cat(rows), None


def _input_x_gradient(task: _Task) -> Found:
    return attr.InputXGradient(task.network).attribute(task.inputs, target=task.targets), None


def _integrated_gradients(task: _Task) -> Found:
    found, error = attr.IntegratedGradients(task.network).attribute(
        task.inputs,
        baselines=task.baseline(0.0),
        target=task.targets,
        n_steps=task.settings.steps,
        internal_batch_size=max(len(task.inputs), BATCH_VALUES // task.inputs[0].numel()),
        return_convergence_delta=True,
    )
    return found, error


def _deep_lift(task: _Task) -> Found:
    try:
        found, error = attr.DeepLift(task.network).attribute(
            task.inputs, baselines=task.baseline(0.0), target=task.targets, return_convergence_delta=True
        )
    except (AssertionError, RuntimeError, AttributeError) as error:
        raise BadInput(
            f"DeepLIFT cannot follow this network ({error}); choose integrated_gradients"
        ) from error
    return found, error


def _guided_backprop(task: _Task) -> Found:
    return attr.GuidedBackprop(task.network).attribute(task.inputs, target=task.targets), None


def _deconvolution(task: _Task) -> Found:
    return attr.Deconvolution(task.network).attribute(task.inputs, target=task.targets), None


def _grad_cam(task: _Task) -> Found:
    cam = attr.LayerGradCam(task.network, task.layer).attribute(
        task.inputs, target=task.targets, relu_attributions=True
    )
    return attr.LayerAttribution.interpolate(cam, tuple(task.inputs.shape[2:]), _smooth(task.inputs)), None


def _cam(task: _Task) -> Found:
    network = inner_of(task.network)
    layer, head = pooled_maps(network, task.inputs[:1])
    cam = class_activation(network, task.inputs, task.targets, layer=layer, head=head)
    return attr.LayerAttribution.interpolate(cam, tuple(task.inputs.shape[2:]), _smooth(task.inputs)), None


def _guided_grad_cam(task: _Task) -> Found:
    return attr.GuidedGradCam(task.network, task.layer).attribute(
        task.inputs, target=task.targets, interpolate_mode=_smooth(task.inputs)
    ), None


def _occlusion(task: _Task) -> Found:
    x = task.inputs
    first = 2 if x.ndim > 2 else 1  # dimensions before it are covered whole
    sides = x.shape[first:]
    window = task.settings.window or max(1, math.ceil(min(sides) / 7))
    stride = min(task.settings.stride or max(1, window // 2), window)
    shape = (*x.shape[1:first], *(min(window, side) for side in sides))
    # A stride on a dimension that the window covers whole must be its length for captum.
    steps = (*x.shape[1:first], *(min(stride, side) for side in sides))
    return attr.Occlusion(task.network).attribute(
        x,
        sliding_window_shapes=shape,
        strides=steps,
        baselines=task.baseline("mean"),
        target=task.targets,
        perturbations_per_eval=max(1, min(64, BATCH_VALUES // x.numel())),
    ), None


_ATTRIBUTORS: dict[str, Callable[[_Task], Found]] = {
    "saliency": _saliency,
    "smoothgrad": _smoothgrad,
    "input_x_gradient": _input_x_gradient,
    "integrated_gradients": _integrated_gradients,
    "deep_lift": _deep_lift,
    "guided_backprop": _guided_backprop,
    "deconvolution": _deconvolution,
    "grad_cam": _grad_cam,
    "cam": _cam,
    "guided_grad_cam": _guided_grad_cam,
    "occlusion": _occlusion,
}


def _smooth(inputs: torch.Tensor) -> str:
    return {3: "linear", 4: "bilinear", 5: "trilinear"}[inputs.ndim]


def _number_type(model: nn.Module) -> type[np.floating]:
    parameter = next((value for value in model.parameters() if value.is_floating_point()), None)
    return np.float64 if parameter is not None and parameter.dtype == torch.float64 else np.float32


def _prepared(
    model: nn.Module, kind: Method, example: torch.Tensor, logits_at: str | None
) -> tuple[nn.Module, tuple[str, ...]]:
    """A copy of the network that gives one tensor of logits, with ReLU modules where the method needs them."""
    network = copy.deepcopy(model).eval()
    notes: tuple[str, ...] = ()
    if kind.changes_relu:
        network, notes = with_own_relus(network, example)
    return answering(network, example, logits_at), notes


def _check_targets(network: nn.Module, example: torch.Tensor, targets: NDArray[np.int64]) -> None:
    with torch.no_grad():
        classes = network(example.clone()).shape[1]
    outside = targets[(targets < 0) | (targets >= classes)]
    if len(outside):
        raise BadInput(f"target {int(outside[0])} is no class; expected 0 to {classes - 1}")


def _layer(network: nn.Module, kind: Method, name: str | None, example: torch.Tensor) -> nn.Module | None:
    if not kind.needs_convolution:
        return None
    if example.ndim < 3:
        raise BadInput(
            f"{kind.title} needs images; the inputs are vectors of {example.shape[1]}; choose saliency"
        )
    inner = inner_of(network)
    layers = explainable_layers(inner, example)
    if name is None:
        return inner.get_submodule(last_convolution(layers).name)
    found = layer_named(layers, name)
    if len(found.shape) != example.ndim - 1:
        raise BadInput(
            f"layer {name!r} gives {found.shape} for a sample; expected channels and space for {kind.title}; "
            f"pass a convolution such as {last_convolution(layers).name}"
        )
    return inner.get_submodule(name)


def _chunk(kind: Method, settings: Settings, values: int) -> int:
    copies = {"integrated_gradients": settings.steps, "smoothgrad": settings.draws}.get(
        kind.name, kind.passes
    )
    return max(1, BATCH_VALUES // (values * min(copies, 100)))


def _completeness_note(error: NDArray[np.float32], values: NDArray[np.float32]) -> tuple[str, ...]:
    # Against the sizes: where the sum itself cancels to nearly nothing, any error would look large.
    sizes = np.abs(values.reshape(len(values), -1)).sum(1, dtype=np.float64)
    worst = float(np.max(error / np.maximum(sizes, 1e-6)))
    if not worst > COMPLETENESS_LIMIT:
        return ()
    return (
        f"the values miss the difference of outputs by up to {worst:.0%} of their sizes: not complete here",
    )
