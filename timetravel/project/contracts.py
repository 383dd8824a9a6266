"""What goes into a projection method and what comes out of it.

E epochs, N samples of the run, n samples present at one epoch, D width, C classes, M any number of points.
An *index* counts epochs from 0 in recording order; an *epoch* is the label it was recorded under.
Everything per epoch that leaves a method is in the row order of the run's N samples, NaN where absent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from timetravel.errors import BadInput
from timetravel.store.facts import BoundarySamples, DecisionRaster

Report = Callable[[str, int, int], None]
"""Called as report(stage, done, total); stages are short English words ("neighbours", "layout", ...)."""


@runtime_checkable
class Head(Protocol):
    """The network after the representation. `timetravel.store.facts.Head` is the linear one."""

    def logits(self, representations: NDArray[Any], /) -> NDArray[Any]:
        """(M, D) to (M, C)."""
        ...


def is_linear(head: Head | None) -> bool:
    """Whether the head has a weight (C, D) and a bias (C,), so that closed forms hold."""
    return head is not None and hasattr(head, "weight") and hasattr(head, "bias")


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochData:
    """One recorded epoch as the projection sees it; only usable samples are in it.

    epoch: its label. present: (n,) int64 rows into the run's samples, rising.
    sample_ids: (n,) int64 stable ids. representations: (n, D) float32, finite.
    head: what turns representations into logits, or None.
    recorded_logits: (n, C) float32 or None; used only where there is no head.
    """

    epoch: int
    present: NDArray[np.int64]
    sample_ids: NDArray[np.int64]
    representations: NDArray[np.float32]
    head: Head | None = None
    recorded_logits: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.present)

    @property
    def logits(self) -> NDArray[np.float64] | None:
        """(n, C) float64 from the head, else as recorded, else None."""
        if self.head is not None:
            return np.asarray(self.head.logits(self.representations), np.float64)
        return None if self.recorded_logits is None else np.asarray(self.recorded_logits, np.float64)

    @property
    def predicted(self) -> NDArray[np.int32] | None:
        """(n,) class with the largest logit, the lowest on ties; None without logits."""
        logits = self.logits
        return None if logits is None else logits.argmax(1).astype(np.int32)

    def take(self, rows: NDArray[Any]) -> EpochData:
        """Some of its samples, by position within it or by a mask, in that order."""
        logits = self.recorded_logits
        return EpochData(
            epoch=self.epoch,
            present=self.present[rows],
            sample_ids=self.sample_ids[rows],
            representations=self.representations[rows],
            head=self.head,
            recorded_logits=None if logits is None else logits[rows],
        )


class Epochs(Protocol):
    """The epochs of a run, read one at a time: `epochs[i]` loads, and nothing is kept."""

    @property
    def sample_count(self) -> int:
        """N, of which each epoch holds some."""
        ...

    @property
    def labels(self) -> Sequence[int]:
        """The E labels under which the epochs were recorded, without loading them."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> EpochData: ...


class ArrayEpochs:
    """`Epochs` over arrays in memory or memory-mapped.

    representations: (E, N, D) or a sequence of (N, D); rows that are all NaN are absent samples.
    heads: E heads or None. logits: (E, N, C) or None. sample_ids: (N,) int64, 0..N-1 by default.
    Raises BadInput for rows with some NaN or infinite numbers unless `skip_bad`, which makes them absent.
    """

    def __init__(
        self,
        representations: Sequence[NDArray[Any]] | NDArray[Any],
        heads: Sequence[Head | None] | None = None,
        *,
        logits: Sequence[NDArray[Any]] | NDArray[Any] | None = None,
        labels: Sequence[int] | None = None,
        sample_ids: NDArray[np.int64] | None = None,
        skip_bad: bool = False,
    ) -> None:
        if len(representations) == 0:
            raise BadInput("found no epoch, expected at least one: record an epoch first")
        self._representations, self._heads, self._logits = representations, heads, logits
        self._labels = list(range(len(representations))) if labels is None else [int(e) for e in labels]
        count = len(representations[0])
        self._ids = np.arange(count) if sample_ids is None else np.asarray(sample_ids, np.int64)
        self._skip_bad = skip_bad

    @property
    def sample_count(self) -> int:
        return len(self._ids)

    @property
    def labels(self) -> Sequence[int]:
        return self._labels

    def __len__(self) -> int:
        return len(self._representations)

    def __getitem__(self, index: int, /) -> EpochData:
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        return usable(
            epoch=self._labels[index],
            representations=self._representations[index],
            sample_ids=self._ids,
            head=None if self._heads is None else self._heads[index],
            logits=None if self._logits is None else self._logits[index],
            skip_bad=self._skip_bad,
        )


class KeptEpochs:
    """The same epochs with only some of the samples; the others are absent (for held-out checks)."""

    def __init__(self, epochs: Epochs, keep: NDArray[np.bool_]) -> None:
        self._epochs, self._keep = epochs, keep

    @property
    def sample_count(self) -> int:
        return self._epochs.sample_count

    @property
    def labels(self) -> Sequence[int]:
        return self._epochs.labels

    def __len__(self) -> int:
        return len(self._epochs)

    def __getitem__(self, index: int, /) -> EpochData:
        data = self._epochs[index]
        return data.take(self._keep[data.present])


def usable(
    *,
    epoch: int,
    representations: NDArray[Any],
    sample_ids: NDArray[np.int64],
    head: Head | None = None,
    logits: NDArray[Any] | None = None,
    present: NDArray[np.bool_] | None = None,
    skip_bad: bool = False,
) -> EpochData:
    """The samples of one epoch that can be mapped.

    representations: (N, D) any float; present: (N,) bool, by default the rows that are not NaN throughout.
    Raises BadInput for non-finite numbers in a present row, naming the epoch and the first samples;
    with `skip_bad` such samples are absent. Non-finite logits never hide a sample.
    """
    wide = np.asarray(representations)
    if wide.ndim != 2:
        raise BadInput(
            f"epoch {epoch}: found representations of shape {wide.shape}, expected (samples, width): "
            "flatten each sample's representation to one row"
        )
    with np.errstate(over="ignore"):
        x = np.ascontiguousarray(wide, np.float32)
    sums = np.einsum("ij->i", x, dtype=np.float64)
    finite = np.isfinite(sums)  # a sum in float64 is finite only if every float32 is
    if present is None:
        present = finite.copy()
        doubtful = np.flatnonzero(~finite)
        present[doubtful] = ~np.isnan(x[doubtful]).all(1)
    bad = np.flatnonzero(present & ~finite)
    if len(bad) and not skip_bad:
        names = ", ".join(str(i) for i in np.asarray(sample_ids)[bad[:5]])
        raise BadInput(
            f"epoch {epoch}: found NaN or infinity in the representations of {len(bad)} of "
            f"{int(present.sum())} samples (ids {names}{', ...' if len(bad) > 5 else ''}), expected finite "
            "numbers: pass --skip-bad to leave these samples out of this epoch"
        )
    rows = np.flatnonzero(present & finite)
    return EpochData(
        epoch=int(epoch),
        present=rows.astype(np.int64),
        sample_ids=np.asarray(sample_ids, np.int64)[rows],
        representations=x if len(rows) == len(x) else x[rows],
        head=head,
        recorded_logits=None if logits is None else np.asarray(logits, np.float32)[rows],
    )


class Inverse(Protocol):
    """A map of one epoch read backwards. Points are (M, 2) map units."""

    def __call__(self, points: NDArray[Any], /) -> NDArray[np.float32]:
        """(M, D) representations."""
        ...

    def logits(self, points: NDArray[Any], /) -> NDArray[np.float64]:
        """(M, C); raises MissingPart when the epoch has neither head nor logits."""
        ...

    def trust(self, points: NDArray[Any], /) -> NDArray[np.float32]:
        """(M,) in [0, 1]: 1 where fitted samples lie near, 0 where the inverse is a guess."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where samples that the fit never saw go on the map of one epoch.

    positions: (M, 2) float32. distance: (M,) float32, in representation space to the nearest fitted sample.
    snapped: (M,) bool, moved onto ground of the predicted class. shift: (M,) float32, that move in map units.
    """

    positions: NDArray[np.float32]
    distance: NDArray[np.float32]
    snapped: NDArray[np.bool_]
    shift: NDArray[np.float32]


class MapSet(Protocol):
    """The maps of a run's epochs. Earlier arrays are never changed by an extension."""

    @property
    def method(self) -> str: ...

    @property
    def parameters(self) -> Mapping[str, Any]: ...

    @property
    def seed(self) -> int: ...

    @property
    def labels(self) -> Sequence[int]:
        """Labels of the mapped epochs, in order."""
        ...

    @property
    def positions(self) -> Sequence[NDArray[np.float32]]:
        """E arrays (N, 2), NaN where a sample is absent."""
        ...

    @property
    def boundary(self) -> Sequence[BoundarySamples | None]:
        """E sets of boundary samples that took part, None where there are none."""
        ...

    def __len__(self) -> int: ...

    def inverse(self, index: int, /) -> Inverse:
        """The inverse at one epoch; loads that epoch's representations."""
        ...

    def place(
        self, index: int, representations: NDArray[Any], predicted: NDArray[Any] | None = None, /
    ) -> Placement:
        """Places (M, D) unseen representations at one epoch.

        Without `predicted` (M,) the placement is blind: it knows representations alone. With it,
        neighbours of another predicted class count little and samples may be snapped to their own ground.
        """
        ...

    def learned(self, index: int, /) -> Mapping[str, NDArray[Any]] | None:
        """Arrays of a learned inverse to store beside the map; None for the interpolating one."""
        ...


class ProjectionMethod(Protocol):
    """A way of making maps. Settings are given to the constructor; `parameters` lists them for storing."""

    @property
    def name(self) -> str: ...

    @property
    def parameters(self) -> Mapping[str, Any]: ...

    def fit(self, epochs: Epochs, /, *, seed: int = 0, report: Report | None = None) -> MapSet:
        """Maps of all epochs. Deterministic for a seed; raises BadInput when the widths differ."""
        ...

    def extend(self, maps: MapSet, epochs: Epochs, /, *, report: Report | None = None) -> MapSet:
        """A new map set with the epochs that `maps` lacks.

        `epochs` holds all epochs of the run, those of `maps` first. The arrays of `maps` are shared.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedEpoch:
    """One epoch of a map as the quality figures look at it.

    positions: (N, 2) float32, NaN where absent. inverse: None when the map cannot be read backwards.
    raster: the decision map, or None. probe_positions: own placement of the boundary probes of the
    figure's definition, (P, D) representations to (P, 2) positions; None for the definition's own rule.
    """

    positions: NDArray[np.float32]
    inverse: Inverse | None = None
    raster: DecisionRaster | None = None
    probe_positions: Callable[[NDArray[Any]], NDArray[Any]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochQuality:
    """Figures and per-sample faithfulness of one epoch of a map.

    figures: name -> value, None where undefined. neighbors_kept: (N,) float32 share of the true
    neighbours kept, NaN where absent. roundtrip_class: (N,) int32, -1 where unknown.
    roundtrip_confidence: (N,) float32, |p before - p after| of the predicted class.
    """

    figures: Mapping[str, float | None]
    neighbors_kept: NDArray[np.float32]
    roundtrip_class: NDArray[np.int32] | None
    roundtrip_confidence: NDArray[np.float32] | None


class QualityMeter(Protocol):
    """Judges a map one epoch at a time, in order, so that only one epoch is in memory.

    `timetravel.project.quality.Meter(epochs, fitted=None)` is the one that the package uses.
    """

    def add(
        self, data: EpochData, mapped: MappedEpoch, neighbours: NDArray[np.int64] | None = None
    ) -> EpochQuality:
        """Figures of the next epoch. neighbours: (n, k) positions within `data`, when already known."""
        ...

    def overall(self) -> Mapping[str, float | None]:
        """Figures of the map so far, those over time among them."""
        ...
