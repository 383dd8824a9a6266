"""What `timetravel info` says of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from timetravel.store.run import StoredRun

SHOWN_EPOCHS = 12
"""Epochs that are listed one by one; longer runs show the first and last of them."""


def describe(run: StoredRun) -> dict[str, Any]:
    """Everything about a run that fits on a page, ready for JSON."""
    samples, records, description = run.samples, run.records, run.description
    splits = {str(name): int((samples.split == name).sum()) for name in dict.fromkeys(samples.split.tolist())}
    last = records[-1] if records else None
    return {
        "name": run.name,
        "run_id": run.run_id,
        "samples": len(samples),
        "splits": splits,
        "classes": list(run.classes),
        "epochs": list(run.epochs),
        "width": last.width if last else None,
        "layer": description.layer,
        "model": description.model,
        "factory": description.factory,
        "hyperparameters": dict(description.hyperparameters),
        "environment": dict(description.environment),
        "metrics": {str(record.epoch): dict(record.metrics) for record in records},
        "checkpoints": sum(record.has_checkpoint for record in records),
        "nonfinite_values": sum(record.nonfinite_count for record in records),
        "activation_layers": list(run.activation_layers),
        "attributes": sorted(samples.attributes),
        "selections": [selection.name for selection in run.selections()],
        "maps": [_describe_map(run, name) for name in run.maps],
        "bytes": run.disk_usage(),
    }


def _describe_map(run: StoredRun, name: str) -> dict[str, Any]:
    stored = run.map(name)
    return {
        "name": name,
        "method": stored.description.method,
        "seed": stored.description.seed,
        "parameters": dict(stored.description.parameters),
        "epochs": len(stored.epochs),
        "through": stored.epochs[-1] if stored.epochs else None,
    }


def in_words(summary: dict[str, Any]) -> str:
    """The summary as lines for a terminal."""
    epochs, total = summary["epochs"], sum(summary["bytes"].values())
    splits = ", ".join(f"{count:,} {name}" for name, count in summary["splits"].items())
    lines = [
        f"{summary['name']}   {summary['run_id']}",
        f"samples      {summary['samples']:,} ({splits}), {len(summary['classes'])} classes",
        f"epochs       {_epochs_in_words(epochs)}",
        f"recorded at  {summary['layer'] or 'unknown layer'}, {summary['width'] or '?'} wide",
        f"rebuilt by   {summary['factory'] or 'nothing recorded; pass --factory module:function to serve'}",
        f"checkpoints  {summary['checkpoints']} of {len(epochs)} epochs",
    ]
    if summary["nonfinite_values"]:
        lines.append(f"not finite   {summary['nonfinite_values']:,} numbers in the representations")
    if epochs:
        last = summary["metrics"].get(str(epochs[-1]), {})
        if last:
            lines.append("last epoch   " + ", ".join(f"{name} {value:.4g}" for name, value in last.items()))
    if summary["maps"]:
        lines += [
            f"map          {one['name']}: {one['method']}, {one['epochs']} epochs, through {one['through']}"
            for one in summary["maps"]
        ]
    else:
        lines.append("map          none yet: timetravel project RUN")
    lines.append(f"on disk      {_size(total)}")
    lines += [
        f"  {name:<18} {_size(count):>9}"
        for name, count in sorted(summary["bytes"].items(), key=lambda item: -item[1])
    ]
    return "\n".join(lines)


def privacy_list(run: StoredRun) -> list[dict[str, Any]]:
    """What a run tells about people, machines and data, so that one can decide whether to pass it on."""
    summary, description = describe(run), run.description
    columns = sorted(run.samples.attributes)
    return [
        {"what": "inputs of the samples", "recorded": run.inputs(run.samples.ids[:1]) is not None},
        {"what": "labels", "recorded": bool((run.samples.labels >= 0).any())},
        {"what": "metadata columns", "recorded": columns},
        {"what": "weights (checkpoints)", "recorded": summary["checkpoints"] > 0},
        {"what": "hyperparameters", "recorded": dict(description.hyperparameters)},
        {"what": "versions and device kind", "recorded": dict(description.environment)},
    ]


def privacy_in_words(recorded: list[dict[str, Any]]) -> str:
    """The list as lines for a terminal."""
    lines = ["Whoever gets this run gets:"]
    for one in recorded:
        found = one["recorded"]
        if isinstance(found, dict):
            found = ", ".join(f"{name} {value}" for name, value in found.items())
        elif isinstance(found, list):
            found = ", ".join(found)
        lines.append(f"  {one['what']:<26}{'yes' if found is True else found or 'none'}")
    return "\n".join(lines)


def _epochs_in_words(epochs: list[int]) -> str:
    if not epochs:
        return "none yet"
    if len(epochs) <= SHOWN_EPOCHS:
        return " ".join(str(epoch) for epoch in epochs)
    return f"{len(epochs)}: {epochs[0]} {epochs[1]} … {epochs[-1]}"


def _size(count: float) -> str:
    power = next((power for power in range(3) if count < 1000 ** (power + 1)), 3)
    return f"{count / 1000**power:.{1 if power else 0}f} {('B', 'kB', 'MB', 'GB')[power]}"
