"""Explanations of a recorded run: reads its inputs and checkpoints, writes nothing.

The network is built by a factory that the caller passes, since building it runs code; the factory that a
run names is only shown. Every function here can run in a child process that may be killed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from timetravel.errors import BadInput, MissingPart
from timetravel.explain.attribution import Settings, explain_inputs, over_channels
from timetravel.explain.cache import ArrayCache, content_key
from timetravel.explain.layers import LayerShape, explainable_layers
from timetravel.explain.methods import method_named
from timetravel.explain.needs import missing_for_neurons
from timetravel.explain.neurons import activation_maps as layer_maps
from timetravel.explain.neurons import head_contributions, neuron_contributions
from timetravel.explain.rebuild import build
from timetravel.explain.recorded_network import (
    Network,
    Target,
    check_logits,
    networks,
    recorded_inputs,
    require,
    targets_of,
)
from timetravel.explain.similarity import color_limit, rank_correlation
from timetravel.store.run import StoredRun

Report = Callable[[str, int, int], None]

CLASS_SAMPLES = 64
"""Samples of a class that a class mean is computed from where the run did not record the layer."""

_results = ArrayCache(limit_bytes=128 << 20)


@dataclass(frozen=True, slots=True)
class Attribution:
    """Attributions of n samples at E epochs.

    values: (E, n, H, W) float32 for images, else (E, n, ...) as the inputs; NaN where a sample was absent
    or has no target. targets: (E, n) int32, -1 there. completeness: (E, n) float32 or None. seconds: (E,).
    limit: colour limit of all maps together. notes: sentences that belong beside the picture.
    """

    method: str
    layer: str | None
    sample_ids: NDArray[np.int64]
    epochs: tuple[int, ...]
    values: NDArray[np.float32]
    targets: NDArray[np.int32]
    completeness: NDArray[np.float32] | None
    seconds: NDArray[np.float64]
    limit: float
    signed: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Neurons:
    """Units of a layer at one epoch, for n samples.

    layer: its name, None for the representation. contributions: (n, K) float32 to the target's logit.
    activations: (n, K) float32. class_mean: (n, K) float32, mean activation over samples labelled with the
    target, NaN where there are none. logits: (n,) float32. rest: (n,) float32, logit less the sum of
    contributions: the bias where only linear maps follow. maps: (n, K, ...) or None.
    """

    layer: str | None
    epoch: int
    sample_ids: NDArray[np.int64]
    targets: NDArray[np.int32]
    contributions: NDArray[np.float32]
    activations: NDArray[np.float32]
    class_mean: NDArray[np.float32]
    logits: NDArray[np.float32]
    rest: NDArray[np.float32]
    maps: NDArray[np.float32] | None
    notes: tuple[str, ...]


def attribute(
    run: StoredRun,
    sample_ids: Sequence[int] | NDArray[np.integer],
    epochs: Sequence[int] | int,
    method: str = "saliency",
    target: Target = "predicted",
    *,
    layer: str | None = None,
    factory: str | None = None,
    factory_arguments: Mapping[str, Any] | None = None,
    settings: Settings | None = None,
    report: Report | None = None,
) -> Attribution:
    """Which parts of the inputs matter for the target's logit, at each epoch.

    target: "predicted" (of that epoch), "label", a class name or a class index. layer: for Grad-CAM.
    factory: "module:function" that builds the network; factory_arguments: default, those of the run.
    Kept in memory by the content of checkpoint, inputs, method and settings. Raises MissingPart when the
    run lacks a fact or the factory is not given, BadInput when method or weights do not fit the network.
    """
    kind, chosen = method_named(method), settings or Settings()
    wanted = [int(epochs)] if isinstance(epochs, int | np.integer) else [int(epoch) for epoch in epochs]
    ids, inputs = recorded_inputs(run, sample_ids, factory)
    targets = np.stack([targets_of(run, ids, epoch, target) for epoch in wanted])
    notes: list[str] = []
    values: list[NDArray[np.float32]] = []
    errors = np.full(targets.shape, np.nan, np.float32)
    seconds = np.zeros(len(wanted))
    built = networks(run, wanted, factory, factory_arguments)
    for at, network in enumerate(built):
        if report is not None:
            report("attribution", at, len(wanted))
        started = time.perf_counter()
        rows = np.flatnonzero(targets[at] >= 0)
        key = content_key(network.key, inputs[rows], targets[at][rows], method, layer, repr(chosen))
        cached = _results.get(key)
        if cached is None:
            at_head, words = check_logits(run, network, ids[rows], inputs[rows])
            explained = explain_inputs(
                network.model(),
                inputs[rows],
                method=method,
                targets=targets[at][rows],
                layer=layer,
                logits_at=at_head,
                settings=chosen,
            )
            cached = (
                over_channels(explained.values, method),
                explained.completeness,
                (*words, *explained.notes),
            )
            _results.put(key, cached)
        found, error, words = cached
        full = np.full((len(ids), *found.shape[1:]), np.nan, np.float32)
        full[rows] = found
        values.append(full)
        if error is not None:
            errors[at, rows] = error
        notes += [word for word in words if word not in notes]
        seconds[at] = time.perf_counter() - started
    if report is not None:
        report("attribution", len(wanted), len(wanted))
    stacked = np.stack(values)
    return Attribution(
        method=method,
        layer=layer,
        sample_ids=ids,
        epochs=tuple(wanted),
        values=stacked,
        targets=targets,
        completeness=errors if kind.has_completeness else None,
        seconds=seconds,
        limit=color_limit(stacked),
        signed=kind.signed,
        notes=(*notes, *_empty_notes(stacked, targets, ids, wanted)),
    )


def neurons(
    run: StoredRun,
    sample_ids: Sequence[int] | NDArray[np.integer],
    epoch: int,
    target: Target = "predicted",
    *,
    layer: str | None = None,
    method: str = "gradient_x_activation",
    factory: str | None = None,
    factory_arguments: Mapping[str, Any] | None = None,
) -> Neurons:
    """What each unit of a layer adds to the target's logit, beside its activation and the class mean.

    layer: None for the representation, whose units need only the recorded head; else a module's name, for
    which the network is rebuilt. Other arguments and errors as `attribute`.
    """
    ids = np.asarray(sample_ids, np.int64).reshape(-1)
    rows = run.rows(ids)
    targets = targets_of(run, ids, epoch, target)
    require(missing_for_neurons(run, factory, layer))
    if (targets < 0).any():
        lost = ids[targets < 0]
        raise BadInput(
            f"sample {int(lost[0])} has no {target} class at epoch {epoch}; pass target= with a class name"
        )
    no_notes: tuple[str, ...] = ()
    if layer is None:
        head = run.head(epoch)
        if head is None:
            raise MissingPart(
                f"epoch {epoch} has no linear head; pass a layer and the factory of the network"
            )
        everything = np.asarray(run.representations(epoch), np.float32)
        active = everything[rows]
        added = head_contributions(active, head, targets)
        logits = np.asarray(added.sum(1, dtype=np.float64) + head.bias[targets], np.float32)
        maps, notes = None, no_notes
        mean = _class_means(everything, run.samples.labels, targets)
    else:
        ids, inputs = recorded_inputs(run, ids, factory)
        (network,) = networks(run, [epoch], factory, factory_arguments)
        at_head, notes = check_logits(run, network, ids, inputs)
        found = neuron_contributions(
            network.model(), inputs, layer=layer, targets=targets, method=method, logits_at=at_head
        )
        active, added, logits, maps = found.activations, found.contributions, found.logits, found.maps
        mean = _layer_means(run, epoch, layer, targets, network, at_head)
    return Neurons(
        layer=layer,
        epoch=epoch,
        sample_ids=ids,
        targets=targets,
        contributions=added,
        activations=np.asarray(active, np.float32),
        class_mean=mean,
        logits=logits,
        rest=np.asarray(logits - added.sum(1, dtype=np.float64), np.float32),
        maps=maps,
        notes=tuple(notes),
    )


def layers(
    run: StoredRun,
    epoch: int,
    *,
    factory: str | None = None,
    factory_arguments: Mapping[str, Any] | None = None,
) -> list[LayerShape]:
    """The layers of the rebuilt network that can be explained, in execution order."""
    _, inputs = recorded_inputs(run, run.samples.ids[:1], factory)
    (network,) = networks(run, [epoch], factory, factory_arguments)
    return explainable_layers(network.model(), torch.from_numpy(inputs))


def activation_maps(
    run: StoredRun,
    sample_ids: Sequence[int] | NDArray[np.integer],
    epoch: int,
    layer: str,
    *,
    factory: str | None = None,
    factory_arguments: Mapping[str, Any] | None = None,
) -> NDArray[np.float32]:
    """(n, K, ...) what a layer of the rebuilt network makes of each sample, channels first (S5)."""
    _, inputs = recorded_inputs(run, sample_ids, factory)
    (network,) = networks(run, [epoch], factory, factory_arguments)
    return layer_maps(network.model(), inputs, layer=layer)


def similarity_to_untrained(
    run: StoredRun,
    sample_ids: Sequence[int] | NDArray[np.integer],
    epoch: int,
    method: str = "saliency",
    target: Target = "predicted",
    *,
    layer: str | None = None,
    factory: str | None = None,
    factory_arguments: Mapping[str, Any] | None = None,
) -> list[float | None]:
    """Rank correlation of each sample's map with that of the freshly initialized network (S4).

    Near 1 is a warning: the map then shows the input and the architecture, not what was learned.
    Source: Adebayo et al. 2018, section 3.1 (parameter randomization). None where a map is constant.
    """
    learned = attribute(
        run,
        sample_ids,
        epoch,
        method,
        target,
        layer=layer,
        factory=factory,
        factory_arguments=factory_arguments,
    )
    ids, inputs = recorded_inputs(run, sample_ids, factory)
    arguments = run.description.factory_arguments if factory_arguments is None else factory_arguments
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        fresh = build(str(factory), arguments).eval()
    raw = explain_inputs(
        fresh, inputs, method=method, targets=np.maximum(learned.targets[0], 0), layer=layer
    ).values
    untrained = over_channels(raw, method)
    return [rank_correlation(learned.values[0, row], untrained[row]) for row in range(len(ids))]


def _class_means(
    rows: NDArray[np.float32], labels: NDArray[np.int32], targets: NDArray[np.int32]
) -> NDArray[np.float32]:
    """(n, K) mean over the finite rows labelled with each target; NaN where there are none."""
    usable = np.isfinite(rows).all(1)
    means = {
        int(label): rows[usable & (labels == label)].mean(0, dtype=np.float64)
        if (usable & (labels == label)).any()
        else np.full(rows.shape[1], np.nan)
        for label in np.unique(targets)
    }
    return np.stack([means[int(label)] for label in targets]).astype(np.float32)


def _layer_means(
    run: StoredRun,
    epoch: int,
    layer: str,
    targets: NDArray[np.int32],
    network: Network,
    at_head: str | None,
) -> NDArray[np.float32]:
    """(n, K) class means of a layer: recorded where they were, else from some samples of the class."""
    recorded = run.activations(epoch, layer).get(layer) if layer in run.activation_layers else None
    if recorded is not None:
        return _class_means(np.asarray(recorded.means, np.float32), run.samples.labels, targets)
    means: dict[int, NDArray[np.float32]] = {}
    present = run.present(epoch)
    for label in np.unique(targets):
        members = run.samples.ids[(run.samples.labels == label) & present][:CLASS_SAMPLES]
        found = run.inputs(members) if len(members) else None
        arrays = [] if found is None else [np.asarray(array, np.float32) for array in found.arrays]
        same = [array for array in arrays if array.shape == arrays[0].shape]
        if same:
            active = neuron_contributions(
                network.model(), np.stack(same), layer=layer, targets=int(label), logits_at=at_head
            ).activations
            means[int(label)] = active.mean(0)
    width = len(next(iter(means.values()))) if means else 0
    return np.stack([means.get(int(label), np.full(width, np.nan, np.float32)) for label in targets])


def _empty_notes(
    values: NDArray[np.float32], targets: NDArray[np.int32], ids: NDArray[np.int64], epochs: Sequence[int]
) -> list[str]:
    """Sentences for maps that are empty: no target, no attribution, no finite output."""
    flat = values.reshape(*values.shape[:2], -1)
    absent = targets < 0
    broken = ~absent & ~np.isfinite(flat).all(2)
    empty = ~absent & (flat == 0).all(2)
    return [
        f"{words}: {_where(mask, ids, epochs)}"
        for words, mask in (
            ("no target, the sample is absent or has no such class", absent),
            ("no attribution, the network's output is not finite", broken),
            ("no attribution, every value is 0", empty),
        )
        if mask.any()
    ]


def _where(mask: NDArray[np.bool_], ids: NDArray[np.int64], epochs: Sequence[int]) -> str:
    places = [f"sample {ids[column]} at epoch {epochs[row]}" for row, column in np.argwhere(mask)[:3]]
    rest = int(mask.sum()) - len(places)
    return ", ".join(places) + (f" and {rest} more" if rest else "")
