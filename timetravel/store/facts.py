"""What a run is made of: the arrays that go into the store and come out of it.

Everything here is a plain frozen dataclass over numpy arrays, so that the layers above know neither
DuckDB nor Arrow. N samples, n samples present at one epoch, D width, C classes, K channels, M boundary
samples, R raster resolution. Fact numbers (F1, F2, ...) are those of the feature specification.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

UNLABELLED = -1
"""Label of a sample without a label, and prediction of a sample without finite logits."""

NEIGHBORS_K = 15
"""Neighbours per sample wherever nothing else is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """The recorded samples, in row order (F1, F3, F19). Every per-epoch array of a run has this order.

    ids: (N,) int64, unique, stable over epochs and runs.
    labels: (N,) int32 class index, UNLABELLED where unknown.
    split: (N,) str: "train", "validation", "test", "pool" or "other".
    true_labels: (N,) int32 or None; the right label where it was recorded apart from the given one.
    attributes: name -> (N,) float64 or str (object) array; metadata columns of the caller.
    """

    ids: NDArray[np.int64]
    labels: NDArray[np.int32]
    split: NDArray[Any]
    true_labels: NDArray[np.int32] | None = None
    attributes: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def noisy(self) -> NDArray[np.bool_] | None:
        """(N,) where the given label differs from the right one; None when right labels are unknown."""
        return None if self.true_labels is None else self.true_labels != self.labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What the model is fed for some samples (F2).

    ids: (n,) int64.
    arrays: n arrays, uint8 or float32, each of its own shape: (H,W), (H,W,3), (C,H,W) or any other.
    layout: "image" (H,W) or (H,W,3), shown as it stands; "tensor" the exact input of the model.
    """

    ids: NDArray[np.int64]
    arrays: Sequence[NDArray[Any]]
    layout: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One module of the network in execution order (F20)."""

    name: str
    kind: str
    depth: int
    channels: int | None = None
    parameter_count: int = 0
    input_shape: tuple[int, ...] | None = None
    output_shape: tuple[int, ...] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    is_representation: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDescription:
    """What does not change while a run is recorded (F21, F22). Mappings must be JSON-able."""

    name: str
    classes: tuple[str, ...]
    model: str = ""
    factory: str | None = None
    factory_arguments: Mapping[str, Any] = field(default_factory=dict)
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    layer: str | None = None
    data_set: str | None = None
    environment: Mapping[str, Any] = field(default_factory=dict)
    modules: Sequence[Module] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The last linear layer (F15): logits = representations @ weight.T + bias."""

    weight: NDArray[np.float32]  # (C, D)
    bias: NDArray[np.float32]  # (C,)

    def logits(self, representations: NDArray[np.floating]) -> NDArray[np.float64]:
        """(M, D) to (M, C), in float64 so that near ties are decided alike everywhere."""
        x = np.asarray(representations, np.float64)
        return x @ self.weight.astype(np.float64).T + self.bias.astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterStatistics:
    """One parameter tensor at one epoch (F10). `figures` maps a column of `layer_statistics` to a number."""

    layer: str
    parameter: str
    figures: Mapping[str, float | None]
    weight_histogram: NDArray[np.int64] | None = None
    weight_edges: NDArray[np.float32] | None = None
    gradient_histogram: NDArray[np.int64] | None = None
    gradient_edges: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterChanges:
    """How far each filter of a layer moved since the epoch before (F11); each (K,) float32, NaN unknown."""

    layer: str
    cosine: NDArray[np.float32]
    relative: NDArray[np.float32]
    norm: NDArray[np.float32]
    gradient: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Activations:
    """Channel activations of one layer (F13): over space, per sample and channel; (n, K) float16 each."""

    layer: str
    means: NDArray[np.float16]
    maxima: NDArray[np.float16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelling:
    """Active learning at one epoch (F16 to F18), rows as in the samples of that epoch.

    labelled: (n,) bool; picked: (n,) bool, chosen now and labelled in the next round.
    rank: (n,) int32, 1 for the first pick, 0 where not picked. scores: name -> (n,) float32.
    """

    round: int
    labelled: NDArray[np.bool_]
    picked: NDArray[np.bool_]
    rank: NDArray[np.int32]
    strategy: str | None = None
    scores: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to the run or to a sample (part of F4, T1).

    epoch: filled in on reading; an event is committed with the epoch that it is handed over with.
    """

    kind: str
    sample_id: int | None = None
    value: float | None = None
    detail: str | None = None
    epoch: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRecord:
    """The scalars of one epoch (F4, F9).

    metrics: any scalar by name; "train_loss", "val_loss", "train_accuracy", "val_accuracy" have columns.
    """

    epoch: int
    position: int = 0
    step: int | None = None
    recorded_at: str | None = None  # ISO 8601, UTC
    seconds: float | None = None
    learning_rates: tuple[float, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    sample_count: int = 0
    width: int = 0
    nonfinite_count: int = 0
    has_checkpoint: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochFacts:
    """Everything that one call of `record` commits. Arrays are in the row order of `sample_ids`.

    sample_ids: (n,) int64, all known to the run or listed in `new_samples` of the same commit.
    representations: (n, D) float16 or float32; NaN and infinities are kept and counted.
    logits: (n, C) float32 or None. losses: (n,) float32 nats or None (then computed from the logits).
    checkpoint: parameter name -> array, written as safetensors; None for none.
    """

    record: EpochRecord
    sample_ids: NDArray[np.int64]
    representations: NDArray[Any]
    logits: NDArray[np.float32] | None = None
    losses: NDArray[np.float32] | None = None
    head: Head | None = None
    statistics: Sequence[ParameterStatistics] = ()
    filter_changes: Sequence[FilterChanges] = ()
    activations: Sequence[Activations] = ()
    labelling: Labelling | None = None
    events: Sequence[Event] = ()
    checkpoint: Mapping[str, NDArray[Any]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """What the network says of every sample at one epoch (F6, F8), in the order of `Samples`.

    predicted: (N,) int32 class index, UNLABELLED where the sample is absent or its logits are not finite.
    p_true: (N,) float32, NaN without label. p_predicted: (N,). margin: (N,) largest minus second logit.
    loss: (N,) nats. correct: (N,) bool, False where unknown. present: (N,) bool.
    """

    predicted: NDArray[np.int32]
    p_true: NDArray[np.float32]
    p_predicted: NDArray[np.float32]
    margin: NDArray[np.float32]
    loss: NDArray[np.float32]
    correct: NDArray[np.bool_]
    present: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbors:
    """Nearest samples, nearest first, the sample itself left out."""

    ids: NDArray[np.int64]
    distances: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRaster:
    """The decision map on a grid (F25): row 0 at y0, column 0 at x0, cells covering the extent.

    cell_class: (R, R) int32. margin, confidence: (R, R) float32, of the two best classes.
    trust: (R, R) float32 in [0, 1]; 1 where samples lie near, 0 where the inverse is a guess.
    extent: (x0, x1, y0, y1) map units, the same in all epochs of a map.
    """

    cell_class: NDArray[np.int32]
    margin: NDArray[np.float32]
    confidence: NDArray[np.float32]
    trust: NDArray[np.float32]
    extent: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contour:
    """One piece of boundary between two predicted classes.

    points: (P, 2) float32 map units in drawing order; a closed piece repeats its first point.
    classes: the two class indices, smaller first.
    """

    points: NDArray[np.float32]
    classes: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundarySamples:
    """Constructed points on the decision boundary that take part in a map (F26)."""

    representations: NDArray[Any]  # (M, D) float16 or float32
    pairs: NDArray[np.int32]  # (M, 2)
    positions: NDArray[np.float32]  # (M, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class MapEpoch:
    """One epoch of a map (F23 to F28), rows in the order of `Samples`; NaN where a sample is absent.

    positions: (N, 2) float32. neighbors_kept: (N,) share of the true neighbours kept on the map.
    roundtrip_class: (N,) int32, class after map and back. roundtrip_confidence: (N,) |p before - p after|
    of the predicted class. boundary_distance: (N,) exact distance in representation space (X18) or None.
    placed: (N,) bool, True where the fit did not see the sample.
    quality: figure -> value of this epoch, None where undefined.
    parameters: arrays of a learned inverse (safetensors), None for the interpolating one.
    """

    epoch: int
    positions: NDArray[np.float32]
    neighbors_kept: NDArray[np.float32] | None = None
    roundtrip_class: NDArray[np.int32] | None = None
    roundtrip_confidence: NDArray[np.float32] | None = None
    boundary_distance: NDArray[np.float32] | None = None
    placed: NDArray[np.bool_] | None = None
    raster: DecisionRaster | None = None
    contours: Sequence[Contour] = ()
    boundary: BoundarySamples | None = None
    quality: Mapping[str, float | None] = field(default_factory=dict)
    parameters: Mapping[str, NDArray[Any]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MapDescription:
    """What a map is: its name in the run, the method, its settings and its seed."""

    name: str
    method: str
    parameters: Mapping[str, Any]
    seed: int
    created: str | None = None
    library: str | None = None
    quality: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A saved selection (F31)."""

    name: str
    ids: NDArray[np.int64]
    expression: str | None = None
    note: str | None = None
    created: str | None = None
