"""What a run recorded of its network: the inputs, the targets, and the network of each epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from timetravel.errors import BadInput, MissingPart
from timetravel.explain.cache import content_key
from timetravel.explain.needs import missing_for_saliency
from timetravel.explain.rebuild import load, rebuild
from timetravel.store.facts import UNLABELLED
from timetravel.store.run import StoredRun

Target = str | int

LOGITS_TOLERANCE = 1e-2
"""Largest difference, relative to the largest logit, between a rebuilt network and what was recorded."""


@dataclass(slots=True)
class Network:
    """The network of one epoch, built when it is asked for. key: hash of factory, arguments and weights."""

    epoch: int
    key: str
    make: Callable[[], nn.Module]
    made: nn.Module | None = None

    def model(self) -> nn.Module:
        if self.made is None:
            self.made = self.make()
        return self.made


def networks(
    run: StoredRun, epochs: Sequence[int], factory: str | None, arguments: Mapping[str, Any] | None
) -> Iterator[Network]:
    """One network an epoch. The architecture is built once; each epoch's weights are put into it."""
    if factory is None:
        raise MissingPart(str(missing_for_saliency(run, None)))
    given = run.description.factory_arguments if arguments is None else arguments
    shared: list[nn.Module] = []
    for epoch in epochs:
        parameters = run.checkpoint(epoch)
        if parameters is None:
            raise MissingPart(
                f'epoch {epoch} has no checkpoint; choose an epoch that has one, or record with checkpoints="all"'
            )

        def make(parameters: Mapping[str, NDArray[Any]] = parameters) -> nn.Module:
            if shared:
                load(shared[0], parameters, factory)
            else:
                shared.append(rebuild(factory, given, parameters))
            return shared[0]

        weights = [part for name in sorted(parameters) for part in (name, parameters[name])]
        yield Network(epoch, content_key(factory, repr(sorted(given.items())), *weights), make)


def recorded_inputs(
    run: StoredRun, sample_ids: Sequence[int] | NDArray[np.integer], factory: str | None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Ids and (n, ...) float32 inputs of the network; MissingPart or BadInput where there are none."""
    ids = np.asarray(sample_ids, np.int64).reshape(-1)
    if not len(ids):
        raise BadInput("no samples were given; expected at least one id")
    require(missing_for_saliency(run, factory))
    found = run.inputs(ids)
    arrays = [] if found is None else [np.asarray(array, np.float32) for array in found.arrays]
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        first, second = sorted(shapes)[:2]
        raise BadInput(
            f"the inputs have different shapes, {first} and {second} among them; explain samples of one shape"
        )
    return ids, np.stack(arrays)


def targets_of(run: StoredRun, ids: NDArray[np.int64], epoch: int, target: Target) -> NDArray[np.int32]:
    """(n,) class index, -1 where the sample is absent or has no such class."""
    rows = run.rows(ids)
    if target == "predicted":
        return np.asarray(run.predictions(epoch).predicted[rows], np.int32)
    present = run.present(epoch)[rows]
    if target == "label":
        return np.where(present, run.samples.labels[rows], UNLABELLED).astype(np.int32)
    if isinstance(target, str):
        if target not in run.classes:
            raise BadInput(
                f"target {target!r} is no class of the run; expected 'predicted', 'label', a class index or one "
                f"of {', '.join(run.classes[:10])}"
            )
        index = run.classes.index(target)
    else:
        index = int(target)
        if not 0 <= index < len(run.classes):
            raise BadInput(f"target {index} is no class; expected 0 to {len(run.classes) - 1}")
    return np.where(present, index, UNLABELLED).astype(np.int32)


def check_logits(
    run: StoredRun, network: Network, ids: NDArray[np.int64], inputs: NDArray[np.float32]
) -> tuple[str | None, tuple[str, ...]]:
    """Where the logits are in the rebuilt network, and a note when they are not those recorded."""
    recorded = run.logits(network.epoch)
    if recorded is None or not len(ids):
        return None, ()
    expected = torch.from_numpy(np.asarray(recorded[run.rows(ids)], np.float64))
    head = next((part.name for part in run.description.modules if part.is_representation), None)
    model = network.model()
    heard: list[torch.Tensor] = []
    modules = dict(model.named_modules())
    linear = modules.get(head or "")
    handle = None
    if isinstance(linear, nn.Linear):
        handle = linear.register_forward_hook(lambda module, args, output: heard.append(output))
    try:
        with torch.no_grad():
            answer = model(torch.from_numpy(inputs))
    finally:
        if handle is not None:
            handle.remove()
    said = answer.double() if isinstance(answer, torch.Tensor) and answer.shape == expected.shape else None
    at_head = heard[-1].double() if heard and heard[-1].shape == expected.shape else None
    off = [_distance(found, expected) for found in (said, at_head)]
    if off[0] <= LOGITS_TOLERANCE:
        return None, ()
    if off[1] <= LOGITS_TOLERANCE:
        return head, ()
    if said is None:
        return None, ()
    return None, (
        f"the rebuilt network's logits at epoch {network.epoch} differ from the recorded ones by up to "
        f"{off[0]:.0%} of the largest: is this the factory that the run was trained with?",
    )


def _distance(found: torch.Tensor | None, expected: torch.Tensor) -> float:
    if found is None:
        return float("inf")
    finite = expected.isfinite() & found.isfinite()
    if not finite.any():
        return 0.0
    scale = max(float(expected[finite].abs().max()), 1e-6)
    return float((found - expected)[finite].abs().max()) / scale


def require(sentence: str | None) -> None:
    if sentence is not None:
        raise MissingPart(sentence)
