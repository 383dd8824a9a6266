"""What a recorder says before the first epoch: what it records, what it costs, what it leaves out."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from timetravel.record.layer import Layer
from timetravel.store.estimate import estimate_bytes, stored_inputs_bytes
from timetravel.store.facts import Inputs, Samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is about to be recorded. checkpoint_every: 0 for no checkpoints. after: last epoch of a resumed run."""

    run: str
    samples: Samples
    classes: tuple[str, ...]
    layer: Layer
    inputs: Sequence[Inputs]
    why_no_inputs: str | None
    parameter_bytes: int
    filter_count: int
    activation_channels: int
    checkpoint_every: int
    has_factory: bool
    after: int | None

    def bytes_by_fact(self) -> dict[str, int]:
        """Expected bytes of one epoch by fact, checkpoint included, and "once" for what is written once."""
        return estimate_bytes(
            sample_count=len(self.samples),
            width=self.layer.width,
            class_count=self.layer.class_count,
            parameter_bytes=self.parameter_bytes,
            activation_channels=self.activation_channels,
            filter_count=self.filter_count,
            inputs_bytes=sum(map(stored_inputs_bytes, self.inputs)),
            checkpoints=self.checkpoint_every > 0,
        )


def announce(plan: Plan) -> None:
    """Print the plan on the terminal's error stream, where it is in nobody's way."""
    sys.stderr.write("\n".join(sentences(plan)) + "\n")
    sys.stderr.flush()


def sentences(plan: Plan) -> list[str]:
    """The plan in a few lines."""
    costs = plan.bytes_by_fact()
    once = costs.pop("once", 0)
    splits = Counter(str(name) for name in plan.samples.split)
    parts = ", ".join(f"{name} {count:,}" for name, count in splits.items())
    head = (
        "and its linear head"
        if plan.layer.head
        else "without a linear head, so maps have no decision regions"
    )
    begun = "" if plan.after is None else f", going on after epoch {plan.after}"
    dearest = sorted((item for item in costs.items() if item[1]), key=lambda item: -item[1])
    lines = [
        f"timetravel records {plan.run!r}{begun}",
        f"  samples      {len(plan.samples):,} ({parts}), {len(plan.classes)} classes",
        f"  layer        {plan.layer}: {plan.layer.width:,} numbers a sample, {head}",
        f"  every epoch  about {readable(sum(costs.values()))}: "
        + ", ".join(f"{name.replace('_', ' ')} {readable(size)}" for name, size in dearest),
        f"  once         about {readable(once)}",
    ]
    missing = []
    if plan.why_no_inputs is not None:
        instead = "" if plan.inputs else "; images= takes thumbnails"
        missing.append(f"exact inputs ({plan.why_no_inputs}{instead})")
    if not plan.checkpoint_every:
        missing.append("checkpoints (checkpoints='all'; saliency needs them)")
    elif plan.checkpoint_every > 1:
        lines.append(f"  checkpoints  at every {plan.checkpoint_every}th epoch only")
    if not plan.has_factory:
        missing.append("how to build the model (factory='module:function'; saliency needs it)")
    if not plan.activation_channels:
        missing.append("channel activations (activations=[layer names])")
    if missing:
        lines.append(f"  left out     {', '.join(missing)}")
    return lines


def readable(size: float) -> str:
    """A number of bytes for people: 873 B, 12.4 kB, 3.1 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError  # the loop returns
