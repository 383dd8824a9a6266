"""Where the representation is taken: by default the input of the last linear layer, found by itself."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

import torch
from torch import nn

from timetravel.errors import BadInput
from timetravel.record.trace import Step, Trace, names_of

TOLERANCE = 1e-5
"""Largest difference, relative to the largest logit, at which a linear layer's output counts as the logits."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Where the recorder listens.

    module: name of the module. takes: "input" of a linear layer or "output" of any other module.
    head: name of the linear layer that turns representations into logits, None when there is none.
    logits_at: name of the linear layer whose output are the logits when the model goes on to a softmax;
    None where the model's own output are the logits.
    width: length D of a representation. class_count: number C of logits.
    """

    module: str
    takes: str
    head: str | None
    logits_at: str | None
    width: int
    class_count: int

    def __str__(self) -> str:
        return f"{self.takes} of {self.module}"


def find_layer(model: nn.Module, seen: Trace, wanted: str = "auto") -> Layer:
    """The layer to record. `wanted`: "auto", or the name of a module.

    Named linear layers give their input, all other modules their output, flattened to one row a sample.
    Raises BadInput with the names to choose from when nothing fits.
    """
    last, normalized = _head(seen)
    if wanted == "auto":
        if last is None:
            raise BadInput(_no_head(seen))
        chosen, takes = last, "input"
    else:
        chosen = _named(model, seen, wanted)
        takes = "input" if isinstance(chosen.module, nn.Linear) else "output"
    rows = chosen.input if takes == "input" else chosen.output
    count, class_count = seen.logits.shape
    if rows is None or rows.ndim < 2 or len(rows) != count:
        shape = None if rows is None else tuple(rows.shape)
        raise BadInput(
            f"layer {chosen.name!r} gives {shape} for {count} samples; expected one row a sample: {_choice(seen)}"
        )
    if last is None and _are_probabilities(seen.logits):
        raise BadInput(
            "the model's outputs are probabilities, not logits; pass output=lambda p: p.log(), "
            "or a model without the softmax"
        )
    flat = rows.flatten(1)
    is_head_input = (
        last is not None and last.input is not None and last.input.ndim == 2 and torch.equal(last.input, flat)
    )
    return Layer(
        module=chosen.name,
        takes=takes,
        head=last.name if last is not None and is_head_input else None,
        logits_at=last.name if last is not None and normalized else None,
        width=flat.shape[1],
        class_count=class_count,
    )


def _head(seen: Trace) -> tuple[Step | None, bool]:
    """The last linear layer whose output are the logits, and whether the model normalizes them after it."""
    for step in reversed(seen.steps):
        if not isinstance(step.module, nn.Linear) or step.output is None:
            continue
        if step.output.shape == seen.logits.shape:
            raw, said = step.output.double(), seen.logits.double()
            if _close(raw, said):
                return step, False
            if _close(raw.log_softmax(1), said) or _close(raw.softmax(1), said):
                return step, True
    return None, False


def _close(a: torch.Tensor, b: torch.Tensor) -> bool:
    # A network that has diverged says NaN at the same places.
    scale = float(a.nan_to_num(0, 0, 0).abs().max()) if a.numel() else 1.0
    return bool(((a == b) | (a.isnan() & b.isnan()) | ((a - b).abs() <= TOLERANCE * max(scale, 1e-30))).all())


def _are_probabilities(values: torch.Tensor) -> bool:
    sums = values.double().sum(1)
    return bool((values >= 0).all() and (values <= 1).all() and ((sums - 1).abs() < 1e-4).all())


def _named(model: nn.Module, seen: Trace, wanted: str) -> Step:
    step = seen.step(wanted)
    if step is not None:
        return step
    names = list(names_of(model))
    if wanted in names:
        raise BadInput(f"layer {wanted!r} is not called when the model runs; {_choice(seen)}")
    near = difflib.get_close_matches(wanted, names, 3)
    hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
    raise BadInput(f"the model has no layer {wanted!r}; {hint}{_choice(seen)}")


def _no_head(seen: Trace) -> str:
    linear = [step for step in seen.steps if isinstance(step.module, nn.Linear)]
    if not linear:
        found = "the model calls no Linear layer"
    else:
        found = (
            f"the output of the last Linear layer, {linear[-1].name!r} {linear[-1].output_shape}, "
            f"is not the model's output of {seen.logits.shape[1]} logits"
        )
    return f"{found}; {_choice(seen)}"


def _choice(seen: Trace) -> str:
    fit = [step for step in seen.steps if step.output is not None and step.output.ndim >= 2]
    names = [f"{step.name!r} {type(step.module).__name__}{step.output_shape}" for step in fit[-8:]]
    return f"pass layer= with the name of the layer to record, such as {', '.join(names)}"
