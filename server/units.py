"""Routes of units: what each adds to a class's logit, beside its value and the mean of the class (Q9)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.server.routes import Answer, Ask, Refusal, Route
from timetravel.store.run import StoredRun

TOP_LIMIT = 200


def neurons(ask: Ask) -> Answer:
    """The strongest units for one sample, or for the mean of some: of the head's input, or of a recorded layer."""
    run = ask.run()
    epoch = ask.epoch(run)
    rows = ask.rows(run) if "rows" in ask.arguments else np.array([ask.row(run)])
    rows = rows[run.present(epoch)[rows]]
    top = ask.number("top", 12, low=1, high=TOP_LIMIT)
    head: dict[str, Any] = {"epoch": epoch, "row": rows[0] if len(rows) == 1 else None, "rows": len(rows)}
    head["layers"] = run.activation_layers
    if not len(rows):
        return Answer.json({**head, **nothing("The sample was not recorded at this epoch.")}, key=run.key)
    layer = ask.arguments.get("layer")
    if layer:
        return Answer.json({**head, **recorded_units(run, rows, epoch, layer, top)}, key=run.key)
    target = target_class(run, rows, epoch, ask.arguments.get("target", "predicted"))
    return Answer.json({**head, **head_units(run, rows, epoch, target, top)}, key=run.key)


def nothing(sentence: str) -> dict[str, Any]:
    """An answer without units, and why."""
    return {"units": [], "total_units": 0, "target": None, "target_name": None, "missing": sentence}


def target_class(run: StoredRun, rows: NDArray[np.int64], epoch: int, text: str) -> int | None:
    """The class meant by "predicted", "label" or an index; of several samples the most frequent, ties to the lowest."""
    if text in ("predicted", "label"):
        known = (run.predictions(epoch).predicted if text == "predicted" else run.samples.labels)[rows]
        known = known[known >= 0]
        return int(np.bincount(known).argmax()) if len(known) else None
    try:
        target = int(text)
    except ValueError as error:
        raise Refusal(400, f"target is {text!r}", "Pass predicted, label or the index of a class.") from error
    if not 0 <= target < len(run.classes):
        raise Refusal(400, f"target is {target}", f"Pass the index of a class, 0 to {len(run.classes) - 1}.")
    return target


def head_units(
    run: StoredRun, rows: NDArray[np.int64], epoch: int, target: int | None, top: int
) -> dict[str, Any]:
    """Units of the representation by contribution w · x to the logit of the target: needs the head alone."""
    head = run.head(epoch)
    if head is None:
        return nothing("The run has no linear head at this epoch, so its units have no weights to show.")
    if target is None:
        return nothing("The sample has neither prediction nor label to explain.")
    if target >= len(head.bias):
        return nothing(f"The class {run.classes[target]} was not known yet at this epoch.")
    everything = np.asarray(run.representations(epoch), np.float64)
    values = everything[rows].mean(0)
    weight = head.weight[target].astype(np.float64)
    added = values * weight
    members = everything[(run.samples.labels == target) & np.isfinite(everything).all(1)]
    means = members.mean(0) if len(members) else np.full(len(weight), np.nan)
    order = np.argsort(-np.abs(np.nan_to_num(added)), kind="stable")[:top]
    return {
        "layer": None,
        "target": target,
        "target_name": run.classes[target],
        "logit": float(added.sum() + head.bias[target]),
        "bias": float(head.bias[target]),
        "total_units": len(weight),
        "units": [
            {
                "unit": int(unit),
                "contribution": float(added[unit]),
                "value": float(values[unit]),
                "class_mean": float(means[unit]),
                "weight": float(weight[unit]),
            }
            for unit in order
        ],
        "missing": None,
    }


def recorded_units(
    run: StoredRun, rows: NDArray[np.int64], epoch: int, layer: str, top: int
) -> dict[str, Any]:
    """Channels of a layer by recorded activation, beside the mean over samples of the same label."""
    if layer not in run.activation_layers:
        return nothing(
            f"Activations of {layer} were not recorded. Record with activations=[{layer!r}], "
            "or rebuild the network with --factory module:function."
        )
    found = run.activations(epoch, layer).get(layer)
    if found is None:
        return nothing(f"Activations of {layer} were not recorded at this epoch.")
    values = found.means[rows].astype(np.float64).mean(0)
    maxima = found.maxima[rows].astype(np.float64).max(0)
    labels = run.samples.labels
    label = target_class(run, rows, epoch, "label")
    members = found.means[labels == label].astype(np.float64) if label is not None else found.means[:0]
    members = members[np.isfinite(members).all(1)]
    means = members.mean(0) if len(members) else np.full(len(values), np.nan)
    order = np.argsort(-np.nan_to_num(values), kind="stable")[:top]
    return {
        "layer": layer,
        "target": label,
        "target_name": None if label is None else run.classes[label],
        "total_units": len(values),
        "units": [
            {"unit": int(unit), "value": values[unit], "maximum": maxima[unit], "class_mean": means[unit]}
            for unit in order
        ],
        "missing": None,
    }


ROUTES = (Route("GET", r"data/(?P<run>[^/]+)/neurons/(?P<epoch>-?\d+)\.json", neurons, keep=True),)
