"""The columns of a run: what colour, search and table know of a sample, by one name everywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze.changes import changes
from timetravel.analyze.data_map import DataMap, data_map
from timetravel.analyze.history import Figure, History, history
from timetravel.analyze.label_noise import combined, label_margin, suspicion_scores
from timetravel.analyze.motion import movement_at
from timetravel.analyze.response import entropy, softmax
from timetravel.analyze.rounds import has_labelling, labelling_at
from timetravel.analyze.sample_learning import SampleLearning, sample_learning
from timetravel.analyze.turned import surprises
from timetravel.errors import BadInput
from timetravel.store.facts import Predictions
from timetravel.store.run import StoredMap, StoredRun

UNKNOWN_FLAG = 2
"""Of a flag: neither yes nor no."""

CHUNK_VALUES = 1 << 22

Kind = Literal["class", "number", "text", "flag"]
Map = str | StoredMap | None


@dataclass(frozen=True, slots=True)
class Column:
    """What a column is.

    kind: "class" (index of a class), "number", "text" or "flag" (0 no, 1 yes, 2 unknown). text: a few words
    for people. of_map: it belongs to a map, and a map may lack it. own: an attribute of the caller.
    """

    name: str
    kind: Kind
    per_epoch: bool
    text: str
    of_map: bool = False
    own: bool = False


_SAMPLE = (
    Column("id", "number", False, "id of the sample"),
    Column("label", "class", False, "label"),
    Column("split", "text", False, "split"),
    Column("true_label", "class", False, "right label"),
    Column("noisy", "flag", False, "label differs from the right one"),
)
_EPOCH = (
    Column("predicted", "class", True, "predicted class"),
    Column("correct", "flag", True, "right or wrong"),
    Column("p_true", "number", True, "probability of the label"),
    Column("confidence", "number", True, "largest probability"),
    Column("margin", "number", True, "largest minus second largest logit"),
    Column("label_margin", "number", True, "logit of the label minus the largest other"),
    Column("loss", "number", True, "loss"),
    Column("entropy", "number", True, "entropy of the prediction, nats"),
    Column("loss_change", "number", True, "change of loss since the epoch before"),
    Column("p_true_change", "number", True, "change of p_true since the epoch before"),
    Column("flipped", "flag", True, "another prediction than at the epoch before"),
    Column("learned", "flag", True, "wrong before, right now"),
    Column("forgotten", "flag", True, "right before, wrong now"),
    Column("drift", "flag", True, "wrong before, wrong in another way now"),
    Column("surprise", "flag", True, "small loss before, wrong now"),
)
_STORY = (
    Column("first_learned", "number", False, "first epoch at which it was right"),
    Column("final_learned", "number", False, "epoch from which it is right to the end"),
    Column("settled", "number", False, "epoch from which the prediction stays"),
    Column("forgets", "number", False, "times forgotten"),
    Column("never_learned", "flag", False, "right at no epoch"),
    Column("unforgettable", "flag", False, "learned and never forgotten"),
    Column("mean_p_true", "number", False, "mean probability of the label over epochs"),
    Column("variability", "number", False, "spread of the label's probability over epochs"),
    Column("correctness", "number", False, "share of epochs right"),
    Column("aum", "number", False, "mean label margin over epochs"),
    Column("suspicion", "number", False, "how suspicious the label is, 0 to 1"),
)
_MOVEMENT = Column("movement", "number", True, "movement of the representation since the epoch before")
_LABELLING = (
    Column("labelled", "flag", True, "trained on at this epoch"),
    Column("picked", "flag", True, "picked for the next round"),
    Column("pick_rank", "number", True, "rank of the pick"),
)
MAP_COLUMNS = (
    Column("neighbors_kept", "number", True, "share of true neighbours kept on the map", of_map=True),
    Column("roundtrip_ok", "flag", True, "class unchanged after map and back", of_map=True),
    Column("roundtrip_confidence", "number", True, "confidence change after map and back", of_map=True),
    Column("boundary_distance", "number", True, "distance to the decision boundary", of_map=True),
    Column("placed", "flag", True, "placed after the fit", of_map=True),
)
_NEED_LABELS = {
    "label", "correct", "p_true", "label_margin", "loss", "loss_change", "p_true_change", "learned", "forgotten",
    "drift", "surprise", "first_learned", "final_learned", "forgets", "never_learned", "unforgettable",
    "mean_p_true", "variability", "correctness", "aum", "suspicion",
}  # fmt: skip


def columns(run: StoredRun) -> list[Column]:
    """Every column that the run can answer, those of a map left out, attributes of the caller last."""
    past = history(run)
    found: list[Column] = past.kept("columns", lambda: _columns(run))
    return found


def _columns(run: StoredRun) -> list[Column]:
    samples = run.samples
    has_labels = bool((samples.labels >= 0).any())
    has_truth = samples.true_labels is not None
    found = [one for one in _SAMPLE if has_truth or one.name not in ("true_label", "noisy")]
    if run.epochs:
        last = run.predictions(run.epochs[-1])
        if (last.predicted >= 0).any():
            found += [*_EPOCH, *_STORY]
        elif np.isfinite(last.loss).any():
            found += [one for one in _EPOCH if one.name in ("loss", "loss_change")]
        found.append(_MOVEMENT)
        if has_labelling(run):
            scores = labelling_at(run, run.epochs[-1]) or labelling_at(run, run.epochs[0])
            names = [] if scores is None else list(scores.scores)
            found += [*_LABELLING, *(Column(name, "number", True, f"score {name}") for name in names)]
    if not has_labels:
        found = [one for one in found if one.name not in _NEED_LABELS]
    known = {one.name for one in found} | {one.name for one in MAP_COLUMNS}
    for name, values in samples.attributes.items():
        if name not in known:
            kind: Kind = "number" if values.dtype.kind in "biuf" else "text"
            found.append(Column(name, kind, False, name, own=True))
    return found


def map_columns(stored: StoredMap) -> list[Column]:
    """Those columns of a map that it has."""
    if not stored.epochs:
        return []
    kept = stored.columns(stored.epochs[-1])
    return [one for one in MAP_COLUMNS if kept.get(_STORED_NAME.get(one.name, one.name)) is not None]


_STORED_NAME = {"roundtrip_ok": "roundtrip_class"}


def column_info(run: StoredRun, name: str) -> Column:
    """What a column is. BadInput names the ones there are, or the fact that this one needs."""
    for one in (*columns(run), *MAP_COLUMNS):
        if one.name == name:
            return one
    reason = missing_reason(run, name)
    if reason is not None:
        raise BadInput(reason)
    raise BadInput(f"there is no column {name!r}; there are {', '.join(one.name for one in columns(run))}")


def missing_reason(run: StoredRun, name: str) -> str | None:
    """Why the run does not have a column that other runs have; None when it has it, or no run would."""
    if any(one.name == name for one in columns(run)):
        return None
    if any(one.name == name for one in MAP_COLUMNS):
        return f"there is no column {name!r} without a map of the run that has it; run `timetravel project`"
    if any(one.name == name for one in (*_SAMPLE, *_EPOCH, *_STORY, _MOVEMENT, *_LABELLING)):
        return f"the run has no column {name!r}: {_why_missing(run, name)}"
    return None


def _why_missing(run: StoredRun, name: str) -> str:
    if not run.epochs:
        return "nothing was recorded yet"
    if name in ("true_label", "noisy"):
        return "pass true_labels= to the recorder"
    if name in ("labelled", "picked", "pick_rank"):
        return "pass labelled= and picks= to record(...)"
    if name in _NEED_LABELS and not (run.samples.labels >= 0).any():
        return "its samples have no labels"
    return "it has neither logits nor a head, so there are no predictions"


def column(run: StoredRun, name: str, epoch: int | None = None, map: Map = None) -> NDArray[Any]:
    """(N,) values of a column; numbers NaN, classes -1, flags 2 and texts None where unknown.

    epoch: needed where the column has one. map: for columns of a map; the newest by default. Treat as
    read-only. Raises BadInput for a column that the run or map does not have, RunNotFound for an epoch.
    """
    info = column_info(run, name)
    if info.own:
        return run.samples.attributes[name]
    if not info.per_epoch:
        return _of_sample(run, name) if name in _SAMPLE_NAMES else _of_story(history(run), name)
    if epoch is None:
        raise BadInput(f"column {name!r} differs from epoch to epoch; say which epoch")
    if info.of_map:
        return _of_map(run, name, epoch, map)
    history(run).position(epoch)
    return _at_epoch(run, name, epoch)


_SAMPLE_NAMES = {one.name for one in _SAMPLE}


def _of_sample(run: StoredRun, name: str) -> NDArray[Any]:
    samples = run.samples
    if name == "id":
        return samples.ids
    if name == "label":
        return samples.labels
    if name == "split":
        return samples.split
    true = samples.true_labels
    truth = np.full(len(samples), -1, np.int32) if true is None else true
    if name == "true_label":
        return truth
    known = (truth >= 0) & (samples.labels >= 0)
    return np.where(known, truth != samples.labels, UNKNOWN_FLAG).astype(np.uint8)


def learning_of(past: History) -> SampleLearning:
    """First and final learned epochs and forgetting of every sample of a run."""
    found: SampleLearning = past.kept("learning", lambda: sample_learning(past.predicted, past.labels))
    return found


def data_map_of(past: History) -> DataMap:
    """The data map over all epochs of a run."""
    found: DataMap = past.kept(
        "data_map", lambda: data_map((now.p_true for now in past.each()), past.correct, past.known)
    )
    return found


def label_margin_at(now: Predictions, labels: NDArray[np.int32]) -> NDArray[np.float64]:
    """(N,) label margin of one epoch."""
    return label_margin(now.predicted, labels, now.margin, now.p_true, now.p_predicted, now.loss)


def suspicion_of(past: History) -> dict[str, NDArray[np.float64]]:
    """name -> (N,) suspicion scores of labels over all epochs, without neighbours; and "combined"."""

    def make() -> dict[str, NDArray[np.float64]]:
        margins = (label_margin_at(now, past.labels) for now in past.each())
        losses = (now.loss for now in past.each())
        scores = suspicion_scores(margins, losses, past.predicted, past.labels)
        return scores | {"combined": combined(scores)}

    found: dict[str, NDArray[np.float64]] = past.kept("suspicion", make)
    return found


def _of_story(past: History, name: str) -> NDArray[Any]:
    learning = learning_of(past)
    if name in ("first_learned", "final_learned", "settled"):
        places = getattr(learning, name.split("_")[0])
        labels = np.array([*past.epochs, np.nan], np.float64)
        # Place -1 is the NaN at the end.
        return np.asarray(labels[places], np.float64)
    if name in ("never_learned", "unforgettable"):
        return np.where(learning.is_judged, getattr(learning, name), UNKNOWN_FLAG).astype(np.uint8)
    if name == "forgets":
        return np.where(learning.first >= 0, learning.forgets, np.nan)
    if name == "suspicion":
        return suspicion_of(past)["combined"].astype(np.float32)
    if name == "aum":
        return (-suspicion_of(past)["aum"]).astype(np.float32)
    found = data_map_of(past)
    values = found.confidence if name == "mean_p_true" else getattr(found, name)
    return np.asarray(values, np.float32)


_FIGURES: dict[str, Figure] = {
    "p_true": "p_true",
    "confidence": "p_predicted",
    "margin": "margin",
    "loss": "loss",
}


def _at_epoch(run: StoredRun, name: str, epoch: int) -> NDArray[Any]:
    now = run.predictions(epoch)
    if name == "predicted":
        return now.predicted
    if name in _FIGURES:
        return np.asarray(getattr(now, _FIGURES[name]))
    if name == "entropy":
        return _entropy(run, epoch)
    if name == "movement":
        return movement_at(run, epoch)
    known = (now.predicted >= 0) & (run.samples.labels >= 0)
    if name == "correct":
        return np.where(known, now.correct, UNKNOWN_FLAG).astype(np.uint8)
    if name == "label_margin":
        return label_margin_at(now, run.samples.labels).astype(np.float32)
    if name in _SINCE:
        return _SINCE[name](run, epoch)
    return _of_labelling(run, name, epoch)


def _figure_change(figure: str) -> Callable[[StoredRun, int], NDArray[Any]]:
    def change(run: StoredRun, epoch: int) -> NDArray[Any]:
        before = history(run).before(epoch)
        if before is None:
            return np.full(len(run.samples), np.nan, np.float32)
        old, new = (getattr(run.predictions(one), figure) for one in (before, epoch))
        return np.asarray(new - old, np.float32)

    return change


def _changed(field: str) -> Callable[[StoredRun, int], NDArray[Any]]:
    def flag(run: StoredRun, epoch: int) -> NDArray[Any]:
        # Where nothing is known of the epoch before, nothing is known to have changed: 0, not 2.
        before = history(run).before(epoch)
        if before is None:
            return np.zeros(len(run.samples), np.uint8)
        old, new = (run.predictions(one).predicted for one in (before, epoch))
        return np.asarray(getattr(changes(old, new, run.samples.labels), field), np.uint8)

    return flag


def _surprise(run: StoredRun, epoch: int) -> NDArray[Any]:
    before = history(run).before(epoch)
    if before is None:
        return np.zeros(len(run.samples), np.uint8)
    now = run.predictions(epoch)
    known = (now.predicted >= 0) & (run.samples.labels >= 0)
    found = surprises(run.predictions(before).loss, known, now.correct, run.samples.split)
    return found.astype(np.uint8)


_SINCE: dict[str, Callable[[StoredRun, int], NDArray[Any]]] = {
    "loss_change": _figure_change("loss"),
    "p_true_change": _figure_change("p_true"),
    "flipped": _changed("flipped"),
    "learned": _changed("learned"),
    "forgotten": _changed("forgotten"),
    "drift": _changed("drift"),
    "surprise": _surprise,
}


def _entropy(run: StoredRun, epoch: int) -> NDArray[np.float32]:
    logits = run.logits(epoch)
    out = np.full(len(run.samples), np.nan, np.float32)
    if logits is not None and logits.shape[1]:
        step = max(1, CHUNK_VALUES // logits.shape[1])
        for start in range(0, len(logits), step):
            out[start : start + step] = entropy(softmax(logits[start : start + step]))
    return out


def _of_labelling(run: StoredRun, name: str, epoch: int) -> NDArray[Any]:
    found = labelling_at(run, epoch)
    if found is None:
        empty = np.nan if name not in ("labelled", "picked") else 0
        return np.full(
            len(run.samples), empty, np.float32 if name not in ("labelled", "picked") else np.uint8
        )
    if name in ("labelled", "picked"):
        return np.asarray(getattr(found, name), np.uint8)
    if name == "pick_rank":
        return np.where(found.rank > 0, found.rank, np.nan).astype(np.float32)
    return found.scores.get(name, np.full(len(run.samples), np.nan, np.float32))


def _of_map(run: StoredRun, name: str, epoch: int, map: Map) -> NDArray[Any]:
    stored = map if isinstance(map, StoredMap) else run.map(map)
    kept = stored.columns(epoch)
    values = kept.get(_STORED_NAME.get(name, name))
    if values is None:
        raise BadInput(
            f"the map {stored.name!r} has no {name.replace('_', ' ')}; make it again with `timetravel project --refit`"
        )
    if name == "roundtrip_ok":
        predicted = run.predictions(epoch).predicted
        known = (predicted >= 0) & (values >= 0)
        return np.where(known, values == predicted, UNKNOWN_FLAG).astype(np.uint8)
    return np.asarray(values, np.uint8) if name == "placed" else np.asarray(values)
