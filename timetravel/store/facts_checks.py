"""Whether the facts of an epoch fit one another and the run, before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from timetravel.errors import BadInput
from timetravel.store.facts import EpochFacts


def check_classes(classes: Sequence[str]) -> None:
    """BadInput for a name that is there twice."""
    seen: set[str] = set()
    for name in classes:
        if name in seen:
            raise BadInput(f"the class {name!r} is there twice; expected every class name once")
        seen.add(name)


def check_facts(facts: EpochFacts, count: int, class_count: int) -> None:
    """BadInput, naming the array, where a shape does not fit the n samples of the epoch."""
    x = np.asarray(facts.representations)
    if x.ndim != 2 or len(x) != count or x.dtype.kind != "f":
        raise BadInput(
            f"representations have shape {x.shape} and type {x.dtype}; expected ({count}, width) floating-point numbers"
        )
    shapes: list[tuple[str, Any]] = [("losses", facts.losses)]
    if facts.labelling is not None:
        shapes += [(name, getattr(facts.labelling, name)) for name in ("labelled", "picked", "rank")]
        shapes += [(f"scores[{name!r}]", values) for name, values in facts.labelling.scores.items()]
    for name, values in shapes:
        if values is not None and np.shape(values) != (count,):
            raise BadInput(f"{name} has shape {np.shape(values)}; expected ({count},)")
    for one in facts.activations:
        for name, array in (("means", one.means), ("maxima", one.maxima)):
            if np.ndim(array) != 2 or len(array) != count:
                raise BadInput(
                    f"{name} of layer {one.layer} have shape {np.shape(array)}; expected ({count}, channels)"
                )
    if facts.logits is not None:
        shape = np.shape(facts.logits)
        if len(shape) != 2 or shape[0] != count:
            raise BadInput(f"logits have shape {shape}; expected ({count}, {class_count})")
        if shape[1] > class_count:
            raise BadInput(
                f"logits have {shape[1]} columns, the run has {class_count} classes; name all classes (classes=[...])"
            )
    if facts.head is not None:
        weight, bias = np.shape(facts.head.weight), np.shape(facts.head.bias)
        if len(weight) != 2 or weight[1] != x.shape[1] or bias != (weight[0],):
            raise BadInput(
                f"the head has weights {weight} and bias {bias}; expected (C, {x.shape[1]}) and (C,)"
            )
