"""The columns of a run: what colour, search and table know of a sample, by one name everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze.changes import changes, first_learned, forgetting_counts
from timetravel.analyze.history import History, history
from timetravel.errors import BadInput
from timetravel.store.run import StoredRun

if TYPE_CHECKING:
    from timetravel.store.stored_map import StoredMap

MAP_COLUMNS = ("neighbors_kept", "roundtrip_ok", "roundtrip_confidence", "boundary_distance", "placed")


@dataclass(frozen=True, slots=True)
class Column:
    """A column. kind: "class" (index of a class), "number", "text" or "flag" (0, 1, 2 unknown)."""

    name: str
    kind: str
    per_epoch: bool
    text: str


_STATIC = (
    Column("id", "number", False, "id of the sample"),
    Column("label", "class", False, "label"),
    Column("split", "text", False, "split"),
)
_PREDICTED = (
    Column("predicted", "class", True, "predicted class"),
    Column("correct", "flag", True, "right or wrong"),
    Column("p_true", "number", True, "probability of the label"),
    Column("confidence", "number", True, "probability of the prediction"),
    Column("margin", "number", True, "margin of the logits"),
    Column("loss", "number", True, "loss"),
    Column("entropy", "number", True, "entropy of the prediction"),
    Column("loss_change", "number", True, "change of loss since the epoch before"),
    Column("p_true_change", "number", True, "change of the label's probability"),
    Column("flipped", "flag", True, "prediction changed"),
    Column("learned", "flag", True, "became right"),
    Column("forgotten", "flag", True, "became wrong"),
    Column("first_learned", "number", False, "first epoch that was right"),
    Column("forgets", "number", False, "times forgotten"),
    Column("variability", "number", False, "spread of the label's probability"),
)
_LABELLING = (
    Column("labelled", "flag", True, "labelled"),
    Column("picked", "flag", True, "picked in this round"),
    Column("pick_rank", "number", True, "rank of the pick"),
)
_NEEDS_LABELS = {
    "correct", "p_true", "loss", "loss_change", "p_true_change", "learned", "forgotten", "first_learned", "forgets", "variability",
}  # fmt: skip


def columns(run: StoredRun) -> list[Column]:
    """Every column that this run can answer, attributes last."""
    found = list(_STATIC)
    labelled = bool((run.samples.labels >= 0).any())
    if not labelled:
        found = [one for one in found if one.name != "label"]
    if run.samples.true_labels is not None:
        found.append(Column("true_label", "class", False, "right label"))
    if run.epochs:
        if (run.predictions(run.epochs[-1]).predicted >= 0).any():
            found += [one for one in _PREDICTED if labelled or one.name not in _NEEDS_LABELS]
        labelling = run.labelling(run.epochs[-1])
        if labelling is not None:
            found += [
                *_LABELLING,
                *(Column(name, "number", True, f"score: {name}") for name in labelling.scores),
            ]
    known = {one.name for one in found}
    for name, values in run.samples.attributes.items():
        if name not in known:
            found.append(Column(name, "number" if values.dtype.kind in "fiub" else "text", False, name))
    return found


def column_info(run: StoredRun, name: str) -> Column:
    """What a column is; BadInput names the ones there are."""
    if name in MAP_COLUMNS:
        return Column(
            name, "flag" if name in ("roundtrip_ok", "placed") else "number", True, name.replace("_", " ")
        )
    for one in columns(run):
        if one.name == name:
            return one
    raise BadInput(f"no column {name!r}; there are {', '.join(one.name for one in columns(run))}")


def column(run: StoredRun, name: str, epoch: int | None = None, map: StoredMap | None = None) -> NDArray[Any]:
    """(N,) values of a column; numbers NaN, classes -1 and flags 2 where unknown.

    epoch: needed where the column has one. map: needed for columns of a map.
    """
    info = column_info(run, name)
    if info.per_epoch and epoch is None:
        raise BadInput(f"column {name} differs from epoch to epoch; name one")
    if name in MAP_COLUMNS:
        return _map_column(run, name, int(epoch or 0), map)
    if name in ("id", "label", "split", "true_label"):
        return {"id": run.samples.ids, "label": run.samples.labels, "split": run.samples.split,
                "true_label": run.samples.true_labels}[name]  # fmt: skip
    if name in run.samples.attributes:
        return run.samples.attributes[name]
    if not info.per_epoch:
        return _over_epochs(history(run), name)
    return _at_epoch(run, name, int(epoch or 0))


def _over_epochs(past: History, name: str) -> NDArray[Any]:
    if name == "first_learned":
        at = first_learned(past.correct)
        return np.where(at >= 0, np.array([*past.epochs, -1])[at], -1)
    if name == "forgets":
        return forgetting_counts(past.correct, past.known).astype(np.float64)
    with np.errstate(invalid="ignore"):
        known = np.isfinite(past.p_true)
        count = np.maximum(known.sum(0), 1)
        mean = np.where(known, past.p_true, 0).sum(0) / count
        spread = np.sqrt((np.where(known, past.p_true - mean, 0) ** 2).sum(0) / count)
    return np.where(known.any(0), spread, np.nan)


def _at_epoch(run: StoredRun, name: str, epoch: int) -> NDArray[Any]:
    past = history(run)
    at = past.at(epoch)
    plain = {
        "predicted": past.predicted,
        "p_true": past.p_true,
        "confidence": past.confidence,
        "margin": past.margin,
        "loss": past.loss,
    }
    if name in plain:
        return plain[name][at]
    if name == "correct":
        return np.where(past.known[at], past.correct[at], 2).astype(np.uint8)
    if name == "entropy":
        return _entropy(run, epoch)
    if name in ("loss_change", "p_true_change"):
        values = past.loss if name == "loss_change" else past.p_true
        return values[at] - values[at - 1] if at else np.full(len(past.labels), np.nan, np.float32)
    if name in ("flipped", "learned", "forgotten"):
        if not at:
            return np.zeros(len(past.labels), np.uint8)
        changed: NDArray[np.bool_] = getattr(
            changes(past.predicted[at - 1], past.predicted[at], past.labels), name
        )
        return changed.astype(np.uint8)
    labelling = run.labelling(epoch)
    if labelling is None:
        return np.full(len(past.labels), np.nan)
    if name in labelling.scores:
        return labelling.scores[name]
    return {
        "labelled": labelling.labelled.astype(np.uint8),
        "picked": labelling.picked.astype(np.uint8),
        "pick_rank": labelling.rank,
    }[name]


def _entropy(run: StoredRun, epoch: int) -> NDArray[np.float32]:
    logits = run.logits(epoch)
    if logits is None:
        return np.full(len(run.samples), np.nan, np.float32)
    z = logits.astype(np.float64)
    z = z - z.max(1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
    return (-(np.exp(log_p) * log_p).sum(1)).astype(np.float32)


def _map_column(run: StoredRun, name: str, epoch: int, stored: StoredMap | None) -> NDArray[Any]:
    chosen = run.map() if stored is None else stored
    kept = chosen.columns(epoch)
    if name != "roundtrip_ok":
        if kept.get(name) is None:
            raise BadInput(f"map {chosen.name} has no {name}; make it anew with `timetravel project --refit`")
        return kept[name]
    if kept.get("roundtrip_class") is None:
        raise BadInput(f"map {chosen.name} was made without a head, so nothing is known of the way back")
    predicted = run.predictions(epoch).predicted
    return np.where(predicted < 0, 2, kept["roundtrip_class"] == predicted).astype(np.uint8)
